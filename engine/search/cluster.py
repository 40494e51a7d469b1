"""Runs on a cluster of dask.distributed: the same tasks, the same function, the same numbers."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from threading import Lock
from typing import Any

import msgspec

from engine.model.errors import CockpitError
from engine.search import work
from engine.search.pool import Load
from engine.search.task import Outcome, Setup, Task, versions

HINT = "pip install 'cockpit[cluster]'"
ANSWER_S = 10
"""For the scheduler's first answer."""
_ADDRESS = re.compile(r"(tcp|tls|ucx|ws|wss|inproc)://\S{1,250}").fullmatch
_benches: dict[str, work.Bench] = {}
"""In a worker: what it keeps of the newest sweep."""
_turn = Lock()
"""A worker with threads does one run at a time: in one process more are no faster."""


class Cluster:
    """As ``engine.search.pool.Pool``: ``submit``, ``next``, ``close``; ``load`` counts the runs' own seconds."""

    def __init__(self, setup: Setup, raw: bytes, address: str, client: Any = None) -> None:
        distributed = _library()
        if client is None and not _ADDRESS(address):
            raise CockpitError(
                f"--cluster: {address[:80]!r} is no address", "", "for example: --cluster tcp://10.0.0.5:8786"
            )
        try:
            self._client = client or distributed.Client(address, timeout=ANSWER_S, set_as_default=False)
            self._own = client is None
            threads = sum(self._client.nthreads().values())
        except (OSError, TimeoutError, ValueError) as error:
            raise CockpitError(f"no scheduler answers: {type(error).__name__}: {error}"[:300], address[:120]) from None
        if not threads:
            raise CockpitError("the cluster has no workers", address[:120], "start some: dask worker tcp://host:port")
        self._setup = msgspec.msgpack.encode(setup)
        self._key = setup.hash
        self._data = self._client.scatter(raw, broadcast=True, hash=False)
        self._tasks: dict[str, tuple[Task, Any]] = {}
        self._done = distributed.as_completed(loop=self._client.loop)
        self._results: Iterator[Any] = iter(self._done)
        self._killed: tuple[type[BaseException], ...] = (distributed.scheduler.KilledWorker,)
        self.load = Load(time.perf_counter(), threads)

    def submit(self, task: Task) -> None:
        future = self._client.submit(
            remote, self._setup, self._key, self._data, msgspec.msgpack.encode(task), key=f"cockpit-{task.id}", pure=False,
            retries=0,
        )  # fmt: skip
        self._tasks[future.key] = task, future
        self._done.add(future)

    @property
    def open(self) -> int:
        return len(self._tasks)

    def next(self) -> Outcome:
        """Wait for an outcome. Raises CockpitError where a worker runs another version, IndexError where nothing is open."""
        if not self._tasks:
            raise IndexError("nothing is open")
        future = next(self._results)
        task, _ = self._tasks.pop(future.key)
        self.load.wall = time.perf_counter() - self.load.began
        error = future.exception()
        if isinstance(error, CockpitError):
            raise error
        if error is not None:
            died = isinstance(error, self._killed)
            words = "the worker process died" if died else f"{type(error).__name__}: {error}"[:300]
            return Outcome(task.id, "failed", words)
        outcome = msgspec.msgpack.decode(future.result(), type=Outcome)
        future.release()
        self.load.busy += outcome.seconds
        return outcome

    def close(self) -> None:
        self._done.clear()
        self._client.cancel([future for _, future in self._tasks.values()], force=True)
        self._tasks.clear()
        if self._own:
            self._client.close()

    def __enter__(self) -> Cluster:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def remote(setup: bytes, key: str, raw: bytes, task: bytes) -> bytes:
    """In a worker: a task as the pool does it. Raises CockpitError where this program is another version than the asker's."""
    with _turn:
        at = _benches.get(key)
        if at is None:
            asked = msgspec.msgpack.decode(setup, type=Setup)
            if versions() != asked.versions:
                raise CockpitError(f"a worker of the cluster runs another version ({versions()}, not {asked.versions})")
            _benches.clear()
            at = _benches[key] = work.Bench(asked, work.unpacked(raw, asked.data))
        return msgspec.msgpack.encode(work.run(at, msgspec.msgpack.decode(task, type=Task)))


def _library() -> Any:
    try:
        import distributed
    except ImportError:
        raise CockpitError("a cluster needs dask.distributed, which is not installed", "", HINT) from None
    return distributed

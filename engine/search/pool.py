"""Runs on all cores: worker processes that each load the candles once, and a death of one costs one point.

A worker gets its next task while it still works on the one before, as long as there are enough for all: none waits for us.
"""

from __future__ import annotations

import os
import time
from collections import deque
from dataclasses import dataclass, field
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

import msgspec

from engine.model.errors import CockpitError
from engine.search.task import Outcome, Setup, Task

AHEAD = 2
"""Tasks at a worker while there are many; towards the end one, so that the last tasks go to whoever is free."""
STARTS = 3
"""Workers in a row that may die before their first word; then something is wrong with all of them."""


@dataclass(eq=False)
class _Worker:
    process: Any
    line: Connection
    tasks: deque[Task] = field(default_factory=deque)
    ready: bool = False


@dataclass
class Load:
    """How busy the workers were: seconds of work (wall and CPU) and of waiting, summed over them, from their first start on."""

    began: float
    workers: int
    busy: float = 0.0
    cpu: float = 0.0
    wall: float = 0.0

    @property
    def share(self) -> float:
        """Of the time that all workers together had, the part in which they worked."""
        return self.busy / (self.wall * self.workers) if self.wall else 0.0


class Pool:
    """Give tasks with ``submit``, take outcomes with ``next`` (any order); ``close`` ends the workers at once."""

    def __init__(self, setup: Setup, file: Path, jobs: int) -> None:
        self._context = get_context("spawn")
        self._setup = msgspec.msgpack.encode(setup)
        self._file = str(file)
        self._waiting: deque[Task] = deque()
        self._outcomes: deque[Outcome] = deque()
        self._deaths = 0
        self.load = Load(time.perf_counter(), jobs)
        self.workers = [self._start() for _ in range(jobs)]

    def submit(self, task: Task) -> None:
        self._waiting.append(task)
        self._feed()

    @property
    def open(self) -> int:
        """Tasks without an outcome that was taken."""
        return len(self._waiting) + sum(len(w.tasks) for w in self.workers) + len(self._outcomes)

    def next(self) -> Outcome:
        """Wait for an outcome. Raises CockpitError where no worker can be started, IndexError where nothing is open."""
        if not self.open:
            raise IndexError("nothing is open")
        while not self._outcomes:
            for worker in self._heard():
                self._hear(worker)
            self._feed()
        self.load.wall = time.perf_counter() - self.load.began
        return self._outcomes.popleft()

    def close(self) -> None:
        for worker in self.workers:
            worker.line.close()
            worker.process.terminate()
        for worker in self.workers:
            worker.process.join(5)
            if worker.process.is_alive():
                worker.process.kill()
                worker.process.join(5)
        self.workers = []

    def __enter__(self) -> Pool:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- inside ------------------------------------------------------------------------------------------------

    def _start(self) -> _Worker:
        ours, theirs = self._context.Pipe()
        process = self._context.Process(target=_work, args=(theirs, self._setup, self._file), daemon=True)
        process.start()
        theirs.close()
        return _Worker(process, ours)

    def _feed(self) -> None:
        depth = AHEAD if len(self._waiting) > AHEAD * len(self.workers) else 1
        for want in range(depth):
            for worker in self.workers:
                if not self._waiting:
                    return
                if len(worker.tasks) <= want:
                    task = self._waiting.popleft()
                    worker.tasks.append(task)
                    try:
                        worker.line.send_bytes(msgspec.msgpack.encode(task))
                    except OSError:
                        continue  # dead: its end is heard next, and the task with it

    def _heard(self) -> list[_Worker]:
        lines = wait([worker.line for worker in self.workers])
        return [worker for worker in self.workers if worker.line in lines]

    def _hear(self, worker: _Worker) -> None:
        try:
            word = worker.line.recv_bytes()
        except (EOFError, OSError):
            self._died(worker)
            return
        if not worker.ready:
            worker.ready, self._deaths = True, 0
            if word:
                raise CockpitError(word.decode("utf-8", "replace"))
            return
        outcome, busy, cpu = msgspec.msgpack.decode(word, type=tuple[Outcome, float, float])
        self.load.busy += busy
        self.load.cpu += cpu
        worker.tasks.popleft()
        self._outcomes.append(outcome)

    def _died(self, worker: _Worker) -> None:
        """The task that it was at has failed, those that it had not begun go to others, and a new worker takes its place."""
        worker.line.close()
        worker.process.join(5)
        code = worker.process.exitcode
        if worker.ready and worker.tasks:
            words = f"the worker process died ({_reason(code)})"
            self._outcomes.append(Outcome(worker.tasks.popleft().id, "failed", words))
        elif not worker.ready:
            self._deaths += 1
            if self._deaths >= STARTS:
                raise CockpitError(
                    f"the worker processes die at their start ({_reason(code)})", "", "fewer --jobs need less memory"
                )
        self._waiting.extendleft(reversed(worker.tasks))
        self.workers[self.workers.index(worker)] = self._start()


def _reason(code: int | None) -> str:
    if code is None or code >= 0:
        return f"exit code {code}"
    import signal

    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    return f"{name}, perhaps out of memory" if name == "SIGKILL" else name


def _work(line: Connection, setup: bytes, file: str) -> None:
    """A worker's life: load, say so (an empty word; else what is wrong), then tasks until the line is closed."""
    import signal

    from engine.search import work

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C reaches the whole group; our parent decides
    try:
        at = work.bench(msgspec.msgpack.decode(setup, type=Setup), Path(file))
    except Exception as error:  # said by the parent, in one line
        line.send_bytes(f"a worker cannot begin: {type(error).__name__}: {error}".encode())
        return
    line.send_bytes(b"")
    busy_from, cpu_from = time.perf_counter(), time.process_time()
    while True:
        try:
            word = line.recv_bytes()
            busy_from, cpu_from = time.perf_counter(), time.process_time()
            outcome = work.run(at, msgspec.msgpack.decode(word, type=Task))
            spent = (outcome, time.perf_counter() - busy_from, time.process_time() - cpu_from)
            line.send_bytes(msgspec.msgpack.encode(spent))
        except (EOFError, OSError):
            return


def cores() -> int:
    """Cores that this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:
        return os.cpu_count() or 1

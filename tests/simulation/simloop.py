"""An event loop on a virtual clock: when nothing is ready, time jumps to the next timer. Nothing in it waits for the real world.

Tasks and callbacks belong to a ``Process``. One that has died runs nothing any more: no ``finally``, no ``except``, as when the
system ends a process. It may be doomed to die before any of its callbacks, which is death at every ``await``.
"""

from __future__ import annotations

import asyncio
import gc
import warnings
from collections.abc import Callable, Coroutine
from contextlib import suppress
from contextvars import Context, ContextVar, copy_context
from heapq import heappop, heappush
from typing import Any

COLLECT_S = 30.0
"""Virtual seconds between collections of garbage: at fixed moments, because finalizers may act."""
LIVELOCK = 300_000
"""Callbacks at one and the same instant."""


class Process:
    """Owner of tasks, timers and connections."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.alive = True
        self.steps = 0
        self.doomed_at = 0
        """Dies instead of taking this step; zero is never."""
        self.on_death: list[Callable[[], None]] = []
        self.context: Context = copy_context()
        self.context.run(OWNER.set, self)
        self.tasks: set[asyncio.Task[Any]] = set()
        self.buried: list[asyncio.Task[Any]] = []

    def die(self) -> None:
        """At once, in the middle of whatever it was doing."""
        if self.alive:
            self.alive = False
            self.buried = list(self.tasks)
            for tell in self.on_death:
                tell()

    def call(self, function: Callable[..., Any], *args: Any) -> Any:
        """Call a function as this process would; nothing happens when it is dead."""
        return self.context.run(function, *args) if self.alive else None


OWNER: ContextVar[Process | None] = ContextVar("process", default=None)


class Deadlock(RuntimeError):
    """Nothing is ready and no timer is set."""


class _Nothing:
    def select(self, _: float | None = None) -> list[Any]:
        return []

    def close(self) -> None:
        pass


class SimLoop(asyncio.BaseEventLoop):
    def __init__(self) -> None:
        super().__init__()
        self._selector = _Nothing()
        self._clock_resolution = 1e-9
        self._now = 0.0
        self._timers: list[tuple[float, int, asyncio.TimerHandle]] = []
        self._count = 0
        self._collect_at = COLLECT_S
        self._instant = 0
        self.callbacks = 0
        self.network: Any = None
        """``network.Network``; what the loop's connections are made of."""

    def time(self) -> float:
        return self._now

    # --- timers and callbacks --------------------------------------------------------------------------------------

    def call_at(  # type: ignore[override]
        self, when: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        timer = asyncio.TimerHandle(when, callback, args, self, context)
        self._count += 1
        heappush(self._timers, (when, self._count, timer))
        return timer

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        pass

    def _write_to_self(self) -> None:
        pass

    def _process_events(self, event_list: list[Any]) -> None:
        pass

    def _run_once(self) -> None:
        ready, timers = self._ready, self._timers  # type: ignore[attr-defined]
        while not ready and timers and timers[0][2].cancelled():
            heappop(timers)
        if not ready:
            if not timers:
                raise Deadlock("no timer is set and nothing is ready")
            if timers[0][0] > self._now:
                self._now, self._instant = timers[0][0], 0
        while timers and timers[0][0] <= self._now:
            timer = heappop(timers)[2]
            if not timer.cancelled():
                ready.append(timer)
        for _ in range(len(ready)):
            self._run_handle(ready.popleft())
        if self._now >= self._collect_at:
            self._collect_at = self._now + COLLECT_S
            gc.collect()

    def _run_handle(self, handle: Any) -> None:
        if handle._cancelled:
            return
        owner = handle._context.get(OWNER)
        if owner is not None:
            if not owner.alive:
                return
            owner.steps += 1
            if owner.doomed_at and owner.steps >= owner.doomed_at:
                owner.die()
                return
        self.callbacks += 1
        self._instant += 1
        if self._instant > LIVELOCK:
            raise RuntimeError(f"{LIVELOCK:,} callbacks at one instant, the last: {handle!r}")
        handle._run()

    # --- tasks and threads -----------------------------------------------------------------------------------------

    def create_task(  # type: ignore[override]
        self, coro: Coroutine[Any, Any, Any], *, name: str | None = None, context: Context | None = None
    ) -> asyncio.Task[Any]:
        task = super().create_task(coro, name=name, context=context)
        owner = (context or copy_context()).get(OWNER) if context is not None else OWNER.get()
        if owner is not None:
            owner.tasks.add(task)
            task.add_done_callback(owner.tasks.discard)
        return task

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> asyncio.Future[Any]:  # type: ignore[override]
        """At once, in the loop: a thread that takes no time."""
        future = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:
            future.set_exception(error)
        return future

    # --- network ---------------------------------------------------------------------------------------------------

    async def create_connection(self, protocol_factory: Any, host: Any = None, port: Any = None, **_: Any) -> Any:
        return await self.network.connect(protocol_factory, host, port)

    async def create_server(self, protocol_factory: Any, host: Any = None, port: Any = None, **_: Any) -> Any:
        return self.network.listen(protocol_factory, host, port)

    async def getaddrinfo(self, host: Any, port: Any, **_: Any) -> Any:
        return self.network.resolve(host, port)


def bury(process: Process) -> None:
    """Take the frames of a dead process apart, after the world has ended: what they do now reaches nobody."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what never began will never be awaited
        for task in process.buried:
            task._log_destroy_pending = False  # type: ignore[attr-defined]
            coro: Any = task.get_coro()
            with suppress(BaseException):
                coro.close()

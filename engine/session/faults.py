"""Faults that nobody waits for: of a task, a callback or a thread. What is ours ends all trading at once (``Session.fail``)."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from engine.model import events as ev
from engine.model.clean import clean
from engine.session.session import Session

ROOT = Path(__file__).resolve().parents[2]
OURS = (f"{ROOT / 'engine'}/", f"{ROOT / 'cockpit'}/")
LONGEST = 200


@contextmanager
def caught(session: Session) -> Iterator[None]:
    """Until the end of the block, faults of callbacks, forgotten tasks and threads reach the session. Call it in its loop.

    A fault inside a library's own task or transport (a connection that breaks in its hands) is told, and left to the link that
    notices it.
    """
    loop = asyncio.get_running_loop()
    loop_before, thread_before = loop.get_exception_handler(), threading.excepthook

    def in_loop(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if isinstance(error, Exception) and (_in_callback(context) or _ours(context)):
            session.fail(error)
        elif isinstance(error, Exception):
            text = f"{context.get('message', '')}: {type(error).__name__}: {error}"
            session.ingest(ev.Reported(session.clock(), "LibraryFault", clean(text, LONGEST)))

    def in_thread(args: threading.ExceptHookArgs) -> None:
        if isinstance(args.exc_value, Exception):
            loop.call_soon_threadsafe(session.fail, args.exc_value)

    loop.set_exception_handler(in_loop)
    threading.excepthook = in_thread
    try:
        yield
    finally:
        threading.excepthook = thread_before
        loop.set_exception_handler(loop_before)


def _in_callback(context: dict[str, Any]) -> bool:
    """Callbacks are called by the loop: a timer, a signal, the end of a task."""
    return "handle" in context and "transport" not in context


def _ours(context: dict[str, Any]) -> bool:
    task = context.get("task") or context.get("future")
    if not isinstance(task, asyncio.Task):
        return False
    code = getattr(task.get_coro(), "cr_code", None)
    return code is None or code.co_filename.startswith(OURS)

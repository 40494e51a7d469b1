"""Tasks that nobody awaits: a fault of one reaches the loop's exception handler at once, not when the task is collected."""

from __future__ import annotations

import asyncio
from typing import Any


def unattended(task: asyncio.Task[Any]) -> asyncio.Task[Any]:
    task.add_done_callback(_raise)
    return task


def _raise(task: asyncio.Task[Any]) -> None:
    """An exception out of a callback goes to the handler."""
    if not task.cancelled() and (error := task.exception()) is not None:
        raise error

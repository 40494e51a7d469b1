"""Waiting for the screen without guessing from the process's idle time, which on a busy machine takes seconds."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Iterator

import pytest

TURNS = 40
"""Turns of the loop in which a message goes through app, screen and widgets, with what they send one another."""


@pytest.fixture(autouse=True, scope="module")
def a_lazy_collector() -> Iterator[None]:
    """As in the product: what was made so far need not be walked again and again."""
    before = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
    yield
    gc.set_threshold(*before)
    gc.unfreeze()


@pytest.fixture(autouse=True)
def turns_of_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    async def drained(_min_sleep: float = 0, _max_sleep: float = 1) -> None:
        for _ in range(TURNS):
            await asyncio.sleep(0)

    monkeypatch.setattr("textual.app.wait_for_idle", drained)
    monkeypatch.setattr("textual.pilot.wait_for_idle", drained)

"""A running session leaves keyframes behind, and whoever replays it while it runs sees its very states."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from replay_kit import digest
from session_kit import floor

from engine.core.trader import copy_of
from engine.journal import keyframe
from engine.journal.recording import Recording
from engine.model import events as ev
from engine.replay.cursor import Replay


async def test_a_session_keeps_its_state_now_and_then_and_at_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keyframe, "EVERY", 40)
    async with floor(tmp_path) as here:
        for _ in range(100):
            here.session.ingest(ev.Clock(here.session.clock()))
            await asyncio.sleep(0)
        await here.journal.durable(here.journal.seq)
        with Replay.open(here.journal.path) as replay:
            seq, then = here.state.seq, copy_of(here.state)
            await here.journal.durable(seq)
            replay.refresh()
            assert digest(replay.seek(seq)) == digest(then)
    with Recording.open(here.journal.path) as recording:
        assert recording.check() == []
        last = recording.last
        assert last is not None
        assert recording.keyframe_seq(last.seq, keyframe.guard()) == here.state.seq == last.seq
        found = recording.keyframe(100, keyframe.guard())
        assert found is not None
        assert 40 <= found[0] <= 100
        with Replay.open(here.journal.path) as replay:
            assert digest(keyframe.decode_foreign(found[1], found[0])) == digest(replay.seek(found[0]))
            assert digest(replay.seek(last.seq)) == digest(here.state)

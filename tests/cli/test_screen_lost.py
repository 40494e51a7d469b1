"""The engine outlives the screen: it does what the profile says, records it, and says so with a non-zero exit."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from cockpit import __version__, live
from cockpit.app import CockpitApp
from engine.journal.recording import Recording
from engine.model import events as ev
from engine.model.errors import CockpitError
from engine.ops import config, paths
from engine.session.rig import Rig


async def test_when_the_screen_dies_the_engine_ends_in_order_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    home = paths.home(tmp_path / "home", {})
    rig = Rig(config.load("demo", home, {"exchange.seed": 7}, {}), home, __version__)

    async def dies(app: CockpitApp) -> None:
        """As ``run_async`` does when a handler raised: it returns nothing."""
        app.ready.set()
        async with asyncio.timeout(20):
            while not rig.built:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        assert await rig.session.until(lambda: rig.session.state.trading == "ACTIVE", 20)

    monkeypatch.setattr(CockpitApp, "run_async", dies)
    with pytest.raises(CockpitError, match="the screen died"):
        await live._open(rig, None)
    with Recording.open(rig.recording) as recording:
        events = [event for _, event in recording.events()]
    ended = events[-1]
    assert isinstance(ended, ev.SessionEnded)
    assert (ended.reason, ended.clean) == ("the screen died", True)
    steps = [e.name for e in events if isinstance(e, ev.ShutdownStep) and e.status == "ok"]
    assert steps[:3] == ["stop new entries", "cancel working entries", "protect positions"]
    assert rig.exchange is not None
    assert not rig.exchange.alive

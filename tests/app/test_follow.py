"""A session that another process writes, followed on this screen, and the way there from a second start."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from desk import SYMBOL, T0

from cockpit import replay
from cockpit.commands import second
from cockpit.follow import ENDED, POLL_S, FollowSource
from cockpit.replay import opened, profile_of
from engine.journal.writer import Journal
from engine.model import events as ev
from engine.model.errors import CockpitError
from engine.ops import config
from engine.ops.lock import Holder, LockedError, hold
from engine.ops.paths import home

SECOND = 1_000_000_000


class Written:
    """A journal that grows, and a source that follows it on a clock of the test's."""

    def __init__(self, place: Path) -> None:
        self.now = 0.0
        self.journal = Journal.create(place / "running.cockpit")
        loaded = config.load("demo", home(place / "home", {}), {}, {})
        self.journal.append(
            ev.SessionStarted(T0, "s", "demo", "DEMO", "sim", "0", ev.SCHEMA, config.as_json(loaded), "tag")
        )

    async def write(self, count: int) -> int:
        for n in range(count):
            seq = self.journal.append(ev.TradeTick(T0 + n * SECOND, SYMBOL, 100.0 + n, 1.0, "BUY", T0 + n * SECOND))
        await self.journal.durable(seq)
        return seq

    def source(self) -> FollowSource:
        travel = opened(self.journal.path, running=True, survey=False, clock=lambda: self.now)
        travel.arrive()
        return FollowSource(travel, profile_of(travel.replay.recording), lambda: self.now)


async def test_the_cursor_stays_at_the_end_of_a_recording_that_grows(tmp_path: Path) -> None:
    written = Written(tmp_path)
    await written.write(3)
    source = written.source()
    assert source.view().state.seq == 4
    last = await written.write(5)
    assert source.view().state.seq == 4
    written.now += POLL_S
    view = source.view()
    assert (view.state.seq, view.source) == (last, "replay")
    source._travel.close()
    await written.journal.close()


async def test_a_step_back_stays_where_it_is_until_the_end_is_sought(tmp_path: Path) -> None:
    written = Written(tmp_path)
    await written.write(6)
    source = written.source()
    source.view()
    source._travel.to(3)
    source._travel.arrive()
    last = await written.write(4)
    written.now += POLL_S
    assert source.view().state.seq == 3
    source._travel.to(source._travel.replay.last.seq)
    source._travel.arrive()
    written.now += POLL_S
    assert source.view().state.seq == last
    source._travel.close()
    await written.journal.close()


async def test_it_takes_no_commands_and_says_when_the_session_has_ended(tmp_path: Path) -> None:
    written = Written(tmp_path)
    await written.write(2)
    source = written.source()
    with pytest.raises(CockpitError, match="this is a recording"):
        source.command("kill")
    await written.journal.close()
    written.now += POLL_S
    source.view()
    assert source._travel.note == ENDED
    source._travel.close()


# --- a second start --------------------------------------------------------------------------------------------------


def locked(recording: Path) -> LockedError:
    error = LockedError("another cockpit trades this account (process 7, session s)", "", "end it first")
    error.holder = Holder(7, 0, "s", str(recording))
    return error


def trade(recording: Path) -> Any:
    def start() -> int:
        raise locked(recording)

    return start


@pytest.mark.parametrize("answer", ["y", "Yes"])
def test_a_second_start_may_watch_the_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: str) -> None:
    shown: list[Any] = []
    monkeypatch.setattr(replay, "open_screen", lambda *args, **more: shown.append((args, more)) or 0)
    recording = tmp_path / "s.cockpit"
    recording.touch()
    assert second.or_watch(trade(recording), None, lambda _: answer) == 0
    assert shown == [((recording, "", None, None), {"follow": True})]


@pytest.mark.parametrize("answer", ["", "n", "what"])
def test_anything_but_yes_is_the_error(tmp_path: Path, answer: str) -> None:
    recording = tmp_path / "s.cockpit"
    recording.touch()
    with pytest.raises(LockedError) as caught:
        second.or_watch(trade(recording), None, lambda _: answer)
    assert caught.value.exit_code == 4


def test_nobody_is_asked_where_there_is_nothing_to_watch(tmp_path: Path) -> None:
    with pytest.raises(LockedError):
        second.or_watch(trade(tmp_path / "gone"), None, lambda _: pytest.fail("asked"))


def test_a_lock_says_which_session_holds_it_and_how_to_watch_it(tmp_path: Path) -> None:
    with hold("bitunix", "key", tmp_path) as name:
        name("20260310-120000-abcd", tmp_path / "s.cockpit")
        with (
            pytest.raises(LockedError, match="session 20260310-120000-abcd") as caught,
            hold("bitunix", "key", tmp_path),
        ):
            pass
    assert caught.value.hint == "end it first, or watch it: cockpit replay 20260310-120000-abcd --follow"
    assert caught.value.holder is not None
    assert caught.value.holder.recording == str(tmp_path / "s.cockpit")


def test_the_survey_is_started_once(tmp_path: Path) -> None:
    async def watch() -> None:
        written = Written(tmp_path)
        await written.write(2)
        source = written.source()
        for _ in range(3):
            source.view()
            written.now += POLL_S
        assert len([task for task in asyncio.all_tasks() if task.get_name() == "survey"]) == 1
        source._travel.close()
        await written.journal.close()

    asyncio.run(watch())

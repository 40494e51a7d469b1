"""The state at any place is the state that was there: forwards, backwards, in random order, on a file that is still written."""

from __future__ import annotations

import asyncio
import random
import sqlite3
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from replay_kit import ACTS, digest, folded, long_story, record, story

from engine.core.fold import apply
from engine.core.trader import copy_of
from engine.journal import block, keyframe
from engine.journal.writer import Journal
from engine.model import events as ev
from engine.model.state import State
from engine.replay import cursor
from engine.replay.copying import copy_state
from engine.replay.cursor import Replay
from engine.replay.goto import GotoError, parse_goto

SECOND = 1_000_000_000


@pytest.fixture(scope="module")
def small() -> object:
    """Blocks, keyframes and windows so small that a short session has many of each."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(block, "EVENTS", 150)
        patch.setattr(keyframe, "EVERY", 200)
        patch.setattr(cursor, "PLAYED", 60)
        patch.setattr(cursor, "NEAR", 13)
        patch.setattr(cursor, "WORTH", 30)
        yield


pytestmark = pytest.mark.usefixtures("small")
EVENTS = long_story()


@pytest.fixture(scope="module")
def path(small: object, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return record(tmp_path_factory.mktemp("replay") / "one.cockpit", EVENTS, every=200)


@pytest.fixture(scope="module")
def truth() -> list[bytes]:
    """What the state looks like after every event, by folding alone."""
    state, found = State(), [digest(State())]
    for event in EVENTS:
        apply(state, event)
        found.append(digest(state))
    return found


# --- the same state -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", ["forwards", "backwards", "random", "to and fro"])
def test_every_place_has_the_state_that_was_there(path: Path, truth: list[bytes], order: str) -> None:
    last = len(EVENTS)
    chance = random.Random(order)
    places = {
        "forwards": list(range(last + 1)),
        "backwards": list(range(last, -1, -1)),
        "random": [chance.randrange(last + 1) for _ in range(400)],
        "to and fro": [last // 2 + (n if n % 2 else -n) for n in range(300)],
    }[order]
    with Replay.open(path) as replay:
        for seq in places:
            assert digest(replay.seek(seq)) == truth[seq], seq
            assert replay.seq == seq


@given(st.lists(st.tuples(st.sampled_from(ACTS), st.integers(0, 50)), max_size=60), st.randoms(use_true_random=False))
@settings(max_examples=25, deadline=None)
def test_whatever_happens_the_live_state_and_the_state_by_seek_are_the_same(
    acts: list[tuple[str, int]], chance: random.Random
) -> None:
    events = story(acts)
    with tempfile.TemporaryDirectory() as folder:
        path = record(Path(folder) / "one.cockpit", events, every=chance.choice((0, 7, 40)))
        with Replay.open(path) as replay:
            for seq in [len(events), *(chance.randrange(len(events) + 1) for _ in range(15))]:
                assert digest(replay.seek(seq)) == digest(folded(events, seq))


def test_a_copy_shares_nothing_that_changes(truth: list[bytes]) -> None:
    state, copies = State(), []
    for seq, event in enumerate(EVENTS, 1):
        apply(state, event)
        if seq % 50 == 0:
            copies.append((seq, copy_state(state)))
    for seq, copied in copies:
        assert digest(copied) == truth[seq]
        for event in EVENTS[seq : seq + 200]:
            apply(copied, event)
        assert digest(copied) == truth[min(seq + 200, len(EVENTS))]
    assert digest(state) == truth[-1]


def test_places_outside_mean_the_ends(path: Path, truth: list[bytes]) -> None:
    with Replay.open(path) as replay:
        assert digest(replay.seek(-5)) == truth[0]
        assert digest(replay.seek(1 << 60)) == truth[-1]


# --- keyframes are hints ------------------------------------------------------------------------------------------


def test_keyframes_are_used(path: Path) -> None:
    with Replay.open(path) as replay:
        assert replay.cost(len(EVENTS)) < 200
        assert replay.prepare(0.0) == 1.0


@pytest.mark.parametrize(
    "sql", ["DELETE FROM keyframe", "UPDATE keyframe SET guard = 'other code'", "UPDATE keyframe SET crc = 1"]
)
def test_without_usable_keyframes_it_is_the_same_only_slower(
    path: Path, truth: list[bytes], tmp_path: Path, sql: str
) -> None:
    other = tmp_path / "other.cockpit"
    other.write_bytes(path.read_bytes())
    with sqlite3.connect(other) as db:
        db.execute(sql)
    chance = random.Random(1)
    with Replay.open(other) as replay:
        for seq in (chance.randrange(len(truth)) for _ in range(30)):
            assert digest(replay.seek(seq)) == truth[seq]


def test_states_are_prepared_a_little_at_a_time_while_the_cursor_stays(truth: list[bytes], tmp_path: Path) -> None:
    path = record(tmp_path / "bare.cockpit", EVENTS)
    with Replay.open(path) as replay:
        replay.seek(77)
        assert replay.cost(len(EVENTS)) > 1_000
        shares = [replay.prepare(0.0)]
        while shares[-1] < 1.0:
            shares.append(replay.prepare(0.001))
        assert shares[0] < 0.5
        assert shares == sorted(shares)
        assert digest(replay.state) == truth[77]
        assert replay.cost(len(EVENTS)) <= 400
        for seq in (1_000, 333, len(EVENTS), 2):
            assert digest(replay.seek(seq)) == truth[seq]


def test_a_keyframe_that_lies_about_its_place_is_ignored(path: Path, truth: list[bytes], tmp_path: Path) -> None:
    other = tmp_path / "liar.cockpit"
    other.write_bytes(path.read_bytes())
    with sqlite3.connect(other) as db:
        first, second = db.execute("SELECT seq FROM keyframe ORDER BY seq LIMIT 2").fetchall()
        db.execute("UPDATE keyframe SET seq = -1 WHERE seq = ?", second)
        db.execute("UPDATE keyframe SET seq = ? WHERE seq = ?", (second[0] + 1, first[0]))
    with Replay.open(other) as replay:
        assert digest(replay.seek(second[0] + 5)) == truth[second[0] + 5]


# --- steps --------------------------------------------------------------------------------------------------------

NAMES = [type(event).__name__ for event in EVENTS]


def numbers(unit: str) -> list[int]:
    if unit == "tick":
        return [n for n, name in enumerate(NAMES, 1) if name in cursor.MARKET_KINDS]
    if unit == "bar":
        return [n for n, e in enumerate(EVENTS, 1) if isinstance(e, ev.CandleTick) and e.closed]
    if unit == "order":
        return [n for n, name in enumerate(NAMES, 1) if name in cursor.ORDER_KINDS]
    return list(range(1, len(EVENTS) + 1))


@pytest.mark.parametrize("unit", ["event", "tick", "bar", "order"])
def test_steps_go_to_the_next_and_to_the_previous_one(path: Path, truth: list[bytes], unit: cursor.Unit) -> None:
    places = numbers(unit)
    with Replay.open(path) as replay:
        for start in (0, 1, 700, 1_500, len(EVENTS)):
            ahead, behind = [n for n in places if n > start], [n for n in places if n < start]
            for n in (1, 2, 5, 40):
                replay.seek(start)
                replay.step(unit, n)
                assert replay.seq == (ahead[n - 1] if len(ahead) >= n else len(EVENTS))
                assert digest(replay.state) == truth[replay.seq]
                replay.seek(start)
                replay.step(unit, -n)
                assert replay.seq == (behind[-n] if len(behind) >= n else 0)
                assert digest(replay.state) == truth[replay.seq]
        replay.seek(5)
        assert replay.target(unit, 0) == 5


def test_time_finds_the_last_event_until_then(path: Path) -> None:
    times = [event.t for event in EVENTS]
    with Replay.open(path) as replay:
        for t in [times[0] - 1, times[0], times[500], times[500] + 1, times[-1] - 1, times[-1], times[-1] + SECOND]:
            seq = replay.seq_at(t)
            assert seq == sum(1 for other in times if other <= t)
            assert replay.seek_time(t).seq == seq


@pytest.mark.parametrize(
    ("text", "t"),
    [("+10s", 10), ("-30s", -30), ("−1m", -60), ("+1.5m", 90), ("-2h", -7200), ("+250ms", 0.25), ("+5", 5)],
)
def test_a_distance_in_time_is_from_the_cursor(path: Path, text: str, t: float) -> None:
    with Replay.open(path) as replay:
        replay.seek(1_200)
        assert parse_goto(replay, text) == replay.seq_at(replay.time + int(t * SECOND))


def test_places_can_be_typed(path: Path) -> None:
    with Replay.open(path) as replay:
        last = len(EVENTS)
        replay.seek(600)
        wanted = {
            "end": last,
            "live": last,
            "start": 1,
            "#700": 700,
            "#0": 1,
            "#99999999": last,
            " 100% ": last,
        }
        assert {text: parse_goto(replay, text) for text in wanted} == wanted
        assert parse_goto(replay, "0%") == replay.seq_at(replay.first.t)
        assert parse_goto(replay, "50%") == replay.seq_at((replay.first.t + replay.last.t) // 2)
        noon = replay.seq_at(replay.first.t + 30 * SECOND)
        for text in ("12:00:30", "12:00:30.000", "2026-03-10 12:00:30", "2026-03-10t12:00:30z"):
            assert parse_goto(replay, text) == noon
        assert parse_goto(replay, "12:01") == replay.seq_at(replay.first.t + 60 * SECOND)


@pytest.mark.parametrize(
    "text", ["", "yesterday", "25:00:00", "12:61", "2026-13-01 10:00", "#", "#-1", "1e9", "50", "--5s", "%"]
)
def test_what_is_no_place_is_refused_with_an_example(path: Path, text: str) -> None:
    with Replay.open(path) as replay, pytest.raises(GotoError):
        parse_goto(replay, text)


# --- files that are not finished ----------------------------------------------------------------------------------


async def test_a_file_can_be_followed_while_it_is_written(tmp_path: Path, truth: list[bytes]) -> None:
    journal = Journal.create(tmp_path / "live.cockpit")
    done = 0
    with Replay.open(journal.path) as replay:
        assert (replay.last.seq, replay.seek(5).seq) == (0, 0)
        for upto in range(100, len(EVENTS), 173):
            for event in EVENTS[done:upto]:
                journal.append(event)
            done = upto
            await journal.durable(done)
            await asyncio.sleep(0.003)
            assert replay.refresh() == done
            for seq in (done, done // 2, done - 3):
                assert digest(replay.seek(seq)) == truth[seq]
            assert digest(replay.step("order", -1)) == truth[replay.seq]
        assert replay.recording.damage == []
    await journal.close()


def test_a_crashed_session_opens_like_any_other(tmp_path: Path, truth: list[bytes]) -> None:
    path = record(tmp_path / "torn.cockpit", EVENTS[:-1], every=200, torn=True)
    with Replay.open(path) as replay:
        assert not replay.recording.closed
        for seq in (len(EVENTS) - 1, 100, 1_111):
            assert digest(replay.seek(seq)) == truth[seq]


def test_an_event_that_cannot_be_read_is_left_out_and_the_numbers_stay(tmp_path: Path) -> None:
    path = record(tmp_path / "broken.cockpit", EVENTS)
    rare = next(n for n, e in enumerate(EVENTS, 1) if isinstance(e, ev.OrderDecided))
    db = sqlite3.connect(path)
    trigger = db.execute("SELECT sql FROM sqlite_schema WHERE name = 'event_no_update'").fetchone()[0]
    db.execute("DROP TRIGGER event_no_update")
    db.execute("UPDATE event SET crc = crc + 1 WHERE seq = ?", (rare,))
    db.execute(trigger)
    db.commit()
    db.close()
    with Replay.open(path) as replay:
        state = replay.seek(len(EVENTS))
        assert state.seq == len(EVENTS)
        assert replay.damage == [f"event {rare} is not as it was written (checksum)"]


def test_the_returned_state_is_the_cursors_own_and_a_copy_lasts(path: Path, truth: list[bytes]) -> None:
    with Replay.open(path) as replay:
        here = replay.seek(500)
        kept = copy_of(here)
        assert replay.seek(501) is replay.state
        assert digest(kept) == truth[500]

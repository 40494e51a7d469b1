"""The strip shows what happened when, where nothing did, and where to go next."""

from __future__ import annotations

import os
import random
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import pytest
from desk import SECOND, SYMBOL, T0
from replay_kit import long_story, record

from engine.journal import block
from engine.model import events as ev
from engine.replay import timeline
from engine.replay.bookmarks import MAX_BYTES, Bookmarks
from engine.replay.cursor import Replay
from engine.replay.marks import Marker
from engine.replay.timeline import Timeline, words

EVENTS = long_story()


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(block, "EVENTS", 150)
        return record(tmp_path_factory.mktemp("timeline") / "one.cockpit", EVENTS)


# --- marks --------------------------------------------------------------------------------------------------------


def test_everything_worth_a_sign_has_one(path: Path) -> None:
    with Replay.open(path) as replay:
        marks = Timeline(replay).marks
    kinds = [mark.kind for mark in marks]
    assert kinds.count("fill") == sum(isinstance(e, ev.FillReport) for e in EVENTS)
    assert kinds.count("reject") == sum(isinstance(e, ev.Refused) for e in EVENTS)
    assert {"kill", "rearm", "lost", "up"} <= set(kinds)
    assert kinds[-1] == "end"
    assert [mark.seq for mark in marks] == sorted(mark.seq for mark in marks)
    assert all(EVENTS[mark.seq - 1].t == mark.t for mark in marks)


def test_a_link_is_lost_when_it_was_up_and_up_again_when_it_was_lost() -> None:
    states = ["connecting", "up", "up", "down", "connecting", "up", "failed"]
    events = [(n, ev.LinkReport(n, "private", state)) for n, state in enumerate(states)]  # type: ignore[arg-type]
    assert [(m.seq, m.kind) for m in Marker().marks(events)] == [(3, "lost"), (5, "up"), (6, "lost")]


def test_leaving_a_kill_is_a_rearm_whatever_comes_after() -> None:
    states = ["PAUSED", "ACTIVE", "HALTED", "PAUSED", "ACTIVE", "SAFE"]
    events = [(n, ev.TradingChanged(n, state, "", "key")) for n, state in enumerate(states)]  # type: ignore[arg-type]
    assert [m.kind for m in Marker().marks(events)] == ["pause", "resume", "kill", "rearm", "resume", "safe"]


def test_the_next_and_the_previous_mark_can_be_asked_for_by_kind(path: Path) -> None:
    with Replay.open(path) as replay:
        strip = Timeline(replay)
        for here, there in pairwise(strip.marks):
            if here.seq < there.seq:
                assert strip.next_mark(here.seq) == there or strip.next_mark(here.seq).seq == there.seq  # type: ignore[union-attr]
                assert strip.previous_mark(there.seq).seq == here.seq  # type: ignore[union-attr]
        kill = strip.next_mark(0, {"kill"})
        assert kill is not None
        assert kill.kind == "kill"
        assert strip.previous_mark(kill.seq, {"kill"}) is None
        assert strip.next_mark(len(EVENTS)) is None


def test_a_torn_end_is_marked_and_a_closed_one_is_not(tmp_path: Path) -> None:
    torn = record(tmp_path / "torn.cockpit", EVENTS[:500], torn=True)
    with Replay.open(torn) as replay:
        assert Timeline(replay).marks[-1][:3] == (500, EVENTS[499].t, "torn")


def test_what_was_written_since_is_taken_in(path: Path) -> None:
    with Replay.open(path) as replay:
        whole = Timeline(replay).marks
        last = replay.last
        replay.last = last._replace(seq=900)
        strip = Timeline(replay)
        assert [m for m in strip.marks if m.kind != "torn"] == [m for m in whole if m.seq <= 900]
        replay.last = last
        strip.refresh()
        strip.refresh()
        assert strip.marks == whole


# --- density and gaps ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("exact", [True, False])
def test_the_density_counts_every_event_once(path: Path, exact: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timeline, "EXACT", 32_000 if exact else 0)
    with Replay.open(path) as replay:
        strip = Timeline(replay)
        for buckets in (1, 7, 80, 300):
            counted = strip.density(buckets)
            assert len(counted) == buckets
            assert sum(counted) == len(EVENTS)
            assert min(counted) >= 0
        middle = (replay.first.t + replay.last.t) // 2
        halves = strip.density(1, end=middle)[0] + strip.density(1, start=middle)[0]
        assert halves == len(EVENTS)
        assert strip.density(0) == []
        assert strip.density(5, middle, middle) == [0] * 5


def test_an_exact_density_is_what_counting_gives(path: Path) -> None:
    with Replay.open(path) as replay:
        start, end = replay.first.t, replay.last.t + 1
        counted = Timeline(replay).density(50)
        edges = [start + (end - start) * n // 50 for n in range(51)]
        assert counted == [sum(a <= e.t < b for e in EVENTS) for a, b in pairwise(edges)]


@pytest.mark.parametrize("blocks", [50, 1 << 30])
def test_times_without_events_are_found_in_blocks_between_them_and_in_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, blocks: int
) -> None:
    monkeypatch.setattr(block, "EVENTS", blocks)
    monkeypatch.setattr("engine.journal.compact.KEPT_ROWS", 40)
    chance, t, gaps = random.Random(4), T0, []
    events: list[ev.Event] = []
    for n in range(1, 331):
        wait = 30 if n in (20, 51, 101, 102, 175, 310, 325) else chance.random()
        if wait == 30:
            gaps.append((n - 1, n))
        t += int(wait * SECOND)
        events.append(ev.FundingPaid(t, SYMBOL, Decimal(0)) if n % 9 == 0 else ev.Clock(t))
    with Replay.open(record(tmp_path / "gaps.cockpit", events)) as replay:
        found = Timeline(replay).gaps()
    assert [(gap.before, gap.after) for gap in found] == gaps
    assert all(gap.end - gap.start == 30 * SECOND for gap in found)


# --- search -------------------------------------------------------------------------------------------------------


def test_search_finds_text_in_rare_events_whatever_the_case(path: Path) -> None:
    with Replay.open(path) as replay:
        strip = Timeline(replay)
        hits = strip.search("KILL")
        assert hits
        assert all("kill" in f"{hit.kind} {hit.text}".lower() for hit in hits)
        assert [hit.seq for hit in hits] == sorted({hit.seq for hit in hits})
        order = next(e.order.client_id for e in EVENTS if isinstance(e, ev.OrderDecided))
        found = {hit.kind for hit in strip.search(order)}
        assert {"OrderDecided", "OrderSent", "FillReport"} <= found
        assert strip.search("  ") == []
        assert len(strip.search("BTCUSDT", most=3)) == 3


def test_an_event_in_words_is_bounded() -> None:
    assert words(ev.CancelSent(1, ["a", "b"], "why")) == "a b why"
    assert len(words(ev.BadMessage(1, "public", "x" * 5_000, ""))) == 500


# --- bookmarks ----------------------------------------------------------------------------------------------------


def test_bookmarks_are_kept_beside_the_recording_which_is_not_touched(path: Path) -> None:
    before = path.read_bytes()
    with Replay.open(path) as replay:
        strip = Timeline(replay)
        strip.bookmarks.put(700, EVENTS[699].t, "look\x1b[31m here")
        strip.bookmarks.put(100, EVENTS[99].t, "first")
        strip.bookmarks.put(700, EVENTS[699].t, "again")
        assert [(b.seq, b.note) for b in Bookmarks(path)] == [(100, "first"), (700, "again")]
        assert [m.text for m in strip.marks if m.kind == "bookmark"] == ["first", "again"]
        strip.bookmarks.drop(100)
        strip.bookmarks.drop(5)
    assert [b.seq for b in Bookmarks(path)] == [700]
    assert path.with_suffix(".bookmarks.json").exists()
    assert path.read_bytes() == before


def test_notes_cannot_carry_control_characters(tmp_path: Path) -> None:
    marks = Bookmarks(tmp_path / "x.cockpit")
    assert marks.put(1, 2, "a\x1b[31m\nb" + "c" * 500).note.isprintable()
    marks.path.write_text('[{"seq":1,"t":2,"note":"\\u001b]0;x"}]')
    (read,) = Bookmarks(tmp_path / "x.cockpit")
    assert read.note.isprintable()


@pytest.mark.parametrize(
    "contents", [b"", b"{", b"[1]", b'[{"seq":"x"}]', b"[" * 100_000, b" " * (MAX_BYTES + 1)], ids=range(6)
)
def test_bookmarks_that_cannot_be_read_are_told_and_put_aside_not_lost(tmp_path: Path, contents: bytes) -> None:
    marks = Bookmarks(tmp_path / "x.cockpit")
    marks.path.write_bytes(contents)
    again = Bookmarks(tmp_path / "x.cockpit")
    assert again.problem
    assert again.all == []
    again.put(1, 2, "new")
    assert [b.note for b in Bookmarks(tmp_path / "x.cockpit")] == ["new"]
    assert Path(f"{marks.path}.unreadable").read_bytes() == contents


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="needs a folder that cannot be written")
def test_a_folder_that_cannot_be_written_is_an_error_and_changes_nothing(tmp_path: Path) -> None:
    marks = Bookmarks(tmp_path / "x.cockpit")
    tmp_path.chmod(0o500)
    with pytest.raises(OSError, match="denied"):
        marks.put(1, 2, "x")
    assert marks.all == []
    tmp_path.chmod(0o700)

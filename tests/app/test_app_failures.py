"""Errors of the screen in the journal."""

from __future__ import annotations

from cockpit.failures import EVERY_NS, LONGEST, journaled
from engine.core.fold import apply
from engine.model.events import ScreenFailed
from engine.model.state import State


def test_each_kind_of_error_of_each_place_is_told_once_a_minute() -> None:
    told: list[ScreenFailed] = []
    clock = [0]
    tell = journaled(told.append, lambda: clock[0])
    for clock[0] in (0, 1, EVERY_NS - 1, EVERY_NS):
        tell("pane risk", ValueError("a"))
        tell("pane risk", KeyError("a"))
        tell("tick", ValueError("a"))
    assert [(e.t, e.where, e.text) for e in told] == [
        (t, where, text)
        for t in (0, EVERY_NS)
        for where, text in (("pane risk", "ValueError: a"), ("pane risk", "KeyError: 'a'"), ("tick", "ValueError: a"))
    ]


def test_hostile_words_are_cleaned_and_cut() -> None:
    told: list[ScreenFailed] = []
    journaled(told.append, lambda: 0)("tick", ValueError("\x1b[2J\u202e" + "x" * 10_000))
    assert len(told[0].text) <= LONGEST
    assert told[0].text.isprintable()


def test_the_log_shows_it_as_a_warning() -> None:
    state = State()
    apply(state, ScreenFailed(5, "pane risk", "ValueError: a"))
    assert [(line.level, line.text) for line in state.log] == [("warning", "pane risk: ValueError: a")]

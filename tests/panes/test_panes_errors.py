"""Circuit breakers and the error budget on the heartbeat pane."""

from __future__ import annotations

from typing import Any

import msgspec
import panes_builder as build

from cockpit.panes.heartbeat import HeartbeatPane
from cockpit.panes.text import plain
from cockpit.view import View
from engine.model.settings import ErrorSettings
from engine.model.state import Breaker


def broken(state: Any, until_s: float = 4.0, family: str = "orders") -> View:
    view = build.flat()
    view.state.errors.breakers[family] = Breaker(family, state, 5, build.ago(-until_s), "no answer")
    return view


def shown(view: View, width: int = 60, height: int = 12) -> str:
    return plain(HeartbeatPane().lines(view, width, height))


def test_closed_breakers_are_one_row_that_goes_first() -> None:
    view = build.flat()
    assert "breakers ● reads  ● orders  ● exits" in shown(view)
    assert "reads" not in shown(view, height=6)


def test_an_open_breaker_says_when_it_tries_again_and_stays_when_rows_are_few() -> None:
    assert "● reads  ✕ orders open 4.0 s  ● exits" in shown(broken("open"), height=4)
    assert "✕ orders open 4.0 s" in shown(broken("open"), width=42, height=6)


def test_after_its_rest_it_is_half_open() -> None:
    assert "◐ orders half-open" in shown(broken("open", -1.0))
    assert "◐ orders half-open" in shown(broken("half"))


def test_exits_go_out_all_the_same() -> None:
    assert "✕ exits open, still sent" in shown(broken("open", family="exits"))


def test_the_budget_and_what_spent_it() -> None:
    view = build.flat()
    view.profile = msgspec.structs.replace(view.profile, errors=ErrorSettings(budget=10))
    assert "budget 10/10" in shown(view)
    view.state.errors.counts.update(link=2, breaker=1)
    text = shown(view, 90)
    assert "budget 6/10" in text
    assert "errors 1 circuit breaker opened (2), 2 streams lost (2)" in text
    view.state.errors.counts["order"] = 30
    assert "budget 0/10" in shown(view)


def test_without_a_budget_there_is_none() -> None:
    assert "budget" not in shown(build.flat())

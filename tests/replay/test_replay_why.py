"""Why an order is what it is, and what changed between two instants."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from desk import SYMBOL, Desk, buy
from desk import profile as desk_profile
from replay_kit import folded, record

from engine.core.orders import terms
from engine.core.trader import copy_of
from engine.journal.recording import Recording
from engine.model import events as ev
from engine.model.orders import Order
from engine.replay.diff import difference, text
from engine.replay.why import Link, why


def chain(desk: Desk, tmp_path: Path, client_id: str, upto: int | None = None) -> list[Link]:
    with Recording.open(record(tmp_path / "one.cockpit", desk.log)) as recording:
        return why(recording, client_id, upto)


def titles(links: list[Link]) -> list[str]:
    return [link.title for link in links]


def traded(**trading: str) -> tuple[Desk, Order]:
    """An approved order that filled and was closed by a key."""
    desk = Desk(prof=desk_profile(approval="required"))
    desk.bar(buy(stop=59_000.0, target=62_000.0))
    order = desk.only_order()
    desk.wait(2)
    desk.command("approve", order.client_id, terms(order))
    desk.wait(1)
    desk.accept(order.client_id)
    desk.fill(order.client_id, "0.1", "60000.2")
    desk.stop_stands("59000", "62000")
    desk.wait(5)
    desk.command("close", SYMBOL)
    closing = list(desk.state.orders.values())[-1]
    desk.wait(1)
    desk.fill(closing.client_id, "0.1", "60010")
    return desk, order


def test_the_chain_of_an_order_goes_from_the_candle_to_the_exit(tmp_path: Path) -> None:
    desk, order = traded()
    links = chain(desk, tmp_path, order.client_id)
    assert titles(links) == [
        "candle closed",
        "scripted: signal",
        "sized and decided",
        "approval asked",
        "key pressed",
        "approval closed",
        "sent",
        "acknowledged",
        "filled",
        "position closed",
    ]
    by_title = {link.title: link for link in links}
    assert by_title["approval closed"].text == "approved by key"
    assert by_title["key pressed"].since_previous_ns == 2_000_000_000
    assert by_title["acknowledged"].since_previous_ns == 1_000_000_000
    assert by_title["position closed"].since_previous_ns == 6_000_000_000
    assert by_title["filled"].text == "0.1 at 60000.2, fee 0"
    assert [link.seq for link in links] == sorted(link.seq for link in links)
    assert all(desk.log[link.seq - 1].t == link.t for link in links)


def test_nothing_after_the_cursor_is_told(tmp_path: Path) -> None:
    desk, order = traded()
    sent = next(n for n, e in enumerate(desk.log, 1) if isinstance(e, ev.OrderSent))
    assert titles(chain(desk, tmp_path, order.client_id, upto=sent))[-1] == "sent"


def test_an_exit_that_a_person_asked_for_starts_with_the_key(tmp_path: Path) -> None:
    desk, _ = traded()
    closing = list(desk.state.orders.values())[-1]
    assert titles(chain(desk, tmp_path, closing.client_id))[:3] == ["key pressed", "sized and decided", "sent"]


def test_a_refusal_names_the_limit_and_the_value(tmp_path: Path) -> None:
    desk = Desk()
    desk.command("pause")
    desk.bar(buy())
    links = chain(desk, tmp_path, desk.only_order().client_id)
    assert links[-1].title == "refused"
    assert "paused" in links[-1].text
    assert "limit" in links[-1].text


def test_a_resized_order_says_from_what_to_what(tmp_path: Path) -> None:
    desk = Desk()
    desk.bar(buy(qty="900"))
    assert "resized" in titles(chain(desk, tmp_path, desk.only_order().client_id))


def test_reports_under_the_venues_own_number_belong_to_the_order(tmp_path: Path) -> None:
    desk = Desk()
    desk.bar(buy())
    order = desk.only_order()
    desk.accept(order.client_id)
    venue_id = f"v-{order.client_id}"
    desk.take(ev.OrderReport(desk.now, "", venue_id, SYMBOL, "CANCELLED", Decimal(0)))
    assert titles(chain(desk, tmp_path, order.client_id))[-1] == "reported cancelled"


def test_an_unknown_order_has_no_chain(tmp_path: Path) -> None:
    assert chain(Desk(), tmp_path, "nobody") == []


# --- two instants -------------------------------------------------------------------------------------------------


def test_a_state_is_not_different_from_its_copy() -> None:
    state = folded(traded()[0].log)
    assert difference(state, copy_of(state)) == []


def test_a_difference_names_what_changed_and_nothing_else() -> None:
    state = folded(traded()[0].log)
    after = copy_of(state)
    after.trading = "HALTED"
    after.markets[SYMBOL].mark = 61_000.5
    next(iter(after.orders.values())).status = "UNKNOWN"
    after.account.wallet = Decimal("9999.50")
    after.trading_why = "a test"
    found = {change.path: (change.before, change.after) for change in difference(state, after)}
    client_id = next(iter(after.orders))
    assert found["trading"] == ("ACTIVE", "HALTED")
    assert found[f"markets.{SYMBOL}.mark"][1] == "61000.5"
    assert found[f"orders.{client_id}.status"] == ("FILLED", "UNKNOWN")
    assert found["account.wallet"][1] == "9999.50"
    assert len(found) == 5


def test_rows_that_came_and_went_are_listed_as_such() -> None:
    events = traded()[0].log
    before, after = folded(events, len(events) - 3), folded(events)
    changes = difference(before, after)
    assert any(change.path == "fills[+]" and "60010" in change.after for change in changes)
    back = difference(after, before)
    assert any(change.path == "fills[-]" and "60010" in change.before for change in back)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (None, ""),
        (True, "yes"),
        (7, "7"),
        (1_773_144_000_000_000_000, "2026-03-10T12:00:00.000000000Z"),
        (0.1 + 0.2, "0.3"),
        (Decimal("1E+3"), "1000"),
        ((1.5, 2.0), "1.5 2"),
    ],
)
def test_values_are_written_for_people(value: object, said: str) -> None:
    assert text(value) == said

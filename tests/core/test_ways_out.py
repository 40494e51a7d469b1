"""Exits larger than the venue takes at once, transfers, and comparisons that name their request."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest
from desk import INSTRUMENT, SECOND, SYMBOL, Desk, kinds, one

from engine.core.exposure import closing
from engine.core.orders import MOST_PIECES, pieces
from engine.model import events as ev


def small_market(desk: Desk, most: str) -> None:
    desk.take(ev.InstrumentListed(desk.now, msgspec.structs.replace(INSTRUMENT, max_market_qty=Decimal(most))))


def exits(decisions: list[ev.Event]) -> list[Decimal]:
    return [d.order.qty for d in decisions if isinstance(d, ev.OrderDecided)]


def test_an_exit_larger_than_the_venue_takes_goes_out_in_several_orders() -> None:
    desk = Desk()
    desk.long(qty="0.1")
    small_market(desk, "0.03")
    decisions = desk.command("close", SYMBOL)
    assert exits(decisions) == [Decimal("0.03"), Decimal("0.03"), Decimal("0.03"), Decimal("0.01")]
    assert kinds(decisions).count("OrderSent") == 4
    assert closing(desk.state, SYMBOL, "SELL") == Decimal("0.1")
    assert len({d.order.client_id for d in decisions if isinstance(d, ev.OrderDecided)}) == 4


def test_what_is_on_its_way_in_pieces_is_not_closed_twice() -> None:
    desk = Desk()
    desk.long(qty="0.1")
    small_market(desk, "0.06")
    first = [d.order.client_id for d in desk.command("close", SYMBOL) if isinstance(d, ev.OrderDecided)]
    assert one(desk.command("close", SYMBOL), ev.Noticed).kind == "StaleCommand"
    desk.take(ev.OrderReport(desk.now, first[0], "", SYMBOL, "REJECTED", Decimal(0), "20003", "no", "reply"))
    assert exits(desk.command("close", SYMBOL)) == [Decimal("0.06")]


@pytest.mark.parametrize(
    ("qty", "most", "wanted"),
    [("1", "0", ["1"]), ("1", "1", ["1"]), ("2.5", "1", ["1", "1", "0.5"]), ("2", "1", ["1", "1"])],
)
def test_pieces_add_up(qty: str, most: str, wanted: list[str]) -> None:
    found = pieces(Decimal(qty), msgspec.structs.replace(INSTRUMENT, max_market_qty=Decimal(most)))
    assert found == [Decimal(piece) for piece in wanted]


def test_a_rest_too_small_for_the_venue_takes_from_the_piece_before_it() -> None:
    terms = msgspec.structs.replace(INSTRUMENT, max_market_qty=Decimal(1), min_qty=Decimal("0.3"))
    assert pieces(Decimal("2.1"), terms) == [Decimal(1), Decimal("0.8"), Decimal("0.3")]


def test_there_are_never_endless_pieces_and_without_terms_one() -> None:
    assert len(pieces(Decimal(1_000_000), INSTRUMENT)) == MOST_PIECES
    assert pieces(Decimal(9), None) == [Decimal(9)]


# --- transfers -------------------------------------------------------------------------------------------------------


def deposited(amount: str) -> Desk:
    desk = Desk()
    desk.wait(10)
    wallet = Decimal(10_000) + Decimal(amount)
    desk.take(ev.AccountReport(desk.now, "USDT", wallet, wallet, Decimal(0), Decimal(0)))
    desk.take(ev.SnapshotTaken(desk.now, "regular", True))
    return desk


@pytest.mark.parametrize("amount", ["500", "-500"])
def test_a_transfer_that_a_person_takes_over_is_neither_profit_nor_loss(amount: str) -> None:
    desk = deposited(amount)
    assert "BalanceMismatch/" in desk.state.alarms
    decisions = desk.command("adopt", "USDT")
    assert f"balance {Decimal(amount):+.2f} USDT: a transfer, as key says" in one(decisions, ev.Settled).text
    account, book = desk.state.account, desk.state.risk
    assert (account.wallet, account.start) == (Decimal(10_000) + Decimal(amount),) * 2
    assert book.day_start == book.week_start == book.high_water == 10_000 + float(amount)
    assert not desk.state.alarms
    desk.take(ev.SnapshotTaken(desk.now + SECOND, "regular", True))
    assert not desk.state.alarms


def test_a_balance_that_agrees_is_not_taken_over() -> None:
    desk = Desk()
    assert one(desk.command("adopt", "USDT"), ev.Noticed).kind == "StaleCommand"


# --- comparisons -----------------------------------------------------------------------------------------------------


def test_a_comparison_asked_for_before_the_stream_broke_proves_nothing_even_when_another_is_under_way() -> None:
    desk = Desk()
    desk.wait(30)
    first = desk.state.snapshot_asked_t
    for state in ("down", "up"):
        desk.now += SECOND
        desk.take(ev.LinkReport(desk.now, "private", state))
    desk.wait(6)
    second = desk.state.snapshot_asked_t
    assert second > first
    desk.take(ev.SnapshotTaken(desk.now, "late", True, asked_t=first))
    assert desk.state.doubt
    desk.take(ev.SnapshotTaken(desk.now, "fresh", True, asked_t=second))
    assert not desk.state.doubt

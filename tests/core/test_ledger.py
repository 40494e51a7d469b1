"""Money is exact: whatever the fills, wallet, positions and trades add up to the last digit."""

from __future__ import annotations

from decimal import Decimal

from desk import SYMBOL, Desk, buy
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.core import ledger
from engine.model import events as ev
from engine.model.orders import Fill, Order, Position, Side, Trade, sign
from engine.model.state import Account

START = Decimal(10_000)
ZERO = Decimal(0)
Row = tuple[Side, Decimal, Decimal, Decimal]

sides: st.SearchStrategy[Side] = st.sampled_from(["BUY", "SELL"])
quantities = st.integers(1, 20_000).map(lambda n: Decimal(n).scaleb(-4))
prices = st.integers(500_000, 700_000).map(lambda n: Decimal(n).scaleb(-1))
fees = st.integers(-1_000, 100_000).map(lambda n: Decimal(n).scaleb(-8))
fills = st.tuples(sides, quantities, prices, fees)
amounts = st.integers(-(10**8), 10**8).map(lambda n: Decimal(n).scaleb(-8))


class Book:
    """An account and one position, with everything that happened to them."""

    def __init__(self) -> None:
        self.account = Account(known=True, start=START, wallet=START)
        self.position = Position(symbol=SYMBOL)
        self.rows: list[Fill] = []
        self.trades: list[Trade] = []

    def fill(self, row: Row, order: Order | None = None) -> Trade | None:
        side, qty, price, fee = row
        fill = Fill(len(self.rows), SYMBOL, f"t{len(self.rows)}", "v", "", side, qty, price, fee, False)
        trade = ledger.book_fill(self.account, self.position, fill, order)
        self.rows.append(fill)
        if trade is not None:
            self.trades.append(trade)
        return trade

    def flatten(self, price: Decimal) -> None:
        if self.position.qty:
            self.fill(("SELL" if self.position.qty > 0 else "BUY", abs(self.position.qty), price, ZERO))


def row(side: Side, qty: str, price: str, fee: str = "0") -> Row:
    return side, Decimal(qty), Decimal(price), Decimal(fee)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.one_of(fills, amounts), max_size=40))
def test_the_wallet_is_start_plus_realised_less_fees_plus_funding(steps: list[Row | Decimal]) -> None:
    book = Book()
    funding = ZERO
    for step in steps:
        if isinstance(step, Decimal):
            ledger.book_funding(book.account, book.position, step)
            funding += step
        else:
            book.fill(step)
    realised = sum((f.realised for f in book.rows), ZERO)
    paid = sum((f.fee for f in book.rows), ZERO)
    account = book.account
    assert (account.realised, account.fees, account.funding) == (realised, paid, funding)
    assert account.wallet == START + realised - paid + funding


@settings(max_examples=200, deadline=None)
@given(st.lists(fills, max_size=40))
def test_the_position_is_the_sum_of_the_signed_fills(rows: list[Row]) -> None:
    book = Book()
    for r in rows:
        book.fill(r)
        assert book.position.qty == sum((sign(f.side) * f.qty for f in book.rows), ZERO)
        assert (book.position.cost > 0) == bool(book.position.qty)


@settings(max_examples=200, deadline=None)
@given(st.lists(fills, min_size=1, max_size=30), prices)
def test_from_flat_to_flat_the_profit_is_the_cash_that_came_in(rows: list[Row], last: Decimal) -> None:
    book = Book()
    for r in rows:
        book.fill(r)
    book.flatten(last)
    cash = sum((-sign(f.side) * f.qty * f.price for f in book.rows), ZERO)
    assert book.account.realised == cash
    assert book.account.wallet == START + cash - book.account.fees
    assert sum((t.pnl for t in book.trades), ZERO) == book.account.wallet - START
    assert sum((t.fees for t in book.trades), ZERO) == book.account.fees
    assert book.position.qty == book.position.cost == book.position.entry == ZERO


@settings(max_examples=100, deadline=None)
@given(st.lists(fills, min_size=1, max_size=30), prices)
def test_a_trade_agrees_with_itself(rows: list[Row], last: Decimal) -> None:
    book = Book()
    for r in rows:
        book.fill(r)
    book.flatten(last)
    for trade in book.trades:
        gross = (trade.exit - trade.entry) * trade.qty * sign(trade.side)
        assert abs(gross - trade.fees + trade.funding - trade.pnl) < Decimal("1e-12")
        assert trade.entry_t <= trade.exit_t
        assert trade.qty > 0


def test_a_partial_close_realises_its_share_and_leaves_the_entry() -> None:
    book = Book()
    book.fill(row("BUY", "0.3", "60000"))
    assert book.fill(row("SELL", "0.1", "60300")) is None
    assert (book.account.realised, book.position.qty, book.position.entry) == (
        Decimal(30),
        Decimal("0.2"),
        Decimal(60_000),
    )


def test_adding_moves_the_entry_to_the_mean() -> None:
    book = Book()
    book.fill(row("SELL", "0.1", "60000"))
    book.fill(row("SELL", "0.3", "60400"))
    assert (book.position.qty, book.position.entry) == (Decimal("-0.4"), Decimal(60_300))


def test_a_flip_splits_its_fee_between_the_trade_that_ends_and_the_one_that_begins() -> None:
    book = Book()
    book.fill(row("BUY", "0.1", "60000", "1"))
    trade = book.fill(row("SELL", "0.3", "60500", "3"))
    assert trade is not None
    assert (trade.side, trade.pnl, trade.fees) == ("BUY", Decimal(48), Decimal(2))
    assert (book.position.qty, book.position.fees, book.position.entry) == (
        Decimal("-0.2"),
        Decimal(2),
        Decimal(60_500),
    )


def test_a_trade_tells_entry_exit_result_and_its_multiple_of_the_risk() -> None:
    desk = Desk()
    desk.bar(buy(qty="0.1", stop=59_000.0, target=62_000.0))
    order = desk.only_order()
    desk.fill(order.client_id, "0.1", "60000", fee="3.6")
    desk.take(ev.FundingPaid(desk.now, SYMBOL, Decimal("-0.4")))
    desk.now += 60_000_000_000
    desk.fill("", "0.1", "61000", side="SELL", fee="6")
    (trade,) = desk.state.trades
    assert (trade.entry, trade.exit, trade.qty) == (60_000, 61_000, Decimal("0.1"))
    assert (trade.pnl, trade.fees, trade.funding, trade.r) == (90, Decimal("9.6"), Decimal("-0.4"), 0.9)
    assert trade.exit_t - trade.entry_t == 60_000_000_000
    assert desk.state.account.wallet == 10_090


def test_funding_without_a_position_still_moves_the_wallet_and_belongs_to_no_trade() -> None:
    desk = Desk()
    desk.take(ev.FundingPaid(desk.now, SYMBOL, Decimal(5)))
    desk.long()
    desk.take(ev.FundingPaid(desk.now, "ETHUSDT", Decimal(2)))
    assert desk.state.account.wallet == 10_007
    assert desk.state.positions[SYMBOL].funding == 0


def test_a_trade_that_ends_even_is_neither_a_win_nor_a_loss() -> None:
    desk = Desk()
    for price in ("59900", "60000"):
        desk.long()
        desk.fill("", "0.1", price, side="SELL")
    assert (desk.state.risk.losses_in_row, desk.state.wins_total, desk.state.trades_total) == (1, 0, 2)


def test_an_adopted_position_realises_only_what_happens_from_then_on() -> None:
    book = Book()
    ledger.adopt(book.position, Decimal("-0.3"), Decimal(60_000) / 7, 5)
    book.fill(row("BUY", "0.1", "8000"))
    book.fill(row("BUY", "0.2", "8100"))
    (trade,) = book.trades
    assert (trade.side, trade.entry_t) == ("SELL", 5)
    assert book.account.wallet == START + book.account.realised == START + trade.pnl


def test_what_a_fill_realised_is_our_own_reckoning_not_the_venues() -> None:
    desk = Desk()
    row = Fill(desk.now, SYMBOL, "t", "v", "", "BUY", Decimal("0.1"), Decimal(60_000), ZERO, False, Decimal(77))
    desk.take(ev.FillReport(desk.now, row))
    assert desk.state.fills[-1].realised == ZERO
    assert row.realised == 77


def test_a_fill_with_impossible_numbers_changes_nothing() -> None:
    desk = Desk()
    desk.long()
    wallet = desk.state.account.wallet
    for qty, price in (
        ("0", "60000"),
        ("-0.1", "60000"),
        ("NaN", "60000"),
        ("0.1", "0"),
        ("1e30", "1"),
        ("0.1", "Infinity"),
    ):
        desk.fill("", qty, price, side="SELL")
    assert desk.state.positions[SYMBOL].qty == Decimal("0.1")
    assert desk.state.account.wallet == wallet
    assert desk.state.links["private"].bad == 6

"""What the gate answers, word for word: the code, the limit, the value that met it, and the sentence that a person reads."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from desk import INSTRUMENT, SECOND, SYMBOL, Desk, limits

from engine.core.risk import (
    CHECKS,
    PLANS,
    Approved,
    Bar,
    Breach,
    Shape,
    _case,
    barred,
    gate,
    losses,
    pace,
    size,
    working_entries,
)
from engine.core.risk import market as quotes
from engine.core.risk import order as terms
from engine.core.risk.case import Case
from engine.model.orders import Order, Position
from engine.model.state import Breaker, Link

ORDER_OF_CHECKS = [
    "duplicate_order_id", "symbol_not_allowed", "halted", "safe_mode", "paused", "links_down",
    "breaker_open", "reduce_only_violation", "stale_quote", "outlier_price", "spread_too_wide",
    "price_collar", "post_only_would_cross", "no_stop", "reward_risk_too_low", "min_notional",
    "max_quantity", "max_notional", "max_position", "max_exposure", "max_leverage", "total_at_risk",
    "max_slippage", "daily_loss", "weekly_loss", "max_drawdown", "consecutive_losses", "cooldown",
    "repeated_execution", "throttled", "rate_limit_exceeded",
]  # fmt: skip
"""The reason that is told when several would do: what cannot be mended first, what passes by itself last."""

FOR_EXITS = ["duplicate_order_id", "symbol_not_allowed", "links_down", "reduce_only_violation", "min_notional"]


def entry(**changes: Any) -> Order:
    """A market entry of 0.1 with a stop 1,000 away and a target 2,000 away; quoted are 59,999.9 and 60,000.1."""
    values: dict[str, Any] = {
        "client_id": "new-1",
        "symbol": SYMBOL,
        "side": "BUY",
        "kind": "MARKET",
        "qty": Decimal("0.1"),
        "stop": Decimal(59_000),
        "target": Decimal(62_000),
        "strategy": "scripted",
    }
    return Order(**{**values, **changes})


def short(**changes: Any) -> Order:
    return entry(**{"side": "SELL", "stop": Decimal(61_000), "target": Decimal(58_000), **changes})


def at(price: str, **changes: Any) -> Order:
    return entry(kind="LIMIT", price=Decimal(price), **changes)


def way_out(qty: str = "0.1", side: str = "SELL", **changes: Any) -> Order:
    return entry(qty=Decimal(qty), side=side, reduce_only=True, stop=None, target=None, **changes)


def held(qty: str = "0.1", told: str | None = None) -> Position:
    venue_qty = None if told is None else Decimal(told)
    return Position(symbol=SYMBOL, qty=Decimal(qty), entry=Decimal(60_000), stop=Decimal(59_000), venue_qty=venue_qty)


Arrange = Callable[[Desk], object]


def put(**values: Any) -> Arrange:
    """Set fields of the state, dotted names written with two underscores."""

    def arrange(desk: Desk) -> None:
        for name, value in values.items():
            at: Any = desk.state
            *path, last = name.split("__")
            for step in path:
                at = at[step] if isinstance(at, dict) else getattr(at, step)
            at.update({last: value}) if isinstance(at, dict) else setattr(at, last, value)

    return arrange


def later(seconds: float) -> Arrange:
    def arrange(desk: Desk) -> None:
        desk.state.t += int(seconds * SECOND)

    return arrange


def both(*arranged: Arrange) -> Arrange:
    return lambda desk: [one(desk) for one in arranged]


def quoted(mid: float, spread: float = 0.2, mark: float = 0.0, size: float = 5.0) -> Arrange:
    def arrange(desk: Desk) -> None:
        desk.quote(mid, spread, size)
        desk.mark(mark or mid)

    return arrange


def nothing(_: Desk) -> None:
    pass


MARKET = f"markets__{SYMBOL}__"
LINKS = "links__"
ASKED = Breaker("orders", "open", 3, 0)

ANSWERS: dict[str, tuple[Arrange, Order, dict[str, Any], tuple[str, str, str, str]]] = {
    "an id that was sent": (
        put(orders={"new-1": entry(status="UNKNOWN")}), entry(), {},
        ("duplicate_order_id", "once", "UNKNOWN", "order new-1 was decided before")),
    "a symbol without limits": (
        nothing, entry(symbol="DOGE"), {},
        ("symbol_not_allowed", SYMBOL, "DOGE", "DOGE is not in the profile's limits")),
    "a symbol that the venue has not listed": (
        put(**{MARKET + "instrument": None}), entry(), {},
        ("symbol_not_allowed", "listed", "unknown", f"{SYMBOL} is not listed by the venue")),
    "the kill switch": (
        put(trading="HALTED", trading_why="enough"), entry(), {},
        ("halted", "off", "on", "the kill switch is on: enough")),
    "safe": (
        put(trading="SAFE", trading_why="links"), entry(), {}, ("safe_mode", "ACTIVE", "SAFE", "trading is SAFE: links")),
    "paused": (
        put(trading="PAUSED", trading_why="lunch"), entry(), {},
        ("paused", "ACTIVE", "PAUSED", "trading is paused: lunch")),
    "two links": (
        put(**{LINKS + "public": Link("public", "down"), LINKS + "rest": Link("rest", "connecting")}), entry(), {},
        ("links_down", "up", "down", "not connected: public, rest")),
    "a link that was never there": (
        lambda d: d.state.links.pop("private"), entry(), {}, ("links_down", "up", "down", "not connected: private")),
    "doubt": (
        put(doubt=True), entry(), {},
        ("links_down", "compared", "in doubt",
         "the account has not been compared with the venue since it was last connected")),
    "a silent private stream": (
        both(later(31), put(snapshot_t=1 << 62), lambda d: setattr(d.state.markets[SYMBOL], "quote_t", d.state.t)),
        entry(), {"stale_link_s": 30.0},
        ("links_down", "30 s", "31 s", "the private stream was last heard 31 s ago, limit 30 s")),
    "an account that was not compared for long": (
        both(later(31), lambda d: setattr(d.state.links["private"], "last_t", d.state.t)), entry(),
        {"stale_link_s": 30.0}, ("links_down", "30 s", "31 s", "the account was last heard 31 s ago, limit 30 s")),
    "a position that differs": (
        both(put(positions={SYMBOL: held("0.1", "0.3")}), put(alarms={f"PositionMismatch/{SYMBOL}": "x"})), entry(), {},
        ("links_down", "0.1", "0.3", "our position and the venue's differ")),
    "an open breaker": (
        lambda d: put(errors__breakers={"exits": Breaker("exits", "open", 3, d.state.t + 7 * SECOND)})(d), entry(), {},
        ("breaker_open", "closed", "open", "3 exits in a row got no answer: the next may go in 7 s")),
    "a breaker that tries": (
        put(errors__breakers={"orders": Breaker("orders", "half-open", 4, 1)}), entry(), {},
        ("breaker_open", "closed", "half-open", "4 orders in a row got no answer: one is trying now")),
    "no position to get out of": (
        nothing, way_out(), {},
        ("reduce_only_violation", "0", "SELL 0.1", "there is no position that this order would reduce")),
    "the wrong way out": (
        put(positions={SYMBOL: held("-0.2")}), way_out(), {},
        ("reduce_only_violation", "-0.2", "SELL 0.1", "there is no position that this order would reduce")),
    "more than is held": (
        put(positions={SYMBOL: held("-0.0999")}), way_out(side="BUY"), {},
        ("reduce_only_violation", "0.0999", "0.1", "only 0.0999 is held")),
    "no quote ever": (
        put(**{MARKET + "quote_t": 0}), entry(), {}, ("stale_quote", "2 s", "never", "no quote has been seen")),
    "an old quote": (
        later(2.5), entry(), {}, ("stale_quote", "2 s", "2.5 s", "the last quote is 2.5 s old, limit 2 s")),
    "a quote of tomorrow": (
        later(-0.5), entry(), {}, ("stale_quote", "2 s", "-0.5 s", "the last quote is -0.5 s old, limit 2 s")),
    "half a book": (
        put(**{MARKET + "asks": []}), entry(), {}, ("outlier_price", "two sides", "one side", "the book has only one side")),
    "the other half of a book": (
        put(**{MARKET + "bids": []}), entry(), {}, ("outlier_price", "two sides", "one side", "the book has only one side")),
    "a crossed book": (
        put(**{MARKET + "bids": [(60_002.0, 1.0)]}), entry(), {},
        ("outlier_price", "bid < ask", "60002 ≥ 60000.1", "the book is crossed: bid 60002, ask 60000.1")),
    "a bid of nothing": (
        put(**{MARKET + "bids": [(0.0, 1.0)]}), entry(), {},
        ("outlier_price", "bid < ask", "0 ≥ 60000.1", "the book is crossed: bid 0, ask 60000.1")),
    "no mark": (put(**{MARKET + "mark": 0.0}), entry(), {}, ("outlier_price", "1 %", "no mark", "no mark price has been seen")),
    "a mark far off": (
        quoted(60_600.0, mark=59_999.9), entry(stop=Decimal(60_000), target=Decimal(70_000)), {},
        ("outlier_price", "1 %", "1.00 %", "book and mark differ by 1.00 %, limit 1 %")),
    "a wide spread": (
        quoted(60_000.0, 30.6), entry(), {}, ("spread_too_wide", "5 bp", "5.10 bp", "the spread is 5.10 bp, limit 5 bp")),
    "a price far off": (
        nothing, at("63000.1"), {}, ("price_collar", "5 %", "5.00 %", "the price is 5.00 % from the market, limit 5 %")),
    "a price and no market": (
        both(put(**{MARKET + "bids": [], MARKET + "asks": [], MARKET + "last": 0.0}), put(positions={SYMBOL: held()})),
        way_out(price=Decimal(60_000)), {}, ("price_collar", "5 %", "unknown", "no market price to compare with")),
    "a maker that would take": (
        nothing, at("60000.1", tif="POST_ONLY"), {},
        ("post_only_would_cross", "60000.1", "60000.1", "BUY at 60000.1 would take from the book at 60000.1")),
    "a selling maker that would take": (
        nothing, short(kind="LIMIT", price=Decimal("59999.9"), tif="POST_ONLY"), {},
        ("post_only_would_cross", "59999.9", "59999.9", "SELL at 59999.9 would take from the book at 59999.9")),
    "no stop": (nothing, entry(stop=None), {}, ("no_stop", "a stop", "none", "an entry needs a protective stop")),
    "a stop on the wrong side": (
        nothing, entry(stop=Decimal("60000.1")), {},
        ("no_stop", "60000.1", "60000.1", "the stop 60000.1 is on the wrong side of 60000.1")),
    "little reward": (
        nothing, entry(target=Decimal("60500.1")), {},
        ("reward_risk_too_low", "1", "0.50", "reward is 0.50 of risk, limit 1")),
    "less than the venue takes": (
        nothing, entry(qty=Decimal("0.00009")), {},
        ("min_notional", "0.0001", "0.00009", "quantity 0.00009 is below the venue's minimum 0.0001")),
    "nothing": (
        put(positions={SYMBOL: held()}), way_out("0"), {}, ("min_notional", "> 0", "0", "the quantity is not positive")),
    "worth too little": (
        nothing, entry(qty=Decimal("0.0001")), {"min_notional_quote": 6.01},
        ("min_notional", "6.01", "6.00", "the order is worth 6.00, minimum 6.01")),
    "too many": (
        nothing, entry(qty=Decimal("1.0001")), {}, ("max_quantity", "1", "1.0001", "quantity 1.0001, limit 1")),
    "worth too much": (
        nothing, entry(), {"max_notional_quote": 6_000.0},
        ("max_notional", "6,000.00", "6,000.01", "the order is worth 6,000.01, limit 6,000.00")),
    "too large a position": (
        put(positions={SYMBOL: held("1.9001")}), entry(), {},
        ("max_position", "2", "2.0001", "the position could reach 2.0001, limit 2")),
    "too much exposure": (
        nothing, entry(), {"max_exposure_quote": 5_999.0},
        ("max_exposure", "5,999.00", "6,000.00", "exposure could reach 6,000.00, limit 5,999.00")),
    "too much leverage": (
        nothing, entry(), {"max_leverage": 0.5},
        ("max_leverage", "0.5×", "0.60×", "exposure could reach 0.60× equity, limit 0.5×")),
    "leverage of an account that is not known": (
        put(account__known=False), entry(), {},
        ("max_leverage", "20×", "unknown", "equity is not known or not positive")),
    "leverage of nothing": (
        put(account__wallet=Decimal(0)), entry(), {},
        ("max_leverage", "20×", "unknown", "equity is not known or not positive")),
    "too much at risk": (
        nothing, entry(), {"total_at_risk_pct": 1.0},
        ("total_at_risk", "1 %", "1.00 %", "all stops together would cost 1.00 % of equity, limit 1 %")),
    "more than the book holds": (
        quoted(60_000.0, size=0.01), entry(), {},
        ("max_slippage", "20 bp", "beyond the book", "the visible book holds less than 0.1")),
    "slippage": (
        nothing, entry(), {"max_slippage_bps": 0.01},
        ("max_slippage", "0.01 bp", "0.02 bp", "filling would cost 0.02 bp, limit 0.01 bp")),
    "the day's loss": (
        put(risk__day_start=10_600.0), entry(), {},
        ("daily_loss", "5 %", "5.66 %", "the day's loss is 5.66 %, limit 5 %")),
    "the week's loss": (
        put(risk__week_start=12_000.0), entry(), {},
        ("weekly_loss", "10 %", "16.67 %", "the week's loss is 16.67 %, limit 10 %")),
    "drawdown": (
        put(risk__high_water=14_000.0), entry(), {},
        ("max_drawdown", "20 %", "28.57 %", "equity is below its high by 28.57 %, limit 20 %")),
    "losses in a row": (
        put(risk__losses_in_row=4), entry(), {},
        ("consecutive_losses", "4", "4", "4 losing trades in a row, limit 4; resume to go on")),
    "too soon after a trade": (
        lambda d: put(risk__last_exit_t=d.state.t - SECOND)(d), entry(), {"cooldown_s": 2.0},
        ("cooldown", "2 s", "1.0 s", "1.0 s since the last trade closed, limit 2 s")),
    "a strategy on its own for too long": (
        put(risk__repeats={"scripted": 100}), entry(), {},
        ("repeated_execution", "100", "101", "scripted sent 100 orders without a person, limit 100")),
    "too soon after an order": (
        lambda d: put(risk__sent_t=[1, d.state.t - SECOND])(d), entry(), {"order_spacing_s": 2.0},
        ("throttled", "2 s", "1.0 s", "1.0 s since the last order, limit 2 s")),
    "too many orders": (
        lambda d: put(risk__sent_t=[d.state.t - 60 * SECOND, *[d.state.t - 60 * SECOND + 1] * 3])(d), entry(),
        {"orders_per_minute": 3}, ("rate_limit_exceeded", "3", "4", "order 4 within a minute, limit 3")),
}  # fmt: skip


@pytest.mark.parametrize("what", ANSWERS)
def test_the_answer(what: str) -> None:
    arrange, order, changed, answer = ANSWERS[what]
    desk = Desk()
    arrange(desk)
    assert gate(desk.state, order, limits(**changed)) == Breach(*answer)


def test_every_check_has_its_answer_here() -> None:
    assert {answer[0] for *_, answer in ANSWERS.values()} == {code for code, _, _ in CHECKS}


def test_an_order_that_passes_is_the_order_and_the_time() -> None:
    desk = Desk()
    order = entry()
    assert gate(desk.state, order, limits()) == Approved(order, desk.state.t)


# --- which check first, and for whom ---------------------------------------------------------------------------------


def test_the_reason_that_is_told_first() -> None:
    assert [code for code, _, _ in CHECKS] == ORDER_OF_CHECKS


def test_the_first_reason_of_several_is_the_one_that_is_told() -> None:
    desk = Desk()
    put(trading="HALTED", doubt=True, risk__losses_in_row=9)(desk)
    told = []
    for mend in (put(trading="ACTIVE"), put(doubt=False), put(risk__losses_in_row=0)):
        verdict = gate(desk.state, entry(), limits())
        told.append(verdict.code if isinstance(verdict, Breach) else "ok")
        mend(desk)
    assert told == ["halted", "links_down", "consecutive_losses"]
    assert isinstance(gate(desk.state, entry(), limits()), Approved)


@pytest.mark.parametrize("shape", [Shape(*flags) for flags in PLANS])
def test_which_checks_concern_an_order(shape: Shape) -> None:
    left_out = set()
    if shape.exits:
        left_out = set(ORDER_OF_CHECKS) - {*FOR_EXITS, "price_collar", "post_only_would_cross"}
    else:
        left_out = {"reduce_only_violation"}
    if shape.active:
        left_out |= {"halted", "safe_mode", "paused"}
    if not shape.priced:
        left_out |= {"price_collar", "post_only_would_cross"}
    else:
        left_out.add("max_slippage")
    if not shape.stopped:
        left_out.add("reward_risk_too_low")
    assert [code for code, _ in PLANS[shape]] == [code for code in ORDER_OF_CHECKS if code not in left_out]


def test_there_is_a_plan_for_every_shape_and_no_other() -> None:
    assert len(PLANS) == 16
    assert len(set(PLANS)) == 16
    assert all(len(shape) == 4 for shape in PLANS)


# --- what the checks look at -----------------------------------------------------------------------------------------


def looked_at(desk: Desk, order: Order, own: float = 10_000.0, **changed: Any) -> Case:
    return _case(desk.state, order, limits(**changed), own)


def test_an_order_is_expected_to_fill_at_its_limit_or_at_the_side_that_it_takes() -> None:
    desk = Desk()
    for order, price in ((entry(), 60_000.1), (short(), 59_999.9), (at("59000.5"), 59_000.5)):
        case = looked_at(desk, order)
        assert (case.price, case.bid, case.ask, case.mid) == (price, 59_999.9, 60_000.1, 60_000.0)
        assert (case.qty, case.equity, case.market) == (0.1, 10_000.0, desk.state.markets[SYMBOL])
        assert case.instrument == INSTRUMENT


def test_with_half_a_book_the_last_price_is_the_middle() -> None:
    desk = Desk()
    for side in ("bids", "asks"):
        desk = Desk()
        put(**{MARKET + side: [], MARKET + "last": 61_234.0})(desk)
        assert looked_at(desk, entry()).mid == 61_234.0


def test_of_a_symbol_that_was_never_heard_of_nothing_is_known() -> None:
    desk = Desk()
    case = looked_at(desk, entry(symbol="X"))
    assert (case.market, case.instrument, case.position) == (None, None, None)
    assert (case.qty, case.price, case.bid, case.ask, case.mid, case.equity) == (0.1, 0.0, 0.0, 0.0, 0.0, 10_000.0)
    assert looked_at(desk, at("5.5", symbol="X")).price == 5.5


def test_other_orders_are_looked_at_for_entries_alone() -> None:
    desk = Desk()
    other = entry(client_id="other", status="ACCEPTED")
    put(orders={"other": other}, open_orders={"other": 1})(desk)
    assert looked_at(desk, entry()).working == [other]
    assert looked_at(desk, way_out()).working == []


def test_the_worst_case_is_asked_for_once() -> None:
    desk = Desk()
    case = looked_at(desk, entry())
    assert case.worst_position() == Decimal("0.1")
    assert case.worst_exposure() == 6_000.0
    put(positions={SYMBOL: held("5")})(desk)
    assert case.worst_position() == Decimal("0.1")
    assert case.worst_exposure() == 6_000.0


def test_an_exposure_of_nothing_is_remembered_too() -> None:
    desk = Desk()
    put(**{MARKET + "mark": 0.0, MARKET + "last": 0.0})(desk)
    case = looked_at(desk, entry())
    assert case.worst_exposure() == 0.0
    put(**{MARKET + "mark": 60_000.0})(desk)
    assert case.worst_exposure() == 0.0


def test_the_equity_is_the_callers_where_it_has_it() -> None:
    desk = Desk()
    tight = limits(max_leverage=0.5)
    assert isinstance(gate(desk.state, entry(), tight), Breach)
    assert isinstance(gate(desk.state, entry(), tight, 12_000.0), Approved)
    assert isinstance(gate(desk.state, entry(), tight, 11_999.0), Breach)


@pytest.mark.parametrize("price", [None, Decimal(60_000)])
def test_no_check_passes_what_it_cannot_see(price: Decimal | None) -> None:
    """A symbol without a market never comes so far; had it, every check that needs one would refuse."""
    desk = Desk()
    case = looked_at(desk, entry(symbol="X", price=price, tif="POST_ONLY"))
    assert quotes.stale_quote(case) == ("2 s", "never", "no quote has been seen")
    assert quotes.outlier_price(case) == ("two sides", "one side", "the book has only one side")
    assert quotes.spread_too_wide(case) == ("5 bp", "unknown", "the spread is not known")
    if price is not None:
        assert terms.price_collar(case) == ("5 %", "unknown", "no market price to compare with")
    assert terms.post_only_would_cross(case) is None
    assert terms.likely_fill(case) == float(price or 0)
    assert size.max_slippage(case) is None
    assert size.venue_max(case) == 0


def test_risk_is_no_part_of_an_equity_that_is_not_positive() -> None:
    desk = Desk()
    for own in (0.0, -1.0):
        unknown = ("50 %", "unknown", "equity is not known or not positive")
        assert size.total_at_risk(looked_at(desk, entry(), own=own)) == unknown
        assert size.max_leverage(looked_at(desk, entry(), own=own)) is not None
    assert size.total_at_risk(looked_at(desk, entry(), own=0.5, total_at_risk_pct=1e9)) is None
    assert size.max_leverage(looked_at(desk, entry(), own=0.5, max_leverage=1e9)) is None


def test_checks_that_do_not_concern_an_order_pass_it() -> None:
    desk = Desk()
    assert terms.reduce_only_violation(looked_at(desk, entry())) is None
    assert terms.price_collar(looked_at(desk, entry())) is None
    assert size.max_slippage(looked_at(desk, at("60000"), max_slippage_bps=1e-9)) is None
    nothing_quoted = Desk()
    put(**{MARKET + "bids": [], MARKET + "asks": [], MARKET + "last": 0.0})(nothing_quoted)
    assert size.max_slippage(looked_at(nothing_quoted, entry())) is None
    assert terms.post_only_would_cross(looked_at(nothing_quoted, at("60000", tif="POST_ONLY"))) is None
    assert pace.repeated_execution(looked_at(desk, entry(strategy=""), repeated_execution=1)) is None


# --- what bars every entry -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arrange", "bar"),
    [
        (nothing, None),
        (put(trading="HALTED", trading_why="enough"), Bar("halted", "halted: enough")),
        (put(trading="SAFE", trading_why="links"), Bar("safe_mode", "safe: links")),
        (put(trading="PAUSED", trading_why="lunch"), Bar("paused", "paused: lunch")),
        (put(risk__day_start=10_527.0), Bar("daily_loss", "daily loss limit reached")),
        (put(risk__week_start=11_112.0), Bar("weekly_loss", "weekly loss limit reached")),
        (put(risk__high_water=12_501.0), Bar("max_drawdown", "drawdown limit reached")),
        (put(risk__day_start=10_526.0, risk__week_start=11_111.0, risk__high_water=12_500.0 - 1e-6), None),
    ],
)
def test_what_bars_every_entry(arrange: Arrange, bar: Bar | None) -> None:
    desk = Desk()
    arrange(desk)
    assert barred(desk.state, limits()) == bar
    if bar is None or bar.code.endswith(("loss", "drawdown")):
        assert barred(desk.state, limits(), 50_000.0) is None
        assert barred(desk.state, limits(), 1.0) == Bar("daily_loss", "daily loss limit reached")


@pytest.mark.parametrize(
    ("start", "own", "lost"), [(100.0, 95.0, 5.0), (100.0, 105.0, -5.0), (0.0, -5.0, 0.0), (-10.0, -20.0, 0.0), (1.0, 0.0, 100.0)]
)  # fmt: skip
def test_a_loss_is_percent_of_what_was_there_at_the_start(start: float, own: float, lost: float) -> None:
    assert pace.lost_pct(own, start) == lost


def test_a_limit_is_reached_exactly_there_and_by_what_is_no_number() -> None:
    assert losses.reached(95.0, 100.0, 5.0)
    assert not losses.reached(95.01, 100.0, 5.0)
    assert losses.reached(float("nan"), 100.0, 5.0)


@pytest.mark.parametrize(
    ("changes", "counts"),
    [
        *(({"status": s}, True) for s in ("PROPOSED", "AWAITING_APPROVAL", "SUBMITTED", "ACCEPTED", "UNKNOWN")),
        *(({"status": s}, False) for s in ("FILLED", "CANCELLED", "DENIED")),
        ({"role": "exit", "status": "ACCEPTED"}, False),
        ({"role": "foreign", "status": "ACCEPTED"}, False),
        ({"symbol": "OTHER", "status": "ACCEPTED"}, False),
    ],
)
def test_entries_of_a_symbol_that_are_not_over(changes: dict[str, Any], counts: bool) -> None:
    desk = Desk()
    order = entry(**changes)
    put(orders={"new-1": order}, open_orders={"new-1": 1})(desk)
    assert working_entries(desk.state, SYMBOL) == ([order] if counts else [])
    put(open_orders={})(desk)
    assert working_entries(desk.state, SYMBOL) == []

"""How much: what the risk allows, under every cap, on the lot step. A cap makes an order smaller and says which it was."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest
from desk import INSTRUMENT, SYMBOL, limits
from hypothesis import given
from hypothesis import strategies as st

from engine.core.risk import Approved, Breach, gate
from engine.core.sizing import LARGEST, Sized, size, wanted_quantity
from engine.model.market import Instrument
from engine.model.orders import Intent, Order, Position
from engine.model.state import Account, Link, Market, State

PRICE = 60_000.0


def intent(side: Any = "BUY", qty: str | None = None, stop: float | None = 59_000.0, factor: float = 1.0) -> Intent:
    return Intent(side=side, qty=None if qty is None else Decimal(qty), stop=stop, size_factor=factor)


def order(qty: str, side: Any = "BUY", **changes: Any) -> Order:
    values: dict[str, Any] = {
        "client_id": "new",
        "symbol": SYMBOL,
        "kind": "MARKET",
        "stop": Decimal(59_000),
        **changes,
    }
    return Order(side=side, qty=Decimal(qty), **values)


def state(*orders: Order, held: str = "0", told: str | None = None) -> State:
    venue_qty = None if told is None else Decimal(told)
    positions = {SYMBOL: Position(symbol=SYMBOL, qty=Decimal(held), venue_qty=venue_qty)} if held != "0" or told else {}
    return State(
        orders={o.client_id: o for o in orders},
        open_orders=dict.fromkeys((o.client_id for o in orders), 1),
        positions=positions,
        markets={SYMBOL: Market(SYMBOL, mark=PRICE)},
    )


def sized(
    one: Order,
    where: State | None = None,
    own: float = 1e6,
    price: float = PRICE,
    instrument: Instrument = INSTRUMENT,
    **changed: Any,
) -> Sized:
    wide: dict[str, Any] = {"max_quantity": Decimal(1000), "max_position": Decimal(1000), "max_notional_quote": 1e9}
    wide |= {"max_exposure_quote": 1e9, "max_leverage": 1e6, "total_at_risk_pct": 1e6}
    return size(where or state(), one, instrument, limits(**{**wide, **changed}), price, own)


# --- what is wanted --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "own", "pct", "price", "qty"),
    [
        (intent(stop=59_900.0), 10_000.0, 1.0, PRICE, "1.0"),
        (intent(stop=59_900.0), 10_000.0, 2.0, PRICE, "2.0"),
        (intent("SELL", stop=60_200.0), 10_000.0, 1.0, PRICE, "0.5"),
        (intent(stop=59_900.0, factor=0.5), 10_000.0, 1.0, PRICE, "0.5"),
        (intent(stop=PRICE), 10_000.0, 1.0, PRICE, "0"),
        (intent(stop=60_100.0), 10_000.0, 1.0, PRICE, "0"),
        (intent("SELL", stop=59_900.0), 10_000.0, 1.0, PRICE, "0"),
        (intent(stop=None), 10_000.0, 1.0, PRICE, "0"),
        (intent(stop=59_900.0), 0.0, 1.0, PRICE, "0"),
        (intent(stop=59_900.0), -1.0, 1.0, PRICE, "0"),
        (intent(stop=59_999.5), -0.5, 100.0, PRICE, "0"),
        (intent(stop=59_999.5), 0.5, 100.0, PRICE, "1.0"),
        (intent(qty="0.25", stop=None), 10_000.0, 1.0, PRICE, "0.25"),
        (intent(qty="0.25", factor=0.5), 10_000.0, 1.0, PRICE, "0.125"),
        (intent(qty="0.3", factor=1.0), -5.0, 1.0, PRICE, "0.3"),
    ],
)
def test_what_is_wanted_is_the_intents_own_quantity_or_what_the_risk_buys(
    asked: Intent, own: float, pct: float, price: float, qty: str
) -> None:
    assert wanted_quantity(asked, own, pct, price) == Decimal(qty)


# --- the caps --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changed", "qty", "code"),
    [
        ({"max_quantity": Decimal("0.7")}, "0.7", "max_quantity"),
        ({"max_notional_quote": 30_000.0}, "0.5", "max_notional"),
        ({"max_position": Decimal("0.6")}, "0.6", "max_position"),
        ({"max_exposure_quote": 24_000.0}, "0.4", "max_exposure"),
        ({"max_leverage": 0.018}, "0.3", "max_leverage"),
        ({"total_at_risk_pct": 0.02}, "0.2", "total_at_risk"),
    ],
)
def test_each_cap_makes_the_order_as_small_as_it_must_be_and_no_smaller(
    changed: dict[str, Any], qty: str, code: str
) -> None:
    assert sized(order("1"), **changed) == Sized(Decimal(qty), f"1.0000 → {Decimal(qty):.4f} by {code}", None)
    assert sized(order(qty), **changed) == Sized(Decimal(qty), "", None)
    over = f"{Decimal(qty) + Decimal('0.0001'):f}"
    assert sized(order(over), **changed).qty == Decimal(qty)


def test_the_tightest_cap_is_the_one_that_is_told() -> None:
    found = sized(order("1"), max_quantity=Decimal("0.7"), max_position=Decimal("0.3"), max_notional_quote=30_000.0)
    assert found == Sized(Decimal("0.3"), "1.0000 → 0.3000 by max_position", None)
    same = sized(order("1"), max_quantity=Decimal("0.5"), max_position=Decimal("0.5"), max_notional_quote=30_000.0)
    assert same.resized == "1.0000 → 0.5000 by max_quantity"


@pytest.mark.parametrize(
    ("kind", "at_market", "at_limit", "qty"),
    [
        ("MARKET", "0.3", "0.4", "0.3"),
        ("LIMIT", "0.3", "0.4", "0.4"),
        ("MARKET", "9", "0.4", "0.5"),
        ("MARKET", "0", "0.4", "0.5"),
        ("LIMIT", "0.3", "0", "0.5"),
    ],
)
def test_the_venues_own_largest_order_is_a_cap_where_it_has_one(
    kind: str, at_market: str, at_limit: str, qty: str
) -> None:
    venue = msgspec.structs.replace(INSTRUMENT, max_market_qty=Decimal(at_market), max_limit_qty=Decimal(at_limit))
    assert sized(order("1", kind=kind), instrument=venue, max_quantity=Decimal("0.5")).qty == Decimal(qty)


@pytest.mark.parametrize(
    ("held", "side", "room"),
    [
        ("0.2", "BUY", "0.3"),
        ("-0.2", "SELL", "0.3"),
        ("-0.2", "BUY", "0.7"),
        ("0.2", "SELL", "0.7"),
        ("0", "BUY", "0.5"),
    ],
)
def test_what_is_held_takes_room_and_an_opposite_position_gives_it(held: str, side: str, room: str) -> None:
    one = order("2", side, stop=None)
    assert sized(one, state(held=held), max_position=Decimal("0.5")).qty == Decimal(room)


@pytest.mark.parametrize("status", ["SUBMITTED", "ACCEPTED", "PARTIALLY_FILLED", "UNKNOWN"])
def test_what_works_or_has_no_answer_takes_room_like_what_is_held(status: str) -> None:
    out = order("0.2", client_id="out", status=status)
    assert sized(order("2"), state(out), max_position=Decimal("0.5")).qty == Decimal("0.3")
    assert sized(order("2"), state(out), max_exposure_quote=30_000.0).qty == Decimal("0.3")
    assert sized(order("2"), state(out), max_leverage=0.03).qty == Decimal("0.3")
    out.reference = PRICE
    assert sized(order("2"), state(out), total_at_risk_pct=0.05).qty == Decimal("0.3")


def test_where_the_venue_says_that_we_hold_more_that_takes_the_room() -> None:
    assert sized(order("2"), state(held="0.1", told="0.3"), max_position=Decimal("0.5")).qty == Decimal("0.2")


def test_without_a_stop_or_with_one_at_the_price_the_risk_caps_nothing() -> None:
    assert sized(order("1", stop=None), total_at_risk_pct=1e-9).qty == 1
    assert sized(order("1", stop=Decimal(60_000)), total_at_risk_pct=1e-9).qty == 1
    assert sized(order("1", stop=Decimal("59999.5")), total_at_risk_pct=1e-9).breach is not None


def test_an_equity_below_nothing_leaves_no_room_and_no_negative_one() -> None:
    found = sized(order("1"), own=-500.0)
    assert found.breach == Breach("max_leverage", "0.0000", "1.0000", "max_leverage leaves room for 0 of 1.0000")


def test_without_a_price_or_limits_of_the_symbol_nothing_caps() -> None:
    for price in (0.0, -1.0):
        assert sized(order("1"), price=price, max_quantity=Decimal("0.1"), min_notional_quote=-1e9).qty == 1
    assert sized(order("1", symbol="X"), max_quantity=Decimal("0.1")).qty == 1
    assert sized(order("1"), price=0.5, max_quantity=Decimal("0.1"), min_notional_quote=0.0).qty == Decimal("0.1")


# --- steps and what is too small -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("qty", "on"), [("0.12345", "0.1234"), ("0.12349999", "0.1234"), ("0.1234", "0.1234")])
def test_a_quantity_is_rounded_down_to_the_step(qty: str, on: str) -> None:
    assert sized(order(qty)) == Sized(Decimal(on), "", None)
    assert sized(order("1"), max_quantity=Decimal(qty)).qty == Decimal(on)


def test_no_order_is_beyond_all_bounds() -> None:
    wide: dict[str, Any] = {
        "max_quantity": Decimal("1e30"),
        "max_position": Decimal("1e30"),
        "max_notional_quote": 1e40,
    }
    wide |= {"max_exposure_quote": 1e40, "max_leverage": 1e40, "total_at_risk_pct": 1e40}
    free = msgspec.structs.replace(INSTRUMENT, max_market_qty=Decimal(0), step=Decimal("0.001"))
    assert Decimal("1e12") == LARGEST
    for qty in ("1e12", "1000000000000.001", "1e20", "1e300"):
        assert sized(order(qty), instrument=free, **wide).qty == LARGEST
    assert sized(order("999999999999.999"), instrument=free, **wide).qty == Decimal("999999999999.999")


def test_what_a_cap_leaves_too_small_is_refused_with_the_caps_reason() -> None:
    found = sized(order("1"), max_notional_quote=4.0)
    text = "max_notional leaves room for 6.66667e-05 of 1.0000"
    assert found == Sized(Decimal("1.0000"), "", Breach("max_notional", "0.0000", "1.0000", text))
    full = sized(order("1"), state(held="0.6"), max_position=Decimal("0.5"))
    text = "max_position leaves room for 0 of 1.0000"
    assert full == Sized(Decimal("1.0000"), "", Breach("max_position", "0.0000", "1.0000", text))


@pytest.mark.parametrize(("least", "refused"), [(11.99, False), (12.0, False), (12.01, True)])
def test_what_a_cap_leaves_is_too_small_below_the_least_worth(least: float, refused: bool) -> None:
    found = sized(order("1"), max_quantity=Decimal("0.0002"), min_notional_quote=least)
    assert (found.breach is not None) == refused


@pytest.mark.parametrize(("least", "refused"), [("0.0001", False), ("0.0002", False), ("0.0003", True)])
def test_what_a_cap_leaves_is_too_small_below_the_venues_least(least: str, refused: bool) -> None:
    venue = msgspec.structs.replace(INSTRUMENT, min_qty=Decimal(least))
    found = sized(order("1"), instrument=venue, max_quantity=Decimal("0.0002"), min_notional_quote=0.0)
    assert (found.breach is not None) == refused


def test_what_was_wanted_too_small_is_left_to_the_gate() -> None:
    assert sized(order("0.00005")) == Sized(Decimal("0.0000"), "", None)
    assert sized(order("0.0001"), min_notional_quote=7.0) == Sized(Decimal("0.0001"), "", None)


# --- with the gate ---------------------------------------------------------------------------------------------------

quantities = st.integers(1, 30_000).map(lambda n: Decimal(n) / 10_000)


@given(
    quantities,
    st.integers(-5_000, 5_000).map(lambda n: Decimal(n) / 10_000),
    st.lists(
        st.tuples(quantities, st.sampled_from(["BUY", "SELL"]), st.sampled_from(["ACCEPTED", "UNKNOWN"])), max_size=4
    ),
    st.sampled_from(["BUY", "SELL"]),
    st.sampled_from([0.7, 3.0, 6.0]),
)
def test_whatever_is_made_to_fit_passes_the_gate(
    qty: Decimal, held: Decimal, out: list[tuple[Decimal, str, str]], side: Any, leverage: float
) -> None:
    """Sizes are cut by the same arithmetic that judges them: what is cut never meets the limit that it was cut by."""
    risk = limits(max_leverage=leverage, max_exposure_quote=55_000.0, max_notional_quote=40_000.0, min_reward_risk=0.0)
    stop = Decimal(59_000) if side == "BUY" else Decimal(61_000)
    others = [order(str(q), s, client_id=str(n), status=u, reference=PRICE) for n, (q, s, u) in enumerate(out)]
    where = state(*others, held=f"{held:f}" if held else "0")
    where.account = Account(known=True, wallet=Decimal(10_000))
    where.markets[SYMBOL] = Market(
        SYMBOL, mark=PRICE, quote_t=1, instrument=INSTRUMENT, bids=[(PRICE - 0.1, 50.0)], asks=[(PRICE + 0.1, 50.0)]
    )
    where.links = {name: Link(name, "up") for name in ("public", "private", "rest")}
    where.doubt, where.t = False, 1
    price = PRICE + 0.1 if side == "BUY" else PRICE - 0.1
    one = order(str(qty), side, stop=stop, client_id="new")
    fitted = size(where, one, INSTRUMENT, risk, price, 10_000.0)
    if fitted.breach is None:
        verdict = gate(where, msgspec.structs.replace(one, qty=fitted.qty), risk, 10_000.0)
        assert isinstance(verdict, Approved) or verdict.code == "min_notional", verdict

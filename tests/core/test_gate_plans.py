"""A check that does not concern an order's shape is not asked; had it been, it would have passed."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, get_args

import msgspec
from desk import SYMBOL, Desk
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.core.risk import CHECKS, PLANS, Breach, Shape, _case, gate
from engine.model.orders import Order, Side
from engine.model.settings import RiskLimits
from engine.model.state import equity

SHAPES = [Shape(*flags) for flags in PLANS]
EXITS = frozenset(code for code, concerns, _ in CHECKS if any(concerns(s) for s in SHAPES if s.exits))
"""Codes that can meet an order that only reduces; the others are for entries by intention, whatever they would say."""

prices = st.none() | st.sampled_from(
    [Decimal(100), Decimal(55_000), Decimal("59990.5"), Decimal(60_010), Decimal(90_000)]
)
orders = st.builds(
    Order,
    client_id=st.sampled_from(["new-1", "known"]),
    symbol=st.sampled_from([SYMBOL, SYMBOL, SYMBOL, "OTHER"]),
    side=st.sampled_from(get_args(Side)),
    kind=st.just("MARKET"),
    qty=st.sampled_from([Decimal(0), Decimal("0.0001"), Decimal("0.1"), Decimal(1), Decimal(50)]),
    price=prices,
    tif=st.sampled_from(["GTC", "POST_ONLY"]),
    reduce_only=st.booleans(),
    stop=prices,
    target=prices,
    strategy=st.sampled_from(["", "scripted"]),
)
numbers = st.sampled_from([0.001, 1.0, 5.0, 1_000.0, 1e9])
changes = st.fixed_dictionaries(
    {},
    optional={
        **{name: numbers for name in RiskLimits.__struct_fields__ if name.endswith(("_pct", "_bps", "_quote", "_s"))},
        "max_leverage": numbers,
        "min_reward_risk": st.sampled_from([0.0, 3.0]),
        "require_stop": st.booleans(),
    },
)


def asked_of_all(desk: Desk, order: Order, limits: RiskLimits) -> str:
    """The first breach of the whole table, with nothing left out."""
    case = _case(desk.state, order, limits, 0.0 if order.reduce_only else equity(desk.state))
    for code, _, check in CHECKS:
        if (not order.reduce_only or code in EXITS) and check(case) is not None:
            return code
    return ""


@settings(max_examples=400, deadline=None)
@given(orders, changes, st.sampled_from(["ACTIVE", "PAUSED", "HALTED", "SAFE"]), st.floats(-0.3, 0.3))
def test_the_plan_of_a_shape_gives_the_verdict_of_the_whole_table(
    order: Order, changed: dict[str, Any], trading: str, gone: float
) -> None:
    desk = Desk()
    desk.state.trading = trading
    desk.state.account.wallet *= Decimal(repr(1 + gone))
    limits = msgspec.structs.replace(desk.profile.risk, **changed)
    verdict = gate(desk.state, order, limits)
    assert (verdict.code if isinstance(verdict, Breach) else "") == asked_of_all(desk, order, limits)


def test_every_shape_asks_at_least_whether_the_order_is_new_allowed_and_can_be_sent() -> None:
    for plan in PLANS.values():
        assert [code for code, _ in plan][:2] == ["duplicate_order_id", "symbol_not_allowed"]
        assert "links_down" in [code for code, _ in plan]

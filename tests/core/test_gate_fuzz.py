"""Many random orders against all limits at once: none over a limit reaches the venue, whatever it answered to the others."""

from __future__ import annotations

import os
import random
from decimal import Decimal

import msgspec
from desk import INSTRUMENT, SECOND, SYMBOL, Desk, limits, profile
from test_gate_answers import entry, short

from engine.core.risk import Breach, gate
from engine.core.sizing import size
from engine.model import events as ev
from engine.model.orders import Order, sign
from engine.model.settings import RiskLimits
from engine.model.state import equity

FUZZED = int(os.environ.get("COCKPIT_FUZZED_ORDERS", "1500"))
"""``make coverage`` sends a hundred thousand."""

TIGHT = limits(
    max_quantity=Decimal("0.35"), max_position=Decimal("0.6"), max_notional_quote=18_000.0, max_exposure_quote=33_000.0,
    max_leverage=3.2, total_at_risk_pct=300.0, orders_per_minute=1_000, repeated_execution=10**9, daily_loss_pct=1e9,
    weekly_loss_pct=1e9, max_drawdown_pct=1e9, consecutive_losses=10**9, min_reward_risk=0.0,
)  # fmt: skip


SPREAD = 20.0
"""Half of the widest that may be traded in: what a market order pays is not known to a tick here."""


class Counting:
    """A venue that answers nothing by itself: it keeps what reached it, and takes all of it as filled at the worst moment."""

    def __init__(self, risk: RiskLimits) -> None:
        self.risk = risk
        self.held = Decimal(0)
        self.open: dict[str, Order] = {}
        self.received = 0
        self.over: list[str] = []

    def receive(self, order: Order, mark: float, equity: float) -> None:
        self.received += 1
        self.open[order.client_id] = msgspec.structs.replace(order)
        buys, sells = (
            sum((o.left for o in self.open.values() if o.side == s and not o.reduce_only), Decimal(0))
            for s in ("BUY", "SELL")
        )
        worst = max(abs(self.held + buys), abs(self.held - sells))
        price = float(order.price) if order.price is not None else mark
        limit = self.risk.symbols[SYMBOL]
        for what, is_over in {
            "quantity": order.qty > limit.max_quantity,
            "position": worst > limit.max_position,
            "notional": float(order.qty) * min(price, mark) > self.risk.max_notional_quote,
            "exposure": float(worst) * mark > self.risk.max_exposure_quote,
            "leverage": float(worst) * mark > self.risk.max_leverage * equity,
            "stop": order.stop is None or (price - float(order.stop)) * sign(order.side) <= -SPREAD,
        }.items():
            if is_over:
                self.over.append(f"{what}: {order}")

    def settle(self, client_id: str, qty: Decimal) -> None:
        order = self.open[client_id]
        self.held += qty * sign(order.side)
        order.filled += qty
        if not order.left:
            del self.open[client_id]


def send_many(count: int, chance: random.Random) -> tuple[Counting, dict[str, int]]:
    """Random orders through sizing (or past it) and the gate, with answers that come, come late, or never come."""
    desk = Desk(prof=profile(TIGHT))
    venue, refused = Counting(TIGHT), dict[str, int]()
    for number in range(count):
        desk.now += SECOND
        mid = round(60_000 + chance.uniform(-300, 300), 1)
        desk.quote(mid, chance.choice((0.2, 0.2, 10.0, 40.0)), chance.choice((5.0, 5.0, 0.02)))
        side = chance.choice(("BUY", "SELL"))
        away = Decimal(chance.choice((-3_500, -500, -50, 0, 50, 500, 3_500)))
        order = entry(
            client_id=f"f-{number}",
            side=side,
            qty=Decimal(chance.randrange(chance.choice((3, 5_000, 5_000, 5_000)))) / 10_000,
            kind="MARKET",
            stop=chance.choice(
                (None, Decimal("59999.9"), *[Decimal(60_000 - 1_000 * (1 if side == "BUY" else -1))] * 6)
            ),
            target=None,
        )
        if chance.random() < 0.5:
            order = msgspec.structs.replace(
                order, kind="LIMIT", price=(Decimal(str(mid)) + away).quantize(Decimal("0.1"))
            )
        if chance.random() < 0.3:
            own = float(desk.state.account.wallet)
            order.qty = size(desk.state, order, INSTRUMENT, TIGHT, float(order.price or 0) or mid, own).qty
        desk.take(ev.OrderDecided(desk.now, order))
        verdict = gate(desk.state, desk.state.orders[order.client_id], TIGHT)
        if isinstance(verdict, Breach):
            refused[verdict.code] = refused.get(verdict.code, 0) + 1
            desk.trader.refuse(verdict, order)
        else:
            desk.trader.send(verdict)
            venue.receive(verdict.order, mid, equity(desk.state))
        answer(desk, venue, chance, mid)
    return venue, refused


def answer(desk: Desk, venue: Counting, chance: random.Random, price: float) -> None:
    """The venue fills, ends or forgets to answer about one of its orders."""
    if not venue.open:
        return
    client_id = chance.choice(sorted(venue.open))
    what, order = chance.random(), venue.open[client_id]
    if what < 0.25:
        desk.take(ev.OrderReport(desk.now, client_id, "", SYMBOL, "UNKNOWN", order.filled, source="reply"))
    elif what < 0.6:
        qty = order.left if chance.random() < 0.7 else (order.left / 2).quantize(Decimal("0.0001"))
        if qty:
            venue.settle(client_id, qty)
            desk.fill(client_id, f"{qty}", f"{price}")
    elif what < 0.9:
        desk.take(ev.OrderReport(desk.now, client_id, "", SYMBOL, "CANCELLED", order.filled, source="reply"))
        del venue.open[client_id]


def test_of_many_orders_not_one_over_a_limit_reaches_the_venue() -> None:
    chance = random.Random(20_260_101)
    received, refused, left = 0, set[str](), FUZZED
    while left > 0:
        venue, codes = send_many(min(left, 500), chance)
        assert venue.over == []
        received, left = received + venue.received, left - 500
        refused |= set(codes)
    assert received > FUZZED // 20
    assert {"max_quantity", "max_position", "max_notional", "no_stop", "price_collar", "spread_too_wide"} <= refused
    assert {"min_notional", "max_slippage"} <= refused
    assert {"max_exposure", "max_leverage"} & refused


def test_the_counting_venue_notices_an_order_over_the_limit() -> None:
    for order in (entry(qty=Decimal("0.36")), entry(stop=None), short(stop=Decimal(50_000))):
        venue = Counting(TIGHT)
        venue.receive(order, 60_000.0, 10_000.0)
        assert venue.over
    venue = Counting(TIGHT)
    for number in range(3):
        venue.receive(entry(client_id=str(number), qty=Decimal("0.25")), 60_000.0, 10_000.0)
    assert [text.split(":")[0] for text in venue.over] == ["position", "exposure", "leverage"]

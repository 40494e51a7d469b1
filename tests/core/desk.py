"""A trading desk for tests: a trader with a quoted market and a funded account, and verbs that read like sentences."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec

from engine.core.trader import Trader
from engine.model import events as ev
from engine.model.market import MINUTE_NS, Candle, Instrument
from engine.model.orders import Fill, Intent, Order, Side, Stop
from engine.model.settings import (
    ExchangeSettings,
    PreflightSettings,
    Profile,
    RiskLimits,
    ScreenSettings,
    SymbolLimits,
    TradingRules,
    VenueSettings,
)
from engine.strategies.base import Params, Strategy, View

SYMBOL = "BTCUSDT"
T0 = 1_773_144_000_000_000_000
"""2026-03-10 12:00:00 UTC, a Tuesday."""
SECOND = 1_000_000_000

INSTRUMENT = Instrument(
    symbol=SYMBOL,
    base="BTC",
    quote="USDT",
    tick=Decimal("0.1"),
    step=Decimal("0.0001"),
    min_qty=Decimal("0.0001"),
    max_limit_qty=Decimal(1000),
    max_market_qty=Decimal(120),
    min_notional=Decimal(0),
    max_leverage=200,
    maker_fee=Decimal("0.0002"),
    taker_fee=Decimal("0.0006"),
)


def limits(**changes: Any) -> RiskLimits:
    """Limits that a plain order passes with room to spare; ``max_quantity`` and ``max_position`` are the symbol's."""
    symbol = SymbolLimits(
        max_quantity=changes.pop("max_quantity", Decimal(1)), max_position=changes.pop("max_position", Decimal(2))
    )
    values: dict[str, Any] = {
        "symbols": {SYMBOL: symbol},
        "max_notional_quote": 100_000.0,
        "min_notional_quote": 5.0,
        "max_leverage": 20.0,
        "max_exposure_quote": 200_000.0,
        "total_at_risk_pct": 50.0,
        "price_collar_pct": 5.0,
        "max_spread_bps": 5.0,
        "stale_quote_s": 2.0,
        "outlier_pct": 1.0,
        "max_slippage_bps": 20.0,
        "daily_loss_pct": 5.0,
        "weekly_loss_pct": 10.0,
        "max_drawdown_pct": 20.0,
        "consecutive_losses": 4,
        "cooldown_s": 0.0,
        "min_reward_risk": 1.0,
        "order_spacing_s": 0.0,
        "orders_per_minute": 30,
        "repeated_execution": 100,
        "require_stop": True,
    }
    return RiskLimits(**{**values, **changes})


def profile(risk: RiskLimits | None = None, **trading: Any) -> Profile:
    rules: dict[str, Any] = {
        "approval": "auto",
        "approval_ttl_s": 20.0,
        "approval_max_move_bps": 20.0,
        "risk_pct": 1.0,
        "leverage": 10,
        "trail_arm_r": 0.5,
        "trail_distance_r": 1.5,
        "stale_position_bars": 50,
        "decline_rest_bars": 2,
        "naked_grace_s": 3.0,
        "unknown_retry_s": 2.0,
        "on_quit": "leave",
        "on_ui_loss": "cancel_entries",
    }
    return Profile(
        name="test",
        mode="DEMO",
        symbols=[SYMBOL],
        strategies=[],
        risk=risk or limits(),
        trading=TradingRules(**{**rules, **trading}),
        venue=VenueSettings(
            kind="simulated",
            requests_per_s=8.0,
            cancel_reserve_per_s=4.0,
            timeout_s=5.0,
            ping_s=10.0,
            silence_public_s=5.0,
            silence_private_s=15.0,
            reconnect_first_s=0.1,
            reconnect_max_s=1.0,
            reconnect_tries=10,
            poll_account_s=30.0,
        ),
        exchange=ExchangeSettings(speed=1.0, seed=7, candles="", balance_quote=Decimal(10_000), start_price=60_000.0),
        screen=ScreenSettings(theme="dark", refresh_hz=5.0, timeframe="1m", keymap={}),
        preflight=PreflightSettings(min_equity_quote=100.0, max_clock_offset_ms=1000.0),
    )


class Scripted(Strategy[Params]):
    """Says at the next closed candle what the test told it to."""

    name = "scripted"
    params_type = Params

    def __init__(self, params: Params | None = None) -> None:
        super().__init__(params or Params())
        self.next: list[Intent] = []
        self.seen: list[Candle] = []

    def observe(self, candle: Candle) -> None:
        self.seen.append(candle)

    def decide(self, candle: Candle, view: View) -> list[Intent]:
        said, self.next = self.next, []
        return said


class Desk:
    """A trader that is connected, quoted at ``mid`` and owns ``wallet``; every verb returns the decisions it caused."""

    def __init__(self, mid: float = 60_000.0, wallet: str = "10000", prof: Profile | None = None) -> None:
        self.profile = prof or profile()
        self.strategy = Scripted()
        self.trader = Trader(self.profile, {SYMBOL: [self.strategy]})
        self.now = T0
        self.log: list[ev.Event] = []
        self.take(ev.SessionStarted(T0, "s1", "test", "DEMO", "sim", "0", ev.SCHEMA, "{}", "tag"))
        self.take(ev.InstrumentListed(T0, INSTRUMENT))
        self.take(ev.AccountReport(T0, "USDT", Decimal(wallet), Decimal(wallet), Decimal(0), Decimal(0)))
        for link in ("rest", "public", "private"):
            self.take(ev.LinkReport(T0, link, "up", 1.0))
        self.take(ev.SnapshotTaken(T0, "start", True))
        self.quote(mid)

    @property
    def state(self) -> Any:
        return self.trader.state

    def take(self, event: ev.Event) -> list[ev.Event]:
        self.log.append(event)
        decisions = self.trader.step(event)
        self.log.extend(decisions)
        return decisions

    def quote(self, mid: float, spread: float = 0.2, size: float = 5.0) -> list[ev.Event]:
        """A fresh book of five levels a side, and a mark at its middle."""
        half = spread / 2
        bids = [(round(mid - half - i * 0.5, 1), size) for i in range(5)]
        asks = [(round(mid + half + i * 0.5, 1), size) for i in range(5)]
        out = self.take(ev.BookTick(self.now, SYMBOL, bids, asks, self.now))
        return out + self.mark(mid)

    def mark(self, price: float) -> list[ev.Event]:
        return self.take(ev.MarkTick(self.now, SYMBOL, price, price, 0.0001, self.now + 3600 * SECOND, self.now))

    def wait(self, seconds: float, *, fresh: bool = True) -> list[ev.Event]:
        """Let time pass, with a tick of the clock at its end (and a fresh quote before it)."""
        self.now += int(seconds * SECOND)
        if fresh:
            self.quote(self.state.markets[SYMBOL].mid)
        return self.take(ev.Clock(self.now))

    def bar(self, *intents: Intent, close: float | None = None, volume: float = 10.0) -> list[ev.Event]:
        """Close a minute; the strategy answers it with ``intents``."""
        self.strategy.next = list(intents)
        market = self.state.markets[SYMBOL]
        start = market.candles[-1].open_time + MINUTE_NS if market.candles else T0 - MINUTE_NS
        price = close or market.mid
        return self.take(ev.CandleTick(self.now, SYMBOL, Candle(start, price, price, price, price, volume), True))

    def command(self, action: Any, target: str = "", text: str = "") -> list[ev.Event]:
        return self.take(ev.Command(self.now, action, "key", target, text))

    def accept(self, client_id: str) -> list[ev.Event]:
        order = self.order(client_id)
        return self.take(
            ev.OrderReport(self.now, client_id, f"v-{client_id}", SYMBOL, "ACCEPTED", order.filled, source="reply")
        )

    def fill(
        self, client_id: str, qty: str, price: str, *, trade: str = "", fee: str = "0", side: Side | None = None
    ) -> list[ev.Event]:
        order = self.state.orders.get(client_id)
        number = trade or f"t{self.state.seq}"
        taken = side or order.side
        row = Fill(
            self.now, SYMBOL, number, f"v-{client_id}", client_id, taken, Decimal(qty), Decimal(price), Decimal(fee), False
        )  # fmt: skip
        return self.take(ev.FillReport(self.now, row))

    def stop_stands(self, price: str, target: str | None = None, stop_id: str = "s1") -> list[ev.Event]:
        stop = Stop(stop_id, SYMBOL, None, Decimal(price), None if target is None else Decimal(target), self.now)
        return self.take(ev.StopReport(self.now, stop, "NEW"))

    def order(self, client_id: str) -> Order:
        found: Order = self.state.orders[client_id]
        return found

    def only_order(self) -> Order:
        (order,) = self.state.orders.values()
        return order  # type: ignore[no-any-return]

    def long(self, qty: str = "0.1", price: str = "60000", stop: str = "59000", target: str = "62000") -> Order:
        """Open a protected long position through an entry that fills at ``price``."""
        self.bar(buy(qty=qty, stop=float(stop), target=float(target)))
        order = list(self.state.orders.values())[-1]
        self.accept(order.client_id)
        self.fill(order.client_id, qty, price)
        self.stop_stands(stop, target)
        self.take(
            ev.PositionReport(
                self.now, SYMBOL, self.state.positions[SYMBOL].qty, Decimal(price), "p1", None, 10, "CROSS", "push"
            )
        )
        found: Order = order
        return found


def buy(qty: str | None = "0.1", stop: float | None = 59_000.0, target: float | None = 62_000.0, **more: Any) -> Intent:
    return Intent(side="BUY", qty=None if qty is None else Decimal(qty), stop=stop, target=target, why="a test", **more)


def sell(
    qty: str | None = "0.1", stop: float | None = 61_000.0, target: float | None = 58_000.0, **more: Any
) -> Intent:
    return Intent(
        side="SELL", qty=None if qty is None else Decimal(qty), stop=stop, target=target, why="a test", **more
    )


def kinds(decisions: list[ev.Event]) -> list[str]:
    return [type(d).__name__ for d in decisions]


def one(decisions: list[ev.Event], kind: type[ev.Event]) -> Any:
    (found,) = [d for d in decisions if isinstance(d, kind)]
    return found


def digest(state: Any) -> bytes:
    return msgspec.msgpack.encode(state)

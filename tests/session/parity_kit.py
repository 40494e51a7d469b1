"""Sessions made without a loop: a trader and a simulated venue on a generated market, journaled like a session's own.

At once: the venue answers as on paper, in the call that decides. Delayed: a request arrives some events after its decision and
its answer comes then, as from a venue behind a wire.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

from engine.core.trader import Trader
from engine.model import events as ev
from engine.model.market import MINUTE_NS, SECOND_NS, Candle, Instrument
from engine.model.settings import Profile
from engine.model.state import State
from engine.ops.config import load
from engine.ops.paths import home
from engine.replay.writing import Writer
from engine.sim.paper_feed import by_market_time, open_account, taken
from engine.strategies import registry

SYMBOL = "BTCUSDT"
T0 = 1_767_225_600_000_000_000
INSTRUMENT = Instrument(
    symbol=SYMBOL, base="BTC", quote="USDT", tick=Decimal("0.1"), step=Decimal("0.0001"), min_qty=Decimal("0.0001"),
    max_limit_qty=Decimal(100), max_market_qty=Decimal(100), min_notional=Decimal(5), max_leverage=125,
    maker_fee=Decimal("0.0002"), taker_fee=Decimal("0.0006"),
)  # fmt: skip
FREE: dict[str, Any] = {
    "risk.order_spacing_s": 0.0,
    "risk.stale_link_s": 0.0,
    "risk.orders_per_minute": 1_000_000,
    "risk.cooldown_s": 0.0,
    "risk.consecutive_losses": 1_000,
    "risk.repeated_execution": 1_000,
    "risk.min_reward_risk": 0.1,
    "risk.max_drawdown_pct": 90.0,
    "risk.weekly_loss_pct": 80.0,
    "risk.daily_loss_pct": 70.0,
    "trading.approval": "auto",
    "fill.slippage_bps": 0.0,
    "fill.spread": "book",
}
CROSS: dict[str, Any] = {"name": "ma_cross", "params": {"fast": 2, "slow": 4, "stop_atr": 1.0}}
RIBBON: dict[str, Any] = {"name": "ribbon", "params": {"trend_bars": 1}}


class Tape:
    """One session; ``log`` holds its events. ``delay`` is how many market events a request travels (0: paper), ``refuse`` the
    number of an order that the venue does not take."""

    def __init__(
        self,
        place: Path,
        strategies: Sequence[dict[str, Any]] = (CROSS,),
        delay: int = 0,
        refuse: int = -1,
        **flags: Any,
    ) -> None:
        chosen = {name.replace("__", "."): value for name, value in flags.items()}
        self.profile: Profile = load("demo", home(place, {}), {**FREE, **chosen}).profile
        built = {SYMBOL: [registry.build(s["name"], s["params"]) for s in strategies]}
        self.trader = Trader(self.profile, built)
        self.venue = open_account(self.profile, [INSTRUMENT])
        self.delay = delay
        self._sent, self._refused = 0, refuse
        self.log: list[ev.Event] = []
        self._travelling: list[tuple[int, ev.Event]] = []
        self._heard = 0
        config = msgspec.json.encode({"profile": self.profile, "strategies": list(strategies)}).decode()
        name = "bitunix" if delay else "paper"
        self.take(
            ev.SessionStarted(T0, "tape", "demo", "DEMO" if delay else "PAPER", name, "0", ev.SCHEMA, config, "c1")
        )
        for event in (
            *(ev.LinkReport(T0, link, "up", 0.0) for link in ("rest", "public", "private")),
            ev.InstrumentListed(T0, INSTRUMENT),
        ):
            self.take(event)

    @property
    def state(self) -> State:
        return self.trader.state

    def take(self, event: ev.Event) -> None:
        """An input from outside, and everything that follows from it."""
        decisions = self._step(event)
        said = self.venue.tick(event) if taken(self.state, event) else []
        self._answer([*said, *self._carry(decisions)])
        if isinstance(event, ev.BookTick | ev.TradeTick | ev.MarkTick):
            self._heard += 1
            due = [request for at, request in self._travelling if at <= self._heard]
            self._travelling = [row for row in self._travelling if row[0] > self._heard]
            for request in due:
                request.t = event.t
                self._answer(self.venue.carry(request, self.state))

    def _answer(self, said: Iterable[ev.Event]) -> None:
        waiting = deque(said)
        while waiting:
            waiting.extend(self._carry(self._step(by_market_time(self.state, waiting.popleft()))))

    def _step(self, event: ev.Event) -> list[ev.Event]:
        decisions = self.trader.step(event)
        self.log += [event, *decisions]
        return decisions

    def _carry(self, decisions: list[ev.Event]) -> Iterable[ev.Event]:
        for decision in decisions:
            if isinstance(decision, ev.OrderSent):
                self._sent += 1
                if self._sent == self._refused:
                    t, name = decision.t, decision.client_id
                    yield ev.OrderReport(t, name, "", SYMBOL, "REJECTED", Decimal(0), "20003", "no funds", "reply")
                    continue
            if self.delay and isinstance(decision, ev.OrderSent | ev.CancelSent | ev.ProtectSent):
                self._travelling.append((self._heard + self.delay, msgspec.structs.replace(decision)))
            else:
                yield from self.venue.carry(decision, self.state)

    # --- a market --------------------------------------------------------------------------------------------------

    def run(
        self, bars: int = 60, seed: int = 1, act: Callable[[Tape, int], None] | None = None, first: int = 0
    ) -> Tape:
        """Minutes of ticks in tenths, from minute ``first`` on; ``act`` may say something at each minute's end."""
        chance, mid = random.Random(seed), 600_000
        for bar in range(bars):
            opened, prices, t0 = mid, [mid], T0 + (first + bar) * MINUTE_NS
            for n in range(1, 11):
                t = t0 + n * 6 * SECOND_NS
                mid += chance.randint(-400, 400) + (60 if bar // 12 % 2 else -60)
                prices.append(mid)
                self._ticks(t, mid, chance)
            candle = Candle(t0, opened / 10, max(prices) / 10, min(prices) / 10, mid / 10, 10.0)
            self.take(ev.CandleTick(t0 + MINUTE_NS, SYMBOL, candle, True))
            if act is not None:
                act(self, bar)
        return self

    def _ticks(self, t: int, mid: int, chance: random.Random) -> None:
        bids = [((mid - 1 - i) / 10, chance.randint(1, 300) / 1000) for i in range(5)]
        asks = [((mid + 1 + i) / 10, chance.randint(1, 300) / 1000) for i in range(5)]
        due = (t // (8 * 60 * MINUTE_NS) + 1) * 8 * 60 * MINUTE_NS
        self.take(ev.BookTick(t, SYMBOL, bids, asks, t))
        self.take(
            ev.TradeTick(t, SYMBOL, (mid + chance.randint(-120, 120)) / 10, 0.4, chance.choice(("BUY", "SELL")), t)
        )
        self.take(ev.MarkTick(t, SYMBOL, mid / 10, mid / 10, 0.0001, due, t))
        self.take(ev.Clock(t))

    def say(self, action: Any, target: str = "", text: str = "") -> None:
        self.take(ev.Command(self.state.t, action, "key", target, text))

    def end(self) -> list[ev.Event]:
        self.take(ev.SessionEnded(self.state.t, "the tape ends", True))
        return self.log


def written(path: Path, events: Iterable[ev.Event]) -> Path:
    writer = Writer(path)
    state = State()
    for event in events:
        writer.write((event,), state)
    writer.close()
    return path

"""One set of fill rules: the loopback exchange and the simulated venue of paper trading do the same, to the digit.

Both get the same books, prints and marks, and the same orders at the same moments; their fills (price, quantity, fee, maker),
positions, protective orders, funding and wallets must be equal after every one of them.
"""

from __future__ import annotations

import random
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from engine.model import events as ev
from engine.model.fill_settings import FillModel
from engine.model.market import Candle, Instrument
from engine.model.orders import Order
from engine.model.state import State
from engine.sim import desk as desks
from engine.sim import guards, matching, paper_ticks, settlement
from engine.sim.accounts import new_account
from engine.sim.faults import Faults
from engine.sim.paper import PaperVenue
from engine.sim.refusals import Refused
from engine.sim.source import Level, MarketStep, Print
from engine.sim.spec import FUNDING_MS, MAKER_FEE, TAKER_FEE
from engine.sim.world import World

D = Decimal
SYMBOL = "BTCUSDT"
START_MS = 1_767_225_600_000
MS = 1_000_000
CASH = D(1_500)
COINS = Instrument(
    SYMBOL, "BTC", "USDT", D("0.1"), D("0.0001"), D("0.0001"), D(1000), D(120), D(0), 200, MAKER_FEE, TAKER_FEE
)
LEVELS = 70
"""A side; enough for every limit to be within sight."""
MIDDLE = 600_000
"""In ticks."""
Move = tuple[Any, ...]


class Tape:
    """A market that the test steps itself; ``step`` always gives the present."""

    symbol, tick, start_ms = SYMBOL, 0.1, START_MS

    def __init__(self) -> None:
        levels: list[list[Level]] = [[(_price(MIDDLE + s * (1 + 2 * i)), 1.0) for i in range(LEVELS)] for s in (-1, 1)]
        mid = _price(MIDDLE)
        self.now = MarketStep(START_MS, [], levels[0], levels[1], mid, mid, mid, 0.0001, START_MS + FUNDING_MS)

    def history(self) -> list[Candle]:
        mid = self.now.mark
        return [Candle((START_MS - 60_000) * MS, mid, mid, mid, mid, 1.0)]

    def step(self, t_ms: int) -> MarketStep:
        self.now.t_ms = t_ms
        return msgspec.structs.replace(self.now)


def _price(ticks: int) -> float:
    return ticks / 10


class Both:
    """The same market and the same orders for both venues."""

    def __init__(self, released_by: Any = "mark", **paper: Any) -> None:
        """``paper``: settings that the exchange does not have."""
        self.tape = Tape()
        self.account = new_account("key", "secret", CASH)
        self.world = World([self.tape], [self.account], Faults())
        self.trigger = "MARK_PRICE" if released_by == "mark" else "LAST_PRICE"
        chosen = FillModel(**{"spread": "book", "trigger": released_by, "maintenance_pct": 0.25, **paper})
        self.venue = PaperVenue([COINS], chosen, CASH, by="ticks", leverage=200)
        self.desk = self.venue.desks[SYMBOL]
        self.state = State()
        self.said: list[ev.Event] = []
        self.account.leverages[SYMBOL] = 200
        self._show(ev.BookTick(0, SYMBOL, self.tape.now.bids, self.tape.now.asks, self.ms * MS))
        self._show(ev.MarkTick(0, SYMBOL, self.tape.now.mark, 0.0, 0.0001, self._due(), self.ms * MS))
        self.desk.last = self.tape.now.last

    @property
    def ms(self) -> int:
        return self.tape.now.t_ms

    def _due(self) -> int:
        return (self.ms // FUNDING_MS + 1) * FUNDING_MS * MS

    def _show(self, event: ev.Event) -> None:
        event.t = self.ms * MS
        self.said += self.venue.tick(event)

    def play(self, move: Move) -> None:
        getattr(self, f"_{move[0]}")(*move[1:])

    # --- the market -----------------------------------------------------------------------------------------------

    def _advance(self, after_ms: int) -> None:
        settlement.advance(self.world, SYMBOL, self.tape.step(self.ms + after_ms))
        self.tape.now.prints = []

    def _book(self, after_ms: int, bids: list[Level], asks: list[Level]) -> None:
        self.tape.now.bids, self.tape.now.asks = bids, asks
        self._advance(after_ms)
        self._show(ev.BookTick(0, SYMBOL, bids, asks, self.ms * MS))

    def _print(self, after_ms: int, price: float, qty: float, side: Any) -> None:
        now = self.tape.now
        now.prints, now.last = [Print(self.ms + after_ms, price, qty, side)], price
        self._advance(after_ms)
        self._show(ev.TradeTick(0, SYMBOL, price, qty, side, self.ms * MS))

    def _mark(self, after_ms: int, price: float, rate: float) -> None:
        self.tape.now.mark, self.tape.now.funding_rate = price, rate
        self._advance(after_ms)
        self._show(ev.MarkTick(0, SYMBOL, price, price, rate, self._due(), self.ms * MS))

    def _settlement(self, price: float, rate: float) -> None:
        self._mark(FUNDING_MS - self.ms % FUNDING_MS + 7, price, rate)

    # --- orders ---------------------------------------------------------------------------------------------------

    def _send(self, name: str, side: Any, qty: str, price: str | None, effect: Any, closes: bool) -> None:
        asked = {"symbol": SYMBOL, "side": side, "qty": qty, "clientId": name, "reduceOnly": closes}
        asked |= {"orderType": "MARKET"} if price is None else {"orderType": "LIMIT", "price": price, "effect": effect}
        try:
            desks.place(self.world, self.account, asked)
        except Refused:
            return
        order = Order(
            client_id=name,
            symbol=SYMBOL,
            side=side,
            kind="MARKET" if price is None else "LIMIT",
            qty=D(qty),
            price=None if price is None else D(price),
            tif=effect,
            reduce_only=closes,
        )
        self.state.orders[name] = order
        self.said += self.venue.submit(order, self.ms * MS)

    def _cancel(self, name: str) -> None:
        try:
            desks.cancel_one(self.world, self.account, {"clientId": name})
        except Refused:
            return
        self.said += self.venue.carry(ev.CancelSent(self.ms * MS, [name], ""), self.state)

    def _protect(self, stop: str, target: str | None) -> None:
        position = self.account.positions.get((SYMBOL, "NET"))
        if position is None:
            return
        asked = {"symbol": SYMBOL, "positionId": position.position_id, "slPrice": stop, "slStopType": self.trigger}
        asked |= {} if target is None else {"tpPrice": target, "tpStopType": self.trigger}
        try:
            guards.place_for_position(self.world, self.account, asked, replace=True)
        except Refused:
            return
        wanted = None if target is None else D(target)
        self.said += self.venue.carry(ev.ProtectSent(self.ms * MS, SYMBOL, D(stop), wanted, "", ""), self.state)

    # --- the comparison -------------------------------------------------------------------------------------------

    def exchange(self) -> dict[str, Any]:
        position = self.account.positions.get((SYMBOL, "NET"))
        guard = next(iter(self.account.tpsl.values()), None)
        return {
            "fills": [(r.client_id, r.buys, r.qty, r.price, r.fee, r.maker) for r in self.account.trades],
            "position": D(0) if position is None else position.signed,
            "working": {o.client_id: o.remaining for o in self.account.orders.values()},
            "stop": None if guard is None or guard.sl is None else guard.sl.trigger,
            "target": None if guard is None or guard.tp is None else guard.tp.trigger,
            "funding": self.account.funding,
            "wallet": self.account.wallet - self.account.insurance,
        }

    def paper(self) -> dict[str, Any]:
        rows = [e.fill for e in self.said if isinstance(e, ev.FillReport)]
        stop = self.desk.stop
        return {
            "fills": [(f.client_id, f.side == "BUY", f.qty, f.price, f.fee, f.maker) for f in rows],
            "position": self.desk.qty,
            "working": {name: w.left for name, w in self.desk.orders.items()},
            "stop": None if stop is None else stop.stop,
            "target": None if stop is None else stop.target,
            "funding": self.desk.account.funding,
            "wallet": self.desk.account.wallet,
        }


def story(seed: int, length: int = 120) -> list[Move]:
    """A market that wanders and a trader who tries everything."""
    chance = random.Random(seed)
    mid, moves, limits = MIDDLE, list[Move](), [_price(MIDDLE)]
    for n in range(length):
        after = chance.choice((1, 40, 300, 700, 1_100))
        kind = chance.choices(
            ("book", "print", "mark", "settlement", "send", "cancel", "protect"), (20, 22, 14, 2, 26, 4, 12)
        )[0]
        match kind:
            case "book":
                mid = min(MIDDLE + 80, max(MIDDLE - 80, mid + chance.randint(-12, 12)))
                moves.append(("book", after, _side(chance, mid, -1), _side(chance, mid, 1)))
            case "print":
                qty = round(chance.choice((0.0001, 0.01, 0.2, 1.0)) * chance.random() + 0.0001, 4)
                price = chance.choice((_price(_near(chance, mid, 9)), limits[-1]))
                moves.append(("print", after, price, qty, chance.choice(("BUY", "SELL"))))
            case "mark":
                far = chance.choice((5, 5, 60, 60, 400, 45_000))
                moves.append(("mark", after, _price(_near(chance, mid, far)), round(chance.uniform(-5e-4, 5e-4), 6)))
            case "settlement":
                moves.append(("settlement", _price(_near(chance, mid, 20)), round(chance.uniform(-5e-4, 5e-4), 6)))
            case "send":
                limits.append(_price(_near(chance, mid, 9)))
                limit = None if chance.random() < 0.4 else f"{limits[-1]:.1f}"
                effect = chance.choice(("GTC", "GTC", "GTC", "IOC", "FOK", "POST_ONLY")) if limit else "GTC"
                size = chance.choice(("0.0001", "0.0123", "0.05", "0.2", "0.7"))
                closes = chance.random() < 0.25
                moves.append(("send", f"o{n}", chance.choice(("BUY", "SELL")), size, limit, effect, closes))
            case "cancel":
                moves.append(("cancel", f"o{chance.randint(max(0, n - 25), n)}"))
            case "protect":
                up = chance.choice((1, -1))
                target = f"{_price(mid + up * chance.randint(3, 60)):.1f}" if chance.random() < 0.7 else None
                moves.append(("protect", f"{_price(mid - up * chance.randint(3, 60)):.1f}", target))
    return moves


def _near(chance: random.Random, mid: int, width: int) -> int:
    return mid + chance.randint(-width, width)


def _side(chance: random.Random, mid: int, sign: int) -> list[Level]:
    first = chance.randint(1, 3)
    sizes = (0.0001, 0.003, 0.04, 0.3)
    return [(_price(mid + sign * (first + 2 * i)), chance.choice(sizes)) for i in range(LEVELS)]


def differences(seed: int, released_by: Any = "mark", **paper: Any) -> tuple[str, Both]:
    """The first move after which they differ, and in what."""
    both = Both(released_by, **paper)
    for n, move in enumerate(story(seed)):
        both.play(move)
        there, here = both.exchange(), both.paper()
        off = [key for key in there if there[key] != here[key]]
        if off:
            told = "; ".join(f"{key}: {_tail(there[key])} and on paper {_tail(here[key])}" for key in off)
            return f"#{n} {move[0]} {move[1:] if move[0] != 'book' else ''} → {told}", both
    return "", both


def _tail(value: Any) -> Any:
    return value[-3:] if isinstance(value, list) else value


@pytest.mark.parametrize("trigger", ["mark", "last"])
@pytest.mark.parametrize("seed", range(20))
def test_the_exchange_and_paper_do_the_same_to_the_digit(seed: int, trigger: Any) -> None:
    found, _ = differences(seed, trigger)
    assert not found


def test_the_stories_reach_every_rule() -> None:
    fills, ends = [], set()
    funding = liquidations = triggered = 0
    for seed in range(20):
        _, both = differences(seed)
        fills += both.exchange()["fills"]
        funding += bool(both.account.funding)
        ends |= {o.effect for o in both.account.done if o.status == "CANCELED"}
        liquidations += sum(o.origin == "LIQUIDATION" for o in both.account.done)
        triggered += sum(o.status == "FILLED" for o in both.account.tpsl_done)
    assert sum(maker for *_, maker in fills) > 50
    assert sum(not maker for *_, maker in fills) > 100
    assert {"POST_ONLY", "FOK", "IOC"} <= ends
    assert funding > 5
    assert liquidations > 0
    assert triggered > 20


PLANTED: dict[str, dict[str, Any]] = {
    "slippage": {"slippage_bps": 0.2},
    "liquidation": {"maintenance_pct": 6.0},
    "trigger": {"trigger": "last"},
}


@pytest.mark.parametrize("plant", PLANTED)
def test_another_setting_is_a_difference_that_is_found(plant: str) -> None:
    assert any(differences(seed, **PLANTED[plant])[0] for seed in range(20))


def _jumps_the_queue(steps: Any, orders: list[Any], trade: Any) -> list[Any]:
    for order in orders:
        order.queue = D(0)
    return matching.match_print(steps, orders, trade)


def test_a_venue_that_jumps_the_queue_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paper_ticks, "match_print", _jumps_the_queue)
    assert any(differences(seed)[0] for seed in range(20))

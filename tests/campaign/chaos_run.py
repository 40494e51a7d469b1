"""``chaos_run.py BUG,BUG run …``: the cockpit with strategies of its own, and with bugs in it that a campaign must notice."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from contextlib import nullcontext
from decimal import Decimal
from typing import Any

from engine.model.market import Candle
from engine.model.orders import Intent, Side
from engine.strategies import registry
from engine.strategies.base import Params, Strategy, View, leave

AT_ONCE = 4


class RestParams(Params, frozen=True):
    quantity: Decimal = Decimal("0.002")
    away_pct: float = 10


class Rest(Strategy[RestParams]):
    """A limit order below the market that is seldom filled, and another one when it is gone."""

    name = "chaos_rest"
    params_type = RestParams

    def observe(self, candle: Candle) -> None:
        self.why = "resting"

    def decide(self, candle: Candle, view: View) -> list[Intent]:
        if view.pending or not view.flat:
            return []
        price = candle.close * (1 - self.params.away_pct / 100)
        stop, target = price * 0.99, price * 1.03
        return [Intent(side="BUY", kind="LIMIT", price=price, stop=stop, target=target, qty=self.params.quantity)]


class Flip(Strategy[RestParams]):
    """In at one candle, out at the next, long and short in turns, several orders at once."""

    name = "chaos_flip"
    params_type = RestParams

    def __init__(self, params: RestParams) -> None:
        super().__init__(params)
        self.candles = 0

    def observe(self, candle: Candle) -> None:
        self.candles += 1
        self.why = "flipping"

    def decide(self, candle: Candle, view: View) -> list[Intent]:
        if view.position is not None and view.position.qty:
            return [leave(view.position, "flip")]
        if view.pending:
            return []
        long = self.candles % 4 < 2
        side: Side = "BUY" if long else "SELL"
        sign = 1 if long else -1
        stop, target = candle.close * (1 - 0.05 * sign), candle.close * (1 + 0.1 * sign)
        return [Intent(side=side, stop=stop, target=target, qty=self.params.quantity) for _ in range(AT_ONCE)]


def send_early() -> None:
    """Effects do not wait for the disk, which is asked late: orders leave before their decision is durable."""
    from engine.journal import writer

    async def at_once(_: Any, __: int) -> None:
        return

    journal: Any = writer.Journal
    journal.durable = at_once
    writer.GROUP_NS = 2_000_000_000


def ignore_commit() -> None:
    """A commit that failed counts as done."""
    from chaos_writer import ignoring

    ignoring()


def no_lock() -> None:
    """Whoever wants the account has it."""
    from engine.ops import lock

    lock.hold = lambda *_: nullcontext()  # type: ignore[assignment]


def deaf() -> None:
    """A stream that says nothing is taken to have nothing to say."""
    from engine.venues.bitunix.streams import Stream

    begin = Stream.__init__

    def patient(self: Any, *words: Any, **named: Any) -> None:
        begin(self, *words, **named)
        self._silence_s = 1e9

    Stream.__init__ = patient  # type: ignore[method-assign]


def believe() -> None:
    """What waited in the buffers while the process stood still is taken for the market of now."""
    from engine.venues.bitunix import streams

    deaf()
    stream: Any = streams.Stream
    stream._stood_still = lambda _: False


def wall_clock() -> None:
    """The session's time is the computer's, jumps and all."""
    from engine.session import rig

    here: Any = rig
    here.steady = lambda: time.time_ns


def slow_cancel() -> None:
    """Cancels wait for the disk as orders do, however long it takes."""
    from engine.session import effects

    async def patient(_: Any, durable: Any) -> None:
        await durable

    own: Any = effects.Effects
    own._bounded = patient


BUGS: dict[str, Callable[[], None]] = {
    "send-early": send_early,
    "ignore-commit": ignore_commit,
    "no-lock": no_lock,
    "deaf": deaf,
    "believe": believe,
    "wall-clock": wall_clock,
    "slow-cancel": slow_cancel,
}

if __name__ == "__main__":
    from chaos_planted import PLANTS

    from cockpit.__main__ import main

    registry.STRATEGIES.update({Rest.name: Rest, Flip.name: Flip})
    for bug in filter(None, sys.argv.pop(1).split(",")):
        {**PLANTS, **BUGS}[bug]()
    main()

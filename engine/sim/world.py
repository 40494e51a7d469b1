"""The exchange's state: markets, accounts, counters, and the private pushes that wait to be sent."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, NamedTuple, Protocol, runtime_checkable

from engine.sim.accounts import Account
from engine.sim.faults import Faults
from engine.sim.klines import MINUTE, Series
from engine.sim.matching import Appetite, Book
from engine.sim.refusals import Refused
from engine.sim.source import MarketSource, MarketStep, Print
from engine.sim.spec import FUNDING_MS, Pair, pair_for

PAST_FUNDINGS = 9


class FundingRow(NamedTuple):
    """A settled funding: market ms, fraction per interval, mark price."""

    t_ms: int
    rate: Decimal
    mark: Decimal


@runtime_checkable
class Gappy(Protocol):
    """A source may also know minutes that its data lack: they get no candle, not even a flat one."""

    def is_gap(self, open_ms: int) -> bool:
        """Whether the minute that opens at ``open_ms`` is missing."""
        ...


class Market:
    """One pair's market as it stands: the last step, the book in exact steps, its candles and recent prints."""

    def __init__(self, source: MarketSource) -> None:
        self.source = source
        self.pair: Pair = pair_for(source.symbol, source.tick)
        history = source.history()
        self.klines = Series(history, source.start_ms, is_gap=source.is_gap if isinstance(source, Gappy) else None)
        self.mark_klines = Series([], source.start_ms, like=self.klines)
        self.tape: list[Print] = []
        self.step: MarketStep = source.step(source.start_ms)
        self._book: Book | None = None
        self._eaten: Appetite = {}
        self.take_in(self.step)
        self.funding = self._past_funding(source.start_ms)

    def take_in(self, step: MarketStep) -> None:
        """Make ``step`` the present."""
        self.step = step
        if self._book is not None:
            self._eaten, self._book = self._book.eaten, None
        self.tape.extend(step.prints)
        for trade in step.prints:
            self.klines.trade(trade.t_ms, trade.price, trade.qty)
        self.klines.roll(step.t_ms)
        self.mark_klines.trade(step.t_ms, step.mark, 0.0)

    def _past_funding(self, start_ms: int) -> list[FundingRow]:
        """Settlements before the start, at the rate of the start: a venue always has some, and clients look at them."""
        latest = start_ms // FUNDING_MS * FUNDING_MS
        rows = []
        for t_ms in range(latest - PAST_FUNDINGS * FUNDING_MS, latest, FUNDING_MS):
            bars = self.klines.between(t_ms, t_ms + MINUTE) or self.klines.bars[:1]
            rows.append(FundingRow(t_ms, self.funding_rate, self.pair.price(bars[0].o) if bars else self.mark))
        return rows

    @property
    def book(self) -> Book:
        if self._book is None:
            self._book = Book(self.pair, self.step.bids, self.step.asks, self.step.t_ms, self._eaten)
        return self._book

    @property
    def mark(self) -> Decimal:
        return self.pair.price(self.step.mark)

    @property
    def last(self) -> Decimal:
        return self.pair.price(self.step.last)

    @property
    def funding_rate(self) -> Decimal:
        """Fraction per interval, in the precision that the wire shows (a ten-thousandth of a percent)."""
        return Decimal(f"{self.step.funding_rate * 100:.4f}") / 100

    @property
    def next_funding_ms(self) -> int:
        return (self.step.t_ms // FUNDING_MS + 1) * FUNDING_MS


class Push(NamedTuple):
    """A private message for one account's sockets."""

    api_key: str
    channel: str
    ts: int
    data: dict[str, Any]


class World:
    """All of it. Only the functions of ``desk``, ``execution``, ``tpsl`` and ``settlement`` change it."""

    def __init__(self, sources: list[MarketSource], accounts: list[Account], faults: Faults) -> None:
        self.markets = {source.symbol: Market(source) for source in sources}
        self.accounts = {account.api_key: account for account in accounts}
        self.faults = faults
        self.now = max(source.start_ms for source in sources)
        self.pushes: list[Push] = []
        self._order = 1_910_000_000_000_000_000
        self._position = 77_000
        self._trade = 5_500_000_000

    def market(self, symbol: object) -> Market:
        """The market of a symbol in any case; raises 20001."""
        found = self.markets.get(str(symbol or "").upper())
        if found is None:
            raise Refused(20001)
        return found

    def marks(self) -> dict[str, Decimal]:
        return {symbol: market.mark for symbol, market in self.markets.items()}

    def push(self, account: Account, channel: str, data: dict[str, Any]) -> None:
        self.pushes.append(Push(account.api_key, channel, self.now, data))

    def order_id(self) -> str:
        self._order += 1
        return str(self._order)

    def position_id(self) -> str:
        self._position += 1
        return str(self._position)

    def trade_id(self) -> str:
        self._trade += 1
        return str(self._trade)

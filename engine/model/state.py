"""Everything that is known at one point of a session. Built only by ``engine.core.fold.apply``; everyone else reads.

All of it is plain data, so a state can be encoded, hashed and compared: the same events give the same state.
"""

from __future__ import annotations

from decimal import Decimal

import msgspec

from engine.model.market import Candle, Instrument
from engine.model.orders import ZERO, Fill, Order, Position, Side, Stop, Trade

CANDLES_KEPT = 4_320
"""Three days of minutes: enough for the chart at one hour; older bars are in the journal."""
ROWS_KEPT = 1_000


class SessionInfo(msgspec.Struct):
    id: str = ""
    tag: str = ""
    profile: str = ""
    mode: str = ""
    venue: str = ""
    version: str = ""
    started_t: int = 0
    ended: str = ""
    clean: bool = False


class Gate(msgspec.Struct):
    name: str
    status: str
    required: bool
    detail: str


class Step(msgspec.Struct):
    step: int
    name: str
    status: str
    detail: str


class Link(msgspec.Struct):
    """One link to the venue. ``last_t`` is when anything was heard on it; ``latency_ms`` None until measured."""

    name: str
    state: str = "down"
    latency_ms: float | None = None
    last_t: int = 0
    reconnects: int = 0
    missed: int = 0
    messages: int = 0
    bad: int = 0
    detail: str = ""
    changed_t: int = 0


class Market(msgspec.Struct):
    symbol: str
    instrument: Instrument | None = None
    candles: list[Candle] = []
    live: Candle | None = None
    bids: list[tuple[float, float]] = []
    asks: list[tuple[float, float]] = []
    quote_t: int = 0
    last: float = 0.0
    last_side: str = ""
    last_t: int = 0
    mark: float = 0.0
    index: float = 0.0
    mark_t: int = 0
    funding_rate: float | None = None
    next_funding_t: int = 0
    venue_t: int = 0
    day_open: float = 0.0
    day_high: float = 0.0
    day_low: float = 0.0
    day_volume: float = 0.0
    gap_from: int = 0
    """Open time of the first missing candle, zero when nothing is missing."""
    gaps: int = 0

    @property
    def bid(self) -> float:
        return self.bids[0][0] if self.bids else 0.0

    @property
    def ask(self) -> float:
        return self.asks[0][0] if self.asks else 0.0

    @property
    def mid(self) -> float:
        """Middle of the book; the last price where a side is missing; zero when nothing is known."""
        if self.bids and self.asks:
            return (self.bids[0][0] + self.asks[0][0]) / 2
        return self.last

    @property
    def price(self) -> float:
        """What a position is worth now: the mark, else the last price."""
        return self.mark or self.last


class Account(msgspec.Struct):
    """Our own exact ledger beside the venue's word. ``wallet`` starts as the venue's balance and then moves by our fills only."""

    currency: str = "USDT"
    known: bool = False
    start: Decimal = ZERO
    wallet: Decimal = ZERO
    realised: Decimal = ZERO
    fees: Decimal = ZERO
    funding: Decimal = ZERO
    venue_wallet: Decimal | None = None
    venue_available: Decimal = ZERO
    venue_margin: Decimal = ZERO
    venue_frozen: Decimal = ZERO
    venue_t: int = 0


class Approval(msgspec.Struct):
    """An order that waits for a key press until ``expires_t``."""

    client_id: str
    asked_t: int
    expires_t: int


class Rejection(msgspec.Struct, array_like=True):
    t: int
    seq: int
    code: str
    limit: str
    value: str
    text: str
    client_id: str
    symbol: str
    side: Side
    qty: Decimal
    price: Decimal | None
    strategy: str
    source: str


class Note(msgspec.Struct, array_like=True):
    t: int
    seq: int
    strategy: str
    symbol: str
    open_time: int
    verdict: str
    text: str


class LogLine(msgspec.Struct, array_like=True):
    """A line of the events tab. ``level`` is info, good, warning or alarm."""

    t: int
    seq: int
    kind: str
    level: str
    text: str
    client_id: str = ""


class RiskBook(msgspec.Struct):
    """What the limits over time are measured against. Days and weeks are UTC; a week starts on Monday."""

    day: int = -1
    day_start: float = 0.0
    week: int = -1
    week_start: float = 0.0
    high_water: float = 0.0
    losses_in_row: int = 0
    last_exit_t: int = 0
    sent_t: list[int] = []
    repeats: dict[str, int] = {}
    declined: dict[str, int] = {}
    """``strategy/symbol`` → closed candles since a person last said no to it, or did not answer."""
    told: dict[str, str] = {}
    """``strategy/symbol/side`` → why its last entry was refused, until one is sent, the day or the trading state changes."""


class Recovery(msgspec.Struct):
    """What was taken over from an earlier session, and how far the venue has been asked about it.

    While ``open``, nothing is sent on anybody's word. ``orders`` are the unfinished ones as they were (``STATUS filled``), by
    client id, ``positions`` the quantities as they were.
    """

    session: str = ""
    resumed: bool = False
    open: bool = False
    began_t: int = 0
    done_t: int = 0
    since: int = 0
    orders: dict[str, str] = {}
    positions: dict[str, str] = {}
    fills: int = 0
    """Executions that happened meanwhile."""
    tags: list[str] = []
    lines: list[str] = []
    """The differences, and what was done about each."""
    asked: int = 0
    differences: int = 0
    unsolved: int = 0


class Breaker(msgspec.Struct):
    """A circuit breaker of the adapter, as it last told. From ``until`` on an open one lets one request try."""

    family: str
    state: str = "closed"
    failures: int = 0
    until: int = 0
    detail: str = ""


class Errors(msgspec.Struct):
    """What went wrong since the session began, or since a person cleared it by re-arming (``engine.core.fold.errors``)."""

    counts: dict[str, int] = {}
    """Kind of error → how many."""
    breakers: dict[str, Breaker] = {}


class State(msgspec.Struct):
    t: int = 0
    seq: int = 0
    """Sequence number of the last applied event; the journal counts the same way, from 1."""
    echoes: int = 0
    """How many of the applied events told of the market what was known; clock ticks count as such."""
    session: SessionInfo = msgspec.field(default_factory=SessionInfo)
    trading: str = "ACTIVE"
    trading_why: str = ""
    trading_t: int = 0
    markets: dict[str, Market] = {}
    account: Account = msgspec.field(default_factory=Account)
    positions: dict[str, Position] = {}
    orders: dict[str, Order] = {}
    open_orders: dict[str, int] = {}
    """Client ids of the orders that are not final → when they were decided."""
    venue_ids: dict[str, str] = {}
    """Venue order id → client order id."""
    stops: dict[str, Stop] = {}
    approvals: dict[str, Approval] = {}
    fills: list[Fill] = []
    fill_keys: dict[str, int] = {}
    """``symbol/order/trade`` of every fill that counted → its sequence number."""
    trades: list[Trade] = []
    trades_total: int = 0
    wins_total: int = 0
    rejections: list[Rejection] = []
    rejected: dict[str, int] = {}
    notes: list[Note] = []
    latest_note: dict[str, Note] = {}
    log: list[LogLine] = []
    keep_log: bool = True
    """False where nobody reads the lines of orders and fills: a backtest."""
    alarms: dict[str, str] = {}
    """Standing alarms by key (``NakedPosition/BTCUSDT``): text. Gone when the cause is gone."""
    links: dict[str, Link] = {}
    gates: dict[str, Gate] = {}
    steps: list[Step] = []
    risk: RiskBook = msgspec.field(default_factory=RiskBook)
    equity: list[tuple[int, float]] = []
    """(t, equity) at most every ten seconds."""
    orders_total: int = 0
    fills_total: int = 0
    snapshot_t: int = 0
    """When the account was last compared with the venue in full; zero before the first time."""
    snapshot_asked_t: int = 0
    doubt: bool = True
    """True while something may have happened at the venue that we have not read (start, after a reconnect)."""
    loop_lag_ms: float = 0.0
    journal_lag_ms: float = 0.0
    recovery: Recovery = msgspec.field(default_factory=Recovery)
    errors: Errors = msgspec.field(default_factory=Errors)


def equity(state: State) -> float:
    """Wallet plus unrealised profit at mark, in the account's currency (an estimate: a float)."""
    total = float(state.account.wallet)
    for position in state.positions.values():
        total += unrealised(state, position)
    return total


def unrealised(state: State, position: Position) -> float:
    """(price − entry) × signed quantity; zero while no price is known."""
    market = state.markets.get(position.symbol)
    if not position.qty or market is None or not market.price:
        return 0.0
    return (market.price - float(position.entry)) * float(position.qty)


def day_pnl(state: State) -> float:
    """Equity now less equity at the start of the UTC day (or of the session, if later)."""
    return equity(state) - state.risk.day_start if state.account.known else 0.0


def open_risk(state: State) -> float:
    """What it would cost from here if every position's stop were hit; a position without a stop counts in full."""
    total = 0.0
    for position in state.positions.values():
        market = state.markets.get(position.symbol)
        if position.qty and market is not None and market.price:
            stop = 0.0 if position.stop is None else float(position.stop)
            total += max(0.0, (market.price - stop) * float(position.qty))
            if position.stop is None and position.qty < 0:
                total += market.price * -float(position.qty)
    return total


def r_multiple(state: State, position: Position) -> float | None:
    """Unrealised profit in units of the first risk; None without a first stop."""
    if not position.risk_per_unit or not position.qty:
        return None
    risk = float(position.risk_per_unit) * abs(float(position.qty))
    return unrealised(state, position) / risk if risk else None

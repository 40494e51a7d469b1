"""Every event that a session's journal can hold: inputs (what came in) and decisions (what the core made of it).

An event is encoded as an array, so fields are only ever appended, with defaults, and never change their meaning.
``t`` is UTC nanoseconds of our own clock when the event was taken in; times named ``venue_t`` are the venue's.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

import msgspec

from engine.model.market import Candle, Instrument
from engine.model.orders import Fill, Order, OrderStatus, Position, Side, Stop, Trade
from engine.model.state import Account, RiskBook

SCHEMA = 1


class Event(msgspec.Struct, array_like=True, gc=False):
    t: int


# --- inputs: the session ---------------------------------------------------------------------------------------


class SessionStarted(Event):
    """First event of every journal. ``config`` is JSON: the ``profile`` and the ``strategies``' parameters.

    ``account`` is a digest that tells accounts apart; empty for one that ends with the session.
    """

    session: str
    profile: str
    mode: str
    venue: str
    version: str
    schema: int
    config: str
    tag: str
    account: str = ""


class SessionEnded(Event):
    reason: str
    clean: bool


class ShutdownStep(Event):
    """One of the ordered steps of an ending session; ``status`` is running, ok, failed or timeout."""

    step: int
    name: str
    status: str
    detail: str = ""


class GateReport(Event):
    """A line of the preflight checklist; ``status`` is pending, pass, fail or skip."""

    gate: str
    status: str
    required: bool
    detail: str


class Clock(Event):
    """The timer, once a second: everything that waits for time in the core waits for this."""

    loop_lag_ms: float = 0.0
    journal_lag_ms: float = 0.0


# --- inputs: the market ----------------------------------------------------------------------------------------


class InstrumentListed(Event):
    instrument: Instrument


class CandlesLoaded(Event):
    """Closed one-minute candles from the venue's history, oldest first; merged into what is known."""

    symbol: str
    candles: list[Candle]


class CandleTick(Event):
    """The running one-minute candle, or with ``closed`` its final form."""

    symbol: str
    candle: Candle
    closed: bool


class BookTick(Event):
    """The top of the book, best first; ``(price, quantity)``. At most five levels a side."""

    symbol: str
    bids: list[tuple[float, float]]
    asks: list[tuple[float, float]]
    venue_t: int


class TradeTick(Event):
    """Public trades of one push, conflated: the last price and side, the summed quantity."""

    symbol: str
    price: float
    qty: float
    side: Side
    venue_t: int


class TickerTick(Event):
    """24-hour statistics."""

    symbol: str
    last: float
    open: float
    high: float
    low: float
    volume: float
    turnover: float


class MarkTick(Event):
    """Mark, index and funding. ``funding_rate`` is a fraction per interval, ``next_funding_t`` is venue time."""

    symbol: str
    mark: float
    index: float
    funding_rate: float
    next_funding_t: int
    venue_t: int


# --- inputs: the account ---------------------------------------------------------------------------------------


class AccountReport(Event):
    """The venue's word on the account. ``wallet`` is the balance without unrealised profit."""

    currency: str
    wallet: Decimal
    available: Decimal
    margin: Decimal
    frozen: Decimal


class PositionReport(Event):
    """The venue's word on one position; ``qty`` is signed, zero when flat."""

    symbol: str
    qty: Decimal
    entry: Decimal
    position_id: str
    liquidation: float | None
    leverage: int
    margin_mode: str
    source: Literal["push", "snapshot"]


class OrderReport(Event):
    """The venue's word on one order, by push, by reply or by query.

    ``status`` is ACCEPTED, PARTIALLY_FILLED, FILLED, CANCELLED, REJECTED, EXPIRED or UNKNOWN (no usable answer).
    """

    client_id: str
    venue_id: str
    symbol: str
    status: OrderStatus
    filled: Decimal
    code: str = ""
    message: str = ""
    source: Literal["push", "reply", "query", "snapshot"] = "push"
    side: Side = "BUY"
    qty: Decimal = Decimal(0)
    price: Decimal | None = None
    reduce_only: bool = False


class CancelReport(Event):
    """What became of a cancel request: ``ok`` True (taken), False (refused: ``code``), None (no answer)."""

    client_id: str
    ok: bool | None
    code: str = ""
    message: str = ""


class FillReport(Event):
    fill: Fill


class StopReport(Event):
    """The venue's word on a protective order; ``status`` is NEW, CANCELLED, TRIGGERED or FAILED."""

    stop: Stop
    status: Literal["NEW", "CANCELLED", "TRIGGERED", "FAILED"]


class StopsListed(Event):
    """All protective orders of a symbol, as the venue lists them: replaces what is known."""

    symbol: str
    stops: list[Stop]


class ProtectReport(Event):
    """What became of a request to protect a position: ``ok`` None means no answer."""

    symbol: str
    ok: bool | None
    code: str = ""
    message: str = ""


class FundingPaid(Event):
    """Funding settled on a position: positive is received."""

    symbol: str
    amount: Decimal


class SnapshotTaken(Event):
    """A full reading of the account is in the journal before this event: the venue and we have been compared."""

    reason: str
    complete: bool
    detail: str = ""
    asked_t: int = 0
    """When it was asked for (``SnapshotAsked.t``); 0 in recordings from before: then the newest request is meant."""


# --- inputs: links ---------------------------------------------------------------------------------------------


class LinkReport(Event):
    """State of a link (``public``, ``private`` or ``rest``): down, connecting, up or failed."""

    link: str
    state: Literal["down", "connecting", "up", "failed"]
    latency_ms: float | None = None
    reconnects: int = 0
    missed: int = 0
    detail: str = ""


class BreakerReport(Event):
    """A circuit breaker of the adapter has changed. ``family`` is reads, orders or exits (what leads out is never held back).

    ``until`` is when an open one lets a request try again, UTC nanoseconds of our clock.
    """

    family: str
    state: Literal["closed", "open", "half"]
    failures: int = 0
    until: int = 0
    detail: str = ""


class BadMessage(Event):
    """A message that could not be read. ``sample`` is cleaned and cut; repeats of one cause are counted, not repeated."""

    link: str
    why: str
    sample: str
    count: int = 1


# --- inputs: the operator --------------------------------------------------------------------------------------

Action = Literal[
    "approve",
    "decline",
    "pause",
    "resume",
    "kill",
    "rearm",
    "cancel",
    "cancel_entries",
    "close",
    "flatten",
    "compare",
    "adopt",
]


class ScreenFailed(Event):
    """An error that the screen survived: where it was raised, and its type and message, cleaned."""

    where: str
    text: str


class Reported(Event):
    """Something that the session's surroundings noticed about itself. ``kind`` is one of ``engine.model.reasons.NOTICES``."""

    kind: str
    text: str
    over: bool = False
    """The cause is gone."""


class Command(Event):
    """What a person (or a signal, a latch, a policy) told the engine to do.

    ``target`` is a client order id or a symbol; ``text`` is what was typed, or for ``approve`` the terms that were on the screen
    (``engine.core.orders.terms``): other terms than the order's own are not approved.
    """

    action: Action
    by: str
    target: str = ""
    text: str = ""


# --- inputs: what an earlier session left -----------------------------------------------------------------------


class Statistics(msgspec.Struct, array_like=True):
    """What a session counts of itself: taken over only by the one that continues it."""

    orders: int = 0
    fills: int = 0
    trades: int = 0
    wins: int = 0
    rejected: dict[str, int] = {}
    closed: list[Trade] = []
    """The last of its trades."""


class Book(msgspec.Struct, array_like=True):
    """All that is carried from one session of an account to the next; orders are the unfinished ones and those just ended.

    ``fill_keys`` are the executions that count already (``symbol/order/trade``), ``tags`` what our own client ids begin with.
    """

    account: Account | None = None
    positions: list[Position] = []
    orders: list[Order] = []
    stops: list[Stop] = []
    fill_keys: list[str] = []
    risk: RiskBook | None = None
    alarms: dict[str, str] = {}
    tags: list[str] = []
    trading: str = "ACTIVE"
    trading_why: str = ""
    statistics: Statistics | None = None


class Carried(Event):
    """Second event of a session that follows another one on its account: it holds everything, the old file is not needed again.

    ``session`` is the earlier session, ``seq`` its last readable event, ``digest`` the BLAKE2b of its state there, and ``last_t``
    when that was; ``clean`` whether it ended in order. Fills are read again from ``since`` on (UTC ns of venue time, 0: now).
    ``lost`` names what of it could not be read. An empty ``session`` with an empty book is a person's decision to know nothing.
    """

    session: str
    seq: int
    digest: str
    last_t: int
    clean: bool
    resumed: bool
    since: int
    book: Book
    lost: list[str] = []


# --- decisions -------------------------------------------------------------------------------------------------


class Noted(Event):
    """Why a strategy did or did not act on a closed candle. ``verdict`` is signal, wait or blocked."""

    strategy: str
    symbol: str
    open_time: int
    verdict: str
    text: str


class OrderDecided(Event):
    order: Order


class Refused(Event):
    """A refusal, ours or the venue's: reason code, the limit, the value that met it and a sentence."""

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
    source: Literal["risk", "venue", "operator"]


class ApprovalAsked(Event):
    client_id: str
    expires_t: int


class ApprovalClosed(Event):
    """``outcome`` is approved, declined, expired or withdrawn."""

    client_id: str
    outcome: str
    by: str
    why: str = ""


class OrderSent(Event):
    """Effect: submit this order."""

    client_id: str


class CancelSent(Event):
    """Effect: cancel these orders at the venue."""

    client_ids: list[str]
    why: str


class QuerySent(Event):
    """Effect: ask the venue what became of an order."""

    client_id: str
    why: str


class ProtectSent(Event):
    """Effect: put (or move) the position's protective stop and target at the venue."""

    symbol: str
    stop: Decimal
    target: Decimal | None
    stop_id: str
    why: str


class SnapshotAsked(Event):
    """Effect: read the account from the venue."""

    why: str


class LinksAsked(Event):
    """Effect: start anew the links that had given up."""

    why: str


class HistoryAsked(Event):
    """Effect: load candles in ``[start, end)``, UTC nanoseconds of venue time."""

    symbol: str
    start: int
    end: int


class TradingChanged(Event):
    state: Literal["ACTIVE", "PAUSED", "HALTED", "SAFE"]
    why: str
    by: str


class Noticed(Event):
    """Something a person should know. ``kind`` is one of ``engine.model.reasons.NOTICES``."""

    kind: str
    symbol: str
    text: str
    over: bool = False
    """The cause is gone: a standing alarm of this kind and symbol ends."""


class Settled(Event):
    """A difference between what was carried over and what the venue says, and what was done about it.

    ``what`` is order, position, balance or foreign; ``action`` is adopt (the venue's word is ours now), close (it ends here and
    is not sent again) or alarm (it is left alone, and a person must look). ``target`` is a client id or a symbol.
    """

    what: Literal["order", "position", "balance", "foreign", "record"]
    target: str
    action: Literal["adopt", "close", "alarm"]
    text: str


class Recovered(Event):
    """The venue was asked about all that was carried over: ``asked`` orders, ``differences``, ``open`` of them unsolved."""

    asked: int
    differences: int
    open: int


INPUTS: tuple[type[Event], ...] = (
    SessionStarted,
    SessionEnded,
    ShutdownStep,
    GateReport,
    Clock,
    InstrumentListed,
    CandlesLoaded,
    CandleTick,
    BookTick,
    TradeTick,
    TickerTick,
    MarkTick,
    AccountReport,
    PositionReport,
    OrderReport,
    CancelReport,
    FillReport,
    StopReport,
    StopsListed,
    ProtectReport,
    FundingPaid,
    SnapshotTaken,
    LinkReport,
    BadMessage,
    Command,
    ScreenFailed,
    Reported,
    Carried,
    BreakerReport,
)
DECISIONS: tuple[type[Event], ...] = (
    Noted,
    OrderDecided,
    Refused,
    ApprovalAsked,
    ApprovalClosed,
    OrderSent,
    CancelSent,
    QuerySent,
    ProtectSent,
    SnapshotAsked,
    HistoryAsked,
    TradingChanged,
    Noticed,
    Settled,
    Recovered,
    LinksAsked,
)
KINDS: dict[str, type[Event]] = {cls.__name__: cls for cls in INPUTS + DECISIONS}
"""Journal names of the event types. A name is never given to another type."""

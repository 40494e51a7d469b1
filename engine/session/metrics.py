"""Figures of a session for other programs: one table of what there is, read from the state once a second at most.

Everything but the counts of rare events is taken from the state when it is needed; the thread that answers or writes only ever
sees a finished reading, so it never meets the state while the loop changes it.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from engine.core.exposure import at_risk, exposure, working_orders
from engine.core.risk.pace import lost_pct
from engine.model import events as ev
from engine.model.state import State, day_pnl, equity, unrealised
from engine.ops import running

if TYPE_CHECKING:
    from engine.session.session import Session

BUCKETS_MS = (5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1_000.0, 2_500.0, 5_000.0, 10_000.0)
TRADING = ("ACTIVE", "PAUSED", "HALTED", "SAFE")
MOST_REASONS = 64
_plain = re.compile(r"[A-Za-z0-9_.-]{1,40}").fullmatch

Kind = Literal["counter", "gauge", "histogram"]


class Histogram(NamedTuple):
    """``counts`` has one number for every bucket (not cumulated) and one for what is above all of them."""

    bounds: tuple[float, ...]
    counts: tuple[int, ...]
    total: float


Value = float | dict[str, float] | Histogram
"""One figure; one for every value of the metric's label; a distribution."""


class Reading(NamedTuple):
    """All figures of one moment, UTC nanoseconds."""

    session: str
    t: int
    values: dict[str, Value]


class Counts:
    """What the state does not count: call ``take`` with every event after it was applied."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._fills = session.state.fills_total
        self.sent = self.filled = self.cancels = self.unknown = self.commands = 0
        self.refused: Counter[str] = Counter()
        self.rejected: Counter[str] = Counter()
        self.answered: Counter[str] = Counter()
        self.noticed: Counter[str] = Counter()
        self.latencies = [0] * (len(BUCKETS_MS) + 1)
        self.latency_ms = 0.0
        self.table: dict[type[ev.Event], Callable[[Any], None]] = {
            ev.OrderSent: self._on_sent,
            ev.CancelSent: self._on_cancel,
            ev.FillReport: self._on_fill,
            ev.Refused: self._on_refused,
            ev.ApprovalClosed: self._on_answer,
            ev.OrderReport: self._on_report,
            ev.Noticed: self._on_notice,
        }

    def _on_sent(self, _: ev.OrderSent) -> None:
        self.sent += 1

    def _on_cancel(self, e: ev.CancelSent) -> None:
        self.cancels += len(e.client_ids)

    def _on_fill(self, e: ev.FillReport) -> None:
        state = self._session.state
        if state.fills_total == self._fills:
            return  # an execution that was known
        self._fills = state.fills_total
        order = state.orders.get(e.fill.client_id or state.venue_ids.get(e.fill.venue_order_id, ""))
        if order is None:
            return
        self.filled += bool(order.sent_t) and order.status == "FILLED"
        if order.kind == "MARKET" and order.sent_t and order.filled == e.fill.qty:
            took = max(0.0, (e.t - order.sent_t) / 1e6)
            self.latencies[bisect_left(BUCKETS_MS, took)] += 1
            self.latency_ms += took

    def _on_refused(self, e: ev.Refused) -> None:
        if e.source == "venue":
            _count(self.rejected, e.value)
        else:
            _count(self.refused, e.code)

    def _on_answer(self, e: ev.ApprovalClosed) -> None:
        _count(self.answered, e.outcome)

    def _on_notice(self, e: ev.Noticed) -> None:
        if not e.over:
            _count(self.noticed, e.kind)

    def _on_report(self, e: ev.OrderReport) -> None:
        self.unknown += e.status == "UNKNOWN"


def _count(counts: Counter[str], name: str) -> None:
    """Names may come from outside: few, short and plain ones."""
    known = name if _plain(name) and (name in counts or len(counts) < MOST_REASONS) else "other"
    counts[known] += 1


class Seen(NamedTuple):
    """What the figures are read from. ``lost_lines`` are the log's."""

    session: Session
    counts: Counts
    lost_lines: int

    @property
    def state(self) -> State:
        return self.session.state


class Metric(NamedTuple):
    """``name`` as Prometheus shows it; ``label`` where there is a value for each of something."""

    name: str
    kind: Kind
    text: str
    read: Callable[[Seen], Value]
    label: str = ""


def _drawdown(s: Seen) -> float:
    state = s.state
    return lost_pct(equity(state), state.risk.high_water) if state.account.known else 0.0


def _sizes(s: Seen) -> Value:
    state = s.state
    held = {p.symbol: p.qty for p in state.positions.values()}
    return {symbol: float(held.get(symbol, 0)) * m.price for symbol, m in sorted(state.markets.items())}


def _links(name: str, otherwise: float = 0.0) -> Callable[[Seen], Value]:
    def read(s: Seen) -> Value:
        found = {link.name: getattr(link, name) for link in s.state.links.values()}
        return {link: otherwise if value is None else float(value) for link, value in found.items()}

    return read


def _latencies(s: Seen) -> Value:
    return Histogram(BUCKETS_MS, tuple(s.counts.latencies), s.counts.latency_ms)


def _net(s: Seen) -> float:
    account = s.state.account
    return float(account.realised - account.fees + account.funding)


METRICS: tuple[Metric, ...] = (
    Metric("orders_submitted_total", "counter", "Orders sent to the venue.", lambda s: s.counts.sent),
    Metric(
        "orders_filled_total",
        "counter",
        "Orders that we sent and that were filled completely.",
        lambda s: s.counts.filled,
    ),
    Metric(
        "orders_rejected_total",
        "counter",
        "Orders that the venue refused, by its code.",
        lambda s: dict(s.counts.rejected),
        "reason",
    ),
    Metric(
        "orders_cancel_requests_total",
        "counter",
        "Orders that the venue was asked to cancel.",
        lambda s: s.counts.cancels,
    ),
    Metric("orders_no_answer_total", "counter", "Reports of an unknown outcome.", lambda s: s.counts.unknown),
    Metric(
        "orders_unknown",
        "gauge",
        "Orders whose outcome is not known now.",
        lambda s: sum(o.status == "UNKNOWN" for o in working_orders(s.state)),
    ),
    Metric(
        "open_orders",
        "gauge",
        "Orders that may still fill at the venue, unknown ones too.",
        lambda s: len(working_orders(s.state)),
    ),
    Metric("fills_total", "counter", "Executions of the session.", lambda s: s.state.fills_total),
    Metric(
        "fill_latency_ms", "histogram", "From the decision to send a market order to its first execution.", _latencies
    ),
    Metric("trades_total", "counter", "Positions that were closed.", lambda s: s.state.trades_total),
    Metric(
        "approvals_total",
        "counter",
        "Questions to a person that were closed, by outcome.",
        lambda s: dict(s.counts.answered),
        "outcome",
    ),
    Metric("approvals_waiting", "gauge", "Orders that wait for a person.", lambda s: len(s.state.approvals)),
    Metric(
        "risk_refusals_total",
        "counter",
        "Refusals of our own, by reason code.",
        lambda s: dict(s.counts.refused),
        "reason",
    ),
    Metric("pnl_realized_usd", "gauge", "Realised profit of the session less fees, with funding.", _net),
    Metric(
        "pnl_unrealized_usd",
        "gauge",
        "Profit of open positions at the mark price.",
        lambda s: sum(unrealised(s.state, p) for p in s.state.positions.values()),
    ),
    Metric("pnl_day_usd", "gauge", "Equity less that at the start of the UTC day.", lambda s: day_pnl(s.state)),
    Metric("fees_paid_usd", "gauge", "Fees of the session.", lambda s: float(s.state.account.fees)),
    Metric(
        "funding_received_usd",
        "gauge",
        "Funding of the session; negative is paid.",
        lambda s: float(s.state.account.funding),
    ),
    Metric("equity_usd", "gauge", "Wallet and unrealised profit.", lambda s: equity(s.state)),
    Metric(
        "wallet_usd",
        "gauge",
        "Balance without unrealised profit, by our own ledger.",
        lambda s: float(s.state.account.wallet),
    ),
    Metric("drawdown_pct", "gauge", "Equity below its highest.", _drawdown),
    Metric("position_size_usd", "gauge", "Signed position at the mark price.", _sizes, "symbol"),
    Metric(
        "exposure_usd",
        "gauge",
        "Worst case of positions, working orders and unknown outcomes.",
        lambda s: exposure(s.state),
    ),
    Metric("at_risk_usd", "gauge", "Cost if every stop were hit.", lambda s: at_risk(s.state)),
    Metric(
        "positions_without_stop",
        "gauge",
        "Positions that no stop at the venue covers.",
        lambda s: sum(bool(p.qty and p.naked_since) for p in s.state.positions.values()),
    ),
    Metric("alarms", "gauge", "Alarms that stand.", lambda s: len(s.state.alarms)),
    Metric(
        "notices_total",
        "counter",
        "Notices by kind, alarms and alerts among them.",
        lambda s: dict(s.counts.noticed),
        "kind",
    ),
    Metric(
        "venue_errors",
        "gauge",
        "Errors since the start or the last re-arming, by kind.",
        lambda s: {kind: float(n) for kind, n in s.state.errors.counts.items()},
        "kind",
    ),
    Metric(
        "breaker_closed",
        "gauge",
        "1 while requests of a family are let through.",
        lambda s: {b.family: float(b.state == "closed") for b in s.state.errors.breakers.values()},
        "family",
    ),
    Metric(
        "trading_state",
        "gauge",
        "1 for the state that trading is in.",
        lambda s: {name: float(s.state.trading == name) for name in TRADING},
        "state",
    ),
    Metric(
        "link_up",
        "gauge",
        "1 while a link to the venue is up.",
        lambda s: {link.name: float(link.state == "up") for link in s.state.links.values()},
        "link",
    ),
    Metric("link_latency_ms", "gauge", "Last round trip.", _links("latency_ms"), "link"),
    Metric(
        "link_last_heard_seconds",
        "gauge",
        "Unix time at which anything was heard.",
        lambda s: {link.name: link.last_t / 1e9 for link in s.state.links.values()},
        "link",
    ),
    Metric("link_messages_total", "counter", "Messages of the market and the account.", _links("messages"), "link"),
    Metric(
        "link_bad_messages_total",
        "counter",
        "Messages that could not be read or cannot be true.",
        _links("bad"),
        "link",
    ),
    Metric(
        "websocket_reconnects_total",
        "counter",
        "Reconnections.",
        lambda s: {link.name: float(link.reconnects) for link in s.state.links.values() if link.name != "rest"},
        "link",
    ),
    Metric("loop_lag_ms", "gauge", "How late the last tick of the session's clock was.", lambda s: s.state.loop_lag_ms),
    Metric(
        "journal_lag_ms",
        "gauge",
        "Age of the oldest event that is not on the disk.",
        lambda s: s.session.journal.lag_ms,
    ),
    Metric("journal_events_total", "counter", "Events of the session.", lambda s: s.state.seq),
    Metric("memory_bytes", "gauge", "Resident memory.", lambda _: running.rss_mb() * 1e6),
    Metric("log_lines_lost_total", "counter", "Lines that the log file could not take.", lambda s: s.lost_lines),
    Metric(
        "session_started_seconds",
        "gauge",
        "Unix time at which the session started.",
        lambda s: s.state.session.started_t / 1e9,
    ),
    Metric(
        "session_up",
        "gauge",
        "1 while the session runs without a fault of its own.",
        lambda s: float(s.session.broken is None and not s.session.closed),
    ),
)


def read(seen: Seen) -> Reading:
    """Every figure as it is now; in the loop's thread."""
    session = seen.session
    return Reading(session.state.session.id, session.clock(), {m.name: m.read(seen) for m in METRICS})

"""Seeing into a running session from outside: its lines in the log file, its figures, and a row of its equity for every day.

All of it only watches. Whatever goes wrong here is told in the log, once, and never reaches the session.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, NamedTuple

from engine.model import events as ev
from engine.model.settings import MetricsSettings
from engine.model.state import LogLine
from engine.ops import equity_book
from engine.ops.logs import Logs
from engine.ops.paths import Home
from engine.session.metrics import Counts, Reading, Seen, read
from engine.session.publish import HOST, Endpoint, Sheet
from engine.session.session import Session

log = logging.getLogger("cockpit.session")

LEVELS = {"info": logging.INFO, "good": logging.INFO, "warning": logging.WARNING, "alarm": logging.ERROR}
PATIENCE_S = 2.0
"""For the last row of the equity book: a disk that is stuck holds nobody."""


class Told(NamedTuple):
    """What a line of the session's log lacks of its event, by the kind of line."""

    kind: str
    fields: Callable[[Any], dict[str, Any]]


TOLD: dict[type[ev.Event], Told] = {
    ev.BadMessage: Told("bad", lambda e: {"link": e.link, "why": e.why, "sample": e.sample, "count": e.count}),
    ev.LinkReport: Told("link", lambda e: {"link": e.link, "latency_ms": e.latency_ms, "reconnects": e.reconnects}),
    ev.FillReport: Told("fill", lambda e: {"trade_id": e.fill.trade_id, "venue_id": e.fill.venue_order_id}),
    ev.Refused: Told("rejection", lambda e: {"code": e.code, "limit": e.limit, "value": e.value, "source": e.source}),
    ev.OrderReport: Told("order", lambda e: {"venue_id": e.venue_id, "code": e.code, "source": e.source}),
    ev.Command: Told("key", lambda e: {"action": e.action, "by": e.by}),
    ev.TradingChanged: Told("state", lambda e: {"trading": e.state, "by": e.by}),
}
DETAILED: tuple[type[ev.Event], ...] = (
    *(ev.OrderSent, ev.CancelSent, ev.QuerySent, ev.ProtectSent, ev.SnapshotAsked, ev.SnapshotTaken, ev.HistoryAsked),
    *(ev.OrderReport, ev.CancelReport, ev.ProtectReport, ev.PositionReport, ev.AccountReport, ev.GateReport, ev.Noted),
)
"""Events that are lines of their own at the level debug."""


def harmless(work: Callable[..., Any], what: str) -> Callable[..., Any]:
    """``work``, but a fault in it ends nothing but itself."""
    broken = False

    def safe(*args: Any) -> Any:
        nonlocal broken
        if broken:
            return None
        try:
            return work(*args)
        except Exception:
            broken = True
            log.exception("%s has failed and is left out from here on", what)
            return None

    return safe


class Lines:
    """The session's own log lines, with their client and venue ids, into the log file."""

    def __init__(self, session: Session) -> None:
        self._state = session.state
        self._told = 0
        self._debug = log.isEnabledFor(logging.DEBUG)

    def take(self, event: ev.Event) -> None:
        lines = self._state.log
        if lines and lines[-1].seq > self._told:
            fresh: list[LogLine] = []
            for line in reversed(lines):
                if line.seq <= self._told:
                    break
                fresh.append(line)
            self._told = lines[-1].seq
            for line in reversed(fresh):
                if line.kind != "shutdown":  # its steps are told by the shutdown, which goes on after the last event
                    self._tell(line, event)
        if self._debug and type(event) in DETAILED:
            fields = {name: _plain(getattr(event, name)) for name in event.__struct_fields__[1:]}
            log.debug("%s", type(event).__name__, extra={"seq": self._state.seq, "fields": fields})

    def _tell(self, line: LogLine, event: ev.Event) -> None:
        fields: dict[str, Any] = {"kind": line.kind, "seq": line.seq}
        order = self._state.orders.get(line.client_id)
        if order is not None:
            fields |= {"client_id": order.client_id, "venue_id": order.venue_id, "symbol": order.symbol}
        elif line.client_id:
            fields["target"] = line.client_id
        more = TOLD.get(type(event))
        if more is not None and more.kind == line.kind:
            fields |= more.fields(event)
        log.log(LEVELS.get(line.level, logging.WARNING), "%s", line.text, extra=fields)


def _plain(value: Any) -> Any:
    return value if isinstance(value, str | int | float | bool | None) else str(value)


class Days:
    """Notices that a UTC day is over, and keeps its row."""

    def __init__(self, session: Session, home: Home, account: str) -> None:
        self._session, self._home, self._account = session, home, account
        self._base = equity_book.totals(session.state)
        book = session.state.risk
        self._day, self._start = book.day, book.day_start

    def take(self, event: ev.Clock) -> None:
        """After the state has taken the tick: at midnight it begins the new day, and we still know the old one's start."""
        state = self._session.state
        if not state.account.known:
            return
        day = event.t // equity_book.DAY_NS
        if day > self._day >= 0 and state.session.started_t // equity_book.DAY_NS < day:
            row = equity_book.row(state, day * equity_book.DAY_NS, "midnight", self._account, self._start, self._base)
            threading.Thread(
                target=harmless(self._keep, "a day's row"), args=(row,), name="equity", daemon=True
            ).start()
        self._day, self._start = state.risk.day, state.risk.day_start

    def end(self) -> None:
        state = self._session.state
        if state.account.known:
            self._keep(equity_book.row(state, state.t, "end", self._account, state.risk.day_start, self._base))

    def _keep(self, row: equity_book.Row) -> None:
        try:
            equity_book.add(self._home, row)
        except OSError as error:
            log.warning("the row of %s could not be kept: %s", row.date, error.strerror or error)


class Figures:
    """The session's metrics: counted as it goes, read once a second where somebody wants them."""

    def __init__(self, session: Session, home: Home, settings: MetricsSettings, logs: Logs) -> None:
        self.counts = Counts(session)
        self.endpoint: Endpoint | None = None
        self._session, self._logs, self._settings, self._home = session, logs, settings, home
        self._reading: Reading | None = None
        self._due = 0.0
        self._sheet: Sheet | None = None

    def look(self) -> ev.Event | None:
        """Every second, in the loop."""
        now = asyncio.get_running_loop().time()
        if self.endpoint is not None or now >= self._due:
            self._due = now + max(1.0, self._settings.every_s) - 0.5
            self._reading = read(Seen(self._session, self.counts, self._logs.dropped))
        return None

    def start(self) -> None:
        """A port that is taken is told, and the session goes on without the endpoint."""
        if self._settings.port:
            try:
                self.endpoint = Endpoint(self._settings.port, lambda: self._reading)
            except OSError as error:
                text = f"{HOST}:{self._settings.port}: {error.strerror or error}; the session goes on without"
                self._session.ingest(ev.Reported(self._session.clock(), "NoMetrics", text))
        if self._settings.every_s:
            self._sheet = Sheet(self._home.root, self._settings.every_s, lambda: self._reading)
        if self._settings.port or self._settings.every_s:
            self._session.watches.append(harmless(self.look, "the reading of metrics"))

    def stop(self) -> None:
        if self._sheet is not None:
            self._reading = read(Seen(self._session, self.counts, self._logs.dropped))
            self._sheet.close()
        if self.endpoint is not None:
            self.endpoint.close()


@contextmanager
def seen(session: Session, home: Home, logs: Logs, account: str = "") -> Iterator[Figures]:
    """Until the end of the block; then the session has ended, and its last row and figures are written."""
    profile = session.trader.profile
    logs.session = session.state.session.id
    lines, days, figures = Lines(session), Days(session, home, account), Figures(session, home, profile.metrics, logs)
    table: dict[type[ev.Event], Callable[[Any], None]] = {**figures.counts.table, ev.Clock: days.take}

    def watch(event: ev.Event) -> None:
        take = table.get(type(event))
        if take is not None:
            take(event)
        lines.take(event)

    lines.take(ev.Event(session.state.t))
    session.watchers.append(harmless(watch, "the log and the metrics"))
    figures.start()
    with ExitStack() as held:
        held.callback(_bounded, days.end)
        held.callback(harmless(figures.stop, "the last reading of metrics"))
        yield figures


def _bounded(work: Callable[[], None]) -> None:
    thread = threading.Thread(target=harmless(work, "the last row of equity"), name="equity", daemon=True)
    thread.start()
    thread.join(PATIENCE_S)


def shown(show: Callable[[str], None] | None) -> Callable[[str], None]:
    """Told of every step of the shutdown, also where nobody else is."""

    def tell(line: str) -> None:
        logging.getLogger("cockpit.shutdown").log(
            logging.INFO if ": ok" in line else logging.WARNING, "%s", line, extra={"kind": "shutdown"}
        )
        if show is not None:
            show(line)

    return tell

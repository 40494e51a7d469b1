"""Alerts of a session: its own events, by the one table of causes, throttled, sent by threads that nobody waits for."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

from engine.model import events as ev
from engine.model.clean import clean
from engine.model.errors import CockpitError
from engine.model.settings import AlertSettings, Profile
from engine.ops import alerts
from engine.ops.alerts import CAUSES, Target
from engine.ops.paths import Home
from engine.session.session import Session
from engine.session.watch import watch

WAITING = 64
"""Messages that wait for one target; the oldest give way."""
PAUSE_S = 1.0
"""Before the first repetition; doubled each time."""
FLUSH_S = 3.0
"""What is still on its way at the end of a session gets this long."""
NO_DATA_S = 30.0

Tell = Callable[[str, str, bool], None]
"""(cause, text, whether it is over)."""


class Message(NamedTuple):
    cause: str
    level: str
    title: str
    text: str


class Outcome(NamedTuple):
    target: str
    message: Message
    problem: str


class Courier:
    """Sends to one target, in its own thread, one message after the other. ``told`` gets what became of each, in that thread."""

    def __init__(self, to: Target, settings: AlertSettings, told: Callable[[Outcome], None]) -> None:
        self.to = to
        self._settings = settings
        self._told = told
        self._waiting: deque[Message] = deque()
        self._news = threading.Condition()
        self._busy = False
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"courier {to.name}", daemon=True)
        self._thread.start()

    def put(self, message: Message) -> None:
        """Never waits longer than for a few instructions of the other thread."""
        with self._news:
            crowded = self._waiting.popleft() if len(self._waiting) >= WAITING else None
            self._waiting.append(message)
            self._news.notify()
        if crowded is not None:
            self._told(Outcome(self.to.name, crowded, f"more than {WAITING} wait"))

    @property
    def idle(self) -> bool:
        return not self._waiting and not self._busy

    def end(self) -> None:
        """No repetitions any more; what waits is tried once as long as the process lives."""
        self._ending.set()
        with self._news:
            self._news.notify()

    def _run(self) -> None:
        while True:
            with self._news:
                while not self._waiting and not self._ending.is_set():
                    self._news.wait()
                if not self._waiting:
                    return
                self._busy = True
                message = self._waiting.popleft()
            self._told(Outcome(self.to.name, message, self._deliver(message)))
            self._busy = False

    def _deliver(self, message: Message) -> str:
        """A service that took a message but did not say so gets it again: rather twice than never."""
        pause = PAUSE_S
        for left in reversed(range(self._settings.retries + 1)):
            done = alerts.send(self.to, message.level, message.title, message.text, self._settings.timeout_s)
            if done.ok or not left or self._ending.is_set():
                break
            self._ending.wait(pause)
            pause *= 2
        return "" if done.ok else done.detail


@dataclass(slots=True)
class Window:
    """The last message of a cause, and what has been swallowed since."""

    sent_s: float
    swallowed: int = 0
    text: str = ""


class Alerts:
    """``see`` is a watcher of the session's events, ``look`` one of its watches. Neither raises, waits or decides anything."""

    def __init__(
        self, load: Callable[[], list[Target]], settings: AlertSettings, who: str, *,
        now: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        """``load`` is called in a thread, a second after the start. ``who`` begins every title. ``now`` gives even seconds."""
        self._settings, self._who, self._now = settings, who, now
        self._windows: dict[tuple[str, bool], Window] = {}
        self._unknown: set[str] = set()
        self._outcomes: deque[Outcome] = deque(maxlen=1_000)
        self._failing: dict[str, str] = {}
        self._session: Session | None = None
        self._fault_told = False
        self.problem = ""
        """What is wrong with the alerts themselves: it is shown, and trading goes on."""
        self._couriers: list[Courier] | None = None
        self._early: deque[Message] = deque(maxlen=WAITING)
        """Messages from before the targets were known."""
        self._load = load
        self._loaded: list[Target] | None = None
        self._loader: threading.Thread | None = None

    def attach(self, session: Session) -> None:
        """Watch ``session``, whose events ``see`` has got from the first one on."""
        self._session = session
        session.watches += [
            watch("DataUnavailable", no_data(session), session.clock),
            self.look,
            watch("AlertFailed", self.failing, session.clock),
        ]

    # --- targets --------------------------------------------------------------------------------------------------

    def _find(self) -> str:
        """Ask for the targets, and take them when they are there: their names then, once."""
        if self._loader is None:
            self._loader = threading.Thread(target=self._ask, name="alert targets", daemon=True)
            self._loader.start()
        if self._loaded is None or self._couriers is not None:
            return ""
        self._couriers = [Courier(to, self._settings, self._outcomes.append) for to in self._loaded]
        for message in self._early:
            self._put(message)
        self._early.clear()
        return ", ".join(courier.to.name for courier in self._couriers)

    def _ask(self) -> None:
        try:
            self._loaded = self._load()
        except Exception as error:
            self.problem = clean(str(error), 200) if isinstance(error, CockpitError) else type(error).__name__
            self._loaded = []

    def _put(self, message: Message) -> None:
        if self._couriers is None:
            self._early.append(message)
        for courier in self._couriers or ():
            courier.put(message)

    # --- from events to messages ----------------------------------------------------------------------------------

    def see(self, event: ev.Event) -> None:
        reader = _READERS.get(type(event))
        if reader is None:
            return
        try:
            reader(self, event)
        except Exception as error:
            self.problem = f"{type(error).__name__} over {type(event).__name__}"

    def tell(self, cause: str, text: str, over: bool = False) -> None:
        """Send it to all targets, unless the profile does not want it or it was sent a moment ago."""
        if self._couriers == [] or not self._settings.causes.get(cause, CAUSES[cause].sent):
            return
        now = self._now()
        window = self._windows.get((cause, over))
        if window is not None and now - window.sent_s < self._settings.throttle_s:
            window.swallowed += 1
            window.text = text
            return
        self._windows[cause, over] = Window(now)
        self._send(cause, text, over)

    def _send(self, cause: str, text: str, over: bool) -> None:
        level, title, _ = CAUSES[cause]
        head = f"{self._who}: {'over: ' if over else ''}{title}"
        self._put(Message(cause, "info" if over else level, head, text))

    # --- once a second --------------------------------------------------------------------------------------------

    def look(self) -> ev.Event | None:
        """What was swallowed is told at the end of its window; what was sent becomes a line of the session's log."""
        try:
            names = self._find()
            self._tell_fault()
            self._tell_swallowed(self._settings.throttle_s)
            return self._report(f"go to {names}" if names else "")
        except Exception as error:
            self.problem = f"{type(error).__name__} in the alerts"
            return None

    def _tell_fault(self) -> None:
        """A session that has broken writes no events any more."""
        broken = self._session.broken if self._session is not None else None
        if broken is not None and not self._fault_told:
            self._fault_told = True
            self.tell("Fault", f"{type(broken).__name__}: {broken}")

    def _tell_swallowed(self, after_s: float) -> None:
        now = self._now()
        for (cause, over), window in list(self._windows.items()):
            if now - window.sent_s < after_s:
                continue
            if not window.swallowed:
                del self._windows[cause, over]
                continue
            self._windows[cause, over] = Window(now)
            self._send(cause, f"{window.swallowed} more in the last {_span(now - window.sent_s)}; {window.text}", over)

    def _report(self, said: str) -> ev.Event | None:
        """Deliveries since the last look, in one line behind ``said``."""
        sent: dict[str, list[str]] = {}
        while self._outcomes:
            target, message, problem = self._outcomes.popleft()
            self._failing.pop(target, None)
            if problem:
                self._failing[target] = problem
            else:
                sent.setdefault(message.cause, []).append(target)
        told = [f"{CAUSES[cause].title} → {', '.join(names)}" for cause, names in sent.items()]
        text = "; ".join([*([said] if said else []), *told])
        return ev.Reported(self._session.clock(), "Alerts", text) if text and self._session is not None else None

    def failing(self) -> str:
        """A probe: targets whose last message did not arrive."""
        return self.problem or ", ".join(f"{target}: {problem}" for target, problem in sorted(self._failing.items()))

    # --- the end --------------------------------------------------------------------------------------------------

    def end(self, patience_s: float = FLUSH_S) -> None:
        """Send what was held back, and give what is on its way ``patience_s``."""
        until = time.monotonic() + patience_s
        self._tell_fault()
        self._tell_swallowed(0.0)
        if self._early:
            self._find()
            if self._loader is not None:
                self._loader.join(patience_s)
            self._find()
        for courier in self._couriers or ():
            courier.end()
        while time.monotonic() < until and not all(courier.idle for courier in self._couriers or ()):
            time.sleep(0.02)


def _span(seconds: float) -> str:
    return f"{seconds / 60:.0f} min" if seconds >= 90 else f"{seconds:.0f} s"


def no_data(session: Session) -> Callable[[], str]:
    """A probe: a stream of the venue that was up has not been for a while."""
    seen: set[str] = set()

    def probe() -> str:
        now = session.clock()
        gone = []
        for name in ("public", "private"):
            link = session.state.links.get(name)
            if link is None:
                continue
            if link.state == "up":
                seen.add(name)
            elif name in seen and now - (link.last_t or link.changed_t) > NO_DATA_S * 1e9:
                gone.append(name)
        return f"{' and '.join(gone)}: nothing heard for more than {NO_DATA_S:g} s" if gone else ""

    return probe


# --- one reader an event ------------------------------------------------------------------------------------------------

_TRADING = {"HALTED": "Killed", "SAFE": "Safe", "PAUSED": "Paused", "ACTIVE": "Resumed"}


def _noticed(to: Alerts, e: ev.Noticed) -> None:
    if e.kind in CAUSES:
        to.tell(e.kind, e.text if e.symbol in e.text else f"{e.symbol}: {e.text}", e.over)


def _trading(to: Alerts, e: ev.TradingChanged) -> None:
    if e.by != "preflight":  # a start, which every session has
        to.tell(_TRADING[e.state], f"{e.why} (by {e.by})")


def _order(to: Alerts, e: ev.OrderReport) -> None:
    """Once an order: it is asked about again and again, and each answer may be none."""
    unknown = e.status == "UNKNOWN"
    if unknown == (e.client_id in to._unknown):
        return
    what = f"{e.symbol} {e.client_id}"
    if unknown:
        to._unknown.add(e.client_id)
        to.tell("UnknownOrder", f"{what}: the venue gave no answer, counted as filled until it does")
    else:
        to._unknown.discard(e.client_id)
        to.tell("UnknownOrder", f"{what} is {e.status.lower().replace('_', ' ')}", True)


def _breaker(to: Alerts, e: ev.BreakerReport) -> None:
    """Half open is on the way to one of the others."""
    if e.state != "half":
        was = f"after {e.failures} failures" if e.failures else ""
        to.tell("BreakerOpen", f"{e.family} {e.state} {was} {e.detail}".strip(), e.state == "closed")


def _settled(to: Alerts, e: ev.Settled) -> None:
    to.tell("Settled", f"{e.text} ({e.action})")


def _carried(to: Alerts, e: ev.Carried) -> None:
    if e.session and not e.clean:
        to.tell("EndedBadly", f"{e.session} did not end in order; its account is taken over")


def _started(to: Alerts, e: ev.SessionStarted) -> None:
    to.tell("Started", f"{e.session}, {e.mode} on {e.venue}")


def _ended(to: Alerts, e: ev.SessionEnded) -> None:
    to.tell("Ended" if e.clean else "EndedBadly", e.reason)


def _screen(to: Alerts, e: ev.ScreenFailed) -> None:
    to.tell("ScreenFailed", f"{e.where}: {e.text}")


_READERS: dict[type[ev.Event], Callable[[Alerts, Any], None]] = {
    ev.Noticed: _noticed,
    ev.TradingChanged: _trading,
    ev.OrderReport: _order,
    ev.BreakerReport: _breaker,
    ev.Settled: _settled,
    ev.Carried: _carried,
    ev.SessionStarted: _started,
    ev.SessionEnded: _ended,
    ev.ScreenFailed: _screen,
}


@contextmanager
def alerting(home: Home, profile: Profile) -> Iterator[Alerts]:
    """Alerts until the end of the block, which waits a moment for what is on its way."""
    made = Alerts(lambda: alerts.load_targets(home), profile.alerts, f"cockpit {profile.name} ({profile.mode})")
    try:
        yield made
    finally:
        made.end()

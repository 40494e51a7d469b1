"""What must hold after every event of a life: fills, approvals, the kill switch; and which interesting states it has seen."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from engine.core.exposure import worst_position
from engine.core.fold import apply
from engine.core.orders import terms
from engine.journal import keyframe
from engine.journal.codec import decode
from engine.model import events as ev
from engine.model.orders import AT_VENUE
from engine.model.state import State

if TYPE_CHECKING:
    from .life import Life

KILL_BOUND_S = 0.8
"""A quarter of a second for the journal, one for requests under way, and a little."""
ZERO = Decimal(0)
QUIET = frozenset(
    {ev.BookTick, ev.CandleTick, ev.Clock, ev.MarkTick, ev.TickerTick, ev.TradeTick, ev.Noted, ev.CandlesLoaded}
)
"""Events that a trace does without."""
BREAKER = {"open": "a breaker opened", "closed": "a breaker closed again"}


class Rules:
    """One life's. ``appended`` hears every event as it is journaled, ``applied`` each input after all it led to."""

    def __init__(self, life: Life) -> None:
        self.life, self.world = life, life.world
        self.sent: dict[str, int] = {}
        """Orders that were decided to leave → number of the event."""
        self.held = ZERO
        """What our fills come to, counted here."""
        self._status: dict[str, str] = {}
        self._asked: dict[str, tuple[int, str]] = {}
        self._shadow = State()
        self._input: ev.Event | None = None
        self._fills: set[str] = set()
        self._cancelled: dict[str, float] = {}

    @property
    def state(self) -> State:
        return self.life.session.state  # type: ignore[union-attr]

    # --- as it is journaled -------------------------------------------------------------------------------------------

    def appended(self, seq: int, event: ev.Event) -> None:
        if type(event) not in QUIET:
            self.world.say(f"{seq:6} {event}"[:240])
        match event:
            case ev.OrderSent():
                self.sent[event.client_id] = seq
                self._may_leave(event)
            case ev.ApprovalAsked():
                order = self.state.orders[event.client_id]
                self._asked[event.client_id] = (event.expires_t, terms(order))
                self.world.person.asked(self.life, event.client_id, terms(order))
            case ev.TradingChanged():
                self._trading(event)
            case ev.CancelSent():
                self._cancelled.update(dict.fromkeys(event.client_ids, self.world.loop.time()))
            case ev.Settled() if event.what in {"position", "balance"}:
                if event.what == "balance":
                    self.world.seen.note("balance taken over")
                self.held = self._ours()
            case ev.ApprovalClosed() if event.outcome == "expired":
                self.world.seen.note("approval expired")
            case ev.Noticed() if event.kind == "NakedPosition" and not event.over:
                self.world.seen.note("position without a stop noticed")
            case ev.Noticed() if event.kind == "TrailActivated":
                self.world.seen.note("stop trails")
            case ev.Noticed() if event.kind == "StaleCommand":
                self.world.seen.note("late or double press refused")
            case ev.Command() | ev.OrderReport() | ev.FillReport() | ev.Clock() | ev.CandleTick():
                self._input = event
            case ev.Carried():
                self._carried(event)
        self.world.weather.tempted(self.life, event)

    def _may_leave(self, event: ev.OrderSent) -> None:
        order = self.state.orders[event.client_id]
        if order.reduce_only:
            return
        if self.world.killed:
            self.world.violated("gate", f"entry {event.client_id} decided while the kill switch is on")
        if self.world.setting.approval != "required":
            return
        pressed, asked = self._input, self._asked.get(event.client_id)
        if (
            asked is None
            or not isinstance(pressed, ev.Command)
            or (pressed.action, pressed.target, pressed.text) != ("approve", event.client_id, asked[1])
        ):
            self.world.violated("approval", f"{event.client_id} was sent without a yes to its terms")
        elif event.t >= asked[0]:
            self.world.violated("approval", f"{event.client_id} was sent {(event.t - asked[0]) / 1e9:.3f} s too late")

    def _trading(self, event: ev.TradingChanged) -> None:
        self.world.say(f"trading {event.state}: {event.why}")
        if event.state == "HALTED":
            self.world.seen.note("still halted after a restart" if event.by in ("latch", "recovery") else "HALTED")
            self.world.killed = True
        elif event.state == "SAFE":
            self.world.seen.note("SAFE")
        elif event.state == "ACTIVE" and event.why.startswith("re-armed:"):
            self.world.killed = False
            self.world.seen.note("re-armed")

    def _carried(self, event: ev.Carried) -> None:
        seen, at_venue = self.world.seen, [o for o in event.book.orders if o.status in AT_VENUE]
        if at_venue:
            seen.note("recovery with an open order")
        if any(o.status == "UNKNOWN" for o in at_venue):
            seen.note("recovery with an order of unknown outcome")
        names = {o.client_id for o in event.book.orders}
        if forgotten := [c for c in self.life.left_open if c not in names]:
            self.world.violated("recovery", f"{', '.join(forgotten)} not final, and forgotten")
        held = sum((p.qty for p in event.book.positions), ZERO)
        if held:
            seen.note("recovery with a position")
            if not self.world.truth.position():
                seen.note("position closed while nobody was there")
        self.held = held
        self._fills = set(event.book.fill_keys)

    # --- after it was applied -----------------------------------------------------------------------------------------

    def applied(self, event: ev.Event) -> None:
        match event:
            case ev.FillReport():
                self._fill(event)
                self._follow()
            case ev.OrderSent():
                self._status[event.client_id] = "SUBMITTED"
            case ev.OrderReport():
                if event.code in ("10006", "rate_limit_local"):
                    self.world.seen.note("throttled")
                self._follow()
            case ev.Recovered():
                self.held = self._ours()
            case ev.LinkReport() if event.link == "private" and event.state in ("down", "up"):
                if any(self.state.orders[c].status in ("SUBMITTED", "UNKNOWN") for c in self.state.open_orders):
                    self.world.seen.note("reconnect in mid-order")
                if event.detail.startswith("silent"):
                    self.world.seen.note("silent death noticed")
            case ev.BreakerReport() if event.state in BREAKER:
                self.world.seen.note(BREAKER[event.state])
            case ev.ProtectReport():
                self.world.seen.note("stop placed or moved" if event.ok else "stop not confirmed")
            case ev.Command() if event.action == "kill":
                self._kill()

    def _fill(self, event: ev.FillReport) -> None:
        fill = event.fill
        key = f"{fill.symbol}/{fill.venue_order_id}/{fill.trade_id}"
        if key in self._fills:
            self.world.seen.note("duplicate fill dropped")
        else:
            self._fills.add(key)
            self.world.count("fills")
            if key not in self.world.truth.fill_keys():
                self.world.violated("fills", f"{key} was never made")
            if not (self.state.recovery.open and self._ours() == self.held):
                self.held += fill.qty if fill.side == "BUY" else -fill.qty
            if fill.client_id in self._cancelled:
                self.world.seen.note("fill after the cancel was sent")
        if self._ours() != self.held:
            self.world.violated("fills", f"position {self._ours()}, the sum of its fills {self.held}, after {key}")
            self.held = self._ours()

    def _ours(self) -> Decimal:
        return sum((p.qty for p in self.state.positions.values()), ZERO)

    def _follow(self) -> None:
        """Statuses as they change."""
        for client_id in [c for c, s in self._status.items() if c not in self.state.open_orders] + list(
            self.state.open_orders
        ):
            order = self.state.orders[client_id]
            before = self._status.get(client_id, "")
            if order.status != before:
                self._changed(client_id, before, order.status, order)
            if order.final and client_id not in self._cancelled:
                self._status.pop(client_id, None)
            else:
                self._status[client_id] = order.status

    def _changed(self, client_id: str, before: str, status: str, order: Any) -> None:
        seen = self.world.seen
        if status == "UNKNOWN":
            seen.note("outcome unknown")
            least = ZERO if order.reduce_only else order.left - abs(self._ours())
            if worst_position(self.state, order.symbol) < least:
                self.world.violated("unknown", f"{client_id} is not counted as exposure")
        if before == "UNKNOWN":
            seen.note("UNKNOWN was not there" if status == "REJECTED" else "UNKNOWN was there")
        elif status == "REJECTED":
            seen.note("order refused by the venue")
        if status == "REJECTED" and self.world.truth.known(client_id):
            self.world.violated("unknown", f"{client_id} was called refused or absent, and the venue has it")
        if status == "CANCELLED":
            seen.note("partial fill, then cancelled" if order.filled else "cancelled")
        if before in ("CANCELLED", "REJECTED") and status in ("FILLED", "PARTIALLY_FILLED"):
            seen.note("fill after the end")

    def _kill(self) -> None:
        working = [c for c in self.state.open_orders if self._cancellable(c)]
        if any(self.state.orders[c].status == "SUBMITTED" for c in working):
            self.world.seen.note("kill during a submit")
        if working and self.life.session is not None and self.life.session.broken is None:
            self.world.seen.note("kill with working entries")
            at = self.world.loop.time()
            self.world.loop.call_later(KILL_BOUND_S, self._judge_kill, at, working, context=self.world.context)

    def _cancellable(self, client_id: str) -> bool:
        order = self.state.orders[client_id]
        return order.status in AT_VENUE and not order.reduce_only and bool(order.sent_t)

    def _judge_kill(self, at: float, working: list[str]) -> None:
        if not self.life.alive or self.life.session is None or self.life.session.broken is not None:
            return
        late = [c for c in working if self._cancellable(c) and self.life.cancel_asked_s.get(c, -1.0) < at - 3.0]
        if late:
            self.world.violated("kill", f"{', '.join(late)} not cancelled {KILL_BOUND_S} s after the kill")

    def durable_fills(self, kept: int) -> set[str]:
        """Fills among the first ``kept`` events."""
        return {key for key, seq in self.state.fill_keys.items() if seq <= kept}

    # --- now and then -------------------------------------------------------------------------------------------------

    def compare_fold(self) -> None:
        """The journal's bytes, decoded and folded, are the live state."""
        journal = self.life.journal
        assert journal is not None
        for _, _, kind, payload, _ in journal.rows[self._shadow.seq :]:
            apply(self._shadow, decode(kind, payload))
        if self._shadow.seq == self.state.seq and keyframe.encode_state(self._shadow) != keyframe.encode_state(
            self.state
        ):
            self.world.violated("fold", f"the journal folds to another state than the live one at {self.state.seq}")

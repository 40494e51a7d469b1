"""Why an order is what it is: the chain of events from the candle to the exit, with the time that each step took."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from engine.journal.recording import Recording
from engine.model import events as ev
from engine.model.orders import Order, Trade
from engine.replay.cursor import WINDOW, Replay

MAX_LINKS = 500
MAX_EXIT_FILLS = 200
"""So many fills after the order's own are looked at for the one that closed the position."""
_DECISIONS = frozenset(ev.DECISIONS)
_OWN = (
    *(
        "OrderDecided",
        "Refused",
        "ApprovalAsked",
        "Command",
        "ApprovalClosed",
        "OrderSent",
        "OrderReport",
        "FillReport",
    ),
    *("CancelSent", "CancelReport", "QuerySent"),
)
_COMMANDS = frozenset({"approve", "decline", "cancel"})


class Link(NamedTuple):
    """One step. ``since_previous_ns`` is by our own clock, 0 for the first."""

    t: int
    seq: int
    title: str
    text: str
    since_previous_ns: int


Found = tuple[int, ev.Event]
Said = tuple[int, int, str, str]


def why(recording: Recording, client_id: str, upto: int | None = None) -> list[Link]:
    """Everything that led to an order and came of it, in order, nothing after event ``upto``; empty for an unknown order."""
    last = recording.last
    end = min(last.seq if last else 0, upto if upto is not None else 1 << 62)
    own = _own(recording, client_id, end)
    decided = next(((seq, e) for seq, e in own if isinstance(e, ev.OrderDecided)), None)
    said = [(seq, e.t, *words) for seq, e in own if (words := _say(e)) is not None]
    if decided is not None:
        order = decided[1].order
        said += _cause(recording, decided[0], order)
        said += _exit(recording, order, own, end)
    said = sorted(set(said))[:MAX_LINKS]
    times = [said[0][1] if said else 0, *(row[1] for row in said)]
    return [Link(t, seq, title, text, t - before) for (seq, t, title, text), before in zip(said, times, strict=False)]


def _own(recording: Recording, client_id: str, end: int) -> list[Found]:
    """The events that name the order by our id or, once it is known, by the venue's."""
    found: list[Found] = []
    venue_ids: set[str] = set()
    for seq, e in recording.events(1, end, _OWN):
        if _names(e, client_id, venue_ids):
            found.append((seq, e))
            if isinstance(e, ev.OrderReport) and e.venue_id:
                venue_ids.add(e.venue_id)
    return found


def _names(e: Any, client_id: str, venue_ids: set[str]) -> bool:
    match e:
        case ev.OrderDecided():
            return bool(e.order.client_id == client_id)
        case ev.Command():
            return e.action in _COMMANDS and e.target == client_id
        case ev.FillReport():
            return e.fill.client_id == client_id or (not e.fill.client_id and e.fill.venue_order_id in venue_ids)
        case ev.OrderReport():
            return e.client_id == client_id or (not e.client_id and e.venue_id in venue_ids)
        case ev.CancelSent():
            return client_id in e.client_ids
    return bool(e.client_id == client_id)


# --- before it ----------------------------------------------------------------------------------------------------


def _cause(recording: Recording, decided: int, order: Order) -> Iterator[Said]:
    """The input that the decision answered, and what was decided on the way to it and right after it."""
    before = [pair for pair in recording.events(max(1, decided - WINDOW), decided - 1) if pair[0] < decided]
    step: list[Found] = []
    for seq, e in reversed(before):
        step.append((seq, e))
        if type(e) not in _DECISIONS:
            break
    for seq, e in reversed(step):
        match e:
            case ev.CandleTick() if e.symbol == order.symbol:
                c = e.candle
                text = f"{e.symbol} open {c.open:g} high {c.high:g} low {c.low:g} close {c.close:g} volume {c.volume:g}"
                yield seq, e.t, "candle closed", text
            case ev.Command():
                yield seq, e.t, "key pressed", f"{e.by}: {e.action} {e.target}".rstrip()
            case ev.Noted() if e.symbol == order.symbol and e.strategy == order.strategy:
                yield seq, e.t, f"{e.strategy}: {e.verdict}", e.text
            case ev.Noticed() if e.symbol in ("", order.symbol):
                yield seq, e.t, "notice", e.text
            case _ if type(e) not in _DECISIONS:
                yield seq, e.t, "input", type(e).__name__
    for seq, e in recording.events(decided + 1, decided + 4):
        if type(e) not in _DECISIONS:
            return
        if isinstance(e, ev.Noticed) and e.kind == "OrderResized":
            yield seq, e.t, "resized", e.text


# --- itself -------------------------------------------------------------------------------------------------------


def _decided(e: ev.OrderDecided) -> tuple[str, str]:
    o = e.order
    at = "at market" if o.price is None else f"at {o.price:f}"
    levels = [f"{name} {level:f}" for name, level in (("stop", o.stop), ("target", o.target)) if level is not None]
    said = [
        f"{o.side} {o.qty:f} {o.symbol} {at}",
        *levels,
        *([o.why] if o.why else []),
        *([o.resized] if o.resized else []),
    ]
    return "sized and decided", ", ".join(said)


_TITLES = {"ACCEPTED": "acknowledged", "REJECTED": "refused by the venue", "UNKNOWN": "no answer"}


def _reported(e: ev.OrderReport) -> tuple[str, str]:
    title = _TITLES.get(e.status) or "reported " + e.status.lower().replace("_", " ")
    return title, f"{e.source} {e.code} {e.message}".strip()


_SAY: dict[type[ev.Event], Callable[[Any], tuple[str, str]]] = {
    ev.OrderDecided: _decided,
    ev.Refused: lambda e: (
        "refused by the venue" if e.source == "venue" else "refused",
        f"{e.code}: {e.text} (limit {e.limit}, was {e.value})",
    ),
    ev.ApprovalAsked: lambda e: ("approval asked", f"for {(e.expires_t - e.t) / 1e9:g} s"),
    ev.Command: lambda e: ("key pressed", f"{e.by}: {e.action}"),
    ev.ApprovalClosed: lambda e: ("approval closed", f"{e.outcome} by {e.by} {e.why}".rstrip()),
    ev.OrderSent: lambda _: ("sent", "passed every limit"),
    ev.OrderReport: _reported,
    ev.FillReport: lambda e: ("filled", f"{e.fill.qty:f} at {e.fill.price:f}, fee {e.fill.fee:f}"),
    ev.CancelSent: lambda e: ("cancel sent", e.why),
    ev.CancelReport: lambda e: (
        "cancel answered",
        f"{ {True: 'taken', False: 'refused', None: 'no answer'}[e.ok] } {e.message}",
    ),
    ev.QuerySent: lambda e: ("asked for", e.why),
}


def _say(e: ev.Event) -> tuple[str, str] | None:
    say = _SAY.get(type(e))
    return say(e) if say is not None else None


# --- after it -----------------------------------------------------------------------------------------------------


def _exit(recording: Recording, order: Order, own: list[Found], end: int) -> Iterator[Said]:
    """The trade that the order's fills belong to, once its position is flat."""
    fills = [(seq, e.fill) for seq, e in own if isinstance(e, ev.FillReport)]
    if not fills:
        return
    first, opened = fills[0]
    replay = Replay(recording)
    for n, (seq, e) in enumerate(recording.events(first, end, ("FillReport",))):
        if n >= MAX_EXIT_FILLS:
            return
        if not isinstance(e, ev.FillReport) or e.fill.symbol != order.symbol:
            continue
        trades = replay.seek(seq).trades
        if trades and trades[-1].symbol == order.symbol and trades[-1].exit_t == e.fill.t >= opened.t:
            yield seq, e.t, "position closed", _trade(trades[-1])
            return


def _trade(trade: Trade) -> str:
    r = "" if trade.r is None else f", {trade.r:+.2f} R"
    return (
        f"{trade.exit_why} at {trade.exit:.8f}".rstrip("0").rstrip(".")
        + f": {trade.pnl:+.2f} net{r}, {trade.bars} bars"
    )

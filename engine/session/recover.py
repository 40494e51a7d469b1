"""What the last session of an account left: found, folded, and put into the one event from which the next session goes on.

The new recording is a new file that holds all it takes over (``Carried``), so it can be replayed and verified alone and the old
one may be deleted. Appending to the old file would mean writing to one that a crash has left, perhaps damaged, and that readers,
backups and the writer's own count of events take for finished.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import NamedTuple

import msgspec

from engine.core.fold import apply
from engine.journal import keyframe
from engine.journal.codec import CodecError
from engine.journal.opening import RecordingError, clean
from engine.journal.recording import Recording
from engine.model import events as ev
from engine.model.orders import AT_VENUE, Order, Position
from engine.model.reasons import PROBED
from engine.model.state import Account, State

SUFFIX = ".cockpit"
LOOKBACK_NS = 5 * 60_000_000_000
ENDED_NS = 10 * 60_000_000_000
"""Orders that ended in the last minutes of a session are taken along: a late execution finds its order."""
ENDED_KEPT, FILLS_KEPT, TAGS_KEPT, TRADES_KEPT = 200, 4_000, 50, 200
"""So many that the event stays far below ``engine.journal.codec.MAX_PAYLOAD``."""
WINDOW = 3_000
"""Events before a reading of the account among which the venue's time is told."""


class Left(NamedTuple):
    """A session as it was left. ``since`` is the venue time up to which its executions are surely known, less the look-back."""

    path: Path
    state: State
    seq: int
    since: int
    lost: list[str]


def account_digest(venue: str, account: str) -> str:
    """Tells accounts apart without naming them."""
    return hashlib.blake2b(f"{venue}\0{account}".encode(), digest_size=8).hexdigest()


def find(folder: Path, account: str, mode: str) -> Path | None:
    """The newest session of the account in this mode. RecordingError when a newer file cannot be read: it may be the one."""
    for path in sorted(folder.glob(f"*{SUFFIX}"), reverse=True):
        if (
            _begun(path)
            and (started := _first(path)) is not None
            and (started.account, started.mode) == (account, mode)
        ):
            return path
    return None


def _begun(path: Path) -> bool:
    """Whether it ever held an event. One that was killed while it was made is put back by SQLite into what it was: empty."""
    with suppress(OSError):
        if Path(f"{path}-journal").exists():
            with suppress(sqlite3.Error), closing(sqlite3.connect(path, timeout=2.0)) as db:
                db.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        return path.stat().st_size > 0
    return False


def _first(path: Path) -> ev.SessionStarted | None:
    try:
        with Recording.open(path) as recording:
            _, event = next(recording.events(1, 1), (0, None))
            if event is None and (last := recording.last) is not None:
                raise RecordingError(f"its first of {last.seq:,} events cannot be read")
    except RecordingError as error:
        name = path.name.removesuffix(SUFFIX)
        hint = f"cockpit restore {name} puts its last backup there; cockpit run --fresh (or --adopt) starts without it"
        raise RecordingError(f"this may be the last session, and {error.what}", str(path), hint) from error
    return event if isinstance(event, ev.SessionStarted) else None


# --- folding ---------------------------------------------------------------------------------------------------------


def read(path: Path) -> Left:
    """Fold the whole of a session, from its last keyframe where there is one. RecordingError; what is damaged is left out."""
    with Recording.open(path) as recording:
        last = recording.last
        seq = last.seq if last is not None else 0
        state = State()
        found = recording.keyframe(seq, keyframe.guard())
        if found is not None:
            with suppress(CodecError):
                state = keyframe.decode_foreign(found[1], found[0])
        missing = 0
        for number, event in recording.events(state.seq + 1, seq):
            missing += number - state.seq - 1
            state.seq = number - 1
            apply(state, event)
        lost = [clean(line) for line in recording.damage]
        if missing + seq - state.seq and not lost:
            lost.append(f"{missing + seq - state.seq} event(s) are missing")
        return Left(path, state, seq, _since(recording, state, seq), lost)


def _since(recording: Recording, state: State, seq: int) -> int:
    for asked in _readings(recording, seq):
        heard = [e.venue_t for _, e in recording.events(max(1, asked - WINDOW), asked, ("BookTick", "MarkTick", "TradeTick"))
                 if isinstance(e, (ev.BookTick, ev.MarkTick, ev.TradeTick))]  # fmt: skip
        if heard:
            return max(0, max(heard) - LOOKBACK_NS)
    return state.recovery.since


def _readings(recording: Recording, seq: int) -> Iterator[int]:
    """Where complete readings of the account were asked for, newest first."""
    at = recording.last_of(("SnapshotTaken",), seq + 1)
    while at is not None:
        taken = next((e for _, e in recording.events(at, at)), None)
        if isinstance(taken, ev.SnapshotTaken) and taken.complete:
            asked = recording.last_of(("SnapshotAsked",), at)
            if asked is not None:
                yield asked
        at = recording.last_of(("SnapshotTaken",), at)


# --- what is carried over ----------------------------------------------------------------------------------------------


def carried(left: Left, now: int, *, resume: bool) -> ev.Carried:
    """The event from which the next session goes on; with ``resume`` it also counts on."""
    state = left.state
    digest = hashlib.blake2b(keyframe.encode_state(state), digest_size=16).hexdigest()
    ended = bool(state.session.ended) and state.session.clean
    lost = left.lost[:3] + ([f"and {len(left.lost) - 3} more"] if len(left.lost) > 3 else [])
    return ev.Carried(
        now,
        state.session.id,
        left.seq,
        digest,
        state.t,
        ended,
        resume,
        left.since,
        book(state, now, resume, bool(lost)),
        lost,
    )


def nothing(now: int) -> ev.Carried:
    """A person's decision to know nothing of the account: what the venue holds is foreign until it is adopted."""
    return ev.Carried(now, "", 0, "", 0, clean=False, resumed=False, since=0, book=ev.Book())


def book(state: State, now: int, resume: bool, damaged: bool) -> ev.Book:
    return ev.Book(
        account=_account(state.account, resume) if state.account.known else None,
        positions=[_position(p, now) for p in state.positions.values()],
        orders=[_order(o, damaged) for o in _orders(state)],
        stops=list(state.stops.values()),
        fill_keys=list(state.fill_keys)[-FILLS_KEPT:],
        risk=state.risk if state.account.known else None,
        alarms={key: text for key, text in state.alarms.items() if key.partition("/")[0] not in PROBED},
        tags=list(dict.fromkeys(tag for tag in (state.session.tag, *state.recovery.tags) if tag))[:TAGS_KEPT],
        trading=state.trading,
        trading_why=state.trading_why,
        statistics=_statistics(state) if resume else None,
    )


def _account(account: Account, resume: bool) -> Account:
    if resume:
        return msgspec.structs.replace(account, venue_wallet=None)
    return Account(currency=account.currency, known=True, start=account.wallet, wallet=account.wallet)


def _position(position: Position, now: int) -> Position:
    """Ours, with nothing of what the venue said: it is asked again."""
    return msgspec.structs.replace(
        position,
        venue_qty=None,
        venue_t=0,
        protect_t=0,
        protect_tries=0,
        close_t=0,
        naked_since=now if position.naked_since else 0,
    )


def _orders(state: State) -> list[Order]:
    """Ours that may still do something, then those that ended of late; what others placed is found again at the venue."""
    mine = [o for o in state.orders.values() if o.role != "foreign" and (o.sent_t or o.status not in AT_VENUE)]
    late = [o for o in mine if o.final and o.sent_t and state.t - o.updated_t <= ENDED_NS]
    return [o for o in mine if not o.final] + late[-ENDED_KEPT:]


def _order(order: Order, damaged: bool) -> Order:
    """One that may have left is UNKNOWN until the venue is asked; after damage also one that we have no sending of."""
    kept = msgspec.structs.replace(order, query_t=0, misses=0, cancel_sent_t=0)
    unsent = order.status in ("PROPOSED", "AWAITING_APPROVAL")
    if order.status == "SUBMITTED" or (unsent and damaged):
        kept.status, kept.sent_t = "UNKNOWN", order.sent_t or order.updated_t
    return kept


def _statistics(state: State) -> ev.Statistics:
    return ev.Statistics(
        state.orders_total,
        state.fills_total,
        state.trades_total,
        state.wins_total,
        dict(state.rejected),
        state.trades[-TRADES_KEPT:],
    )


def candles(left: Left, now: int) -> list[ev.CandlesLoaded]:
    """The candles that a continued session goes on with, so that its strategies know as much as they did."""
    return [
        ev.CandlesLoaded(now, symbol, market.candles) for symbol, market in left.state.markets.items() if market.candles
    ]

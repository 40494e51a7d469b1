"""``equity.csv``: a row for every day of every session, appended at UTC midnight and at the session's end, never changed.

A row is known by its session and its day, so whoever adds one twice adds it once. Sums are of the part of the day that the row
covers: what the session's earlier rows hold is taken off its totals.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterable
from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from typing import Literal

import filelock
import msgspec

from engine.model.state import State, equity, unrealised
from engine.ops.paths import Home

DAY_NS = 86_400_000_000_000
LOCK_S = 2.0
LARGEST = 64 << 20
Why = Literal["midnight", "end", "torn"]


class Row(msgspec.Struct, kw_only=True, frozen=True):
    """``t`` is UTC nanoseconds, ``date`` the UTC day that the row closes (``torn``: the recording broke off).

    ``account`` is the digest of an account that outlives the session, empty for the demo's and on paper. ``day_pnl`` is equity
    less that at the start of the day (of the session, if later); ``fees``, ``funding`` and ``trades`` are of this row's time.
    """

    date: str
    time: str
    t: int
    session: str
    profile: str
    mode: str
    account: str
    currency: str
    equity: Decimal
    wallet: Decimal
    unrealised: Decimal
    day_pnl: Decimal
    fees: Decimal
    funding: Decimal
    trades: int
    why: Why
    """Last, so that a line that a crash cut off is never taken for a whole one."""

    @property
    def key(self) -> tuple[str, str]:
        return self.session, self.date


class Totals(msgspec.Struct, frozen=True):
    """What a session had counted at some moment."""

    fees: Decimal = Decimal(0)
    funding: Decimal = Decimal(0)
    trades: int = 0


FIELDS = Row.__struct_fields__
CENT = Decimal("0.01")


def path(home: Home) -> Path:
    return home.root / "equity.csv"


def totals(state: State) -> Totals:
    return Totals(state.account.fees, state.account.funding, state.trades_total)


def row(state: State, t: int, why: Why, account: str, day_start: float, base: Totals) -> Row:
    """The row of ``state`` at ``t``; a midnight's closes the day before it. Its sums are since ``base``: ``settled`` takes off
    what earlier rows hold."""
    info, money = state.session, state.account
    own = equity(state)
    open_pnl = sum(unrealised(state, p) for p in state.positions.values())
    return Row(
        date=date_of(t - (why == "midnight")), time=time_of(t), t=t,
        session=_word(info.id), profile=_word(info.profile), mode=_word(info.mode), account=_word(account),
        currency=_word(money.currency),
        equity=_cents(own), wallet=money.wallet, unrealised=_cents(open_pnl), day_pnl=_cents(own - day_start),
        fees=money.fees - base.fees, funding=money.funding - base.funding, trades=state.trades_total - base.trades,
        why=why,
    )  # fmt: skip


def _word(text: str) -> str:
    """What needs no quotes, and what no spreadsheet takes for a formula."""
    return re.sub(r"[^A-Za-z0-9._:/-]|^-", "_", text)[:80]


def date_of(t: int) -> str:
    """``2026-03-10`` of UTC nanoseconds."""
    return time_of(t)[:10]


def time_of(t: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(t // 1_000_000_000))


def _cents(value: float) -> Decimal:
    return Decimal(value).quantize(CENT) if abs(value) < 1e15 else Decimal("NaN")


def settled(new: Row, known: Iterable[Row]) -> Row:
    """``new`` less what the session's earlier rows hold already."""
    before = [r for r in known if r.session == new.session and r.t < new.t]
    return msgspec.structs.replace(
        new,
        fees=new.fees - sum((r.fees for r in before), Decimal(0)),
        funding=new.funding - sum((r.funding for r in before), Decimal(0)),
        trades=new.trades - sum(r.trades for r in before),
    )


def read(home: Home) -> list[Row]:
    """All rows, in the order in which they were written. A line that is no row (cut off by a crash) is passed over."""
    try:
        with path(home).open("rb") as file:
            text = file.read(LARGEST).decode("utf-8", "replace")
    except OSError:
        return []
    return _parsed(text)


def _parsed(text: str) -> list[Row]:
    found: dict[tuple[str, str], Row] = {}
    for line in text.split("\n"):
        cells = line.split(",")
        with suppress(msgspec.MsgspecError):
            if len(cells) == len(FIELDS):
                new = msgspec.convert(dict(zip(FIELDS, cells, strict=True)), Row, strict=False)
                found.setdefault(new.key, new)
    return list(found.values())


def add(home: Home, new: Row) -> bool:
    """Append a row, on the disk when this returns; False when its day is there. Raises OSError."""
    place = path(home)
    try:
        with filelock.FileLock(f"{place}.lock", timeout=LOCK_S, mode=0o600):
            known = read(home)
            if any(r.key == new.key for r in known):
                return False
            _append(place, settled(new, known))
            return True
    except filelock.Timeout as error:
        raise OSError(f"{place.name} is held by another process") from error


def _append(place: Path, new: Row) -> None:
    descriptor = os.open(place, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        size = os.fstat(descriptor).st_size
        line = ",".join(_cell(getattr(new, name)) for name in FIELDS) + "\n"
        if not size:
            line = ",".join(FIELDS) + "\n" + line
        elif os.pread(descriptor, 1, size - 1) != b"\n":
            line = "\n" + line  # the one before was cut off
        raw = line.encode()
        if os.write(descriptor, raw) != len(raw):
            raise OSError("the disk is full")
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _cell(value: object) -> str:
    return f"{value:f}" if isinstance(value, Decimal) else str(value)

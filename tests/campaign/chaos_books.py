"""All that the sessions of a home wrote, held against the exchange's books."""

from __future__ import annotations

import re
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
from chaos_stage import Stage

from engine.core.fold import apply
from engine.journal.opening import RecordingError
from engine.journal.recording import Recording
from engine.model import events as ev
from engine.model.state import State

_TAKEN = re.compile(r"([+-][\d.]+) is taken over")
ROUNDED = Decimal("0.01")
"""Of each such line."""


class Book(msgspec.Struct):
    """One recording, folded. ``sent`` is when each order's sending was decided, UTC nanoseconds."""

    path: Path
    state: State
    events: int = 0
    sent: dict[str, int] = {}
    funding: Decimal = Decimal(0)
    """What was booked as funding."""
    faults: list[str] = []


class Verdict(msgspec.Struct):
    lost: int = 0
    duplicated: int = 0
    unsafe: int = 0
    faults: list[str] = []


def read(path: Path) -> Book:
    """Never raises for what a session left behind. A file that holds nothing yet is an empty book."""
    book = Book(path, State(), sent={}, faults=[])
    if not path.stat().st_size:
        return book
    try:
        with Recording.open(path) as recording:
            book.faults = [f"{path.name}: {line}" for line in recording.check()[:5]]
            for _, event in recording.events():
                apply(book.state, event)
                book.events += 1
                if isinstance(event, ev.OrderSent):
                    book.sent[event.client_id] = event.t
                elif isinstance(event, ev.FundingPaid):
                    book.funding += event.amount
    except RecordingError as error:
        if "tables are others" not in str(
            error
        ):  # killed while it was made: SQLite rolls it back when it is written to
            book.faults.append(f"{path.name}: {error}")
    return book


def compare(stage: Stage, books: list[Book], *, ended: bool = True) -> Verdict:
    """``ended``: the last session ended in order and closed everything, so that the accounts must agree to the last digit."""
    v = Verdict(faults=[fault for book in books for fault in book.faults])
    v.lost += len(v.faults)
    sent = {client_id: t for book in books for client_id, t in book.sent.items()}
    names = Counter(name for _, name in stage.seen.orders)
    v.duplicated = sum(n - 1 for name, n in names.items() if name)
    for t, name in stage.seen.orders:
        decided = sent.get(name)
        if decided is None or decided > t:
            v.unsafe += 1
            v.faults.append(f"order {name or 'without a name'} was at the exchange, and no journal has its decision")
    if v.duplicated:
        v.faults.append(f"{v.duplicated} client id(s) were accepted twice")
    _taken_over(v, books, stage.seen.account)
    if ended and books:
        _accounts(v, books[-1].state, stage.seen.account)
    return v


def _taken_over(v: Verdict, books: list[Book], theirs: dict[str, Any]) -> None:
    """Differences of the balance that a start took over: funding that was paid while no session ran, and nothing else."""
    lines = [line for book in books for line in book.state.recovery.lines if line.startswith("balance")]
    taken = sum((Decimal(found[1]) for line in lines if (found := _TAKEN.search(line))), Decimal(0))
    unseen = Decimal(theirs["funding"]) - sum((book.funding for book in books), Decimal(0))
    if lines and abs(taken - unseen) > ROUNDED * len(lines):
        v.lost += 1
        v.faults.append(f"{taken:+f} of balance taken over, {unseen:+f} of funding unseen: {lines[-1]}")


def _accounts(v: Verdict, state: State, theirs: dict[str, Any]) -> None:
    if state.account.wallet != Decimal(theirs["wallet"]):
        v.lost += 1
        v.faults.append(f"wallet: {state.account.wallet:f} here, {theirs['wallet']} there")
    held = {p.symbol: f"{p.qty:f}" for p in state.positions.values() if p.qty}
    if held or theirs["positions"]:
        v.lost += 1
        v.faults.append(f"positions at the end: {held} here, {len(theirs['positions'])} there")
    if theirs["orders"]:
        v.lost += 1
        v.faults.append(f"{len(theirs['orders'])} order(s) still work at the exchange")
    if state.recovery.open or state.recovery.unsolved:
        v.faults.append(f"not recovered: {state.recovery.lines[-3:]}")
    if shaky := [f"{o.client_id} {o.status}" for o in state.orders.values() if not o.final and o.role != "foreign"]:
        v.faults.append(f"not final at the end: {', '.join(shaky)}")

"""Bit rot: one bit of a payload in a finished journal is flipped; a check must name the event, and the others still be read."""

from __future__ import annotations

import asyncio
import random
import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

from chaos_outcome import Outcome, Task
from chaos_writer import live

from engine.journal import block, recording
from engine.journal.opening import RecordingError
from engine.journal.recording import Recording
from engine.model.events import Event

EVENTS = 4_000
LEAST = 12
"""Bytes of a payload that are looked for in the file: enough to be found once."""
PIECE = 400
"""Of a block only the front: behind it, it may go on in another page."""


class Payload(NamedTuple):
    """Where an event's, or a block's, bytes lie in the file; ``first`` and ``last`` are the numbers of its events."""

    at: int
    size: int
    first: int
    last: int


class Agreeing(int):
    """A checksum that agrees with every other: the planted bug."""

    def __eq__(self, _: object) -> bool:
        return True

    def __ne__(self, _: object) -> bool:
        return False

    __hash__ = int.__hash__


async def run(task: Task) -> Outcome:
    """``rounds`` flips; the plant ``no-checksum`` believes every row."""
    path = task.folder / "good.cockpit"
    await live(path, random.Random(task.seed), EVENTS, 0, "", lambda _: None)
    with planted(task.plant):
        return await asyncio.to_thread(flips, path, task)


@contextmanager
def planted(plant: str) -> Iterator[None]:
    if not plant:
        yield
        return
    agreeing: Any = lambda *_: Agreeing()  # noqa: E731
    with mock.patch.object(recording, "checksum", agreeing), mock.patch.object(block, "_crc", agreeing):
        yield


def flips(path: Path, task: Task) -> Outcome:
    outcome, chance = Outcome(), random.Random(task.seed)
    image = path.read_bytes()
    with Recording.open(path) as whole:
        events = dict(whole.events())
    places = payloads(path, image)
    spoiled = path.with_name("bad.cockpit")
    shown, saved, least = 0, 0, 1.0
    for _ in range(task.rounds):
        place = chance.choice(places)
        at = place.at + chance.randrange(place.size)
        bad = bytearray(image)
        bad[at] ^= 1 << chance.randrange(8)
        spoiled.write_bytes(bad)
        faults, kept = judge(spoiled, place, events)
        outcome.count(faults, unsafe=len(faults))
        shown += not faults
        saved += kept
        least = min(least, kept / len(events))
    outcome.figures.append(
        f"{shown} of {outcome.tried} flips named; {saved / len(events) / max(1, outcome.tried):.2%} of the events were read "
        f"all the same, at worst {least:.1%}"
    )
    return outcome


def payloads(path: Path, image: bytes) -> list[Payload]:
    """Rows by number and blocks by theirs, as often as one another; what cannot be found once in the file is left out."""
    rows, blocks = [], []
    db = sqlite3.connect(path)
    for seq, payload in db.execute("SELECT seq, payload FROM event"):
        if len(payload) >= LEAST and (at := image.find(payload)) >= 0 and image.find(payload, at + 1) < 0:
            rows.append(Payload(at, len(payload), seq, seq))
    for first, seq, data in db.execute("SELECT first, seq, data FROM block"):
        piece = data[:PIECE]
        if (at := image.find(piece)) >= 0:
            blocks.append(Payload(at, len(piece), first, seq))
    db.close()
    return rows + blocks * (len(rows) // max(1, len(blocks)))


def judge(path: Path, place: Payload, events: dict[int, Event]) -> tuple[list[str], int]:
    """What was not noticed or wrongly read, and how many events could still be read."""
    try:
        with Recording.open(path) as found:
            damage = found.check()
            read = dict(found.events())
    except RecordingError as error:
        damage, read = [str(error)], {}
    named = {int(n) for line in damage for n in re.findall(r"events? (\d+)", line)}
    faults = []
    if not any(place.first <= n <= place.last for n in named):
        faults.append(f"a flipped bit in event {place.first}–{place.last} is not named: {damage[:2]}")
    if wrong := [seq for seq, event in read.items() if events.get(seq) != event]:
        faults.append(f"events {wrong[:3]} are read as something else")
    outside = len(events) - (place.last - place.first + 1)
    if sum(not place.first <= seq <= place.last for seq in read) < outside:
        faults.append("events that were not touched cannot be read any more")
    return faults, len(read)

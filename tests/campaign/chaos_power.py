"""Power cuts: what a process did to its journal's files, cut at any point, with only what was forced to the disk surely there.

The model: a sync makes the writes of one file durable, a sync of the folder the names made and removed in it. Of everything
later any subset of 512-byte sectors may have reached the disk, and any number of name changes in their order.
"""

from __future__ import annotations

import asyncio
import json
import random
import shutil
import struct
import sys
from pathlib import Path

import msgspec
from chaos_outcome import Outcome, Skipped, Task
from chaos_shim import ACK, FOLDER, MAKE, REMOVE, SYNC, TRUNCATE, WRITE, Op, Shim, missing, read
from chaos_writer import ACCOUNT

from engine.journal.opening import RecordingError
from engine.journal.recording import Recording
from engine.session import recover

WRITER = Path(__file__).with_name("chaos_writer.py")
SECTOR = 512
CUTS_A_LIFE = 50
LIFE_S = 60.0


class File(msgspec.Struct):
    synced: bytes = b""
    later: list[Op] = []


class Disk(msgspec.Struct):
    """``names`` is what a look at the folder shows, ``durable`` what it shows after a cut, apart from ``pending`` changes."""

    files: list[File] = []
    names: dict[str, int] = {}
    durable: dict[str, int] = {}
    pending: list[tuple[str, int | None]] = []
    acked: int = 0

    def take(self, op: Op) -> None:
        if op.op == MAKE:
            self.files.append(File())
            self.names[op.name] = len(self.files) - 1
            self.pending.append((op.name, len(self.files) - 1))
        elif op.op == REMOVE:
            self.names.pop(op.name, None)
            self.pending.append((op.name, None))
        elif op.op == FOLDER:
            _rename(self.durable, self.pending)
            self.pending = []
        elif op.op in (WRITE, TRUNCATE):
            self.files[self.names[op.name]].later.append(op)
        elif op.op == SYNC:
            file = self.files[self.names[op.name]]
            file.synced, file.later = _whole(file.synced, file.later), []
        elif op.op == ACK:
            self.acked = max(self.acked, *struct.unpack(f"<{len(op.data) // 8}q", op.data))

    def after_cut(self, folder: Path, chance: random.Random) -> None:
        """The files as they may be found."""
        names = dict(self.durable)
        _rename(names, self.pending[: chance.randint(0, len(self.pending))])
        share = chance.choice((0.0, 0.2, 0.5, 0.9, 0.99))
        for name, number in names.items():
            file = self.files[number]
            (folder / name).write_bytes(_torn(file.synced, file.later, chance, share))


def _rename(names: dict[str, int], changes: list[tuple[str, int | None]]) -> None:
    for name, number in changes:
        if number is None:
            names.pop(name, None)
        else:
            names[name] = number


def _whole(image: bytes, later: list[Op]) -> bytes:
    found = bytearray(image)
    for op in later:
        _put(found, op, op.offset, op.data)
    return bytes(found)


def _torn(image: bytes, later: list[Op], chance: random.Random, share: float) -> bytes:
    found = bytearray(image)
    for op in later:
        if op.op == TRUNCATE:
            if chance.random() < share:
                _put(found, op, op.offset, b"")
            continue
        at = 0
        while at < len(op.data):
            size = SECTOR - (op.offset + at) % SECTOR
            if chance.random() < share:
                _put(found, op, op.offset + at, op.data[at : at + size])
            at += size
    return bytes(found)


def _put(image: bytearray, op: Op, offset: int, data: bytes) -> None:
    image.extend(bytes(max(0, offset - len(image))))
    if op.op == TRUNCATE:
        del image[offset:]
    else:
        image[offset : offset + len(data)] = data


# --- rounds ----------------------------------------------------------------------------------------------------------


async def run(task: Task) -> Outcome:
    """``rounds`` cuts, some of one life of the writer. The planted ``synchronous-normal`` leaves the syncs to checkpoints: more
    than half of the cuts must then lose something."""
    if why := missing():
        raise Skipped(why)
    outcome, chance = Outcome(), random.Random(task.seed)
    losing = promised = 0
    while outcome.tried < task.rounds:
        life = task.folder / f"life{outcome.tried}"
        ops = await lived(life, chance.randrange(1 << 30), chance.choice((0, 20, 100)), task.plant)
        cuts = min(CUTS_A_LIFE, task.rounds - outcome.tried)
        for cut in sorted(chance.randint(1, len(ops)) for _ in range(cuts)):
            acked, lost, faults = await asyncio.to_thread(judge, life / "cut", ops[:cut], chance.randrange(1 << 30))
            losing += bool(lost)
            promised += acked
            outcome.count(faults, lost=lost)
        shutil.rmtree(life)
    outcome.caught = 2 * losing > outcome.tried
    outcome.figures.append(
        f"{promised:,} events were acknowledged before the cuts; {losing} of {outcome.tried} cuts lost some of them"
    )
    return outcome


async def lived(folder: Path, seed: int, checkpoint: int, plant: str) -> list[Op]:
    """What one writer did to its files."""
    sessions = folder / "sessions"
    sessions.mkdir(parents=True)
    shim = Shim(folder, sessions, log=True)
    order = {
        "path": f"{sessions / 'one.cockpit'}",
        "acks": f"{folder / 'one.acks'}",
        "seed": seed,
        "events": 2_500,
        "checkpoint": checkpoint,
        "sync": "NORMAL" if plant else "",
    }
    await child(order, shim)
    return list(read(shim.log))


async def child(order: dict[str, object], shim: Shim) -> str:
    """Run a writer to its end; what it printed. RuntimeError when it failed."""
    import os

    process = await asyncio.create_subprocess_exec(
        sys.executable, f"{WRITER}", json.dumps(order), env={**os.environ, **shim.env},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, limit=1 << 24,
    )  # fmt: skip
    try:
        said, words = await asyncio.wait_for(process.communicate(), LIFE_S * 5)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode:
        raise RuntimeError(f"the writer ended with {process.returncode}: {words.decode()[-400:]}")
    return said.decode()


def judge(folder: Path, ops: list[Op], seed: int) -> tuple[int, int, list[str]]:
    """Highest number that was acknowledged, how many of those up to it are gone, and what is wrong."""
    disk = Disk([], {}, {}, [])
    for op in ops:
        disk.take(op)
    folder.mkdir()
    try:
        disk.after_cut(folder, random.Random(seed))
        return disk.acked, *_found(folder, disk.acked)
    finally:
        shutil.rmtree(folder)


def _found(folder: Path, acked: int) -> tuple[int, list[str]]:
    try:
        path = recover.find(folder, ACCOUNT, "DEMO")
        if path is None:
            return acked, [f"{acked} acknowledged events, and the next start finds no session"] if acked else []
        with Recording.open(path) as recording:
            last = edge.seq if (edge := recording.last) is not None else 0
            damage = recording.check()
    except RecordingError as error:
        return acked, [f"after a cut the journal does not open: {error}"]
    lost = max(0, acked - last)
    faults = [f"{lost} acknowledged events are gone"] if lost else []
    return lost, faults + [f"after a cut: {line}" for line in damage[:3]]

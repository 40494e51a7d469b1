"""What the simulation stands on: its loop, its network and its disk."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest

from engine.journal.recording import Recording
from engine.model import events as ev

from .disk import Disk, SimJournal
from .network import Network
from .simloop import Deadlock, Process, SimLoop, bury

HOUR = 3600.0


def played(work: Coroutine[Any, Any, Any], loop: SimLoop) -> Any:
    try:
        return loop.run_until_complete(work)
    finally:
        loop.close()


def test_time_jumps_to_the_next_timer() -> None:
    loop = SimLoop()
    played(asyncio.sleep(HOUR), loop)
    assert loop.time() == HOUR
    assert loop.callbacks < 10


def test_a_loop_that_waits_for_nothing_says_so() -> None:
    loop = SimLoop()

    async def forever() -> None:
        await loop.create_future()

    with pytest.raises(Deadlock):
        played(forever(), loop)


def test_a_dead_process_does_not_even_clean_up() -> None:
    loop, process, said = SimLoop(), Process("engine"), []

    async def work() -> None:
        try:
            while True:
                await asyncio.sleep(1.0)
                said.append(loop.time())
        finally:
            said.append(-1.0)

    async def story() -> None:
        loop.create_task(work(), context=process.context)
        await asyncio.sleep(2.5)
        process.die()
        await asyncio.sleep(5.0)
        assert said == [1.0, 2.0]

    played(story(), loop)
    bury(process)


def test_a_doomed_process_dies_before_the_step_that_was_drawn() -> None:
    loop, process, said = SimLoop(), Process("engine"), []

    async def work() -> None:
        for n in range(100):
            await asyncio.sleep(0)
            said.append(n)

    async def story() -> None:
        loop.create_task(work(), context=process.context)
        process.doomed_at = 10
        await asyncio.sleep(1.0)

    played(story(), loop)
    assert not process.alive
    assert len(said) == 8
    bury(process)


@pytest.mark.parametrize("chop", [0.0, 1.0])
def test_bytes_arrive_in_order_however_they_are_cut(chop: float) -> None:
    loop = SimLoop()
    network = Network(loop, random.Random(3))
    network.chop = chop

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(4096):
            writer.write(data)
        writer.close()

    async def story() -> bytes:
        server = await asyncio.start_server(echo, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for n in range(50):
            writer.write(f"{n},".encode())
            await asyncio.sleep(0.001)
        writer.write_eof()
        return await reader.read()

    assert played(story(), loop) == ",".join(map(str, range(50))).encode() + b","


def test_a_half_open_connection_says_nothing_and_a_cut_one_does() -> None:
    loop = SimLoop()
    network = Network(loop, random.Random(3))

    async def quiet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async def story() -> None:
        server = await asyncio.start_server(quiet, "127.0.0.1", 0)
        reader, writer = await asyncio.open_connection("127.0.0.1", server.sockets[0].getsockname()[1])
        end = next(iter(network.open.values()))
        end.swallow = True
        writer.write(b"lost")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.read(1), HOUR)
        end.cut(reset=True)
        with pytest.raises(ConnectionResetError):
            await reader.read(1)

    played(story(), loop)


@pytest.mark.parametrize("seed", range(6))
def test_a_commit_that_was_under_way_is_there_whole_or_not_at_all(seed: int, tmp_path: Path) -> None:
    loop = SimLoop()
    SimJournal.disk = Disk(random.Random(seed))
    SimJournal.told = lambda *_: None

    async def story() -> SimJournal:
        journal = SimJournal.create(tmp_path / "s.cockpit")
        for n in range(1, 21):
            journal.append(ev.Clock(n))
        await journal.durable(20)
        for n in range(21, 51):
            journal.append(ev.Command(n, "pause", "key"))
        waiting = asyncio.ensure_future(journal.durable(50))
        await asyncio.sleep(0)
        waiting.cancel()
        return journal

    journal = played(story(), loop)
    kept = journal.leave()
    assert kept == (50 if journal.tail == "kept" else 20)
    with Recording.open(journal.path) as recording:
        assert [seq for seq, _ in recording.events()] == list(range(1, kept + 1))
        assert not recording.damage

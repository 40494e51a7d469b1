"""One stream against a scripted server: it comes back by itself, notices silence, and gives up in the end."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
from bitunix_kit import settings, soon
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from engine.model.events import BadMessage, Event, LinkReport
from engine.venues.bitunix.complaints import Complaints
from engine.venues.bitunix.streams import Line, LinkLost, LoginRefused, Stream

Script = Callable[[ServerConnection, list[Any]], Awaitable[None]]


class Reader:
    """Says hello, is up at once, and keeps what it hears."""

    def __init__(self) -> None:
        self.stream: Stream | None = None
        self.heard: list[Mapping[str, Any]] = []
        self.losses = 0
        self.greeting: Exception | None = None
        self.taking: Exception | None = None
        self.work_s = 0.0

    async def greet(self, line: Line) -> None:
        if self.greeting is not None:
            raise self.greeting
        await line.send({"op": "hello"})
        assert self.stream is not None
        self.stream.mark_up()

    def take(self, frame: bytes, message: Mapping[str, Any]) -> bool:
        if self.taking is not None:
            raise self.taking
        self.heard.append(message)
        time.sleep(self.work_s)
        return "ch" in message

    def lost(self) -> None:
        self.losses += 1


class Bench:
    def __init__(self) -> None:
        self.events: list[Event] = []
        self.received: list[list[Any]] = []
        self.reader = Reader()

    def states(self) -> list[str]:
        return [event.state for event in self.events if isinstance(event, LinkReport)]

    def reports(self, state: str) -> list[LinkReport]:
        return [event for event in self.events if isinstance(event, LinkReport) and event.state == state]

    async def until(self, wanted: Callable[[], object], within: float = 3.0) -> None:
        await soon(wanted, within)


async def answer_pings(socket: ServerConnection, received: list[Any]) -> None:
    async for text in socket:
        message = json.loads(text)
        received.append(message)
        if message["op"] == "ping":
            await socket.send(json.dumps({"op": "ping", "pong": message["ping"], "ping": 1}))


@asynccontextmanager
async def bench(
    script: Script = answer_pings, link: Any = "private", url: str = "", **change: Any
) -> AsyncIterator[Bench]:
    made = Bench()

    async def handle(socket: ServerConnection) -> None:
        made.received.append([])
        with suppress(ConnectionClosed):
            await script(socket, made.received[-1])

    async with serve(handle, "127.0.0.1", 0, ping_interval=None, close_timeout=0.1) as server:
        port = server.sockets[0].getsockname()[1]
        stream = Stream(
            link,
            url or f"ws://127.0.0.1:{port}/private/",
            settings(**change),
            clock=time.time_ns,
            rng=random.Random(3),
            emit=made.events.append,
            complaints=Complaints(time.time_ns, made.events.append),
            data_is_life=link == "public",
        )
        made.reader.stream = stream
        stream.start(made.reader)
        try:
            yield made
        finally:
            await stream.stop()


async def test_it_pings_and_measures_the_answer() -> None:
    async with bench(ping_s=0.05) as made:
        await made.until(lambda: any(report.latency_ms is not None for report in made.reports("up")))
    pings = [message for message in made.received[0] if message["op"] == "ping"]
    assert abs(pings[0]["ping"] - time.time()) < 5
    assert made.states()[:2] == ["connecting", "up"]


async def test_it_never_sends_more_than_five_messages_in_a_second() -> None:
    stamps: list[float] = []

    async def listen(socket: ServerConnection, received: list[Any]) -> None:
        async for _ in socket:
            stamps.append(time.monotonic())

    async with bench(listen, ping_s=0.02, silence_private_s=30):
        await asyncio.sleep(1.2)
    assert all(later - earlier > 0.99 for earlier, later in zip(stamps, stamps[5:], strict=False))


async def test_a_dropped_connection_is_taken_up_again() -> None:
    async def drop_once(socket: ServerConnection, received: list[Any]) -> None:
        if len(made.received) == 1:
            await socket.recv()
            socket.transport.abort()
        await answer_pings(socket, received)

    async with bench(drop_once) as made:
        await made.until(lambda: len(made.reports("up")) >= 2 and len(made.received) == 2)
    assert made.states()[:5] == ["connecting", "up", "down", "connecting", "up"]
    assert made.reports("down")[0].detail == "closed by the venue (1006)"
    assert made.reports("up")[-1].reconnects == 1
    assert made.reader.losses == 1


async def test_a_half_open_connection_is_noticed_by_its_silence() -> None:
    async def say_nothing(socket: ServerConnection, received: list[Any]) -> None:
        await socket.wait_closed()

    began = time.monotonic()
    async with bench(say_nothing, silence_private_s=0.2, ping_s=0.07) as made:
        await made.until(lambda: made.reports("down"))
        assert time.monotonic() - began < 1.0
    assert made.reports("down")[0].detail == "silent for 0.2 s"
    assert made.reports("down")[0].missed >= 1


async def test_a_market_that_only_answers_pings_is_dead() -> None:
    async with bench(link="public", silence_public_s=0.3, ping_s=0.05) as made:
        await made.until(lambda: made.reports("down"))
    assert made.reports("down")[0].detail == "silent for 0.3 s"


async def test_it_gives_up_after_the_last_try_and_can_be_started_again() -> None:
    async with bench(url="ws://127.0.0.1:1/", reconnect_tries=3) as made:
        await made.until(lambda: made.reports("failed"))
        assert made.states().count("connecting") == 3
        assert made.reader.stream is not None
        made.reader.stream.start(made.reader)
        await made.until(lambda: len(made.reports("failed")) == 2)


async def test_refused_keys_are_not_tried_again() -> None:
    async with bench() as made:
        made.reader.greeting = LoginRefused("login refused")
        await made.until(lambda: made.reports("failed"))
    assert made.states() == ["connecting", "failed"]


async def test_an_error_of_our_own_is_told_and_the_link_comes_back() -> None:
    async def speak(socket: ServerConnection, received: list[Any]) -> None:
        await socket.send('{"ch":"x"}')
        await answer_pings(socket, received)

    async with bench(speak) as made:
        made.reader.taking = ZeroDivisionError("secret detail")
        await made.until(lambda: made.reports("down"))
        made.reader.taking = None
        await made.until(lambda: made.reader.heard)
    (bad,) = [event for event in made.events if isinstance(event, BadMessage)]
    assert bad.why == "internal error (ZeroDivisionError)"


async def test_bad_frames_are_counted_and_do_not_end_the_link() -> None:
    async def babble(socket: ServerConnection, received: list[Any]) -> None:
        for frame in ("{", "[]", "[" * 9000, b"\xff\x00", '{"ch":"fine"}'):
            await socket.send(frame)
        await answer_pings(socket, received)

    async with bench(babble) as made:
        await made.until(lambda: made.reader.heard)
        assert made.reader.heard == [{"ch": "fine"}]
        assert {event.why for event in made.events if isinstance(event, BadMessage)} == {
            "not JSON",
            "message is not an object",
        }
        assert "down" not in made.states()


async def test_a_message_beyond_all_measure_ends_the_connection() -> None:
    async def shout(socket: ServerConnection, received: list[Any]) -> None:
        await socket.send("x" * (2 << 20))
        await socket.wait_closed()

    async with bench(shout) as made:
        await made.until(lambda: made.reports("down"))


async def test_pauses_are_drawn_from_zero_to_a_doubling_limit() -> None:
    async with bench(reconnect_first_s=1.0, reconnect_max_s=60.0) as made:
        stream = made.reader.stream
        assert stream is not None
        assert [stream._longest_pause(step) for step in (1, 2, 3, 7, 50)] == [1.0, 2.0, 4.0, 60.0, 60.0]


async def test_a_flapping_venue_is_spared(monkeypatch: pytest.MonkeyPatch) -> None:
    async def hang_up(socket: ServerConnection, received: list[Any]) -> None:
        await socket.recv()
        socket.transport.abort()

    async with bench(hang_up, reconnect_first_s=0.001, reconnect_max_s=0.002) as made:
        await made.until(lambda: len(made.received) == 20)
        await asyncio.sleep(0.3)
        assert len(made.received) == 20


async def test_a_redirect_is_not_followed() -> None:
    async with bench() as other:
        before = len(other.received)

        async def redirect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            assert other.reader.stream is not None
            location = other.reader.stream._url
            writer.write(f"HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n".encode())
            await writer.drain()
            writer.close()

        listening = await asyncio.start_server(redirect, "127.0.0.1", 0)
        port = listening.sockets[0].getsockname()[1]
        async with bench(url=f"ws://127.0.0.1:{port}/", reconnect_tries=1) as made:
            await made.until(lambda: made.reports("failed"))
        listening.close()
        assert len(other.received) == max(before, 1)


async def test_reading_a_flood_leaves_the_loop_to_others() -> None:
    async def flood(socket: ServerConnection, received: list[Any]) -> None:
        for _ in range(300):
            await socket.send('{"ch":"x"}')
        await answer_pings(socket, received)

    async with bench(flood) as made:
        made.reader.work_s = 0.0004
        most = seen = 0
        while seen < 300:
            await asyncio.sleep(0)
            most, seen = max(most, len(made.reader.heard) - seen), len(made.reader.heard)
    assert most <= 4


async def test_nothing_is_left_running_after_stop() -> None:
    async with bench() as made:
        await made.until(lambda: made.reports("up"))
    assert not [task for task in asyncio.all_tasks() if "bitunix" in task.get_name()]


async def test_a_lost_link_says_why() -> None:
    async with bench() as made:
        made.reader.greeting = LinkLost("login without answer")
        await made.until(lambda: made.reports("down"))
        assert made.reports("down")[0].detail == "login without answer"

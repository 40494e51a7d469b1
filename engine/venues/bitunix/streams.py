"""One stream that keeps itself alive: connect, greet, read, ping, notice silence, reconnect with jitter, give up in the end."""

from __future__ import annotations

import asyncio
import json
import logging
import random
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, Literal, Protocol
from urllib.parse import urlsplit

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException

from engine.model.events import LinkReport
from engine.model.settings import VenueSettings
from engine.venues.bitunix import wire
from engine.venues.bitunix.complaints import Complaints
from engine.venues.port import Clock, Emit
from engine.venues.tasks import unattended

SLICE_S = 0.001
PULSE_S = 0.5
STOOD_S = 2.0
"""A process that did nothing for longer (stopped, asleep, starved) finds a market in its buffers that is over."""
MESSAGES_PER_S = 4
"""The venue ends connections that send more than five messages a second."""
CONNECTS = 20
CONNECTS_SPAN_S = 300.0
STEADY_S = 60.0
"""A link that was up this long starts over with the shortest pause."""

_quiet = logging.Logger("bitunix.stream")
_quiet.disabled = True
"""Outside the tree of loggers on purpose: at debug level the library would write login signatures."""


class LinkLost(Exception):
    """The connection is of no more use; the text says why."""


class LoginRefused(Exception):
    """The venue does not take our keys: trying again cannot help."""


class _Connect(connect):
    """Redirects would lead keys and orders to a host that nobody allowed."""

    def process_redirect(self, exc: Exception) -> Exception:
        return exc


class Line:
    """One open connection, for the greeting: slow enough for the venue's message limit."""

    def __init__(self, socket: ClientConnection, now: Callable[[], float], timeout_s: float) -> None:
        self._socket = socket
        self._now = now
        self._timeout_s = timeout_s
        self._sent: deque[float] = deque(maxlen=MESSAGES_PER_S)

    async def send(self, message: Mapping[str, Any]) -> None:
        if len(self._sent) == MESSAGES_PER_S:
            await asyncio.sleep(max(0.0, self._sent[0] + 1.05 - self._now()))
        self._sent.append(self._now())
        async with asyncio.timeout(self._timeout_s):
            await self._socket.send(json.dumps(message, separators=(",", ":")))

    async def receive(self) -> bytes:
        frame = await self._socket.recv(decode=False)
        return frame if isinstance(frame, bytes) else frame.encode()

    def abort(self) -> None:
        self._socket.transport.abort()


class Reader(Protocol):
    """What a stream is read for. Runs inside the stream's task."""

    async def greet(self, line: Line) -> None:
        """Says hello on a new connection."""
        ...

    def take(self, frame: bytes, message: Mapping[str, Any]) -> bool:
        """Takes one message and tells whether it was data."""
        ...

    def lost(self) -> None:
        """The connection is gone."""
        ...


class Stream:
    """Keeps one connection for a ``Reader`` and reports its state.

    With ``data_is_life`` only data counts against silence, not the answers to our pings: a market stream that answers
    pings and says nothing is dead. Counts of reconnects and missed pings are kept over reconnects.
    """

    def __init__(
        self,
        link: Literal["public", "private"],
        url: str,
        settings: VenueSettings,
        *,
        clock: Clock,
        rng: random.Random,
        emit: Emit,
        complaints: Complaints,
        data_is_life: bool,
    ) -> None:
        self.link = link
        self._url = url
        self._settings = settings
        self._silence_s = settings.silence_public_s if link == "public" else settings.silence_private_s
        self._clock = clock
        self._rng = rng
        self._emit = emit
        self._complaints = complaints
        self._data_is_life = data_is_life
        self._task: asyncio.Task[None] | None = None
        self._connects: deque[float] = deque(maxlen=CONNECTS)
        self._latency_ms: float | None = None
        self._reconnects = 0
        self._missed = 0
        self._up = False
        self._why = ""
        self._lost_at: float | None = None
        self._line: Line | None = None
        self._life = 0.0
        self._moved = 0.0
        self._pinged: float | None = None

    @property
    def up(self) -> bool:
        return self._up

    def start(self, reader: Reader) -> None:
        """Begins to keep the stream alive; starts anew one that had given up."""
        self._reader = reader
        if self._task is None or self._task.done():
            self._now = asyncio.get_running_loop().time
            self._task = unattended(asyncio.create_task(self._run(), name=f"bitunix {self.link}"))

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def drop(self, why: str) -> None:
        """End the connection that is up, for a reason that the stream itself cannot see; it comes back by itself."""
        if self._line is not None and self._up:
            self._why = why
            self._line.abort()

    def tell(self, state: Literal["down", "connecting", "up", "failed"], detail: str = "") -> None:
        self._emit(
            LinkReport(self._clock(), self.link, state, self._latency_ms, self._reconnects, self._missed, detail)
        )

    def mark_up(self) -> None:
        """The link works: told once a connection, before anything that came through it."""
        if not self._up:
            self._up = True
            self._life = self._now()
            self.tell("up")

    async def _run(self) -> None:
        failures = 0
        pause_step = 0
        while True:
            await self._spare_the_venue()
            self.tell("connecting")
            was_up_at = self._now()
            refused = False
            try:
                await self._connection()
            except LoginRefused as error:
                self._why, refused = str(error), True
            except (WebSocketException, OSError, TimeoutError, LinkLost) as error:
                self._why = self._why or _short(error)
            except Exception as error:
                self._why = f"internal error ({type(error).__name__})"
                self._complaints.add(self.link, self._why)
            steady = self._up and self._now() - was_up_at >= STEADY_S
            failures = 0 if self._up else failures + 1
            if self._up or self._lost_at is None:
                self._lost_at = was_up_at
            pause_step = 0 if steady else pause_step + 1
            self._forget()
            if refused or failures >= self._settings.reconnect_tries:
                self.tell("failed", self._diagnosis(failures, refused=refused))
                self._lost_at = None
                return
            self.tell("down", self._why)
            self._reconnects += 1
            await asyncio.sleep(self._rng.uniform(0.0, self._longest_pause(pause_step)))

    def _diagnosis(self, tries: int, *, refused: bool) -> str:
        """For a person: where, how often, how long, what was the last that was heard, and what to look at."""
        host = urlsplit(self._url).netloc
        if refused:
            return f"{host}: {self._why}; look at the keys and their permissions"
        span = self._now() - (self._lost_at or 0.0)
        text = f"{host} not reached in {tries} tries over {span:.0f} s, last: {self._why}"
        return f"{text}; look at the network, the address in the profile and the venue's status page"

    def _longest_pause(self, step: int) -> float:
        """Full jitter: the pause is drawn from zero to this, which doubles with every loss until the link holds."""
        return min(self._settings.reconnect_max_s, self._settings.reconnect_first_s * 2.0 ** min(step - 1, 30))

    async def _spare_the_venue(self) -> None:
        """At most ``CONNECTS`` connections in ``CONNECTS_SPAN_S``, whatever the jitter draws."""
        if len(self._connects) == CONNECTS:
            await asyncio.sleep(max(0.0, self._connects[0] + CONNECTS_SPAN_S - self._now()))
        self._connects.append(self._now())

    def _forget(self) -> None:
        self._up = False
        self._pinged = None
        self._latency_ms = None
        self._reader.lost()

    async def _connection(self) -> None:
        self._why = ""
        async with _Connect(
            self._url,
            ssl=httpx.create_ssl_context(trust_env=False) if self._url.startswith("wss:") else None,
            ping_interval=None,
            max_size=wire.MAX_FRAME,
            compression=None,
            proxy=None,
            open_timeout=self._settings.timeout_s,
            close_timeout=0.2,
            user_agent_header="cockpit",
            logger=_quiet,
        ) as socket:
            line = self._line = Line(socket, self._now, self._settings.timeout_s)
            self._life = self._moved = self._now()
            keeper = asyncio.create_task(self._keep(line), name=f"bitunix {self.link} keeper")
            try:
                await self._reader.greet(line)
                await self._read(line)
            finally:
                keeper.cancel()
                await asyncio.gather(keeper, return_exceptions=True)

    async def _read(self, line: Line) -> None:
        """Reads for ever, but never holds the loop for longer than a slice."""
        began = self._now()
        while True:
            frame = await line.receive()
            if self._stood_still():
                raise LinkLost(self._why)
            self.handle(frame)
            if self._now() - began > SLICE_S:
                await asyncio.sleep(0)
                began = self._now()

    def handle(self, frame: bytes) -> None:
        """One frame: the stream's own affairs here, everything else to ``take``."""
        try:
            message = wire.as_object(wire.decode(frame), "message")
        except wire.Unreadable as error:
            self._complaints.add(self.link, error.why, frame)
            return
        if "pong" in message:
            self._ponged()
            is_data = False
        else:
            is_data = self._reader.take(frame, message)
        if is_data or not self._data_is_life:
            self._life = self._now()

    def _ponged(self) -> None:
        if self._pinged is not None:
            self._latency_ms = (self._now() - self._pinged) * 1000.0
            self._pinged = None
            if self._up:
                self.tell("up")

    def _stood_still(self) -> bool:
        """Whether what waits to be read of the market is old, because we did not move."""
        still = self._now() - self._moved
        if not self._data_is_life or still <= STOOD_S:
            return False
        self._why = f"we stood still for {still:.1f} s, and what waited is old"
        return True

    async def _keep(self, line: Line) -> None:
        """Pings on time and ends the connection when it has been silent for too long."""
        try:
            await self._keep_on(line)
        except (WebSocketException, OSError, TimeoutError) as error:
            self._why = self._why or _short(error)
        except Exception as error:
            self._why = f"internal error ({type(error).__name__})"
            self._complaints.add(self.link, self._why)
        line.abort()

    async def _keep_on(self, line: Line) -> None:
        next_ping = self._now() + self._settings.ping_s
        while True:
            due = min(next_ping, self._life + self._silence_s, self._moved + PULSE_S)
            await asyncio.sleep(max(0.0, due - self._now()))
            if self._stood_still():
                return
            self._moved = self._now()
            if self._now() >= self._life + self._silence_s:
                self._why = f"silent for {self._silence_s:g} s"
                return
            if self._now() >= next_ping:
                if self._pinged is not None:
                    self._missed += 1
                    self.tell("up" if self._up else "connecting", "a ping was not answered")
                self._pinged = self._now()
                next_ping = self._pinged + self._settings.ping_s
                await line.send({"op": "ping", "ping": self._clock() // 1_000_000_000})


def _short(error: BaseException) -> str:
    if isinstance(error, ConnectionClosed):
        return f"closed by the venue ({error.rcvd.code if error.rcvd else 1006})"
    return str(error) if isinstance(error, LinkLost) else f"no connection ({type(error).__name__})"

"""A TCP proxy on loopback that stands between a session and its exchange, and is as bad a network as it is told to be."""

from __future__ import annotations

import asyncio
import re
import socket
import struct
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from chaos_stage import until

PIECE = 65_536
TAIL = 200
_ORDER = re.compile(rb'"clientId" ?: ?"([^"\\]{1,64})"')


class Proxy:
    """One port for one address. The attributes may be set at any time and hold for connections that are open, too."""

    def __init__(self) -> None:
        self.stalled = False
        """Nothing goes through in either direction; what was sent waits in the buffers."""
        self.deaf = False
        """What comes is thrown away while connections stay up: half-open."""
        self.refused = False
        self.delay_s = 0.0
        self.slice = 0
        """Bytes that go on at a time; zero: as they come."""
        self.bytes_per_s = 0
        """A reader as slow as this on the session's side; zero: no limit."""
        self.orders: dict[str, tuple[int, int]] = {}
        """Client id of every order whose bytes came: CLOCK_MONOTONIC and UTC nanoseconds, before they were passed on."""
        self.address = ""
        self._open: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._free = asyncio.Event()

    def reset(self) -> None:
        """Every connection ends at once, without a goodbye (RST)."""
        for writer in list(self._open):
            with suppress(OSError, AttributeError):
                writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()

    def calm(self) -> None:
        self.stalled = self.deaf = self.refused = False
        self.delay_s, self.slice, self.bytes_per_s = 0.0, 0, 0

    async def serve(self, host: str, port: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.refused:
            writer.transport.abort()
            return
        await until(lambda: not self.stalled)
        try:
            there, away = await asyncio.open_connection(host, port)
        except OSError:
            writer.transport.abort()
            return
        both = {writer, away}
        self._open |= both
        try:
            await asyncio.gather(self._pass(reader, away, asking=True), self._pass(there, writer, asking=False))
        finally:
            self._open -= both
            for each in both:
                each.transport.abort()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, asking: bool) -> None:
        tail = b""
        with suppress(OSError):
            while data := await reader.read(PIECE):
                if asking:
                    tail = self._note(tail + data)
                await self._hold(len(data), asking=asking)
                if self.deaf:
                    continue
                for piece in self._pieces(data):
                    writer.write(piece)
                    await writer.drain()
                    if self.slice:
                        await asyncio.sleep(0)
            await until(lambda: not (self.stalled or self.deaf))
            if writer.can_write_eof():
                writer.write_eof()

    async def _hold(self, size: int, *, asking: bool) -> None:
        if self.delay_s:
            await asyncio.sleep(self.delay_s)
        if self.bytes_per_s and not asking:
            await asyncio.sleep(size / self.bytes_per_s)
        await until(lambda: not self.stalled)

    def _pieces(self, data: bytes) -> list[bytes]:
        step = self.slice or len(data)
        return [data[at : at + step] for at in range(0, len(data), step)]

    def _note(self, data: bytes) -> bytes:
        now = time.monotonic_ns(), time.time_ns()
        for found in _ORDER.finditer(data):
            self.orders.setdefault(found[1].decode(), now)
        return data[-TAIL:]


@asynccontextmanager
async def between(at: dict[str, Any]) -> AsyncIterator[dict[str, Proxy]]:
    """A proxy each for ``rest``, ``public`` and ``private``; ``address`` is where the session should go instead."""
    proxies, servers = {name: Proxy() for name in ("rest", "public", "private")}, []
    try:
        for name, proxy in proxies.items():
            parts = urlsplit(at[name])
            assert parts.hostname is not None
            assert parts.port is not None
            host, port = parts.hostname, parts.port

            def serve(
                reader: asyncio.StreamReader,
                writer: asyncio.StreamWriter,
                p: Proxy = proxy,
                h: str = host,
                n: int = port,
            ) -> None:
                task = asyncio.create_task(p.serve(h, n, reader, writer))
                p._tasks.add(task)
                task.add_done_callback(p._tasks.discard)

            server = await asyncio.start_server(serve, "127.0.0.1", 0)
            servers.append(server)
            own = server.sockets[0].getsockname()[1]
            proxy.address = urlunsplit(parts._replace(netloc=f"127.0.0.1:{own}"))
        yield proxies
    finally:
        for server in servers:
            server.close()
        for proxy in proxies.values():
            for task in list(proxy._tasks):
                task.cancel()
            await asyncio.gather(*proxy._tasks, return_exceptions=True)

"""A network in memory: listeners, connections made of two transports, and what goes wrong between them.

Bytes arrive in order after a latency and at a bandwidth that each connection draws. Faults are switches on the network
(refused or unanswered connects, chopping, added delay) and acts on one connection (cut, reset, swallow, stall).
"""

from __future__ import annotations

import asyncio
import random
import socket
from collections.abc import Callable
from contextvars import Context, copy_context
from typing import Any

from .simloop import OWNER, Process, SimLoop
from .transport import FakeSocket, SimTransport

FIRST_PORT = 40_000
SYN_GIVES_UP_S = 120.0
Tap = Callable[[SimTransport, bytes], None]


class Listener:
    """What ``create_server`` gives."""

    def __init__(self, network: Network, factory: Callable[[], asyncio.Protocol], host: str, port: int) -> None:
        self.factory, self.host, self.port = factory, host, port
        self.context = copy_context()
        self.sockets = [FakeSocket((host, port))]
        self._network = network

    def is_serving(self) -> bool:
        return self.port in self._network.listeners

    def close(self) -> None:
        self._network.listeners.pop(self.port, None)

    async def start_serving(self) -> None:
        pass

    async def wait_closed(self) -> None:
        pass


class Network:
    def __init__(self, loop: SimLoop, rng: random.Random) -> None:
        self.loop, self.rng = loop, rng
        self.listeners: dict[int, Listener] = {}
        self.open: dict[int, SimTransport] = {}
        """Clients' ends of the connections that stand, by number."""
        self.taps: list[Tap] = []
        """Told of all bytes that a client's end writes, before they leave."""
        self.refuse = False
        self.unanswered = False
        self.chop = 0.0
        """Probability that a write arrives in pieces."""
        self.slow_s = 0.0
        """Added to every latency, times a draw of zero to two."""
        self.made = 0
        self.bytes = 0
        self._ports = FIRST_PORT
        loop.network = self

    def resolve(self, host: Any, port: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (host or "127.0.0.1", port or 0))]

    def listen(self, factory: Callable[[], asyncio.Protocol], host: str, port: int) -> Listener:
        self._ports += 1
        listener = Listener(self, factory, host, port or self._ports)
        self.listeners[listener.port] = listener
        return listener

    async def connect(self, factory: Callable[[], asyncio.Protocol], host: str, port: int) -> Any:
        latency = self.rng.lognormvariate(-6.2, 0.6)
        await asyncio.sleep(2 * latency + self.jitter())
        if self.unanswered:
            await asyncio.sleep(SYN_GIVES_UP_S)
            raise TimeoutError("the connection was not answered")
        listener = self.listeners.get(port)
        if self.refuse or listener is None:
            raise ConnectionRefusedError(111, "Connection refused")
        self.made += 1
        number, client_at = self.made, (host, 50_000 + self.made % 10_000)
        bandwidth = self.rng.uniform(2e6, 2e7)
        protocol = factory()
        near = SimTransport(self, number, protocol, copy_context(), client_at, (host, port), latency, bandwidth)
        served = listener.context.run(listener.factory)
        far = SimTransport(self, -number, served, listener.context.copy(), (host, port), client_at, latency, bandwidth)
        near.peer, far.peer = far, near
        self.open[number] = near
        listener.context.run(served.connection_made, far)
        protocol.connection_made(near)
        return near, protocol

    def sent(self, transport: SimTransport, data: bytes) -> None:
        self.bytes += len(data)
        if transport.number > 0:
            for tap in self.taps:
                tap(transport, data)

    def jitter(self) -> float:
        return self.rng.uniform(0.0, 2 * self.slow_s) if self.slow_s else 0.0

    def pieces(self, data: bytes) -> list[bytes]:
        """The write as it arrives: usually whole, else cut at any byte."""
        if not self.chop or len(data) < 2 or self.rng.random() >= self.chop:
            return [data]
        cuts = sorted(self.rng.sample(range(1, len(data)), min(len(data) - 1, self.rng.randint(1, 4))))
        return [data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True)]

    def of(self, process: Process) -> list[SimTransport]:
        return [end for end in self.open.values() if end.owner is process]

    def abandon(self, process: Process) -> None:
        """What the system does with the connections of a process that has died."""
        for end in self.of(process):
            end.abandoned(reset=self.rng.random() < 0.5)


def owner_of(context: Context) -> Process | None:
    return context.get(OWNER)

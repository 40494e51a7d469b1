"""One end of a connection in memory, as asyncio's protocols know a transport."""

from __future__ import annotations

import asyncio
import socket
from collections import deque
from contextvars import Context
from typing import TYPE_CHECKING, Any

from .simloop import OWNER

if TYPE_CHECKING:
    from .network import Network

KERNEL_BYTES = 256 << 10
"""As much fits into the system's buffers before a writer is told to pause."""


class FakeSocket:
    """What the libraries ask of the socket behind a transport."""

    family = socket.AF_INET
    type = socket.SOCK_STREAM
    proto = 6

    def __init__(self, name: tuple[str, int], transport: SimTransport | None = None) -> None:
        self._name, self._transport = name, transport

    def getsockname(self) -> tuple[str, int]:
        return self._name

    def getpeername(self) -> tuple[str, int]:
        assert self._transport is not None
        return self._transport.remote

    def setsockopt(self, *_: Any) -> None:
        pass

    def getsockopt(self, *_: Any) -> int:
        return 0

    def fileno(self) -> int:
        return -1

    def readable(self) -> bool:
        """Whether a read would not wait: data, the end, or an error."""
        return self._transport is not None and self._transport.readable


class SimTransport(asyncio.Transport):
    """``number`` is positive at the client's end and negative at the server's."""

    peer: SimTransport

    def __init__(
        self,
        network: Network,
        number: int,
        protocol: Any,
        context: Context,
        local: tuple[str, int],
        remote: tuple[str, int],
        latency: float,
        bandwidth: float,
    ) -> None:
        super().__init__()
        self.network, self.number, self.context = network, number, context
        self.owner = context.get(OWNER)
        self.local, self.remote = local, remote
        self.swallow = False
        """What is written vanishes: one direction of a half-open connection."""
        self.hold_until = 0.0
        """Nothing that is written arrives earlier."""
        self.written = 0
        self._loop = network.loop
        self._protocol = protocol
        self._latency, self._bandwidth = latency, bandwidth
        self._socket = FakeSocket(local, self)
        self._arrival = 0.0
        self._in_flight = 0
        self._high = 64 << 10
        self._paused_writer = False
        self._reading = True
        self._inbox: deque[bytes] = deque()
        self._ended = False
        self._error: Exception | None = None
        self._wrote_eof = False
        self._closing = False
        self._lost = False

    def __repr__(self) -> str:
        return f"<connection {self.number}>"

    # --- what protocols ask -----------------------------------------------------------------------------------------

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        known = {"socket": self._socket, "peername": self.remote, "sockname": self.local}
        return known.get(name, default)

    def set_protocol(self, protocol: Any) -> None:
        self._protocol = protocol

    def get_protocol(self) -> Any:
        return self._protocol

    def is_closing(self) -> bool:
        return self._closing

    def is_reading(self) -> bool:
        return self._reading and not self._closing

    @property
    def readable(self) -> bool:
        return bool(self._inbox) or self._ended or self._error is not None or self._lost

    def get_write_buffer_size(self) -> int:
        return max(0, self._in_flight - KERNEL_BYTES)

    def get_write_buffer_limits(self) -> tuple[int, int]:
        return self._high // 4, self._high

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        self._high = 64 << 10 if high is None else high

    def can_write_eof(self) -> bool:
        return True

    # --- writing ----------------------------------------------------------------------------------------------------

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if self._wrote_eof:
            raise RuntimeError("Cannot call write() after write_eof()")
        if self._lost or not data:
            return
        if self._error is not None:
            self._fail(self._error)
            return
        sent = bytes(data)
        self.network.sent(self, sent)
        self.written += len(sent)
        self._in_flight += len(sent)
        if self._in_flight > KERNEL_BYTES + self._high and not self._paused_writer:
            self._paused_writer = True
            self._protocol.pause_writing()
        if self.swallow:
            return
        for piece in self.network.pieces(sent):
            self._send(piece)

    def writelines(self, list_of_data: Any) -> None:
        self.write(b"".join(list_of_data))

    def _send(self, piece: bytes) -> None:
        self._later(len(piece), self.peer._arrive, piece)

    def _later(self, size: int, callback: Any, *args: Any) -> None:
        """At the other end, after all that was sent before."""
        now = self._loop.time()
        due = now + self._latency + size / self._bandwidth + self.network.jitter()
        self._arrival = max(due, self._arrival, self.hold_until)
        self._loop.call_at(self._arrival, callback, *args, context=self.peer.context)

    def write_eof(self) -> None:
        if not self._wrote_eof and not self._lost:
            self._wrote_eof = True
            if not self.swallow:
                self._later(0, self.peer._end)

    def close(self) -> None:
        if self._closing:
            return
        self._closing = True
        if not self._wrote_eof and not self.swallow:
            self._later(0, self.peer._end)
        self._loop.call_soon(self._lose, None, context=self.context)

    def abort(self) -> None:
        if self._lost:
            return
        already, self._closing = self._closing, True
        if not self.swallow:
            self._later(0, self.peer._reset)
        if not already:
            self._loop.call_soon(self._lose, None, context=self.context)

    # --- reading ----------------------------------------------------------------------------------------------------

    def pause_reading(self) -> None:
        self._reading = False

    def resume_reading(self) -> None:
        if not self._reading and not self._closing:
            self._reading = True
            if self._inbox or self._ended or self._error is not None:
                self._loop.call_soon(self._deliver, context=self.context)

    def _arrive(self, data: bytes) -> None:
        if self._lost or self._closing:
            if not self.swallow:  # nobody reads here any more: the sender is told so
                self._later(0, self.peer._reset)
            return
        self._inbox.append(data)
        self._deliver()

    def _deliver(self) -> None:
        while self._inbox and self._reading and not self._closing:
            data = self._inbox.popleft()
            self.peer._taken(len(data))
            self._protocol.data_received(data)
        if self._closing or not self._reading or self._inbox:
            return
        if self._error is not None:
            self._fail(self._error)
        elif self._ended:
            self._ended = False
            if not self._protocol.eof_received():
                self.close()

    def _taken(self, size: int) -> None:
        self._in_flight -= size
        if self._paused_writer and self._in_flight <= KERNEL_BYTES and not self._lost:
            self._paused_writer = False
            self._loop.call_soon(self._protocol.resume_writing, context=self.context)

    def _end(self) -> None:
        if not self._lost and not self._closing:
            self._ended = True
            self._deliver()

    def _reset(self) -> None:
        if not self._lost and not self._closing:
            self._inbox.clear()
            self._error = ConnectionResetError(104, "Connection reset by peer")
            self._deliver()

    def _fail(self, error: Exception) -> None:
        if not self._closing:
            self._closing = True
            self._loop.call_soon(self._lose, error, context=self.context)

    def _lose(self, error: Exception | None) -> None:
        if not self._lost:
            self._lost = True
            self.network.open.pop(abs(self.number), None) if self.number > 0 else None
            self._protocol.connection_lost(error)

    # --- faults -----------------------------------------------------------------------------------------------------

    def cut(self, *, reset: bool) -> None:
        """Something between the two ends it, for both."""
        for end in (self, self.peer):
            ending = end._reset if reset else end._end
            self._loop.call_soon(ending, context=end.context)

    def abandoned(self, *, reset: bool) -> None:
        """The process of this end has died; the system closes it."""
        self._closing = self._lost = True
        self.network.open.pop(abs(self.number), None)
        if not self.swallow:
            self._later(0, self.peer._reset if reset else self.peer._end)

"""The embedded exchange's process: a line of JSON in (what to serve), one out (where); it ends with its standard input."""

from __future__ import annotations

import asyncio
import signal
import sys
import threading

import msgspec

from engine.model.errors import CockpitError
from engine.model.settings import ExchangeSettings
from engine.sim.build import start


def _say(answer: dict[str, object]) -> None:
    sys.stdout.buffer.write(msgspec.json.encode(answer) + b"\n")
    sys.stdout.buffer.flush()


async def _serve(order: dict[str, object]) -> None:
    symbols = msgspec.convert(order.pop("symbols"), list[str])
    settings = msgspec.convert(order, ExchangeSettings, strict=False)
    running, addresses = await start(symbols, settings)
    _say(addresses)
    loop, done = asyncio.get_running_loop(), asyncio.Event()

    def leash() -> None:
        sys.stdin.buffer.read()
        loop.call_soon_threadsafe(done.set)

    threading.Thread(target=leash, name="leash", daemon=True).start()
    await done.wait()
    await running.close()


def main() -> int:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        asyncio.run(_serve(msgspec.json.decode(sys.stdin.buffer.readline())))
    except CockpitError as error:
        _say({"error": error.what, "where": error.where, "hint": error.hint})
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())

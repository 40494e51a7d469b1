"""``cockpit exchange``: the simulated exchange on its own, for other programs to trade on."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from engine.model.errors import CockpitError
from engine.ops import checks, config, paths
from engine.sim.build import start


def run(port: int, symbols: list[str], home: Path | None, flags: dict[str, Any], *, as_json: bool) -> int:
    """Serve until interrupted. Raises CockpitError for a busy port or a bad candle file."""
    symbols = list(dict.fromkeys(symbol.upper() for symbol in symbols))
    for symbol in symbols:
        if not checks.is_symbol(symbol):
            raise CockpitError(f"--symbol: {symbol[:40]!r} is no symbol", "", checks.SYMBOL_HINT)
    settings = config.load("demo", paths.home(home), {"exchange.speed": 1.0, **flags}).profile.exchange

    async def serve() -> None:
        running, addresses = await start(symbols, settings, port=port)
        if as_json:
            print(json.dumps(addresses), flush=True)
        else:
            for name, value in addresses.items():
                print(f"{name:<11} {', '.join(value) if isinstance(value, list) else value}", flush=True)
            print("serving on loopback only; Ctrl+C ends it", file=sys.stderr)
        done = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            with suppress(NotImplementedError):
                loop.add_signal_handler(number, done.set)
        await done.wait()
        await running.close()

    with suppress(KeyboardInterrupt):
        asyncio.run(serve())
    return 0

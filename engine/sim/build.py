"""From settings to a running exchange: the one recipe behind ``cockpit exchange`` and the embedded exchange of the demo."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from engine.model.errors import CockpitError
from engine.model.settings import ExchangeSettings
from engine.sim.candle_file import CandleFileError, CandleMarket, load_candles
from engine.sim.market import GeneratedMarket
from engine.sim.run import ExchangeStartError, RunningExchange, serve
from engine.sim.source import MarketSource

MINUTE_MS = 60_000


def market(symbol: str, settings: ExchangeSettings, seed: int) -> MarketSource:
    """A generated market, or the candle file played back. Raises CockpitError for a file that cannot be used."""
    if not settings.candles:
        now = time.time_ns() // 1_000_000
        start = now // MINUTE_MS * MINUTE_MS
        return GeneratedMarket(symbol, seed=seed, start_ms=start, start_price=settings.start_price)
    path = Path(settings.candles).expanduser()
    try:
        return CandleMarket(symbol, load_candles(path), seed=seed)
    except FileNotFoundError as error:
        raise CockpitError("there is no such candle file", str(path), "give the path of a CSV file") from error
    except OSError as error:
        raise CockpitError(f"the candle file cannot be read: {error.strerror}", str(path)) from error
    except CandleFileError as error:
        raise CockpitError(str(error)) from error


async def start(
    symbols: Sequence[str], settings: ExchangeSettings, *, port: int = 0
) -> tuple[RunningExchange, dict[str, Any]]:
    """Serve ``symbols``; returns the exchange and what a client needs to know. Raises CockpitError."""
    seed = settings.seed if settings.seed is not None else random.SystemRandom().randrange(1, 1_000_000)
    sources = [market(symbol, settings, seed + i) for i, symbol in enumerate(symbols)]
    try:
        running = await serve(sources, port=port, speed=settings.speed, balance=settings.balance_quote)
    except ExchangeStartError as error:
        raise CockpitError(str(error)) from error
    return running, {
        "rest": running.rest,
        "public": running.public,
        "private": running.private,
        "api_key": running.api_key,
        "api_secret": running.api_secret,
        "symbols": list(running.symbols),
        "seed": seed,
        "speed": settings.speed,
    }

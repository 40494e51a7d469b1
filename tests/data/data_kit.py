"""Candles for tests of the store, and files of them."""

from __future__ import annotations

from pathlib import Path

from engine.model.market import MINUTE_NS, Candle

T0 = 1_704_067_200_000_000_000
"""2024-01-01T00:00Z."""


def candle(n: int, price: float = 100.0, volume: float = 1.5) -> Candle:
    """The candle ``n`` minutes after ``T0``."""
    return Candle(T0 + n * MINUTE_NS, price, price + 1.0, price - 1.0, price + 0.5, volume)


def candles(count: int, first: int = 0, price: float = 100.0) -> list[Candle]:
    return [candle(first + n, price + (first + n) % 7) for n in range(count)]


def write_csv(path: Path, rows: list[Candle], header: str = "open_time,open,high,low,close,volume") -> Path:
    lines = [header, *(f"{c.open_time // 1_000_000},{c.open},{c.high},{c.low},{c.close},{c.volume}" for c in rows)]
    path.write_text("\n".join(lines) + "\n")
    return path

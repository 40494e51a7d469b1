"""Three markets of 10,000 minutes: real ones from a file, and two that are made here, in integers, the same on every machine."""

from __future__ import annotations

import csv
import gzip
import random
from collections.abc import Callable, Iterator
from decimal import Decimal
from functools import cache
from hashlib import sha256
from pathlib import Path

from engine import bars
from engine.model.market import MINUTE_NS, Candle
from engine.runner.data import Bars

ROWS = 10_000
REAL = Path(__file__).parent / "data" / "btcusdt-1m-2023-03-08.csv.gz"
T0 = 1_704_067_200_000_000_000
"""2024-01-01 00:00:00 UTC."""
HASHES = {
    "real": "703b2a1cfd9cab65c8585ae491677b14989573a704bc341b307ab7a7bb9ca4a5",
    "trend": "f1e2e51a9e82871eb25cccfcc9e70bc509e8b21d1b71766744f6d5416b974c46",
    "range": "73c955547e42e20285fb190f0cbba88bc39dc0bdc2882d3df40d94f8fdef6d7a",
}
"""SHA-256 of the rows, as ``engine.runner.data.Bars`` defines it."""


def real() -> Iterator[Candle]:
    """BTCUSDT from 2023-03-08 on: a fall of a tenth, and the way back."""
    with gzip.open(REAL, "rt", encoding="ascii", newline="") as file:
        for row in csv.reader(file):
            yield Candle(int(row[0]) * 1_000_000, *map(float, row[1:]))


def trend() -> Iterator[Candle]:
    """Long legs up and down, with missing minutes and opens that jump."""
    whole = _whole(41)
    close, minute, drift = 4_000_000, 0, 120
    for row in range(ROWS):
        if row % 900 == 899:
            drift = -drift if whole(3) else drift
        if whole(250) == 0:
            minute += 2 + whole(40)
        jump = whole(20_001) - 10_000 if whole(200) == 0 else whole(41) - 20
        open_ = close + jump
        close = max(100_000, open_ + drift + _bell(whole, 900))
        yield _candle(minute, open_, close, whole(700), whole(700), 1 + whole(90_000))
        minute += 1


def range_() -> Iterator[Candle]:
    """Around one price, with calm and wild hours, bars that traded nothing and bars without a range."""
    whole = _whole(43)
    close, wild = 2_500_000, 60
    for row in range(ROWS):
        if row % 60 == 0:
            wild = (40, 40, 150, 600)[whole(4)]
        if whole(80) == 0:
            yield _candle(row, close, close, 0, 0, 0)
            continue
        open_ = close + whole(11) - 5
        close = open_ + (2_500_000 - open_) // 40 + _bell(whole, wild * 3)
        yield _candle(row, open_, close, whole(wild), whole(wild), 1 + whole(300 * wild))


MADE: dict[str, Callable[[], Iterator[Candle]]] = {"real": real, "trend": trend, "range": range_}


@cache
def market(name: str) -> Bars:
    return bars(list(MADE[name]()))


@cache
def funding(name: str) -> tuple[tuple[int, Decimal], ...]:
    """Every eight hours, small and of both signs, sometimes large."""
    candles = market(name).candles
    step = 8 * 60 * MINUTE_NS
    first, last = candles[0].open_time // step + 1, candles[-1].open_time // step
    digests = [(n, sha256(f"{name} {n}".encode()).digest()) for n in range(first, last + 1)]
    return tuple((n * step, Decimal(f"{(d[0] - 110) * (8 if d[1] < 20 else 1)}e-6")) for n, d in digests)


def _whole(seed: int) -> Callable[[int], int]:
    chance = random.Random(seed).random
    return lambda below: int(chance() * below)


def _bell(whole: Callable[[int], int], width: int) -> int:
    """A sum of four uniform numbers around zero, at most ``2 × width`` away."""
    return sum(whole(width + 1) for _ in range(4)) - 2 * width


def _candle(minute: int, open_: int, close: int, over: int, under: int, volume: int) -> Candle:
    """Prices in cents, volume in ten thousandths."""
    high, low = max(open_, close) + over, min(open_, close) - under
    return Candle(T0 + minute * MINUTE_NS, open_ / 100, high / 100, low / 100, close / 100, volume / 10_000)

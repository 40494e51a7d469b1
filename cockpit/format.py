"""Numbers, times and durations as text. Pure: the same value always gives the same text.

Unknown (None) is an en dash everywhere; money and percentages that can be negative always carry their sign.
"""

from __future__ import annotations

import math
from decimal import Decimal

SECOND = 1_000_000_000
UNKNOWN = "–"

Number = float | int | Decimal


def price(x: Number | None, decimals: int) -> str:
    """``62,979.2``; an unknown price is a dash."""
    return UNKNOWN if x is None or not math.isfinite(x) else f"{x:,.{decimals}f}"


def qty(x: Number | None, decimals: int) -> str:
    """``0.250``: fixed decimals of the instrument, thousands separated."""
    return price(x, decimals)


def money(x: Number | None, decimals: int = 2) -> str:
    """``6,285.00``: an amount that is not a gain or a loss; the sign only where it is negative."""
    text = price(x, decimals)
    return text[1:] if text.startswith("-") and not text.strip("-0.,") else text


def signed(x: Number | None, decimals: int = 2) -> str:
    """``+84.12``, ``-3.00``: a gain or loss; zero is ``+0.00``."""
    if x is None or not math.isfinite(x):
        return UNKNOWN
    text = f"{x:+,.{decimals}f}"
    return "+" + text[1:] if not text.strip("+-0.,") else text


def percent(x: Number | None, decimals: int = 2) -> str:
    """``+1.84%`` from ``1.84`` (percent, not a fraction)."""
    return UNKNOWN if x is None or not math.isfinite(x) else signed(x, decimals) + "%"


def share(x: Number | None, decimals: int = 2) -> str:
    """``0.42%``: a percentage that has no direction."""
    return UNKNOWN if x is None or not math.isfinite(x) else money(x, decimals) + "%"


def compact(x: Number | None) -> str:
    """``15.7k``, ``1.25M``, ``940``: about three digits, for places where width is short."""
    if x is None or not math.isfinite(x):
        return UNKNOWN
    value = float(x)
    for limit, unit in ((1e9, "B"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= limit * 0.9995:
            scaled = value / limit
            return f"{scaled:.{2 if abs(scaled) < 10 else 1}f}{unit}"
    return f"{value:.0f}" if abs(value) >= 100 or value == int(value) else f"{value:.2f}"


def r(x: float | None, decimals: int = 1) -> str:
    """``+1.5R``."""
    return UNKNOWN if x is None or not math.isfinite(x) else signed(x, decimals) + "R"


def bps(x: float | None, decimals: int = 2) -> str:
    """``0.02 bp``."""
    return UNKNOWN if x is None or not math.isfinite(x) else f"{x:.{decimals}f} bp"


def clock(t: int) -> str:
    """``13:42:05`` UTC from nanoseconds; zero means never."""
    if t <= 0:
        return UNKNOWN
    seconds = t // SECOND % 86_400
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"


def clock_ms(t: int) -> str:
    """``13:42:05.118`` UTC."""
    return UNKNOWN if t <= 0 else f"{clock(t)}.{t // 1_000_000 % 1000:03d}"


def minute(t: int) -> str:
    """``13:42`` UTC."""
    return clock(t)[:5]


def countdown(ns: int) -> str:
    """``02:14:33`` or below an hour ``00:18``; never below zero, rounded up to whole seconds."""
    seconds = max(0, -(-ns // SECOND))
    head = f"{seconds // 3600:02d}:" if seconds >= 3600 else ""
    return f"{head}{seconds // 60 % 60:02d}:{seconds % 60:02d}"


def age(ns: int | None) -> str:
    """``0.3 s``, ``42 s``, ``7 m``, ``3 h``, ``2 d``: how long ago, one unit; None means never."""
    if ns is None:
        return "never"
    seconds = max(0, ns) / SECOND
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    for limit, size, unit in ((100, 1, "s"), (6_000, 60, "m"), (172_800, 3600, "h")):
        if seconds < limit:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds / 86_400:.0f} d"


def latency(ms: float | None) -> str:
    """``12 ms``, below ten ``0.4 ms``, from ten seconds on ``12 s``."""
    if ms is None or not math.isfinite(ms):
        return UNKNOWN
    if ms >= 9_999.5:
        return f"{ms / 1000:.0f} s"
    return f"{ms:.0f} ms" if ms >= 9.95 else f"{ms:.1f} ms"


def speed(x: float) -> str:
    """``10×``; ``1.5×``."""
    return f"{x:g}×"

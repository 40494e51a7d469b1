"""Colours by name, and the inks that the painter puts into cells.

The default pair is blue-teal against orange-red: it stays apart under deuteranopia and protanopia (tested), and in
lightness, so it also stays apart in grey.
"""

from __future__ import annotations

from dataclasses import dataclass

from rich.style import Style

INKS = (
    "bg", "text", "dim", "grid", "bull", "bear", "bull_volume", "bear_volume", "fast", "slow", "entry", "order",
    "warn", "mark", "on_tag", "reward", "risk", "soft", "cursor", "buy", "sell", "bright",
)  # fmt: skip
(
    BG, TEXT, DIM, GRID, BULL, BEAR, BULL_VOLUME, BEAR_VOLUME, FAST, SLOW, ENTRY, ORDER,
    WARN, MARK, ON_TAG, REWARD, RISK, SOFT, CURSOR, BUY, SELL, BRIGHT,
) = range(len(INKS))  # fmt: skip
BOLD = frozenset({ON_TAG, BUY, SELL, WARN, BRIGHT})


@dataclass(frozen=True, slots=True)
class Palette:
    """The chosen colours as ``#rrggbb``; mixtures are derived. ``hollow`` draws rising bodies as outlines."""

    bg: str
    text: str
    bull: str
    bear: str
    fast: str
    slow: str
    entry: str
    order: str
    warn: str
    mark: str
    on_tag: str
    buy: str
    sell: str
    hollow: bool = False
    tint: float = 0.15
    volume: float = 0.45
    quiet: float = 0.52


DARK = Palette(
    bg="#0b0e14", text="#c9d1d9", bull="#22b8b5", bear="#f4623a", fast="#e3a72f",
    slow="#6f9bf5", entry="#4c8dff", order="#9aa4b2", warn="#ffb224", mark="#a371f7", on_tag="#0b0e14",
    buy="#7ff0d4", sell="#ffb199",
)  # fmt: skip
LIGHT = Palette(
    bg="#ffffff", text="#1f2328", bull="#007f86", bear="#d4481b", fast="#a86a00",
    slow="#3b6fd8", entry="#1f5fd0", order="#59636e", warn="#a85d00", mark="#7a3fd1", on_tag="#ffffff",
    buy="#005a5f", sell="#a02c05", tint=0.12, volume=0.40, quiet=0.64,
)  # fmt: skip
MONO = Palette(
    bg="#0c0c0c", text="#d0d0d0", bull="#f0f0f0", bear="#b4b4b4", fast="#9a9a9a",
    slow="#6c6c6c", entry="#e0e0e0", order="#a8a8a8", warn="#ffffff", mark="#c0c0c0", on_tag="#0c0c0c",
    buy="#ffffff", sell="#ffffff", hollow=True, tint=0.07,
)  # fmt: skip
MONO_LIGHT = Palette(
    bg="#ffffff", text="#202020", bull="#101010", bear="#4a4a4a", fast="#707070",
    slow="#9a9a9a", entry="#202020", order="#505050", warn="#000000", mark="#404040", on_tag="#ffffff",
    buy="#000000", sell="#000000", hollow=True, tint=0.07,
)  # fmt: skip


def mix(a: str, b: str, share: float) -> str:
    """``share`` of ``a`` over ``b``, both ``#rrggbb``."""
    pairs = ((int(a[i : i + 2], 16), int(b[i : i + 2], 16)) for i in (1, 3, 5))
    return "#" + "".join(f"{round(x * share + y * (1 - share)):02x}" for x, y in pairs)


def colours(p: Palette) -> tuple[str, ...]:
    """One colour per ink, in the order of ``INKS``."""
    derived = {
        "dim": mix(p.text, p.bg, p.quiet),
        "grid": mix(p.text, p.bg, 0.11),
        "bull_volume": mix(p.bull, p.bg, p.volume),
        "bear_volume": mix(p.bear, p.bg, p.volume),
        "reward": mix(p.bull, p.bg, p.tint),
        "risk": mix(p.bear, p.bg, p.tint),
        "soft": mix(p.text, p.bg, 0.14),
        "cursor": mix(p.text, p.bg, 0.75),
        "bright": p.text,
    }
    return tuple(derived[name] if name in derived else getattr(p, name) for name in INKS)


class Styles:
    """Rich styles by (foreground ink, background ink), made once each. Every style has a background of its own."""

    def __init__(self, palette: Palette) -> None:
        self._colours = colours(palette)
        self._made: dict[tuple[int, int], Style] = {}

    def __call__(self, fg: int, bg: int) -> Style:
        style = self._made.get((fg, bg))
        if style is None:
            style = Style(color=self._colours[fg], bgcolor=self._colours[bg], bold=fg in BOLD)
            self._made[fg, bg] = style
        return style

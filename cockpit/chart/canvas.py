"""A grid of cells as three matrices (glyph, foreground ink, background ink), and its rows as runs."""

from __future__ import annotations

from functools import lru_cache

from rich.cells import cell_len

from cockpit.chart.palette import BG, GRID, REWARD, RISK, TEXT

GROUNDS = frozenset({BG, REWARD, RISK})

Run = tuple[str, int, int]
"""Text, foreground ink, background ink."""


class Canvas:
    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        self.glyph = [[" "] * width for _ in range(height)]
        self.fg = [[TEXT] * width for _ in range(height)]
        self.bg = [[BG] * width for _ in range(height)]

    def put(self, x: int, y: int, glyph: str, fg: int) -> None:
        """One glyph; outside is ignored."""
        if 0 <= x < self.width and 0 <= y < self.height:
            self.glyph[y][x] = glyph
            self.fg[y][x] = fg

    def free(self, x: int, y: int) -> bool:
        """Whether nothing but grid stands there; a space within a label is not free."""
        if not (0 <= x < self.width and 0 <= y < self.height and self.bg[y][x] in GROUNDS):
            return False
        return self.glyph[y][x] == " " or self.fg[y][x] == GRID

    def write(self, x: int, y: int, text: str, fg: int, bg: int | None = None) -> int:
        """Text from column ``x``, cut at the edges; the column after it. The background stays unless given."""
        end = x + len(text)
        if not 0 <= y < self.height or x >= self.width or end <= 0:
            return end
        cut = text[max(0, -x) : self.width - x]
        a = max(x, 0)
        b = a + len(cut)
        self.glyph[y][a:b] = cut
        self.fg[y][a:b] = [fg] * len(cut)
        if bg is not None:
            self.bg[y][a:b] = [bg] * len(cut)
        return end

    def fill(self, x: int, y: int, width: int, bg: int) -> None:
        """Background only, cut at the edges."""
        a, b = max(x, 0), min(x + width, self.width)
        if 0 <= y < self.height and b > a:
            self.bg[y][a:b] = [bg] * (b - a)

    def runs(self, y: int) -> list[Run]:
        """The row as few runs of equal inks (a blank fits any); their texts together are exactly ``width`` cells."""
        found: list[Run] = []
        glyph, fg, bg = self.glyph[y], self.fg[y], self.bg[y]
        start, ink = 0, -1
        for x in range(self.width):
            blank = glyph[x] == " "
            if bg[x] != bg[start] or not (blank or ink < 0 or fg[x] == ink):
                found.append(("".join(glyph[start:x]), max(ink, 0), bg[start]))
                start, ink = x, -1
            if not blank:
                ink = fg[x]
        if self.width:
            found.append(("".join(glyph[start:]), max(ink, 0), bg[start]))
        return found

    def differs(self, other: Canvas) -> list[int]:
        """The rows that are not as in a canvas of the same size."""
        return [
            y
            for y in range(self.height)
            if self.glyph[y] != other.glyph[y] or self.fg[y] != other.fg[y] or self.bg[y] != other.bg[y]
        ]

    def text(self, y: int) -> str:
        return "".join(self.glyph[y])


@lru_cache(maxsize=4096)
def clean(text: str) -> str:
    """Every character exactly one cell wide and printable; others become ``?``."""
    return "".join(c if c.isprintable() and cell_len(c) == 1 else "?" for c in text)


@lru_cache(maxsize=4096)
def price_text(price: float, decimals: int) -> str:
    return f"{price:,.{decimals}f}"


def amount_text(amount: float) -> str:
    """An amount in at most six characters: 12.3, 1,234, 48.2k, 1.2M."""
    for limit, unit in ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e4, "k")):
        if amount >= limit:
            size = {"T": 1e12, "B": 1e9, "M": 1e6, "k": 1e3}[unit]
            return f"{amount / size:.4g}{unit}" if amount / size < 1e5 else f"{amount / size:.0e}{unit}"
    if amount >= 1000:
        return f"{amount:,.0f}"
    return f"{amount:.4g}"

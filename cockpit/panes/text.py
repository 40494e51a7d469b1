"""Lines of text as plain data: a segment is (text, style names), a line is a list of segments. Everything here is pure.

Text from outside is made safe where it enters a line: ``cut`` replaces control characters and measures in cells, so a hostile
or huge string never breaks the layout.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from math import isnan
from typing import NamedTuple

from rich.cells import cell_len, set_cell_size

Segment = tuple[str, str]
Line = list[Segment]

LONGEST = 400
"""No text is looked at beyond this many characters: no row is that wide."""


@lru_cache(maxsize=4096)
def clean(text: str) -> str:
    """Printable, on one line, of bounded length: everything else becomes a middle dot."""
    text = text[:LONGEST]
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else "·" for c in text)


@lru_cache(maxsize=4096)
def cells(text: str) -> int:
    """Width in terminal cells."""
    return len(text) if text.isascii() else cell_len(text)


def width_of(line: Iterable[Segment]) -> int:
    return sum(cells(text) for text, _ in line)


@lru_cache(maxsize=8192)
def cut(text: str, width: int) -> str:
    """At most ``width`` cells of the cleaned text; what is missing shows as ``…``."""
    text = clean(text)
    if cells(text) <= width:
        return text
    return set_cell_size(text, width - 1).rstrip() + "…" if width > 0 else ""


def left(text: str, width: int) -> str:
    text = cut(text, width)
    return text + " " * (width - cells(text))


def right(text: str, width: int) -> str:
    text = cut(text, width)
    return " " * (width - cells(text)) + text


def fit(line: Sequence[Segment], width: int) -> Line:
    """The line cleaned and cut to ``width`` cells (not padded); empty segments go."""
    out: Line = []
    room = width
    for text, style in line:
        if not text:
            continue
        safe = cut(text, room)
        if safe:
            out.append((safe, style))
        size = cells(safe)
        room -= size
        if size < cells(clean(text)) or room <= 0:
            break
    return out


def row(lhs: Sequence[Segment], rhs: Sequence[Segment], width: int) -> Line:
    """``lhs`` at the left, ``rhs`` flush right; where both do not fit, the left side is cut first."""
    tail = fit(rhs, width)
    room = width - width_of(tail)
    head = fit(lhs, room - 1 if tail else room)
    return [*head, (" " * (room - width_of(head)), ""), *tail]


def pair(label: str, value: Sequence[Segment], width: int) -> Line:
    """A label and its value flush right; the value is what survives."""
    return row([(label, "label")], value, width)


def wrapped(label: str, text: str, style: str, width: int, most: int = 2) -> list[Line]:
    """A label and a sentence beside it on at most ``most`` lines; what does not fit ends in ``…``."""
    margin = cells(label) + 2
    room, rest = max(1, width - margin), clean(text)
    lines: list[Line] = []
    while rest and len(lines) < most:
        at = len(rest)
        if cells(rest) > room and len(lines) < most - 1:
            at = rest.rfind(" ", 0, room + 1)
            at = at if at > 0 else room
        lines.append(
            [
                (label if not lines else "", "label"),
                (" " * (margin - (0 if lines else cells(label))), ""),
                (cut(rest[:at], room), style),
            ]
        )
        rest = rest[at:].lstrip()
    return lines


class Item(NamedTuple):
    """Something that may be left out where room is short: the highest ``rank`` goes first, rank 0 stays."""

    rank: int
    line: Line


def spread(lhs: Sequence[Item], rhs: Sequence[Item], width: int, gap: int = 2) -> Line:
    """Items at the left and at the right of a row; by rank, as many as fit."""
    items = [(i.rank, n, i.line, width_of(i.line)) for n, i in enumerate([*lhs, *rhs]) if i.line]
    total = sum(size + gap for *_, size in items) - gap
    for item in sorted(items, key=lambda item: (-item[0], -item[1])):
        if total <= width or item[0] == 0:
            break
        items.remove(item)
        total -= item[3] + gap
    split = len(lhs)
    sides: tuple[Line, Line] = ([], [])
    for _, n, line, _ in items:
        side = sides[n >= split]
        if side:
            side.append((" " * gap, ""))
        side.extend(line)
    return row(sides[0], sides[1], width) if sides[1] else fit(sides[0], width)


def keep(rows: Sequence[Item], height: int) -> list[Line]:
    """Rows in their order, without the highest ranks where there are more than ``height``."""
    if len(rows) > height:
        order = sorted(range(len(rows)), key=lambda n: (rows[n].rank, n))
        chosen = set(order[: max(0, height)])
        rows = [item for n, item in enumerate(rows) if n in chosen]
    return [item.line for item in rows]


def gauge(share: float, width: int, style: str, rest: str = "rule") -> Line:
    """A thin bar ``━━━╸───``, filled to ``share`` of ``width`` cells in half-cell steps; anything above zero shows."""
    if width <= 0:
        return []
    share = 0.0 if isnan(share) else min(1.0, max(0.0, share))
    halves = max(round(share * width * 2), 1 if share > 0 else 0)
    body = "━" * (halves // 2) + ("╸" if halves % 2 else "")
    return [(body, style), ("─" * (width - len(body)), rest)]


class Column(NamedTuple):
    """A table's column. ``width`` 0 takes what is left (at least ``least``); ``rank`` as in ``Item``."""

    title: str
    width: int
    align: str = "<"
    rank: int = 0
    least: int = 8


@lru_cache(maxsize=256)
def fitting(columns: tuple[Column, ...], width: int) -> tuple[tuple[int, int, str], ...]:
    """(index, width, alignment) of the columns that fit, one space between them; the lowest ranks stay."""
    shown = list(range(len(columns)))

    def needed() -> int:
        return sum(columns[n].width or columns[n].least for n in shown) + len(shown) - 1

    while len(shown) > 1 and needed() > width:
        worst = max(shown, key=lambda n: (columns[n].rank, n))
        if columns[worst].rank == 0:
            break
        shown.remove(worst)
    spare = width - needed()
    flexible = [n for n in shown if not columns[n].width]
    out = []
    for n in shown:
        size = columns[n].width
        if not size:
            size = columns[n].least + spare // len(flexible) + (spare % len(flexible) if n == flexible[-1] else 0)
            size = max(1, size)
        out.append((n, size, columns[n].align))
    return tuple(out)


def table_head(columns: tuple[Column, ...], width: int) -> Line:
    return table_row(columns, [(c.title, "dim") for c in columns], width)


def table_row(columns: tuple[Column, ...], values: Sequence[Segment], width: int) -> Line:
    """One value for every column; those that do not fit are left out."""
    line: Line = []
    for n, size, align in fitting(columns, width):
        text, style = values[n]
        if line:
            line.append((" ", ""))
        line.append((right(text, size) if align == ">" else left(text, size), style))
    return line


def plain(lines: Iterable[Iterable[Segment]]) -> str:
    """The text without styles, one row per line, for tests and for copying."""
    return "\n".join("".join(text for text, _ in line).rstrip() for line in lines)

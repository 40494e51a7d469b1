"""An area under numbers in block elements: every column of cells ends in an eighth of a row. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from cockpit.panes.text import Line

EIGHTHS = " ▁▂▃▄▅▆▇█"


def resample(values: Sequence[float], count: int) -> list[float]:
    """``count`` values, evenly over the whole: each the last one of its stretch; few values are held as steps."""
    n = len(values)
    return [values[min(n - 1, (i + 1) * n // count - (n >= count))] for i in range(count)] if n else []


def area(values: Sequence[float], width: int, height: int, style: str) -> list[Line]:
    """``height`` rows of ``width`` cells from the lowest value to the highest: the crest in ``style``, soft below it.

    Where all values are the same, the crest runs through the middle.
    """
    if width <= 0 or height <= 0 or not values:
        return []
    low, high = min(values), max(values)
    top = height * 8
    tops = [
        max(1, round((value - low) / (high - low) * top)) if high > low else top // 2
        for value in resample(values, width)
    ]
    return [_row(tops, (height - 1 - n) * 8, style) for n in range(height)]


def _row(tops: Sequence[int], floor: int, style: str) -> Line:
    line: Line = []
    for top in tops:
        part = (EIGHTHS[max(0, min(8, top - floor))], style if top - floor <= 8 else f"{style}.soft")
        if line and line[-1][1] == part[1]:
            line[-1] = (line[-1][0] + part[0], part[1])
        else:
            line.append(part)
    return line

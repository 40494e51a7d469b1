"""Which parts fit into a size: price axis, legend, volume pane, time axis. They go one by one as the chart shrinks."""

from __future__ import annotations

from dataclasses import dataclass

MIN_PLOT = 3


@dataclass(frozen=True, slots=True)
class Layout:
    """Rows and columns of the parts; 0 wide, 0 rows or row -1 mean the part is left out."""

    width: int
    height: int
    plot_width: int
    axis_width: int
    legend: bool
    top: int
    rows: int
    volume_top: int
    volume_rows: int
    time_row: int

    def in_plot(self, x: int, y: int) -> bool:
        return 0 <= x < self.plot_width and self.top <= y < self.top + self.rows


def volume_rows(height: int) -> int:
    return 5 if height >= 36 else 4 if height >= 26 else 3 if height >= 18 else 2 if height >= 14 else 0


def lay_out(width: int, height: int, label: int, volume: bool = True) -> Layout:
    """``label`` is the width of the widest price. One free cell goes on each side of it."""
    axis = label + 2 if label + 2 <= width * 0.4 else 0
    legend = height >= 8 and width >= 24
    time = height >= MIN_PLOT + 2
    under = volume_rows(height) if volume else 0
    top = 1 if legend else 0
    rows = height - top - under - (1 if time else 0)
    return Layout(
        width=width,
        height=height,
        plot_width=width - axis,
        axis_width=axis,
        legend=legend,
        top=top,
        rows=rows,
        volume_top=top + rows,
        volume_rows=under,
        time_row=height - 1 if time else -1,
    )

"""Pictures of a terminal's cells: PNG with exact block characters, SVG with text that stays text."""

from __future__ import annotations

import io
from collections.abc import Sequence
from functools import cache
from itertools import groupby
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont
from rich.console import Console
from rich.style import Style
from rich.terminal_theme import TerminalTheme
from rich.text import Text

Cell = tuple[str, str, str, bool]
"""(character, foreground, background, bold); colours are ``rrggbb`` or ``default``."""

WIDTH, HEIGHT, POINTS = 10, 20, 16
BACKGROUND, FOREGROUND = "0b0e14", "d0d6e0"
FOLDERS = ("/usr/share/fonts/truetype/dejavu", "/usr/share/fonts/TTF", "/Library/Fonts", "C:/Windows/Fonts", "")
THEME = TerminalTheme((11, 14, 20), (208, 214, 224), [(0, 0, 0)] * 8)

# fractions of a cell that a block character fills: left, top, right, bottom in eighths
BLOCKS = {
    "▀": (0, 0, 8, 4),
    "█": (0, 0, 8, 8),
    "▌": (0, 0, 4, 8),
    "▐": (4, 0, 8, 8),
    "▔": (0, 0, 8, 1),
    "▕": (7, 0, 8, 8),
}
BLOCKS |= {chr(0x2580 + n): (0, 8 - n, 8, 8) for n in range(1, 8)} | {
    chr(0x2590 - n): (0, 0, n, 8) for n in range(1, 8)
}
BLOCKS |= {"▖": (0, 4, 4, 8), "▗": (4, 4, 8, 8), "▘": (0, 0, 4, 4), "▝": (4, 0, 8, 4)}


@cache
def font(bold: bool) -> ImageFont.FreeTypeFont:
    name = "DejaVuSansMono-Bold.ttf" if bold else "DejaVuSansMono.ttf"
    for folder in FOLDERS:
        try:
            return ImageFont.truetype(str(Path(folder) / name), POINTS)
        except OSError:
            continue
    raise SystemExit(f"{name} was not found; install the DejaVu fonts (Debian: fonts-dejavu-core)")


def png(rows: Sequence[Sequence[Cell]], path: Path) -> None:
    image(rows).quantize(128, dither=Image.Dither.NONE).save(path, optimize=True)


def image(rows: Sequence[Sequence[Cell]]) -> Image.Image:
    made = Image.new("RGB", (len(rows[0]) * WIDTH, len(rows) * HEIGHT), f"#{BACKGROUND}")
    draw = ImageDraw.Draw(made)
    for y, row in enumerate(rows):
        for x, (char, fg, bg, bold) in enumerate(row):
            left, top = x * WIDTH, y * HEIGHT
            draw.rectangle((left, top, left + WIDTH - 1, top + HEIGHT - 1), fill=colour(bg, BACKGROUND))
            ink = colour(fg, FOREGROUND)
            if char in BLOCKS:
                x0, y0, x1, y1 = BLOCKS[char]
                box = (
                    left + x0 * WIDTH / 8,
                    top + y0 * HEIGHT / 8,
                    left + x1 * WIDTH / 8 - 1,
                    top + y1 * HEIGHT / 8 - 1,
                )
                draw.rectangle((box[0], box[1], max(box[0], box[2]), max(box[1], box[3])), fill=ink)
            elif char.strip():
                draw.text((left, top), char, font=font(bold), fill=ink)
    return made


def svg(rows: Sequence[Sequence[Cell]], path: Path, title: str) -> None:
    console = Console(
        width=len(rows[0]),
        record=True,
        file=io.StringIO(),
        force_terminal=True,
        color_system="truecolor",
        legacy_windows=False,
    )
    for row in rows:
        text = Text(no_wrap=True, end="\n")
        for (fg, bg, bold), run in groupby(row, key=lambda cell: cell[1:]):
            style = Style(color=colour(fg, FOREGROUND), bgcolor=colour(bg, BACKGROUND), bold=bold)
            text.append("".join(cell[0] or " " for cell in run), style)
        console.print(text)
    path.write_text(console.export_svg(title=title, theme=THEME, unique_id=path.stem), encoding="utf-8")


NAMES = {"black": "000000", "white": "ffffff", "red": "cd3131", "green": "0dbc79", "brown": "e5e510", "blue": "2472c8"}


def colour(name: str, default: str) -> str:
    return f"#{default if name == 'default' else NAMES.get(name, name)}"

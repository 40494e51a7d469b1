"""Make ``scrub.gif``, which README shows: travelling through a recorded demo session in the real program.

python -m screenshots.scrub [--file RECORDING] [--out FILE]    (without a recording a demo session of a minute is recorded)
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from PIL import Image, ImageChops

from bench.picture import image
from bench.terminal import Terminal

HERE = Path(__file__).parent
COCKPIT = (sys.executable, "-m", "cockpit.cli")
SIZE = (120, 36)
RECORD_S = 75
FRAME_S = 0.12
MOST_BYTES = 3_000_000
COLOURS = 95
PLAYED_S, HELD_S, READ_S = 2.4, 1.6, 1.8


def record(folder: Path) -> Path:
    """A demo session, its market forty times as fast as the clock."""
    settings = (
        "--set",
        "risk.min_reward_risk=0.1",
        "--set",
        "trading.approval_max_move_bps=500",
        "--seed",
        "7",
        "--speed",
        "40",
    )
    argv = [
        *COCKPIT,
        "run",
        "--home",
        str(folder),
        "--headless",
        "--auto-approve",
        "--duration",
        str(RECORD_S),
        *settings,
    ]
    subprocess.run(argv, check=True, capture_output=True, env={**os.environ, "XDG_RUNTIME_DIR": str(folder.parent)})
    return next((folder / "sessions").glob("*.cockpit"))


class Film:
    """Pictures of a terminal, one for each frame; equal ones last longer."""

    def __init__(self, terminal: Terminal) -> None:
        self.terminal = terminal
        self.frames: list[Image.Image] = []
        self.lasts: list[int] = []
        self._cells: object = None

    def run(self, seconds: float, act: Callable[[float], None] = lambda _share: None) -> None:
        """Film for so long; ``act`` is told of the share that has passed, before each frame."""
        for n in range(max(1, round(seconds / FRAME_S))):
            start = time.monotonic()
            act(n * FRAME_S / seconds)
            time.sleep(max(0.02, FRAME_S - (time.monotonic() - start)))
            self._take()

    def _take(self) -> None:
        cells = self.terminal.cells()
        if cells == self._cells:
            self.lasts[-1] += round(FRAME_S * 1000)
            return
        self._cells = cells
        self.frames.append(image(cells))
        self.lasts.append(round(FRAME_S * 1000))

    def save(self, path: Path) -> int:
        """Bytes written. Pixels that stay are transparent: only what changes is stored."""
        first, *rest = self._indexed()
        same = Image.new("L", first.size, COLOURS)
        images, before = [first], first
        for frame in rest:
            changed = ImageChops.difference(_numbers(frame), _numbers(before)).point(lambda value: 255 if value else 0)
            part = Image.composite(_numbers(frame), same, changed)
            part = Image.frombytes("P", frame.size, part.tobytes())
            part.putpalette(first.getpalette() or [])
            images.append(part)
            before = frame
        images[0].save(
            path, save_all=True, append_images=images[1:], duration=self.lasts, loop=0, optimize=False, disposal=1,
            transparency=COLOURS,
        )  # fmt: skip
        return path.stat().st_size

    def _indexed(self) -> list[Image.Image]:
        """All pictures in the colours that they share."""
        few = self.frames[:: max(1, len(self.frames) // 6)]
        sheet = Image.new("RGB", (few[0].width, few[0].height * len(few)))
        for n, frame in enumerate(few):
            sheet.paste(frame, (0, n * frame.height))
        palette = sheet.quantize(COLOURS, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
        return [frame.quantize(palette=palette, dither=Image.Dither.NONE) for frame in self.frames]


def _numbers(image: Image.Image) -> Image.Image:
    """The numbers of the colours as grey values."""
    return Image.frombytes("L", image.size, image.tobytes())


def mouse(terminal: Terminal, kind: str, x: int, y: int) -> None:
    button, end = {"down": (0, "M"), "drag": (32, "M"), "up": (0, "m")}[kind]
    terminal.press(f"\x1b[<{button};{x};{y}{end}")


def scrub(film: Film) -> None:
    """From the end: drag back, play, go from mark to mark, look why, and go to the end."""
    terminal = film.terminal
    row = next(n for n, line in enumerate(terminal.lines, 1) if "1× event" in line)
    left, right = 17, 64
    film.run(1.0)
    mouse(terminal, "down", right, row)
    film.run(3.0, lambda share: mouse(terminal, "drag", round(right - (right - left - 4) * share), row))
    mouse(terminal, "up", left + 4, row)
    film.run(0.6)
    terminal.press(">", ">", ">", " ")
    film.run(PLAYED_S)
    terminal.press(" ")
    for _ in range(4):
        terminal.press("]")
        film.run(0.7)
    film.run(HELD_S, lambda _share: terminal.press("left"))
    terminal.press("]", "w")
    film.run(READ_S * 1.6)
    terminal.press("escape")
    film.run(0.8)
    terminal.press("L")
    film.run(1.2)


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--file", type=Path, help="a recording that is there already")
    arguments.add_argument("--out", type=Path, default=HERE / "scrub.gif")
    given = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = given.file or record(Path(folder) / "home")
        with Terminal([*COCKPIT, "replay", str(path), "--home", str(Path(folder) / "home")], *SIZE) as terminal:
            terminal.wait_for("REPLAY", 30)
            time.sleep(1.0)
            film = Film(terminal)
            scrub(film)
            terminal.press("q")
            terminal.ended()
    size = film.save(given.out)
    print(f"{given.out}: {len(film.frames)} pictures, {size / 1e6:.2f} MB")
    return 0 if size <= MOST_BYTES else 1


if __name__ == "__main__":
    sys.exit(main())

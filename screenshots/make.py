"""Regenerate the pictures that README shows: the real program in a pseudo-terminal, driven by keys, saved as SVG and PNG."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from bench.picture import png, svg
from bench.terminal import Terminal

HERE = Path(__file__).parent
SEED = 7
PATIENCE_S = 60.0


def holding(text: str) -> bool:
    return "LONG 0." in text or "SHORT 0." in text


def asked(terminal: Terminal) -> None:
    terminal.wait_for("CONFIRM", PATIENCE_S)
    time.sleep(1.0)


def in_position(terminal: Terminal) -> None:
    """Approve what is asked until a position stands, then let it live for a moment."""
    for _ in range(20):
        terminal.wait_for(lambda text: "CONFIRM" in text or holding(text), PATIENCE_S)
        if holding(terminal.text):
            break
        time.sleep(0.8)
        terminal.press("y")
        time.sleep(0.8)
    terminal.wait_for(holding, PATIENCE_S)
    time.sleep(4.0)


def killed(terminal: Terminal) -> None:
    in_position(terminal)
    terminal.press("f9")
    terminal.wait_for("HALTED")
    time.sleep(1.0)


def refused(terminal: Terminal) -> None:
    terminal.wait_for("REJECTIONS 2", PATIENCE_S)
    terminal.press("p")
    terminal.wait_for("REJECTIONS 3", PATIENCE_S)
    time.sleep(1.0)


def helped(terminal: Terminal) -> None:
    terminal.wait_for("ACTIVE", PATIENCE_S)
    terminal.press("?")
    time.sleep(1.5)


class Picture(NamedTuple):
    name: str
    size: tuple[int, int]
    act: Callable[[Terminal], None]
    args: tuple[str, ...] = ()
    env: tuple[tuple[str, str], ...] = ()


CALM = ("--set", "trading.approval_max_move_bps=500")
PICTURES = (
    Picture("approval-160x45", (160, 45), asked, CALM),
    Picture("position-160x45", (160, 45), in_position, CALM),
    Picture("killed-120x36", (120, 36), killed, CALM),
    Picture(
        "refused-160x45",
        (160, 45),
        refused,
        ("--set", "risk.min_reward_risk=2.5", "--speed", "40"),
    ),
    Picture("help-120x36", (120, 36), helped),
    Picture("position-80x24", (80, 24), in_position, CALM),
    Picture("light-160x45", (160, 45), in_position, (*CALM, "--set", "screen.theme=light")),
    Picture("no-colour-120x36", (120, 36), in_position, CALM, (("NO_COLOR", "1"),)),
)


def take(picture: Picture, folder: Path) -> None:
    argv = [
        sys.executable,
        "-m",
        "cockpit.cli",
        "--home",
        str(folder / picture.name),
        "--seed",
        str(SEED),
        *picture.args,
    ]
    with Terminal(argv, *picture.size, env={"XDG_RUNTIME_DIR": str(folder), **dict(picture.env)}) as terminal:
        picture.act(terminal)
        cells = terminal.cells()
    png(cells, HERE / f"{picture.name}.png")
    svg(cells, HERE / f"{picture.name}.svg", "cockpit")
    print(f"{picture.name}: .svg and .png")


def main(names: list[str]) -> None:
    """Take every picture, or the named ones."""
    os.chdir(HERE.parent)
    with tempfile.TemporaryDirectory() as folder:
        for picture in PICTURES:
            if not names or picture.name in names:
                take(picture, Path(folder))


if __name__ == "__main__":
    main(sys.argv[1:])

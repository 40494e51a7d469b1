"""Glyphs one cell wide; colours that stay apart for everyone."""

from __future__ import annotations

from itertools import pairwise

import pytest
from rich.cells import cell_len

from cockpit.chart.canvas import clean
from cockpit.chart.glyphs import ASCII, UNICODE, Glyphs, every_glyph
from cockpit.chart.palette import DARK, INKS, LIGHT, MONO, MONO_LIGHT, Palette, Styles, colours, mix

Rgb = tuple[float, float, float]
DEUTERANOPIA = ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.011820, 0.042940, 0.968881))
PROTANOPIA = ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998))
NORMAL = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))
"""Machado, Oliveira and Fernandes 2009, severity 1.0, on linear RGB."""


def linear(colour: str) -> Rgb:
    def one(value: int) -> float:
        share = value / 255
        return share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4

    r, g, b = (one(int(colour[i : i + 2], 16)) for i in (1, 3, 5))
    return r, g, b


def seen(rgb: Rgb, eye: tuple[Rgb, Rgb, Rgb]) -> Rgb:
    r, g, b = (min(1.0, max(0.0, sum(w * v for w, v in zip(row, rgb, strict=True)))) for row in eye)
    return r, g, b


def lab(rgb: Rgb) -> Rgb:
    r, g, b = rgb
    xyz = (
        (0.4124 * r + 0.3576 * g + 0.1805 * b) / 0.95047,
        0.2126 * r + 0.7152 * g + 0.0722 * b,
        (0.0193 * r + 0.1192 * g + 0.9505 * b) / 1.08883,
    )
    x, y, z = (v ** (1 / 3) if v > 0.008856 else 7.787 * v + 16 / 116 for v in xyz)
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


def contrast(a: str, b: str) -> float:
    lights = sorted(0.2126 * r + 0.7152 * g + 0.0722 * b for r, g, b in (linear(a), linear(b)))
    return (lights[1] + 0.05) / (lights[0] + 0.05)


@pytest.mark.parametrize("glyphs", [UNICODE, ASCII], ids=["unicode", "ascii"])
def test_every_glyph_is_one_cell_wide(glyphs: Glyphs) -> None:
    for glyph in every_glyph(glyphs):
        assert len(glyph) == 1
        assert cell_len(glyph) == 1, glyph


def test_the_fallback_set_is_plain_ascii() -> None:
    assert all(g.isascii() and g.isprintable() for g in every_glyph(ASCII))


@pytest.mark.parametrize("palette", [DARK, LIGHT], ids=["dark", "light"])
@pytest.mark.parametrize("eye", [NORMAL, DEUTERANOPIA, PROTANOPIA], ids=["normal", "deuteranopia", "protanopia"])
def test_rising_and_falling_stay_apart_for_every_eye(palette: Palette, eye: tuple[Rgb, Rgb, Rgb]) -> None:
    bull, bear = (lab(seen(linear(c), eye)) for c in (palette.bull, palette.bear))
    assert sum((a - b) ** 2 for a, b in zip(bull, bear, strict=True)) ** 0.5 > 40


@pytest.mark.parametrize("palette", [DARK, LIGHT, MONO, MONO_LIGHT], ids=["dark", "light", "mono", "mono-light"])
def test_what_must_be_read_can_be_read(palette: Palette) -> None:
    made = dict(zip(INKS, colours(palette), strict=True))
    for name in ("text", "bull", "bear", "entry", "order", "warn", "mark", "buy", "sell"):
        assert contrast(made[name], palette.bg) >= 3.0, name
    for name in ("bull", "bear", "entry", "cursor"):
        assert contrast(made["on_tag"], made[name]) >= 3.0, name
    for name in ("reward", "risk"):
        assert contrast(made["text"], made[name]) >= 4.5, name
    assert contrast(made["dim"], palette.bg) >= 3.0


def test_without_colour_rising_bodies_are_hollow() -> None:
    assert MONO.hollow
    assert MONO_LIGHT.hollow


@pytest.mark.parametrize("palette", [DARK, LIGHT, MONO, MONO_LIGHT])
def test_every_style_has_its_own_background(palette: Palette) -> None:
    styles = Styles(palette)
    assert all(styles(fg, bg).bgcolor is not None for fg in range(len(INKS)) for bg in range(len(INKS)))


def test_mixing_goes_from_one_colour_to_the_other() -> None:
    lights = [int(mix("#ffffff", "#000000", n / 10)[1:3], 16) for n in range(11)]
    assert lights[0] == 0
    assert lights[-1] == 255
    assert all(a < b for a, b in pairwise(lights))


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("TP +1R", "TP +1R"),
        ("\x1b[31mred", "?[31mred"),
        ("宽", "?"),
        ("a\u202eb", "a?b"),
        ("[/x]", "[/x]"),
        ("e\u0301", "e?"),
    ],
)
def test_foreign_text_is_made_one_cell_per_character(text: str, safe: str) -> None:
    assert clean(text) == safe

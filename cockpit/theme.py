"""Colours by meaning. A style name says what a text is (``bull``, ``need``, ``label``); names joined by spaces add up.

One job for each colour: the blue-teal and orange-red pair is direction and profit (never without a glyph or a sign), amber
needs you, blue is focus and entry, violet is DEMO, white on red is LIVE and nothing else, magenta is a tripped kill switch.
The base colours are the chart's, so the pair stays apart for colour-blind eyes and in grey.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Literal

from rich.style import Style
from textual.theme import Theme

from cockpit.chart import palette as chart

Look = Literal["dark", "light", "mono", "mono-light"]

_BASES: dict[Look, chart.Palette] = {
    "dark": chart.DARK,
    "light": chart.LIGHT,
    "mono": chart.MONO,
    "mono-light": chart.MONO_LIGHT,
}

# name: (text, background, attributes); "" leaves what is below. Colours are names of `_colours` below.
_TABLE: dict[str, tuple[str, str, str]] = {
    "text": ("text", "", ""),
    "value": ("text", "", ""),
    "strong": ("bright", "", "b"),
    "b": ("", "", "b"),
    "label": ("label", "", ""),
    "dim": ("dim", "", ""),
    "off": ("faint", "", ""),
    "rule": ("rule", "", ""),
    "bull": ("bull", "", ""),
    "bear": ("bear", "", ""),
    "good": ("bull", "", ""),
    "bad": ("bear", "", "b"),
    "warn": ("warn", "", ""),
    "need": ("need", "", "b"),
    "focus": ("focus", "", ""),
    "bull.soft": ("bull_soft", "", ""),
    "bear.soft": ("bear_soft", "", ""),
    # rows
    "bar": ("", "bar", ""),
    "bar.live": ("", "live_bar", ""),
    "bar.need": ("", "need_bar", ""),
    "bar.halted": ("on_halted", "halted", ""),
    "bar.safe": ("on_need", "need", ""),
    "cursor": ("", "cursor", ""),
    # badges
    "demo": ("on_badge", "demo", "b"),
    "paper": ("on_badge", "paper", "b"),
    "backtest": ("on_badge", "label", "b"),
    "live": ("on_live", "live", "b"),
    "halted": ("on_halted", "halted", "b"),
    "halted.text": ("halted_text", "", "b"),
    "safe": ("on_need", "need", "b"),
    "paused": ("on_need", "need", "b"),
    "alarm": ("on_live", "live", "b"),
    "tag.bull": ("on_badge", "bull", "b"),
    "tag.bear": ("on_badge", "bear", "b"),
    "tag.need": ("on_need", "need", "b"),
    "tag.tab": ("bright", "key", "b"),
    "head": ("on_badge", "focus", "b"),
    "behind": ("need", "on_need", "b"),
    "replay": ("on_badge", "focus", "b"),
    "key": ("bright", "key", "b"),
    "key.yes": ("on_badge", "bull", "b"),
    "key.no": ("on_badge", "bear", "b"),
    "key.kill": ("on_live", "live", "b"),
    "key.off": ("faint", "key_off", ""),
}

_ACCENTS: dict[Look, dict[str, str]] = {
    "dark": {
        "bright": "#f4f7fb", "demo": "#a371f7", "paper": "#4c8dff", "live": "#d4112b", "halted": "#c2189a",
        "on_live": "#ffffff", "on_halted": "#ffffff", "on_need": "#0b0e14", "on_badge": "#0b0e14", "halted_text": "#ff6fd8",
    },
    "light": {
        "bright": "#0b0e14", "demo": "#7a3fd1", "paper": "#1f5fd0", "live": "#c8102e", "halted": "#b0128c",
        "on_live": "#ffffff", "on_halted": "#ffffff", "on_need": "#ffffff", "on_badge": "#ffffff", "halted_text": "#b0128c",
    },
    "mono": {
        "bright": "#ffffff", "demo": "#9a9a9a", "paper": "#c4c4c4", "live": "#ffffff", "halted": "#ffffff",
        "on_live": "#000000", "on_halted": "#000000", "on_need": "#000000", "on_badge": "#000000", "halted_text": "#ffffff",
    },
    "mono-light": {
        "bright": "#000000", "demo": "#5a5a5a", "paper": "#3a3a3a", "live": "#000000", "halted": "#000000",
        "on_live": "#ffffff", "on_halted": "#ffffff", "on_need": "#ffffff", "on_badge": "#ffffff", "halted_text": "#000000",
    },
}  # fmt: skip


def _colours(look: Look) -> dict[str, str]:
    base, accents = _BASES[look], _ACCENTS[look]
    mix = chart.mix
    bg = base.bg
    dim = dict(zip(chart.INKS, chart.colours(base), strict=True))["dim"]
    return {
        **accents,
        "bg": bg,
        "text": base.text,
        "dim": dim,
        "label": mix(base.text, dim, 0.35),
        "faint": mix(dim, bg, 0.62),
        "rule": mix(dim, bg, 0.42),
        "bull": base.bull,
        "bear": base.bear,
        "bull_soft": mix(base.bull, bg, 0.45),
        "bear_soft": mix(base.bear, bg, 0.45),
        "warn": base.warn,
        "need": base.warn,
        "focus": base.entry,
        "bar": mix(base.text, bg, 0.05),
        "live_bar": bg if look.startswith("mono") else mix(accents["live"], bg, 0.2 if look == "dark" else 0.12),
        "need_bar": mix(base.warn, bg, 0.2),
        "cursor": mix(base.text, bg, 0.12),
        "key": mix(base.text, bg, 0.26 if look == "dark" else 0.16),
        "key_off": mix(base.text, bg, 0.1),
    }


class Palette:
    """Rich styles by name; ``palette("cursor need")`` adds ``need`` over ``cursor``. Unknown names add nothing."""

    def __init__(self, look: Look) -> None:
        self.look = look
        colours = _colours(look)
        self.base = Style(color=colours["text"], bgcolor=colours["bg"])
        self.colours = colours
        self._words = {
            name: Style(color=colours.get(fg), bgcolor=colours.get(bg), bold=True if "b" in attributes else None)
            for name, (fg, bg, attributes) in _TABLE.items()
        }
        self._made: dict[str, Style] = {"": self.base}

    def __call__(self, names: str) -> Style:
        style = self._made.get(names)
        if style is None:
            style = self.base
            for name in names.split():
                style += self._words.get(name, Style.null())
            self._made[names] = style
        return style


NAMES = frozenset(_TABLE)
"""Every style name that a pane may use."""


@lru_cache(maxsize=8)
def palette(theme: str, no_color: bool = False) -> Palette:
    """The palette for ``dark`` or ``light`` (or a registered theme's name); without colour glyphs and signs carry the meaning."""
    light = theme.endswith("light")
    if no_color:
        return Palette("mono-light" if light else "mono")
    return Palette("light" if light else "dark")


def _theme(look: Look, dark: bool) -> Theme:
    c = _colours(look)
    return Theme(
        name=f"cockpit-{look}",
        primary=c["focus"],
        secondary=c["demo"],
        accent=c["focus"],
        warning=c["need"],
        error=c["bear"],
        success=c["bull"],
        foreground=c["text"],
        background=c["bg"],
        surface=c["bg"],
        panel=c["cursor"],
        dark=dark,
        variables={
            "border": c["focus"],
            "border-blurred": c["rule"],
            "label": c["label"],
            "cap": c["key"],
            "cap-text": c["bright"],
            "footer-key-foreground": c["focus"],
            "input-selection-background": c["focus"] + " 35%",
        },
    )


DARK = _theme("dark", True)
LIGHT = _theme("light", False)
THEMES = (DARK, LIGHT)
"""Register both with the app: ``cockpit-dark`` and ``cockpit-light``."""

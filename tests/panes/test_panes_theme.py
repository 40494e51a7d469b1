"""Colours: readable, one job each, and never the only carrier of meaning."""

from __future__ import annotations

import pytest
from rich.style import Style

from cockpit.theme import DARK, LIGHT, NAMES, Palette, palette

LOOKS = [(theme, bare) for theme in ("dark", "light") for bare in (False, True)]


def luminance(rgb: tuple[int, int, int]) -> float:
    parts = [c / 255 for c in rgb]
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(style: Style) -> float:
    """WCAG 2 contrast ratio of text and background."""
    assert style.color is not None
    assert style.bgcolor is not None
    a, b = sorted((luminance(style.color.get_truecolor()), luminance(style.bgcolor.get_truecolor())))
    return (b + 0.05) / (a + 0.05)


@pytest.mark.parametrize(("theme", "bare"), LOOKS)
def test_text_is_readable_on_every_ground(theme: str, bare: bool) -> None:
    colours = palette(theme, bare)
    for ground in ("", "bar", "bar.live", "bar.need", "cursor"):
        for name in ("value", "strong", "label", "bull", "bear", "need", "warn", "focus"):
            assert contrast(colours(f"{ground} {name}")) >= 3.0, (ground, name)
        assert contrast(colours(f"{ground} value")) >= 7.0


@pytest.mark.parametrize(("theme", "bare"), LOOKS)
def test_badges_are_readable(theme: str, bare: bool) -> None:
    colours = palette(theme, bare)
    for name in (
        "demo",
        "paper",
        "live",
        "halted",
        "safe",
        "paused",
        "alarm",
        "tag.bull",
        "tag.bear",
        "tag.need",
        "key",
    ):
        assert contrast(colours(name)) >= 3.5, name
    for name in ("bar.halted", "bar.safe"):
        assert contrast(colours(name)) >= 3.5, name


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_modes_and_states_look_different(theme: str) -> None:
    colours = palette(theme)
    grounds = {str(colours(name).bgcolor) for name in ("demo", "paper", "live", "halted", "safe")}
    assert len(grounds) == 5


def test_without_colour_everything_is_grey() -> None:
    for theme in ("dark", "light"):
        colours = palette(theme, True)
        for name in NAMES:
            style = colours(name)
            for colour in (style.color, style.bgcolor):
                assert colour is not None
                assert len(set(colour.get_truecolor())) == 1


def test_names_add_up_and_unknown_ones_add_nothing() -> None:
    colours = Palette("dark")
    both = colours("cursor need")
    assert both.bgcolor == colours("cursor").bgcolor
    assert both.color == colours("need").color
    assert colours("nonsense") == colours("")
    assert colours("value b").bold


def test_palettes_are_found_by_theme_name() -> None:
    assert palette("cockpit-light").look == "light"
    assert palette("cockpit-dark").look == "dark"
    assert palette("nord", True).look == "mono"
    assert (DARK.name, LIGHT.name) == ("cockpit-dark", "cockpit-light")

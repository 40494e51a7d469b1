"""Text that came from outside, made safe to store and to draw: cleaned once, at the adapter's edge."""

from __future__ import annotations

import unicodedata

_SPACE = frozenset("\t\n\r\v\f\x85\u2028\u2029")
_DROPPED = frozenset({"Cf", "Co", "Cs", "Cn"})
_MARKS = 4
"""Combining marks kept on one character: more of them draw over the neighbouring lines."""


def clean(text: str, limit: int = 200) -> str:
    """``text`` in NFC without anything that a terminal could obey, at most ``limit`` characters long.

    Control characters stay visible as ``\\x1b``; line breaks, tabs and odd spaces become a space; bidi controls, zero-width
    characters, surrogates, private use and unassigned code points are dropped.
    """
    kept: list[str] = []
    marks = 0
    for char in unicodedata.normalize("NFC", text[: limit * 8]):
        kind = unicodedata.category(char)
        marks = marks + 1 if kind[0] == "M" else 0
        if char in _SPACE or kind == "Zs":
            kept.append(" ")
        elif kind == "Cc":
            kept.append(f"\\x{ord(char):02x}")
        elif kind not in _DROPPED and marks <= _MARKS:
            kept.append(char)
    plain = "".join(kept)
    return plain if len(plain) <= limit else plain[: limit - 1] + "…"

"""Text that came from outside, made safe to store and to draw: cleaned once, at the adapter's edge.

What somebody echoes back at us may hold our own keys, so ``clean`` masks what was given to ``hide``.
"""

from __future__ import annotations

import base64
import string
import unicodedata
from urllib.parse import quote

_SPACE = frozenset("\t\n\r\v\f\x85\u2028\u2029")
_DROPPED = frozenset({"Cf", "Co", "Cs", "Cn"})
_MARKS = 4
"""Combining marks kept on one character: more of them draw over the neighbouring lines."""

SHORTEST = 8
"""Characters in a row of a secret that are masked; fewer tell nothing, and a shorter secret is none."""
MASK = "***"
_LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)
_pieces: set[str] = set()
"""Every ``SHORTEST`` characters in a row of the secrets of this process, in lower case."""


def hide(*secrets: str) -> None:
    """From now on ``clean`` masks these, also in part, in any case, URL-encoded, in hex or base64."""
    found: set[str] = set()
    for secret in secrets:
        raw = secret.encode()
        if len(secret) < SHORTEST:
            continue
        for form in (secret, quote(secret, safe=""), raw.hex(), base64.b64encode(raw).decode()):
            low = form.translate(_LOWER)
            found.update(low[at : at + SHORTEST] for at in range(len(low) - SHORTEST + 1))
    _pieces.update(piece for piece in found if len(set(piece)) > 2)  # a row of zeros is no secret


def masked(text: str) -> str:
    """``text`` with whatever is known to be secret as ``***``."""
    last = len(text) - SHORTEST + 1
    if not _pieces or last <= 0:
        return text
    low = text.lower() if text.isascii() else text.translate(_LOWER)
    secret = [at for at in range(last) if low[at : at + SHORTEST] in _pieces]
    if not secret:
        return text
    kept: list[str] = []
    shown = 0
    for at in secret:
        if at > shown or not kept:
            kept += [text[shown:at], MASK]
        shown = at + SHORTEST
    return "".join([*kept, text[shown:]])


def clean(text: str, limit: int = 200) -> str:
    """``text`` in NFC without anything that a terminal could obey, at most ``limit`` characters long.

    Control characters stay visible as ``\\x1b``; line breaks, tabs and odd spaces become a space; bidi controls, zero-width
    characters, surrogates, private use and unassigned code points are dropped; our own secrets are masked.
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
    plain = masked("".join(kept))
    return plain if len(plain) <= limit else plain[: limit - 1] + "…"

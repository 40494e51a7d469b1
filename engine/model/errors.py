"""Errors that a person reads: what went wrong, where, and what to do about it."""

from __future__ import annotations

from typing import ClassVar


class CockpitError(Exception):
    """``what`` is a sentence, ``where`` a file, line or setting, ``hint`` what helps."""

    exit_code: ClassVar[int] = 1

    def __init__(self, what: str, where: str = "", hint: str = "") -> None:
        super().__init__(what, where, hint)
        self.what = what
        self.where = where
        self.hint = hint

    def __str__(self) -> str:
        text = f"{self.where}: {self.what}" if self.where else self.what
        return f"{text} ({self.hint})" if self.hint else text

"""Notes to places in a recording, kept beside it: the recording itself is never written."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import msgspec

from engine.journal.files import replacing
from engine.journal.opening import clean

MAX_BYTES = 1 << 20
MAX_BOOKMARKS = 5_000


class Bookmark(msgspec.Struct, frozen=True):
    seq: int
    t: int
    note: str


class Bookmarks:
    """In order of their places. ``problem`` says why an existing file could not be read; it is put aside when one is added."""

    def __init__(self, recording: Path) -> None:
        self.path = recording.with_suffix(".bookmarks.json")
        self.problem = ""
        self._marks = self._load()

    def __iter__(self) -> Iterator[Bookmark]:
        return iter(self.all)

    @property
    def all(self) -> list[Bookmark]:
        return sorted(self._marks.values(), key=lambda mark: mark.seq)

    def put(self, seq: int, t: int, note: str) -> Bookmark:
        """Set the bookmark of a place; one that is there already is replaced. OSError when it cannot be written."""
        if len(self._marks) >= MAX_BOOKMARKS and seq not in self._marks:
            raise OSError(f"there are {MAX_BOOKMARKS:,} bookmarks already")
        mark = Bookmark(seq, t, clean(note))
        self._save({**self._marks, seq: mark})
        return mark

    def drop(self, seq: int) -> None:
        """Forget the bookmark of a place, if there is one. OSError when it cannot be written."""
        if seq in self._marks:
            self._save({number: mark for number, mark in self._marks.items() if number != seq})

    def _save(self, marks: dict[int, Bookmark]) -> None:
        if self.problem:
            os.replace(self.path, f"{self.path}.unreadable")
            self.problem = ""
        with replacing(self.path) as file:
            file.write(
                msgspec.json.format(msgspec.json.encode(sorted(marks.values(), key=lambda m: m.seq)), indent=1).decode()
            )
        self._marks = marks

    def _load(self) -> dict[int, Bookmark]:
        try:
            with self.path.open("rb") as file:
                raw = file.read(MAX_BYTES + 1)
            if len(raw) > MAX_BYTES:
                raise ValueError("the file is too large")
            found = msgspec.json.decode(raw, type=list[Bookmark])[:MAX_BOOKMARKS]
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, msgspec.MsgspecError, RecursionError) as error:
            self.problem = clean(error)
            return {}
        return {mark.seq: Bookmark(mark.seq, mark.t, clean(mark.note)) for mark in found}

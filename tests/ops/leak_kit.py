"""Looking for a secret in everything that a session leaves behind, in every form that it may have taken."""

from __future__ import annotations

import base64
import sqlite3
import zlib
from collections.abc import Iterable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from urllib.parse import quote

LEAST = 8
Artefact = tuple[str, bytes]


def forms(secret: str) -> dict[str, bytes]:
    """The secret whole and in halves: as it is, backwards, URL-encoded, in hex, and in base64 whatever stood before it."""
    found: dict[str, bytes] = {}
    middle = (len(secret) + 1) // 2
    for part, text in (("whole", secret), ("first half", secret[:middle]), ("second half", secret[middle:])):
        if len(text) < LEAST:
            continue
        raw = text.encode()
        found |= {
            f"{part}": raw,
            f"{part} backwards": raw[::-1],
            f"{part} in hex": raw.hex().encode(),
            f"{part} URL-encoded": quote(text, safe="").encode(),
            f"{part} twice URL-encoded": quote(quote(text, safe=""), safe="").encode(),
        }
        for shift in range(3):
            coded = base64.b64encode(b"\0" * shift + raw)[(0, 2, 3)[shift] : (shift + len(raw)) * 8 // 6]
            found[f"{part} in base64 ({shift})"] = coded
    return found


def leaks(artefacts: Iterable[Artefact], secrets: dict[str, str]) -> list[str]:
    """``artefact: which secret, in which form``; upper and lower case are the same."""
    wanted = [(name, form, raw.lower()) for name, secret in secrets.items() for form, raw in forms(secret).items()]
    return [
        f"{where}: {name}, {form}"
        for where, content in artefacts
        for low in [content.lower()]
        for name, form, raw in wanted
        if raw in low
    ]


def files(root: Path, but: Path | None = None) -> Iterator[Artefact]:
    """Every file below ``root`` as it is and, where it is a database, every value in it, unpacked; not what is below ``but``."""
    for path in sorted(root.rglob("*")):
        if path.is_file() and not path.is_symlink() and (but is None or but not in path.parents):
            raw = path.read_bytes()
            yield str(path), raw
            yield f"the name of {path}", str(path).encode()
            if raw.startswith(b"SQLite format 3"):
                yield from values(path)


def values(path: Path) -> Iterator[Artefact]:
    with closing(sqlite3.connect(path)) as db:
        tables = [name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for table in tables:
            for row in db.execute(f'SELECT * FROM "{table}"'):
                for value in row:
                    raw = value if isinstance(value, bytes) else str(value).encode()
                    yield f"{path.name} table {table}", raw
                    yield from unpacked(f"{path.name} table {table}", raw)


def unpacked(where: str, raw: bytes) -> Iterator[Artefact]:
    for bits in (zlib.MAX_WBITS, -zlib.MAX_WBITS, 31):
        with suppress(zlib.error):
            yield f"{where}, unpacked", zlib.decompressobj(bits).decompress(raw)

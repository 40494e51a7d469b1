"""What a series should be: a row for each month, with the hash of its file. Written beside the files, and whole or not at all."""

from __future__ import annotations

import os
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

import msgspec

from engine.data.contract import CandleError
from engine.journal.schema import sync_folder

SCHEMA = 1
NAME = "manifest.json"
NEXT = "manifest.next"
"""The manifest of a write that has begun: it is there before the first month is replaced, and becomes the manifest after it."""
TEMPORARY = ".part"


class Month(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``first`` and ``last`` are open times in UTC nanoseconds; ``gaps`` counts the gaps inside, ``missing`` their minutes."""

    rows: int
    first: int
    last: int
    gaps: int
    missing: int
    bytes: int
    sha256: str
    source: str


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    venue: str
    symbol: str
    months: dict[str, Month]
    schema: int = SCHEMA


class Sealed(msgspec.Struct, forbid_unknown_fields=True):
    """On the disk: the manifest and its own hash, which tells a damaged manifest from a damaged month."""

    manifest: msgspec.Raw
    sha256: str


class Torn(Exception):
    """The file is no manifest as it was written."""


def read(path: Path) -> Manifest | None:
    """None where there is none. Torn for a damaged one; CandleError for one of a newer version."""
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        return None
    try:
        sealed = msgspec.json.decode(raw, type=Sealed)
        if digest(bytes(sealed.manifest)) != sealed.sha256:
            raise Torn("it is not as it was written (SHA-256)")
        schema = msgspec.json.decode(sealed.manifest).get("schema")
        if schema != SCHEMA:
            raise CandleError(f"this store has schema {schema}, known is {SCHEMA}", str(path), "update the cockpit")
        return msgspec.json.decode(sealed.manifest, type=Manifest)
    except (msgspec.MsgspecError, UnicodeDecodeError, AttributeError) as error:
        raise Torn(str(error)) from error


def encode(manifest: Manifest) -> bytes:
    """JSON, one line a month, so that a person can read it and a diff shows what changed."""
    body = msgspec.json.format(msgspec.json.encode(manifest), indent=1)
    return b'{"manifest":' + body + b',\n"sha256":"' + digest(body).encode() + b'"}\n'


def digest(data: bytes) -> str:
    return sha256(data).hexdigest()


def put(path: Path, data: bytes) -> None:
    """``data`` on the disk under a temporary name beside ``path``, then under ``path``, whole at every moment."""
    settle(stage(path, data), path)


def stage(path: Path, data: bytes) -> Path:
    """The temporary file, synced. One writer a folder: the name needs no chance."""
    temporary = path.with_name(f".{path.name}{TEMPORARY}")
    with temporary.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    return temporary


def settle(temporary: Path, path: Path) -> None:
    os.replace(temporary, path)
    sync_folder(path.parent)


def leftovers(folder: Path) -> list[Path]:
    """Temporary files that a killed writer left."""
    return sorted(folder.glob(f".*{TEMPORARY}"))


def sweep(folder: Path) -> None:
    for path in leftovers(folder):
        with suppress(FileNotFoundError):
            path.unlink()

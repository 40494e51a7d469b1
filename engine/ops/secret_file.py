"""Secrets in a file that its owner alone can read: a few ``name: value`` lines."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import ClassVar

import yaml

from engine.model.errors import CockpitError

LARGEST = 65_536
plausible = re.compile(r"[\x21-\x7e]{1,512}").fullmatch
"""Whether a text can be a key or an address: printable ASCII without spaces."""


class SecretsError(CockpitError):
    """It never shows what was found."""

    exit_code: ClassVar[int] = 7


def read(path: Path, hint: str) -> dict[str, str]:
    """What the file holds, if it is a plain file that only we can read; empty where there is none. SecretsError."""
    try:
        fd = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise SecretsError(f"the file cannot be read: {error.strerror}", str(path), hint) from error
    with _closing(fd):
        _owners(fd, path, hint)
        text = os.read(fd, LARGEST).decode("utf-8", errors="replace")
    try:
        node = yaml.compose(text, Loader=yaml.BaseLoader)
    except yaml.YAMLError:
        node = None  # its message would quote the file
    if not isinstance(node, yaml.MappingNode):
        raise SecretsError("the file is not understood", str(path), hint)
    return {str(key.value): str(value.value) for key, value in node.value if isinstance(value, yaml.ScalarNode)}


def write(path: Path, fields: dict[str, str]) -> None:
    """Replace the file in one step, for its owner alone. SecretsError."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with suppress(FileNotFoundError):
            part.unlink()
        fd = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0), 0o600)
        with os.fdopen(fd, "w", encoding="utf-8") as file:
            yaml.safe_dump(fields, file, sort_keys=False)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        with suppress(OSError):
            part.unlink()
        raise SecretsError(f"the file cannot be written: {error.strerror}", str(path)) from error


def forget(path: Path) -> bool:
    """Whether there was one. SecretsError."""
    try:
        path.unlink()
    except FileNotFoundError:
        return False
    except OSError as error:
        raise SecretsError(f"the file cannot be removed: {error.strerror}", str(path)) from error
    return True


def _owners(fd: int, path: Path, hint: str) -> None:
    """What is checked is what is open."""
    found = os.fstat(fd)
    if not stat.S_ISREG(found.st_mode):
        raise SecretsError("this is not a plain file", str(path), hint)
    if os.name != "nt":
        if found.st_uid != os.geteuid():
            raise SecretsError("the keys belong to someone else", str(path), hint)
        if found.st_mode & 0o077:
            raise SecretsError("others can read these keys", str(path), f"chmod 600 {path}")


@contextmanager
def _closing(fd: int) -> Iterator[None]:
    try:
        yield
    finally:
        os.close(fd)

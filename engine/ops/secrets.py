"""API keys: read from the owner's file or the environment, and never shown again."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from typing import ClassVar, NoReturn

import yaml

from engine.model.errors import CockpitError
from engine.ops.paths import Home

ENVIRONMENT = ("COCKPIT_API_KEY", "COCKPIT_API_SECRET")
FIELDS = ("api_key", "api_secret")

_PLAUSIBLE = re.compile(r"[\x21-\x7e]{1,512}").fullmatch


class SecretsError(CockpitError):
    exit_code: ClassVar[int] = 7


class Secret:
    """A string that shows itself to ``reveal`` alone: not to print, format, comparison, pickle or an encoder."""

    __slots__ = ("__value",)

    def __init__(self, value: str) -> None:
        self.__value = value

    def reveal(self) -> str:
        return self.__value

    def __repr__(self) -> str:
        return "***"

    def __format__(self, _: str) -> str:
        return "***"

    def __reduce_ex__(self, _: object) -> NoReturn:
        raise TypeError("a secret is not copied or stored")


def load_keys(profile: str, home: Home, environ: MutableMapping[str, str] | None = None) -> tuple[Secret, Secret]:
    """API key and secret: from ``COCKPIT_API_KEY`` and ``COCKPIT_API_SECRET``, else from ``secrets/PROFILE.yaml``.

    The variables are removed, so no child process inherits them. SecretsError never shows what was found.
    """
    environ = os.environ if environ is None else environ
    given = [environ.pop(name, "") for name in ENVIRONMENT]
    if any(given):
        for name, value in zip(ENVIRONMENT, given, strict=True):
            if not _PLAUSIBLE(value):
                raise SecretsError(
                    f"{name} is missing or is no key", "environment", f"set both {' and '.join(ENVIRONMENT)}"
                )
        return Secret(given[0]), Secret(given[1])
    path = home.secrets / f"{profile}.yaml"
    hint = f"it holds two lines, {FIELDS[0]}: … and {FIELDS[1]}: …, and is readable by you alone (chmod 600)"
    values = _fields(_owners_text(str(path), hint), str(path), hint)
    key, secret = (values.get(name, "") for name in FIELDS)
    if set(values) != set(FIELDS) or not _PLAUSIBLE(key) or not _PLAUSIBLE(secret):
        raise SecretsError("the keys are incomplete", str(path), hint)
    return Secret(key), Secret(secret)


def _owners_text(path: str, hint: str) -> str:
    """The file's text, if it is a plain file that only we can read; what is checked is what is opened."""
    try:
        fd = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    except FileNotFoundError as error:
        raise SecretsError("there are no API keys for this profile", path, hint) from error
    except OSError as error:
        raise SecretsError(f"the keys cannot be read: {error.strerror}", path, hint) from error
    with _closing(fd):
        found = os.fstat(fd)
        if not stat.S_ISREG(found.st_mode):
            raise SecretsError("this is not a plain file", path, hint)
        if os.name != "nt":
            if found.st_uid != os.geteuid():
                raise SecretsError("the keys belong to someone else", path, hint)
            if found.st_mode & 0o077:
                raise SecretsError("others can read these keys", path, f"chmod 600 {path}")
        return os.read(fd, 65_536).decode("utf-8", errors="replace")


@contextmanager
def _closing(fd: int) -> Iterator[None]:
    try:
        yield
    finally:
        os.close(fd)


def _fields(text: str, path: str, hint: str) -> dict[str, str]:
    try:
        node = yaml.compose(text, Loader=yaml.BaseLoader)
    except yaml.YAMLError:
        node = None  # its message would quote the file
    if not isinstance(node, yaml.MappingNode):
        raise SecretsError("the file is not understood", path, hint)
    return {str(key.value): str(value.value) for key, value in node.value if isinstance(value, yaml.ScalarNode)}

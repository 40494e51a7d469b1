"""API keys and alert addresses: where they are kept, and that they are never shown again.

Keys come from the first of these that has any: the environment of this one process, the system's keyring, a file for its owner
alone. Whoever sets an environment for one process means that process; what is stored holds for all others.
"""

from __future__ import annotations

import os
import time
from collections.abc import MutableMapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from engine.ops import secret_file, secret_ring
from engine.ops.paths import Home
from engine.ops.secret_file import SecretsError, plausible

__all__ = ["Secret", "SecretsError", "load_keys", "no_core_dumps"]

ENVIRONMENT = ("COCKPIT_API_KEY", "COCKPIT_API_SECRET")
FIELDS = ("api_key", "api_secret")
ALERTS = "alerts"
"""The name under which the addresses of alerts are kept, beside the profiles' names."""
SINCE = "since"


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


@dataclass(frozen=True, slots=True)
class Place:
    """Where something is kept: ``environment``, ``keyring`` or a file's path, and since when (UTC seconds; 0: unknown)."""

    where: str
    since: float
    names: tuple[str, ...]


def load_keys(profile: str, home: Home, environ: MutableMapping[str, str] | None = None) -> tuple[Secret, Secret]:
    """API key and secret of a profile. May take as long as a keyring needs (``secret_ring.PATIENCE_S``).

    The variables are removed, so no child process inherits them, and from here on this process dumps no core. SecretsError
    never shows what was found.
    """
    no_core_dumps()
    environ = os.environ if environ is None else environ
    given = [environ.pop(name, "") for name in ENVIRONMENT]
    if any(given):
        for name, value in zip(ENVIRONMENT, given, strict=True):
            if not plausible(value):
                raise SecretsError(
                    f"{name} is missing or is no key", "environment", f"set both {' and '.join(ENVIRONMENT)}"
                )
        return Secret(given[0]), Secret(given[1])
    path = home.secrets / f"{profile}.yaml"
    hint = (
        f"cockpit keys set --profile {profile}; a file has two lines, {FIELDS[0]}: … and {FIELDS[1]}: …, "
        "and is readable by you alone (chmod 600)"
    )
    values = load(profile, home, hint)
    if not values:
        raise SecretsError("there are no API keys for this profile", str(path), hint)
    key, secret = (values.get(name, "") for name in FIELDS)
    if set(values) != set(FIELDS) or not plausible(key) or not plausible(secret):
        raise SecretsError("the keys are incomplete", str(path), hint)
    return Secret(key), Secret(secret)


def load(name: str, home: Home, hint: str = "") -> dict[str, str]:
    """What is kept under ``name``: the keyring's word, else the file's; empty where nobody has any.

    A keyring that does not answer counts as empty where there is a file. SecretsError.
    """
    path = home.secrets / f"{name}.yaml"
    try:
        values = secret_ring.read(_entry(name, home))
    except SecretsError:
        values = secret_file.read(path, hint)
        if not values:
            raise
    return {key: value for key, value in (values or secret_file.read(path, hint)).items() if key != SINCE}


def store(name: str, home: Home, fields: dict[str, str], *, in_file: bool) -> str:
    """Keep ``fields`` under ``name`` in one place, and nowhere else; returns where. SecretsError."""
    path = home.secrets / f"{name}.yaml"
    if in_file:
        secret_file.write(path, fields)
        with suppress(SecretsError):  # a keyring that does not answer has nothing that will be found
            secret_ring.forget(_entry(name, home))
        return str(path)
    secret_ring.write(_entry(name, home), {**fields, SINCE: str(int(time.time()))})
    secret_file.forget(path)
    return f"keyring ({secret_ring.title()})"


def forget(name: str, home: Home) -> list[str]:
    """Remove what is kept under ``name`` from every place that lasts; the places where something was. SecretsError."""
    path = home.secrets / f"{name}.yaml"
    gone = [str(path)] if secret_file.forget(path) else []
    return [*gone, *(["keyring"] if secret_ring.forget(_entry(name, home)) else [])]


def places(name: str, home: Home, environ: MutableMapping[str, str] | None = None) -> list[Place]:
    """Every place that has something under ``name``, the one that is used first. SecretsError."""
    environ = os.environ if environ is None else environ
    found = []
    if name != ALERTS and any(environ.get(variable) for variable in ENVIRONMENT):
        found.append(Place("environment", 0.0, tuple(v for v in ENVIRONMENT if environ.get(v))))
    if kept := secret_ring.read(_entry(name, home)):
        since = kept.pop(SINCE, "")
        found.append(Place("keyring", float(since) if since.isdecimal() else 0.0, tuple(kept)))
    path = home.secrets / f"{name}.yaml"
    if kept := secret_file.read(path, f"chmod 600 {path}"):
        found.append(Place(str(path), path.stat().st_mtime, tuple(kept)))
    return found


def no_core_dumps() -> None:
    """A crash of this process leaves no picture of its memory on the disk."""
    try:
        import resource
    except ImportError:  # not on this system
        return
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _entry(name: str, home: Home) -> str:
    """Every home has its own keys: one that was made to try something must not find those of the real one."""
    return f"{name}@{Path(home.root)}"

"""Secrets in the system's keyring. Every question is bounded in time: a locked keyring may be waiting for somebody's password."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from engine.ops.secret_file import SecretsError

if TYPE_CHECKING:
    from keyring.backend import KeyringBackend

T = TypeVar("T")

SERVICE = "cockpit"
PATIENCE_S = 20.0
NOT_REAL = ("keyring.backends.fail", "keyring.backends.null", "keyring.backends.chainer", "keyrings.alt")
"""Keyrings that keep nothing, or keep it in plain text."""
WHERE = "keyring"


def read(name: str, patience_s: float | None = None) -> dict[str, str]:
    """What is kept under the name; empty where there is nothing or no keyring. SecretsError when it gives no answer."""

    def ask() -> str | None:
        ring = _real()
        return ring.get_password(SERVICE, name) if ring is not None else None

    found = _bounded(ask, patience_s)
    if found is None:
        return {}
    try:
        fields = json.loads(found)
    except ValueError:
        fields = None
    if not isinstance(fields, dict) or not all(isinstance(value, str) for value in fields.values()):
        raise SecretsError("what the keyring holds is not understood", WHERE, "set it again")
    return fields


def write(name: str, fields: dict[str, str]) -> None:
    """SecretsError where there is no real keyring, or it does not answer."""

    def ask() -> None:
        ring = _real()
        if ring is None:
            raise SecretsError("there is no keyring that keeps secrets on this system", WHERE, "use --file")
        ring.set_password(SERVICE, name, json.dumps(fields))

    _bounded(ask)


def forget(name: str) -> bool:
    """Whether there was something under the name. SecretsError when the keyring does not answer."""

    def ask() -> bool:
        ring = _real()
        if ring is None or ring.get_password(SERVICE, name) is None:
            return False
        ring.delete_password(SERVICE, name)
        return True

    return _bounded(ask)


def title() -> str:
    """The keyring's own name; empty where there is none."""

    def ask() -> str:
        ring = _real()
        return str(ring.name) if ring is not None else ""

    return _bounded(ask)


def _real() -> KeyringBackend | None:
    """The chosen keyring, or of several the first that is a real one."""
    import keyring

    chosen = keyring.get_keyring()
    rings = getattr(chosen, "backends", [chosen])
    return next((ring for ring in rings if not type(ring).__module__.startswith(NOT_REAL)), None)


def _bounded(ask: Callable[[], T], patience_s: float | None = None) -> T:
    """``ask`` in a thread that is left behind when it takes too long. SecretsError never quotes what a keyring says."""
    answer: list[T] = []
    faults: list[BaseException] = []
    patience_s = PATIENCE_S if patience_s is None else patience_s

    def work() -> None:
        try:
            answer.append(ask())
        except BaseException as error:
            faults.append(error)

    thread: Any = threading.Thread(target=work, name="keyring", daemon=True)
    thread.start()
    thread.join(patience_s)
    if answer:
        return answer[0]
    if faults and isinstance(faults[0], SecretsError):
        raise faults[0]
    if faults:
        raise SecretsError(f"the keyring fails ({type(faults[0]).__name__})", WHERE, "unlock it, or use --file")
    raise SecretsError(
        f"the keyring gave no answer within {patience_s:g} s",
        WHERE,
        "unlock it (it may be asking for a password), or use --file",
    )

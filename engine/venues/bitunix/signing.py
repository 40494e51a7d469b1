"""Bitunix request signatures: pure functions of what is sent (protocol sheet, sections 2.1 and 2.2)."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256


def _hex(text: str) -> str:
    return sha256(text.encode()).hexdigest()


def query_text(params: Mapping[str, object] | None) -> str:
    """URL parameters as they are hashed: sorted by key, ``key + value`` without separators, not url-encoded."""
    return "".join(f"{key}{params[key]}" for key in sorted(params)) if params else ""


def sign_rest(
    nonce: str, ts: int | str, key: str, secret: str, params: Mapping[str, object] | None = None, body: str = ""
) -> str:
    """Value of the ``sign`` header. ``ts`` in ms; ``body`` is the exact text that is sent (``""`` for GET)."""
    return _hex(_hex(f"{nonce}{ts}{key}{query_text(params)}{body}") + secret)


def sign_login(nonce: str, ts: int | str, key: str, secret: str) -> str:
    """Value of ``sign`` in the private socket's login. ``ts`` in whole seconds (ms are accepted by some gateways)."""
    return _hex(_hex(f"{nonce}{ts}{key}") + secret)

"""Checks of signatures, as the venue makes them (protocol sheet, section 2). Its own use of the formula, on purpose."""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import Any

from engine.sim.accounts import Account
from engine.sim.refusals import Refused

MAX_SKEW_MS = 60_000
SECONDS_DIGITS = 10


def _hex(text: str) -> str:
    return sha256(text.encode()).hexdigest()


def signature(nonce: str, stamp: str, account: Account, query: str, body: str) -> str:
    return _hex(_hex(f"{nonce}{stamp}{account.api_key}{query}{body}") + account.secret)


def rest_account(
    accounts: Mapping[str, Account],
    headers: Mapping[str, str],
    query: Iterable[tuple[str, str]],
    body: str,
    wall_ms: int,
) -> Account:
    """The account that signed a request. Raises 10003 without a key, 10007 for anything wrong with the signature."""
    key = headers.get("api-key", "")
    if not key:
        raise Refused(10003)
    account = accounts.get(key)
    stamp, nonce = headers.get("timestamp", ""), headers.get("nonce", "")
    if account is None or not nonce or not _fresh(stamp, wall_ms):
        raise Refused(10007)
    text = "".join(f"{name}{value}" for name, value in sorted(query))
    expected = signature(nonce, stamp, account, text, body)
    if not hmac.compare_digest(expected.encode(), headers.get("sign", "").encode()):
        raise Refused(10007)
    return account


def login_account(accounts: Mapping[str, Account], args: Any, wall_ms: int, *, ms_only: bool) -> Account:
    """The account that a socket's login names. The stamp is in seconds or ms. Raises 10003 or 10007."""
    first = args[0] if isinstance(args, list) and args else args
    if not isinstance(first, dict):
        raise Refused(10007)
    stamp, nonce, sign = (str(first.get(name, "")) for name in ("timestamp", "nonce", "sign"))
    key = str(first.get("apiKey", ""))
    if not key:
        raise Refused(10003)
    account = accounts.get(key)
    in_seconds = len(stamp) <= SECONDS_DIGITS
    if account is None or not nonce or (in_seconds and ms_only) or not _fresh(stamp, wall_ms):
        raise Refused(10007)
    if not hmac.compare_digest(signature(nonce, stamp, account, "", "").encode(), sign.encode()):
        raise Refused(10007)
    return account


def _fresh(stamp: str, wall_ms: int) -> bool:
    if not (stamp.isascii() and stamp.isdigit() and len(stamp) <= 16):
        return False
    at = int(stamp) * (1000 if len(stamp) <= SECONDS_DIGITS else 1)
    return abs(at - wall_ms) <= MAX_SKEW_MS

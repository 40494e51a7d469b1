"""What the venue's error codes mean for a request (protocol sheet, section 3)."""

from __future__ import annotations

from typing import Literal

Kind = Literal["reject", "auth", "throttle", "transient"]
"""reject: definitely not carried out. auth: not carried out, our keys are refused. throttle: not carried out, too many
requests. transient: the venue itself does not know, so a trading request may have been carried out."""

SUCCESS = 0
TOO_LARGE = 20016
NOT_FOUND = 20007
DUPLICATE_CLIENT_ID = 30042

_KINDS: dict[int, Kind] = {
    1: "transient",
    403: "auth",
    10001: "transient",
    10003: "auth",
    10004: "auth",
    10005: "throttle",
    10006: "throttle",
    10007: "auth",
    20011: "auth",
    20013: "auth",
    20014: "auth",
}

HINTS: dict[int, str] = {
    403: "the key lacks the permission for this: allow reading and futures trading, never withdrawals",
    10003: "no key was sent: check the profile's credentials",
    10004: "this address is not in the key's list of allowed addresses",
    10007: "the signature was refused: check the secret, and that this computer's clock is right",
    20011: "the account may not trade",
    20013: "the account is being deleted",
    20014: "the account was deleted",
}


def kind_of(code: int) -> Kind:
    """Unknown codes are refusals, never something to try again."""
    return _KINDS.get(code, "reject")

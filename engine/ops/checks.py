"""What the types cannot say about a profile: limits that contradict each other, and modes that do not fit their venue."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit

from engine.model.settings import Profile
from engine.ops.alerts import CAUSES
from engine.ops.shape import nearest
from engine.ops.yaml_file import ConfigError

Sources = Mapping[str, str]
Problem = tuple[str, str, str]
"""Path of the value to change, what is wrong with it, hint."""

SYMBOL_HINT = "capitals and digits, like BTCUSDT"
is_symbol = re.compile(r"[A-Z0-9][A-Z0-9._/:-]{1,29}").fullmatch
_SCHEMES = {"rest": ("https", "http"), "public": ("wss", "ws"), "private": ("wss", "ws")}
"""Encrypted and plain; plain is for this machine only."""


def check(profile: Profile, sources: Sources) -> None:
    """ConfigError for the first contradiction."""
    for rule in RULES:
        for path, what, hint in rule(profile, sources):
            raise ConfigError(f"{path}: {what}", sources.get(path, ""), hint)


def _symbols(profile: Profile, _: Sources) -> Iterator[Problem]:
    limits = profile.risk.symbols
    for symbol in profile.symbols:
        if not is_symbol(symbol):
            yield "symbols", f"{symbol[:40]!r} is no symbol", SYMBOL_HINT
        if symbol not in limits:
            hint = nearest(symbol, limits) if limits else "give max_quantity and max_position"
            yield f"risk.symbols.{symbol}", "a symbol without limits is not traded", hint
    for name in ("symbols", "strategies"):
        names = getattr(profile, name)
        if doubles := sorted({item for item in names if names.count(item) > 1}):
            yield name, f"{', '.join(doubles)} is given twice", ""


def _sizes(profile: Profile, _: Sources) -> Iterator[Problem]:
    for symbol, limits in profile.risk.symbols.items():
        path = f"risk.symbols.{symbol}"
        if limits.max_quantity <= 0:
            yield f"{path}.max_quantity", f"more than 0 is expected (got {limits.max_quantity})", ""
        if limits.max_position < limits.max_quantity:
            what = f"{limits.max_position} is less than one order's max_quantity, {limits.max_quantity}"
            yield f"{path}.max_position", what, ""
    if profile.exchange.balance_quote <= 0:
        yield "exchange.balance_quote", f"more than 0 is expected (got {profile.exchange.balance_quote})", ""


ORDERED: tuple[tuple[str, str], ...] = (
    ("risk.min_notional_quote", "risk.max_notional_quote"),
    ("risk.max_notional_quote", "risk.max_exposure_quote"),
    ("risk.daily_loss_pct", "risk.weekly_loss_pct"),
    ("trading.risk_pct", "risk.total_at_risk_pct"),
    ("venue.cancel_reserve_per_s", "venue.requests_per_s"),
    ("venue.reconnect_first_s", "venue.reconnect_max_s"),
    ("venue.ping_s", "venue.silence_private_s"),
    ("errors.breaker_rest_s", "errors.breaker_rest_max_s"),
)
"""Pairs of which the first may not be more than the second."""

PERCENTAGES = (
    "risk.daily_loss_pct",
    "risk.weekly_loss_pct",
    "risk.max_drawdown_pct",
    "risk.total_at_risk_pct",
    "risk.price_collar_pct",
    "risk.outlier_pct",
)


BOUNDS: dict[str, tuple[float, float]] = {
    "risk.stale_quote_s": (0.1, 60.0),
    "venue.silence_public_s": (1.0, 60.0),
    "venue.silence_private_s": (1.0, 300.0),
    "venue.timeout_s": (0.1, 60.0),
}
"""How old may pass for new: less is met by every pause of a healthy link, more is no protection."""

FASTEST = 10_000
"""Market minutes per minute that the embedded exchange keeps up with: beyond, it has no time left to answer."""


def _speed(profile: Profile, _: Sources) -> Iterator[Problem]:
    if profile.exchange.speed > FASTEST:
        yield "exchange.speed", f"{profile.exchange.speed:g} is more than {FASTEST:,}", ""


def _order(profile: Profile, _: Sources) -> Iterator[Problem]:
    for small, large in ORDERED:
        low, high = _value(profile, small), _value(profile, large)
        if low > high:
            yield small, f"{low:g} is more than {large}, {high:g}", ""
    for path, (least, most) in BOUNDS.items():
        if not least <= _value(profile, path) <= most:
            yield path, f"{_value(profile, path):g} s is not between {least:g} and {most:g}", ""
    polled, heard = profile.venue.poll_account_s, profile.risk.stale_link_s
    if heard and heard < polled:
        yield "risk.stale_link_s", f"{heard:g} is less than venue.poll_account_s, {polled:g}", "0 switches it off"
    for path in PERCENTAGES:
        if _value(profile, path) > 100:
            yield path, f"{_value(profile, path):g} is more than 100 percent", "1.0 is one percent"


def _value(profile: Profile, path: str) -> float:
    section, name = path.split(".")
    return float(getattr(getattr(profile, section), name))


def _venue(profile: Profile, _: Sources) -> Iterator[Problem]:
    """A badge must not lie: what says LIVE trades there, and what does not say so cannot (PAPER reads public data alone)."""
    local = all(_local(getattr(profile.venue, name)) for name in _SCHEMES)
    if profile.mode == "LIVE" and profile.venue.kind == "simulated":
        yield "venue.kind", "LIVE needs a real venue, not the simulated one", "use bitunix, or the paper profile"
    if profile.mode not in ("LIVE", "PAPER") and profile.venue.kind != "simulated" and not local:
        yield "venue.kind", f"{profile.mode} may not reach a real venue", "use simulated, or the live profile"


def _addresses(profile: Profile, _: Sources) -> Iterator[Problem]:
    for name, (encrypted, plain) in _SCHEMES.items():
        address = getattr(profile.venue, name)
        if not address:
            continue
        path = f"venue.{name}"
        parts = _split(address)
        if parts.scheme not in (encrypted, plain) or not parts.hostname:
            yield path, f"an address like {encrypted}://host is expected", ""
        elif parts.username or parts.password:
            yield path, "an address may not carry a user or a password", ""
        elif parts.scheme == plain and not _local(address):
            yield path, f"{plain}:// is not encrypted", f"use {encrypted}://; plain is for this machine only"


def _split(address: str) -> SplitResult:
    """The parts of an address; empty ones for what is none."""
    try:
        return urlsplit(address if address.isprintable() else "")
    except ValueError:
        return urlsplit("")


def _local(address: str) -> bool:
    host = _split(address).hostname or ""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _approval(profile: Profile, sources: Sources) -> Iterator[Problem]:
    source = sources.get("trading.approval", "")
    if profile.mode == "LIVE" and profile.trading.approval == "auto" and source.startswith(("environment ", "flag ")):
        yield "trading.approval", "LIVE orders need a person's approval", "only a profile's file may say auto"


def _alerts(profile: Profile, _: Sources) -> Iterator[Problem]:
    for cause in profile.alerts.causes:
        if cause not in CAUSES:
            yield f"alerts.causes.{cause[:40]}", "there is no such cause", nearest(cause, CAUSES)


RULES: tuple[Callable[[Profile, Sources], Iterator[Problem]], ...] = (
    _symbols,
    _sizes,
    _speed,
    _order,
    _venue,
    _addresses,
    _approval,
    _alerts,
)

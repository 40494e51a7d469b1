"""Where this adapter may connect to: the venue's own hosts by TLS, or an exchange on this machine. Nothing else."""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import urlsplit

from engine.model.settings import VenueSettings
from engine.venues.port import VenueError

VENUE_HOSTS = frozenset({"fapi.bitunix.com"})
REST = "https://fapi.bitunix.com"
PUBLIC = "wss://fapi.bitunix.com/public/"
PRIVATE = "wss://fapi.bitunix.com/private/"

_SECURE = {"https": True, "wss": True, "http": False, "ws": False}
_KINDS = {"rest": ("https", "http"), "public": ("wss", "ws"), "private": ("wss", "ws")}


def addresses(settings: VenueSettings) -> tuple[str, str, str]:
    """REST base and the two stream addresses. Raises ``VenueError`` for an address that is not allowed."""
    return (
        allowed("rest", settings.rest or REST).rstrip("/"),
        allowed("public", settings.public or PUBLIC),
        allowed("private", settings.private or PRIVATE),
    )


def allowed(what: str, url: str) -> str:
    """``url`` itself when it is one that keys may be sent to."""
    hint = f"venue.{what}: leave it empty for the venue's own address, or name an exchange on this machine"
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise VenueError(f"the {what} address cannot be read", hint) from error
    if parts.scheme not in _KINDS[what]:
        raise VenueError(f"the {what} address must begin with {_KINDS[what][0]}://", hint)
    if parts.username is not None or parts.query or parts.fragment:
        raise VenueError(f"the {what} address must be plain: no user, query or fragment", hint)
    if is_loopback(host):
        return url
    if host not in VENUE_HOSTS or port not in (None, 443):
        raise VenueError(f"the {what} address is not one of the venue's hosts", hint)
    if not _SECURE[parts.scheme]:
        raise VenueError(f"the {what} address must be encrypted ({_KINDS[what][0]}://)", hint)
    return url


def is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"

"""Alerts: what may be told to a person who is not at the screen, where to, and one attempt to do so.

Addresses are those of the library apprise (Slack, Telegram, e-mail, desktop, any webhook and many more). They are secrets: they
are kept with the keys (``engine.ops.secrets``) and show themselves as a scheme, and a host where that tells nothing.
"""

from __future__ import annotations

import logging
import re
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple
from urllib.parse import unquote

from engine.model.clean import clean, hide
from engine.model.reasons import NOTICES
from engine.ops import secret_file, secrets
from engine.ops.paths import Home
from engine.ops.secrets import Secret, SecretsError

Level = Literal["info", "warning", "alarm"]


class Cause(NamedTuple):
    level: str
    title: str
    sent: bool
    """Without a word in the profile."""


SENT_WARNINGS = frozenset({"BalanceMismatch"})
"""Notices that are sent although they are no alarms."""
UNSENT = frozenset({"Alerts", "AlertFailed"})
"""Notices about alerts themselves: one that fails must not make more of them."""

CAUSES: dict[str, Cause] = {
    "Killed": Cause("alarm", "kill switch on", True),
    "Safe": Cause("alarm", "SAFE: links were lost for good", True),
    "Paused": Cause("warning", "trading paused", False),
    "Resumed": Cause("info", "trading goes on", True),
    "Started": Cause("info", "session started", False),
    "Ended": Cause("info", "session ended", False),
    "EndedBadly": Cause("alarm", "session ended badly", True),
    "Fault": Cause("alarm", "stopped by a fault of its own", True),
    "ScreenFailed": Cause("warning", "fault of the screen", True),
    "Settled": Cause("warning", "difference to the venue after a restart", True),
    "BreakerOpen": Cause("warning", "circuit breaker open", True),
    "WatchdogActed": Cause("alarm", "the watchdog acted", True),
    "Test": Cause("info", "test", True),
    **{
        kind: Cause(level, title, level == "alarm" or kind in SENT_WARNINGS)
        for kind, (level, title) in NOTICES.items()
        if kind not in UNSENT
    },
}
"""Everything that can be sent: notices, and what else a session lives through."""

LONGEST = 500
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,31}").fullmatch
MOST = 16
"""Targets."""
PATIENCE_S = 10.0
HINT = "cockpit alerts add NAME asks for an address, such as jsons://host/path, tgram://TOKEN/CHAT or a Slack webhook's https://…"


@dataclass(frozen=True, slots=True)
class Target:
    """``shown`` is what may be seen of the address."""

    name: str
    address: Secret
    shown: str


class Delivery(NamedTuple):
    """What became of one message to one target."""

    target: str
    ok: bool
    detail: str
    took_ms: int


# --- targets ------------------------------------------------------------------------------------------------------


def load_targets(home: Home) -> list[Target]:
    """The addresses that a person named; none where nobody has. May take as long as a keyring needs. SecretsError."""
    kept = secrets.load(secrets.ALERTS, home, HINT)
    return [target(name, address) for name, address in kept.items()]


def target(name: str, address: str) -> Target:
    """SecretsError for what is no name or no address; it never quotes the address. Its secret parts are masked from here on."""
    if not NAME(name):
        raise SecretsError("a target's name is letters, digits, - and _", secrets.ALERTS, HINT)
    if not secret_file.plausible(address) or "://" not in address:
        raise SecretsError("this is no address", name, HINT)
    hide(*_secret_parts(address))
    return Target(name, Secret(address), shown(address))


ADDRESSES = frozenset(
    {"json", "jsons", "form", "forms", "xml", "xmls", "http", "https", "mailto", "mailtos", "gotify", "gotifys"}
    | {"matrix", "matrixs", "mmost", "mmosts"}
)
"""Schemes in which a host is a host; in others the token may stand there."""


def shown(address: str) -> str:
    """``jsons://example.org/…``: the scheme, the host where it is one, and never more."""
    scheme, _, host, _ = _split(address)
    scheme = clean(scheme, 20)
    return f"{scheme}://{clean(host, 80)}/…" if scheme in ADDRESSES and host else f"{scheme}://…"


def _split(address: str) -> tuple[str, str, str, str]:
    """Scheme, user with password, host with port, and the rest; tokens may stand in any but the first."""
    scheme, _, behind = address.partition("://")
    end = re.search(r"[/?#]", behind)
    place, rest = (behind[: end.start()], behind[end.start() :]) if end is not None else (behind, "")
    user, _, host = place.rpartition("@")
    return scheme.lower(), user, host, rest


def _secret_parts(address: str) -> Iterable[str]:
    """Everything but the scheme, and the host where it may be seen: each part by itself, as written and decoded."""
    scheme, user, host, rest = _split(address)
    told = re.split(r"[/?#&=:]", f"{user}/{rest}")
    if scheme not in ADDRESSES:
        told += [host, *re.split("[:@]", host)]
    return [*told, *(unquote(part) for part in told)]


# --- sending ------------------------------------------------------------------------------------------------------


def text_of(text: str) -> str:
    """Plain text that no service reads as a mention, a link or markup, without secrets, of bounded length."""
    return clean(text, LONGEST).translate(_HARMLESS).replace("://", ": //")


_HARMLESS = str.maketrans({"<": "‹", ">": "›", "@": "＠", "`": "'"})
_ICONS: dict[str, str] = {"info": "info", "warning": "warning", "alarm": "failure"}


def send(to: Target, level: str, title: str, text: str, patience_s: float = PATIENCE_S) -> Delivery:
    """One attempt, in a thread that is left behind when it takes longer than ``patience_s``. Never raises."""
    began = time.monotonic()
    outcome: list[str] = []
    thread = threading.Thread(
        target=lambda: outcome.append(_attempt(to, level, title, text, patience_s)),
        name=f"alert {to.name}",
        daemon=True,
    )
    thread.start()
    thread.join(patience_s)
    problem = outcome[0] if outcome else f"no answer within {patience_s:g} s"
    return Delivery(to.name, not problem, problem or "sent", round((time.monotonic() - began) * 1000))


def send_now(home: Home, cause: str, text: str, patience_s: float = PATIENCE_S) -> list[Delivery]:
    """One message to all targets at once, whatever the profile says, within about ``patience_s``. Never raises.

    For processes without a session. ``cause`` is a key of ``CAUSES``; without targets the list is empty.
    """
    level, title, _ = CAUSES.get(cause, Cause("alarm", cause, True))
    try:
        targets = load_targets(home)
    except SecretsError as error:
        return [Delivery("", False, clean(str(error), 200), 0)]
    return send_all(targets, level, f"cockpit: {title}", text, patience_s)


def send_all(
    targets: list[Target], level: str, title: str, text: str, patience_s: float = PATIENCE_S
) -> list[Delivery]:
    """One attempt for every target, all at the same time; in the targets' order. Never raises."""
    done: dict[str, Delivery] = {}

    def one(to: Target) -> None:
        done[to.name] = send(to, level, title, text, patience_s)

    threads = [threading.Thread(target=one, args=(to,), name=f"alerts {to.name}", daemon=True) for to in targets]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(patience_s + 1.0)
    unsent = Delivery("", False, "no answer", round(patience_s * 1000))
    return [done.get(to.name) or unsent._replace(target=to.name) for to in targets]


def check(address: Secret) -> str:
    """Why the library cannot use the address; empty when it can. Nothing is sent."""
    return "" if _plugin(address, PATIENCE_S) is not None else "the address is not understood"


def _attempt(to: Target, level: str, title: str, text: str, patience_s: float) -> str:
    """What went wrong, in our own words: a service's may quote the address. Empty when it was sent."""
    try:
        plugin = _plugin(to.address, patience_s)
        if plugin is None:
            return "the address is not understood"
        _last.said.pop(threading.get_ident(), None)
        if plugin.notify(body=text_of(text), title=text_of(title)[:120], notify_type=_ICONS.get(level, "info")):
            return ""
        return _why(_last.said.pop(threading.get_ident(), ""))
    except Exception as error:
        return f"fails ({type(error).__name__})"


def _why(said: str) -> str:
    code = re.search(r"error=(\d{3})", said)
    if code is not None:
        return f"refused with {code[1]}"
    return "no connection" if "onnection" in said else "not sent"


def _plugin(address: Secret, patience_s: float) -> Any:
    """The library's object for an address: plain text, no redirects, bounded waits, nothing kept on the disk."""
    import apprise

    _silence()
    asset = apprise.AppriseAsset(
        app_id="Cockpit", app_desc="Cockpit", app_url="", async_mode=False, http_redirects=False, storage_mode="memory"
    )  # fmt: skip
    plugin = apprise.Apprise.instantiate(address.reveal(), asset=asset, suppress_exceptions=True)
    if plugin is not None:
        plugin.notify_format = apprise.NotifyFormat.TEXT
        plugin.socket_connect_timeout = plugin.socket_read_timeout = patience_s / 2
    return plugin


class _Last(logging.Handler):
    """The last complaint of a thread's library call: read for its code, never shown."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.said: dict[int, str] = {}

    def emit(self, record: logging.LogRecord) -> None:
        if len(self.said) < 1_000:
            self.said[record.thread or 0] = record.getMessage()


_last = _Last()


def _silence() -> None:
    """What these libraries log has addresses in it: it goes nowhere but to ``_why``."""
    for name in ("apprise", "urllib3", "requests"):
        logger = logging.getLogger(name)
        logger.propagate = False
        if _last not in logger.handlers:
            logger.addHandler(_last)

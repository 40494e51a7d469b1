"""Signed HTTP requests to the venue: the bytes sent are the bytes signed, and every failure says whether anything left."""

from __future__ import annotations

import asyncio
import json
import logging
import random
import secrets
from collections.abc import Callable, Mapping
from typing import Any, Literal, Protocol

import httpx

from engine.model.clean import clean, hide
from engine.model.settings import VenueSettings
from engine.venues.bitunix import codes, wire
from engine.venues.bitunix.breaker import BreakerOpen, Breakers, Family
from engine.venues.bitunix.budget import Budget, Lane, Throttled
from engine.venues.bitunix.clock import VenueClock
from engine.venues.bitunix.signing import sign_login, sign_rest
from engine.venues.port import AuthError, Clock, VenueError

log = logging.getLogger("cockpit.requests")
MAX_BODY = 4 << 20
READ_TRIES = 3
READ_PATIENCE_S = 15.0
RETRY_FIRST_S = 0.25
SKEW_MS = 5_000.0

Outcome = Literal["refused", "auth", "throttle", "not_sent", "unknown"]
"""What a failed request means for what it asked. Only ``unknown`` may have been carried out."""

Told = Callable[[bool, float | None, str], None]
"""(answered, round trip in ms, detail) after every request."""

_LOCAL = ("rate_limit_local", "breaker_open")
"""Our own refusals: asking again at once gets them again."""
_NEVER_LEFT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol, httpx.InvalidURL)


class Revealing(Protocol):
    def reveal(self) -> str: ...


class Keys:
    """The account's key pair; it is shown nowhere, not even where the venue writes it back to us."""

    __slots__ = ("_key", "_secret")

    def __init__(self, key: str | Revealing, secret: str | Revealing) -> None:
        self._key = key if isinstance(key, str) else key.reveal()
        self._secret = secret if isinstance(secret, str) else secret.reveal()
        hide(self._key, self._secret)

    def __repr__(self) -> str:
        return "Keys(***)"

    def __bool__(self) -> bool:
        return bool(self._key)

    def headers(self, ts: int, params: Mapping[str, object] | None, body: str) -> dict[str, str]:
        nonce = secrets.token_hex(16)
        sign = sign_rest(nonce, ts, self._key, self._secret, params, body)
        return {"api-key": self._key, "nonce": nonce, "timestamp": str(ts), "sign": sign}

    def login(self, ts: int) -> dict[str, Any]:
        nonce = secrets.token_hex(16)
        sign = sign_login(nonce, ts, self._key, self._secret)
        return {"op": "login", "args": [{"apiKey": self._key, "timestamp": ts, "nonce": nonce, "sign": sign}]}


class RestError(Exception):
    """A request without success. ``code`` is the venue's, or ours: ``not_sent``, ``breaker_open``, ``rate_limit_local``,
    ``no_answer``."""

    def __init__(self, outcome: Outcome, code: str, message: str) -> None:
        super().__init__(f"{code} {message}".strip())
        self.outcome = outcome
        self.code = code
        self.message = message

    def as_venue_error(self, what: str) -> VenueError:
        hint = codes.HINTS.get(int(self.code), "") if self.code.isdecimal() else _HINTS.get(self.code, "")
        kind = AuthError if self.outcome == "auth" else VenueError
        return kind(f"{what}: {self.message or self.code} ({self.code})", hint)


_HINTS = {
    "not_sent": "the venue cannot be reached: check the network and the address in the profile",
    "rate_limit_local": "too many requests at once: wait a few seconds",
    "breaker_open": "the venue failed to answer several times: one request will try again after the rest",
    "no_answer": "the venue gave no usable answer: try again, and look at its status page if it lasts",
}


class Rest:
    def __init__(
        self,
        base: str,
        keys: Keys,
        settings: VenueSettings,
        *,
        clock: Clock,
        venue_clock: VenueClock,
        budget: Budget,
        rng: random.Random,
        told: Told,
        breakers: Breakers | None = None,
    ) -> None:
        self._base = base
        self._keys = keys
        self._timeout_s = settings.timeout_s
        self._clock = clock
        self._venue_clock = venue_clock
        self._budget = budget
        self._breakers = breakers or Breakers()
        self._rng = rng
        self._told = told
        self._client: httpx.AsyncClient | None = None

    async def close(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    async def read(
        self,
        path: str,
        params: Mapping[str, object] | None = None,
        *,
        what: str,
        private: bool = True,
        lane: Lane = "read",
    ) -> Any:
        """The ``data`` of a GET, tried again while that can help. Raises ``VenueError`` or ``AuthError``."""
        groups = ("account",) if private else ("market",)
        for left in reversed(range(READ_TRIES)):
            try:
                return await self._once("GET", path, params, "", groups, lane, READ_PATIENCE_S, private)
            except RestError as error:
                if left == 0 or error.outcome in ("refused", "auth") or error.code in _LOCAL:
                    raise error.as_venue_error(what) from error
                await asyncio.sleep(self._rng.uniform(0.0, RETRY_FIRST_S * 2 ** (READ_TRIES - left)))
        raise AssertionError("unreachable")

    async def ask(self, path: str, params: Mapping[str, object], *, lane: Lane = "normal") -> Any:
        """The ``data`` of one GET, tried once. Raises ``RestError``."""
        return await self._once("GET", path, params, "", ("account",), lane, READ_PATIENCE_S, True)

    async def post(
        self,
        path: str,
        body: Mapping[str, object],
        *,
        lane: Lane = "normal",
        patience_s: float,
        groups: tuple[str, ...] = ("account",),
    ) -> Any:
        """The ``data`` of one POST, sent again only when the venue refused its time stamp. Raises ``RestError``."""
        text = json.dumps(body, separators=(",", ":"), ensure_ascii=False)
        return await self._once("POST", path, None, text, groups, lane, patience_s, True)

    async def _once(
        self,
        method: str,
        path: str,
        params: Mapping[str, object] | None,
        body: str,
        groups: tuple[str, ...],
        lane: Lane,
        patience_s: float,
        private: bool,
    ) -> Any:
        assumed = self._venue_clock.offset_ms
        try:
            return await self._exchange(method, path, params, body, groups, lane, patience_s, private)
        except RestError as error:
            if error.code != "10007" or abs(self._venue_clock.offset_ms - assumed) < SKEW_MS:
                raise
        return await self._exchange(method, path, params, body, groups, lane, patience_s, private)

    async def _exchange(
        self,
        method: str,
        path: str,
        params: Mapping[str, object] | None,
        body: str,
        groups: tuple[str, ...],
        lane: Lane,
        patience_s: float,
        private: bool,
    ) -> Any:
        try:
            with self._breakers.request(_family(method, lane), must=lane != "read" and method == "GET") as asked:
                try:
                    await self._budget.acquire(groups, lane, patience_s)
                    data = await self._answer(method, path, params, body, private=private)
                except RestError as error:
                    asked(error.outcome not in ("unknown", "not_sent"), f"{error.code} {error.message}")
                    raise
                asked(True, "")
                return data
        except (Throttled, BreakerOpen) as error:
            code = "rate_limit_local" if isinstance(error, Throttled) else "breaker_open"
            raise RestError("not_sent", code, str(error)) from error

    async def _answer(
        self, method: str, path: str, params: Mapping[str, object] | None, body: str, *, private: bool
    ) -> Any:
        headers = self._keys.headers(self._venue_clock.venue_ms(self._clock()), params, body) if private else {}
        sent = self._clock()
        try:
            async with asyncio.timeout(self._timeout_s):
                status, answer_headers, raw = await self._send(method, path, params, body, headers)
        except _NEVER_LEFT as error:
            self._told(False, None, type(error).__name__)
            _log(method, path, "not_sent", (self._clock() - sent) / 1e6, type(error).__name__)
            raise RestError("not_sent", "not_sent", f"no connection ({type(error).__name__})") from error
        except Exception as error:
            self._told(False, None, type(error).__name__)
            _log(method, path, "no_answer", (self._clock() - sent) / 1e6, type(error).__name__)
            raise RestError("unknown", "no_answer", f"no usable answer ({type(error).__name__})") from error
        received = self._clock()
        if "date" in answer_headers:
            self._venue_clock.answered(answer_headers["date"], sent, received)
        took_ms = max(0.0, (received - sent) / 1e6)
        try:
            data = self._verdict(status, answer_headers, raw)
        except RestError as error:
            self._told(error.code != "no_answer", took_ms, error.message)
            _log(method, path, error.code, took_ms, error.message)
            raise
        self._told(True, took_ms, "")
        _log(method, path, "0", took_ms)
        return data

    async def _send(
        self, method: str, path: str, params: Mapping[str, object] | None, body: str, headers: dict[str, str]
    ) -> tuple[int, httpx.Headers, bytes]:
        client = self._client
        if client is None:
            client = self._client = new_client(self._base, self._timeout_s)
        query = {key: str(value) for key, value in (params or {}).items()}
        content = body.encode() if method == "POST" else None
        async with client.stream(method, path, params=query or None, content=content, headers=headers) as answer:
            if answer.headers.get("content-encoding", "identity") != "identity":
                raise wire.Unreadable("the answer is compressed")
            raw = bytearray()
            async for part in answer.aiter_raw():
                raw += part
                if len(raw) > MAX_BODY:
                    raise wire.Unreadable("the answer is too large")
            return answer.status_code, answer.headers, bytes(raw)

    def _verdict(self, status: int, headers: httpx.Headers, raw: bytes) -> Any:
        """``data`` of a success; every other answer raises ``RestError``. 5xx never proves anything."""
        if status == 429:
            self._budget.complained(_seconds(headers.get("retry-after", "")))
        try:
            envelope = wire.as_object(wire.decode(raw), "answer")
            code = wire.whole(envelope, "code")
            message = wire.text(envelope, "msg")
        except wire.Unreadable as error:
            raise RestError("unknown", "no_answer", f"HTTP {status}: {error.why}") from error
        if status >= 500 or (status >= 300 and code == codes.SUCCESS):
            raise RestError("unknown", "no_answer", f"HTTP {status} {message}".strip())
        if code == codes.SUCCESS:
            self._budget.answered()
            return envelope.get("data")
        raise self._failure(code, clean(message, 200), status)

    def _failure(self, code: int, message: str, status: int) -> RestError:
        kind = codes.kind_of(code)
        if kind == "throttle" and status != 429:
            self._budget.complained(None)
        outcome: dict[codes.Kind, Outcome] = {
            "reject": "refused",
            "auth": "auth",
            "throttle": "throttle",
            "transient": "unknown",
        }
        return RestError(outcome[kind], str(code), message)


def _family(method: str, lane: Lane) -> Family:
    return "reads" if method == "GET" else "exits" if lane == "reserve" else "orders"


def new_client(base: str, timeout_s: float) -> httpx.AsyncClient:
    """No proxies or certificates from the environment, no redirects, no compression, certificates always verified."""
    return httpx.AsyncClient(
        base_url=base,
        verify=httpx.create_ssl_context(trust_env=False),
        trust_env=False,
        follow_redirects=False,
        timeout=httpx.Timeout(timeout_s, connect=timeout_s / 2),
        limits=httpx.Limits(max_connections=10, max_keepalive_connections=4, keepalive_expiry=20.0),
        headers={
            "content-type": "application/json",
            "accept-encoding": "identity",
            "language": "en-US",
            "user-agent": "cockpit",
        },
    )


def _log(method: str, path: str, code: str, ms: float, said: str = "") -> None:
    """What became of a request: never its headers, its parameters or a body."""
    fields = {"method": method, "path": path, "code": code, "ms": round(ms, 1)}
    if said:
        fields["said"] = said
    log.log(logging.WARNING if said else logging.INFO, "request", extra=fields)


def _seconds(text: str) -> float | None:
    return float(text) if text.isdecimal() and len(text) < 7 else None

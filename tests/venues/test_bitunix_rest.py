"""Requests: what is sent is what is signed, and every kind of failure says whether the order may have landed."""

from __future__ import annotations

import asyncio
import random
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from bitunix_kit import SECRET, settings

from engine.venues.bitunix import codes, hosts
from engine.venues.bitunix.budget import Budget
from engine.venues.bitunix.clock import VenueClock
from engine.venues.bitunix.rest import MAX_BODY, Keys, Rest, RestError
from engine.venues.bitunix.signing import sign_rest
from engine.venues.port import AuthError, VenueError

Reply = bytes | Callable[[asyncio.StreamWriter], Awaitable[None]]


class Server:
    """Answers every request with the next reply of a list (the last one for ever); keeps what it received."""

    def __init__(self, replies: list[Reply]) -> None:
        self.replies = replies
        self.requests: list[tuple[str, dict[str, str], bytes]] = []
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
                headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])}
                body = await reader.readexactly(int(headers.get("content-length", 0)))
                self.requests.append((head[0], headers, body))
                reply = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
                if isinstance(reply, bytes):
                    writer.write(reply)
                    await writer.drain()
                else:
                    await reply(writer)
        writer.close()


def http(body: bytes | str, status: str = "200 OK", *headers: str) -> bytes:
    raw = body.encode() if isinstance(body, str) else body
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(raw)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + raw


OK = http('{"code":0,"msg":"Success","data":{"orderId":"1"}}')


async def cut(writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()


async def silence(writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(5)


async def half_an_answer(writer: asyncio.StreamWriter) -> None:
    writer.write(OK[:-10])
    await writer.drain()
    writer.transport.abort()


async def too_much(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n" + b"x" * (MAX_BODY + 100_000))
    with suppress(ConnectionError):
        await writer.drain()


class Links:
    def __init__(self) -> None:
        self.told: list[tuple[bool, str]] = []

    def __call__(self, answered: bool, latency_ms: float | None, detail: str) -> None:
        self.told.append((answered, detail))


@asynccontextmanager
async def rest(
    *replies: Reply, base: str = "", tls: ssl.SSLContext | None = None
) -> AsyncIterator[tuple[Rest, Server, VenueClock]]:
    server = Server(list(replies))
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0, ssl=tls)
    server.port = listening.sockets[0].getsockname()[1]
    venue_clock = VenueClock()
    where = settings(timeout_s=0.3)
    made = Rest(
        base or f"{'https' if tls else 'http'}://127.0.0.1:{server.port}",
        Keys("demo-key", SECRET),
        where,
        clock=time.time_ns,
        venue_clock=venue_clock,
        budget=Budget(60, 10, asyncio.get_running_loop().time),
        rng=random.Random(1),
        told=Links(),
    )
    try:
        yield made, server, venue_clock
    finally:
        await made.close()
        listening.close()


async def failure(*replies: Reply) -> RestError:
    async with rest(*replies) as (made, _, _):
        with pytest.raises(RestError) as raised:
            await made.post("/api/v1/futures/trade/place_order", {"qty": "1"}, patience_s=1.0)
        return raised.value


# --- signatures -----------------------------------------------------------------------------------------------------


async def test_the_bytes_sent_are_the_bytes_signed() -> None:
    async with rest(OK) as (made, server, _):
        await made.post("/p", {"clientId": "ä-1", "qty": "0.0100", "reduceOnly": False}, patience_s=1.0)
    line, headers, body = server.requests[0]
    assert line == "POST /p HTTP/1.1"
    assert body == '{"clientId":"ä-1","qty":"0.0100","reduceOnly":false}'.encode()
    signed = sign_rest(headers["nonce"], headers["timestamp"], "demo-key", SECRET, None, body.decode())
    assert headers["sign"] == signed
    assert headers["content-type"] == "application/json"
    assert len(headers["nonce"]) == 32


async def test_a_query_is_signed_by_sorted_names() -> None:
    async with rest(OK) as (made, server, _):
        await made.read("/p", {"symbol": "BTCUSDT", "limit": 10}, what="x")
    _, headers, body = server.requests[0]
    assert body == b""
    assert headers["sign"] == sign_rest(
        headers["nonce"], headers["timestamp"], "demo-key", SECRET, {"limit": 10, "symbol": "BTCUSDT"}
    )


async def test_public_requests_carry_no_key() -> None:
    async with rest(OK) as (made, server, _):
        await made.read("/p", what="x", private=False)
    assert not {"api-key", "sign"} & set(server.requests[0][1])


async def test_keys_are_shown_nowhere() -> None:
    error = await failure(http('{"code":10007,"msg":"Signature Error","data":null}'))
    keys = Keys("demo-key", SECRET)
    assert SECRET not in repr(error) + str(error) + repr(keys) + str(keys) + repr(error.as_venue_error("x"))
    assert not hasattr(keys, "__dict__")


# --- outcomes -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        (cut, "no_answer"),
        (silence, "no_answer"),
        (half_an_answer, "no_answer"),
        (too_much, "no_answer"),
        (http("<html>busy</html>", "503 Service Unavailable"), "no_answer"),
        (http('{"code":20003,"msg":"x","data":null}', "502 Bad Gateway"), "no_answer"),
        (http("<html>gone</html>", "404 Not Found"), "no_answer"),
        (http("[1,2]"), "no_answer"),
        (http('{"data":{}}'), "no_answer"),
        (http("", "302 Found", "Location: http://127.0.0.1:1/"), "no_answer"),
        (http(b"\x1f\x8b", "200 OK", "Content-Encoding: gzip"), "no_answer"),
        (http("slow down", "429 Too Many Requests"), "no_answer"),
        (http('{"code":10001,"msg":"Network Error","data":null}'), "10001"),
        (http('{"code":1,"msg":"Network Error","data":null}'), "1"),
    ],
)
async def test_what_may_have_landed_is_unknown(reply: Reply, code: str) -> None:
    error = await failure(reply)
    assert (error.outcome, error.code) == ("unknown", code)


@pytest.mark.parametrize(
    ("code", "outcome"),
    [
        (20003, "refused"),
        ("20003", "refused"),
        (30042, "refused"),
        (987654, "refused"),
        (10006, "throttle"),
        (10007, "auth"),
        (403, "auth"),
    ],
)
async def test_a_code_of_the_venue_is_a_definite_answer(code: Any, outcome: str) -> None:
    shown = f'"{code}"' if isinstance(code, str) else code
    error = await failure(http(f'{{"code":{shown},"msg":"no","data":null}}'))
    assert (error.outcome, error.code) == (outcome, str(code))


def test_no_unknown_code_is_ever_something_to_repeat() -> None:
    assert {codes.kind_of(code) for code in range(30_000, 50_000)} == {"reject"}


async def test_no_connection_means_that_nothing_was_sent() -> None:
    async with rest(OK, base="http://127.0.0.1:1") as (made, server, _):
        with pytest.raises(RestError) as raised:
            await made.post("/p", {}, patience_s=1.0)
    assert (raised.value.outcome, raised.value.code, server.requests) == ("not_sent", "not_sent", [])


async def test_a_post_is_never_sent_twice() -> None:
    async with rest(cut) as (made, server, _):
        with pytest.raises(RestError):
            await made.post("/p", {}, patience_s=1.0)
    assert len(server.requests) == 1


async def test_a_read_is_tried_again_while_that_can_help(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.venues.bitunix.rest.RETRY_FIRST_S", 0.02)
    async with rest(cut, http("x", "503 Busy"), OK) as (made, server, _):
        assert await made.read("/p", what="x") == {"orderId": "1"}
    assert len(server.requests) == 3


async def test_a_read_that_is_refused_is_not_tried_again() -> None:
    async with rest(http('{"code":20001,"msg":"Market not exists","data":null}')) as (made, server, _):
        with pytest.raises(VenueError, match=r"prices: Market not exists \(20001\)"):
            await made.read("/p", what="prices")
    assert len(server.requests) == 1


async def test_refused_keys_come_with_a_hint() -> None:
    async with rest(http('{"code":10004,"msg":"ip","data":null}')) as (made, _, _):
        with pytest.raises(AuthError) as raised:
            await made.read("/p", what="account")
    assert "allowed addresses" in raised.value.hint


async def test_redirects_are_not_followed() -> None:
    async with rest(OK) as (_, other, _):
        elsewhere = http("", "307 Temporary Redirect", f"Location: http://127.0.0.1:{other.port}/")
        async with rest(elsewhere) as (made, _, _):
            with pytest.raises(RestError):
                await made.post("/p", {}, patience_s=1.0)
        assert other.requests == []


async def test_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    async with rest(OK) as (_, proxy, _):
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{proxy.port}")
        monkeypatch.setenv("ALL_PROXY", f"http://127.0.0.1:{proxy.port}")
        async with rest(OK) as (made, server, _):
            await made.read("/p", what="x")
        assert (len(server.requests), proxy.requests) == (1, [])


async def test_messages_of_the_venue_are_cleaned() -> None:
    error = await failure(http('{"code":20003,"msg":"\\u001b[2Jno\\u202e[/]' + "A" * 5000 + '","data":null}'))
    assert error.message.startswith("\\x1b[2Jno[/]AAA")
    assert len(error.message) == 200


async def test_a_signature_refused_for_our_clock_is_made_again_with_the_venue_s_time() -> None:
    refused = http(
        '{"code":10007,"msg":"Signature Error","data":null}', "200 OK", "Date: Thu, 01 Jan 2026 00:00:00 GMT"
    )
    async with rest(refused, OK) as (made, server, venue_clock):
        await made.post("/p", {}, patience_s=1.0)
        assert len(server.requests) == 2
        assert abs(int(server.requests[1][1]["timestamp"]) - 1_767_225_600_000) < 3000
        assert venue_clock.offset_ms < 0


async def test_retry_after_is_obeyed() -> None:
    async with rest(http("slow down", "429 Too Many Requests", "Retry-After: 30")) as (made, server, _):
        for _ in range(3):
            with pytest.raises(RestError):
                await made.post("/p", {}, lane="reserve", patience_s=0.2)
    assert len(server.requests) == 1


# --- TLS and hosts --------------------------------------------------------------------------------------------------

SELF_SIGNED = """\
-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgkUrsCaCVmurZoMXN
/FfcgX88opyZL1UZN5kHTdDxmZehRANCAATHfrC9D6zQeNBtnJvEixu5lxwMR3UQ
SFClbcfLxAuXJ9GuyRntVoWAd5948o4zIvBl9n7aJwJMvC/Ewa7ccrt8
-----END PRIVATE KEY-----
-----BEGIN CERTIFICATE-----
MIIBmzCCAUGgAwIBAgIUOvgVpscISW1T3BWBiHGk/AeV8nwwCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyMDA1NDg1M1oYDzIxMjYxMDI3
MDU0ODUzWjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAATHfrC9D6zQeNBtnJvEixu5lxwMR3UQSFClbcfLxAuXJ9GuyRntVoWA
d5948o4zIvBl9n7aJwJMvC/Ewa7ccrt8o28wbTAdBgNVHQ4EFgQUJ5vYtlrgEWqa
cwrjBx3cQotWmwcwHwYDVR0jBBgwFoAUJ5vYtlrgEWqacwrjBx3cQotWmwcwDwYD
VR0TAQH/BAUwAwEB/zAaBgNVHREEEzARhwR/AAABgglsb2NhbGhvc3QwCgYIKoZI
zj0EAwIDSAAwRQIhAIsKUJQU6FcgXSltEOOcvXQX5ZZKBZn0r6+dqcRdiJY2AiBz
90g3Cx6O/s9x43GqzNei3rT6uWMJiYvtXt9ak6iMYQ==
-----END CERTIFICATE-----
"""


async def test_a_self_signed_certificate_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pem = tmp_path / "server.pem"
    pem.write_text(SELF_SIGNED)
    monkeypatch.setenv("SSL_CERT_FILE", str(pem))
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(pem)
    async with rest(OK, tls=tls) as (made, server, _):
        with pytest.raises(RestError) as raised:
            await made.post("/p", {}, patience_s=1.0)
    assert (raised.value.outcome, server.requests) == ("not_sent", [])


@pytest.mark.parametrize(
    ("what", "url"),
    [
        ("rest", "https://fapi.bitunix.com"),
        ("rest", "https://fapi.bitunix.com:443"),
        ("public", "wss://fapi.bitunix.com/public/"),
        ("rest", "http://127.0.0.1:8080"),
        ("rest", "http://[::1]:8080"),
        ("private", "ws://localhost:9/private/"),
    ],
)
def test_the_venue_and_this_machine_are_allowed(what: str, url: str) -> None:
    assert hosts.allowed(what, url) == url


@pytest.mark.parametrize(
    ("what", "url"),
    [
        ("rest", "http://fapi.bitunix.com"),
        ("public", "ws://fapi.bitunix.com/public/"),
        ("rest", "https://fapi.bitunix.com.evil.example"),
        ("rest", "https://fapi.bitunix.com@evil.example"),
        ("rest", "https://user:pw@fapi.bitunix.com"),
        ("rest", "https://evil.example"),
        ("rest", "http://192.168.1.5:8080"),
        ("rest", "http://127.0.0.1.evil.example"),
        ("rest", "https://fapi.bitunix.com:8443"),
        ("rest", "ftp://127.0.0.1"),
        ("rest", "https://fapi.bitunix.com?x=1"),
        ("public", "https://fapi.bitunix.com"),
        ("rest", "https://[bad"),
        ("rest", "https://127.0.0.1:99999"),
    ],
)
def test_every_other_address_is_refused_with_a_hint(what: str, url: str) -> None:
    with pytest.raises(VenueError) as raised:
        hosts.allowed(what, url)
    assert f"venue.{what}" in raised.value.hint

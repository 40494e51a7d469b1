"""Canaries: keys and addresses that a whole session lives with, and that nothing which it leaves behind may hold.

The venue writes the keys back in refusals, in broken answers and in pushes; the session trades, is killed, crashes, is exported
and reported on. All of it is searched, and the search is proven by leaks that are planted in each kind of artefact.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import signal
import subprocess
import sys
import traceback
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from shutil import rmtree

import aiohttp
import pytest
from aiohttp import web
from hook_kit import hook
from leak_kit import Artefact, files, forms, leaks

from engine.journal import block, keyframe
from engine.journal.writer import Journal
from engine.model import events as ev
from engine.model.market import MINUTE_NS, Candle
from engine.model.state import State
from engine.ops.secrets import Secret
from engine.sim.market import GeneratedMarket
from engine.sim.run import RunningExchange, serve
from engine.venues.bitunix.rest import Keys

KEY, WORD = "cAnAry9Key/7f+31bQ0z", "5eCrEt-c4n4ry-8d1e77a0b9c2f4"
PATH = "t0ken-c4n4ry-2b6d90e1"
SECRETS = {"key": KEY, "secret": WORD, "alert address": PATH}
ECHO = f"invalid api key {KEY} ({KEY.encode().hex()}, {base64.b64encode(WORD.encode()).decode()}), sign with {WORD}"
PYTHON = [sys.executable, "-c"]
COCKPIT = "import sys; from cockpit.__main__ import main; sys.argv[0] = 'cockpit'; main()"
CRASH = """
import sys
from cockpit.__main__ import main
from engine.core.trader import Trader
from engine.model import events as ev
step = Trader.step
def broken(self, event):
    word = {secret!r}
    if isinstance(event, ev.GateReport) and event.gate == "equity":
        raise RuntimeError(f"cannot send with {{word}}")
    return step(self, event)
Trader.step = broken
sys.argv[0] = "cockpit"
main()
"""


class Echo:
    """In front of the exchange: passes everything on, but sometimes answers with our keys itself."""

    def __init__(self, exchange: RunningExchange) -> None:
        self.exchange = exchange
        self.orders = 0
        self.echoed = 0

    async def rest(self, request: web.Request) -> web.StreamResponse:
        if request.path.endswith("place_order"):
            self.orders += 1
            if self.orders in (2, 3):
                self.echoed += 1
                refusal = {"code": 20003, "msg": ECHO, "data": None}
                return web.json_response(refusal) if self.orders == 2 else web.Response(status=502, text=ECHO)
        async with aiohttp.ClientSession(auto_decompress=False) as client:
            body, target = await request.read(), f"{self.exchange.rest}{request.rel_url}"
            headers = {k: v for k, v in request.headers.items() if k.lower() != "host"}
            async with client.request(request.method, target, data=body, headers=headers) as answer:
                kept = {k: v for k, v in answer.headers.items() if k.lower() in ("content-type", "date")}
                return web.Response(status=answer.status, body=await answer.read(), headers=kept)

    async def stream(self, request: web.Request) -> web.WebSocketResponse:
        near = web.WebSocketResponse()
        await near.prepare(request)
        url = self.exchange.public if "public" in request.path else self.exchange.private
        async with aiohttp.ClientSession() as client, client.ws_connect(url) as far:
            await near.send_str(json.dumps({"ch": "order", "data": {"event": ECHO, "orderId": KEY, "symbol": WORD}}))
            await near.send_str(ECHO)
            self.echoed += 2

            async def back() -> None:
                async for message in far:
                    await near.send_str(message.data)

            returning = asyncio.create_task(back())
            async for message in near:
                await far.send_str(message.data)
            returning.cancel()
        return near


@asynccontextmanager
async def venue() -> AsyncIterator[tuple[Echo, str]]:
    market = GeneratedMarket("BTCUSDT", seed=5, start_ms=1_700_000_040_000, start_price=60_000.0)
    exchange = await serve(market, keys=[(KEY, WORD)], speed=150.0)
    echo = Echo(exchange)
    app = web.Application()
    app.router.add_get("/public/", echo.stream)
    app.router.add_get("/private/", echo.stream)
    app.router.add_route("*", "/{path:.*}", echo.rest)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield echo, f"127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()
        await exchange.close()


PROFILE = """\
_extends: demo
strategies: [keen]
trading: {{approval: auto, unknown_retry_s: 0.5}}
risk: {{cooldown_s: 0, order_spacing_s: 0.1, min_reward_risk: 0.1, outlier_pct: 50}}
venue: {{rest: "http://{at}", public: "ws://{at}/public/", private: "ws://{at}/private/", poll_account_s: 2}}
watch: {{start: true, after_s: 3}}
alerts: {{retries: 0, throttle_s: 1, causes: {{Started: true, Ended: true, Paused: true}}}}
"""
STRATEGY = """\
strategy: ma_cross
params: {fast: 2, slow: 3}
"""


class Machine:
    """One home, and everything that programs said in it."""

    def __init__(self, tmp: Path) -> None:
        self.tmp, self.home = tmp, tmp / "home"
        self.said: list[Artefact] = []
        for folder in ("config/strategies", "secrets", "sessions"):
            (self.home / folder).mkdir(parents=True, mode=0o700)

    def prepare(self, at: str, hooks: list[int]) -> None:
        (self.home / "config" / "canary.yaml").write_text(PROFILE.format(at=at))
        (self.home / "config" / "strategies" / "keen.yaml").write_text(STRATEGY)
        self._secret("canary", f"api_key: {KEY}\napi_secret: {WORD}\n")
        self._secret("alerts", "".join(f"hook{n}: json://127.0.0.1:{port}/{PATH}\n" for n, port in enumerate(hooks)))

    def _secret(self, name: str, text: str) -> None:
        path = self.home / "secrets" / f"{name}.yaml"
        path.write_text(text)
        path.chmod(0o600)

    async def start(self, *args: str, code: str = COCKPIT) -> asyncio.subprocess.Process:
        environ = {
            **os.environ,
            "COCKPIT_HOME": str(self.home),
            "XDG_STATE_HOME": str(self.tmp / "state"),
            "HOME": str(self.tmp),
        }
        return await asyncio.create_subprocess_exec(
            *PYTHON, code, *args, env=environ, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )  # fmt: skip

    async def heard(self, name: str, process: asyncio.subprocess.Process) -> tuple[str, str]:
        out, err = await asyncio.wait_for(process.communicate(), 40)
        self.said += [(f"{name}: output", out), (f"{name}: errors", err)]
        return out.decode(), err.decode()

    async def run(self, *args: str, code: str = COCKPIT) -> tuple[str, str]:
        return await self.heard(" ".join(args[:2]), await self.start(*args, code=code))


async def until(done: Callable[[], bool]) -> None:
    async with asyncio.timeout(25):
        while not done():  # noqa: ASYNC110
            await asyncio.sleep(0.05)


SESSION = ("run", "--headless", "-p", "canary")


async def test_no_secret_is_in_anything_that_sessions_leave_behind(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    with hook() as good, hook() as bad:
        bad.answer = 500
        async with venue() as (echo, at):
            machine.prepare(at, [good.port, bad.port])
            traded = await machine.start(*SESSION, "--duration", "30")
            await until(lambda: echo.orders >= 4)
            for number, pause in ((signal.SIGUSR1, 2.0), (signal.SIGTERM, 0.0)):
                traded.send_signal(number)
                await asyncio.sleep(pause)
            await machine.heard("a session that is killed", traded)
            (machine.home / "killed").unlink()
            told = dict(machine.said)["a session that is killed: errors"].decode()
            assert "***" in told, told
            assert " filled" in told, told

            crash = CRASH.format(secret=WORD)
            (_, err), _ = await asyncio.gather(
                machine.run(*SESSION, "--duration", "9", code=crash),
                machine.run("kill", "-p", "canary", "--json"),
            )
            assert "cannot send with ***" in err
            gone = await machine.start(*SESSION, "--fresh")
            await until(lambda: len(list((machine.home / "sessions").glob("*.cockpit"))) == 3)
            await asyncio.sleep(0.5)
            gone.kill()
            await machine.heard("a session that is gone", gone)
            await machine.run("alerts", "test")
        first = min((machine.home / "sessions").glob("*.cockpit")).stem
        commands = [
            ("status", "--json"), ("sessions", "--json"), ("doctor",), ("config", "show", "-p", "canary", "--json"),
            ("alerts", "list", "-p", "canary"), ("verify", first), ("keys", "show", "-p", "canary"),
            *(("export", first, "-f", kind, "-o", str(tmp_path / f"out.{kind}")) for kind in ("jsonl", "svg", "state")),
        ]  # fmt: skip
        for n in range(0, len(commands), 3):
            await asyncio.gather(*(machine.run(*command) for command in commands[n : n + 3]))
        alerts = [(f"alert {n}", json.dumps({**m, "path": ""}).encode()) for n, m in enumerate(good.got + bad.got)]
    assert {"kill switch on", "session started"} <= {title.partition(": ")[2] for title in good.titles}
    artefacts = [*machine.said, *alerts, *files(tmp_path, but=machine.home / "secrets")]
    names = " ".join(name for name, _ in artefacts)
    for kind in ("sessions/", "logs/", "run/", "out.svg", "out.jsonl", "unpacked", "table keyframe", "metrics"):
        assert kind in names, f"{kind} was not searched"
    assert leaks(artefacts, SECRETS) == []
    rmtree(machine.home / "run")  # or the watchdog of the session that is gone would go on asking for its venue


def planted(tmp: Path) -> dict[str, list[Artefact]]:
    """A leak in each kind of artefact, by its name."""
    made = {}
    for place, name, raw in [
        ("log", "cockpit.jsonl", json.dumps({"event": f"key {KEY}"}).encode()),
        ("screen", "screen.svg", f"<text>{KEY.upper()}</text>".encode()),
        ("run file", "run.json", json.dumps({"demo_key": WORD}).encode()),
        ("hex", "report.html", f"<td>{WORD.encode().hex().upper()}</td>".encode()),
        ("header", "trace.txt", b"authorization: " + base64.b64encode(f"x:{KEY}".encode())),
        ("query", "url.txt", b"GET /?k=cAnAry9Key%2F7f%2B31bQ0z"),
        ("half", "half.txt", PATH[len(PATH) // 2 :].encode()),
        ("backwards", "back.txt", WORD[::-1].encode()),
    ]:
        folder = tmp / place
        folder.mkdir()
        (folder / name).write_bytes(raw)
        made[place] = list(files(folder))
    return made


def test_the_search_finds_a_leak_in_every_kind_of_file(tmp_path: Path) -> None:
    for place, artefacts in planted(tmp_path).items():
        assert leaks(artefacts, SECRETS), place


async def test_the_search_finds_a_leak_inside_a_compressed_recording(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(block, "EVENTS", 200)
    journal = Journal.create(tmp_path / "planted.cockpit")
    for n in range(1, 401):
        candle = Candle(n * MINUTE_NS, 1.0, 1.0, 1.0, 1.0, 1.0)
        journal.append(ev.CandleTick(n, KEY, candle, False))
    state = State(seq=400, t=400, trading_why=f"padding {'x' * 400} {WORD}")
    journal.keyframe(400, keyframe.encode_state(state))
    await journal.close()
    found = leaks(files(tmp_path), SECRETS)
    assert any("unpacked: key, whole" in line for line in found), found
    assert any("keyframe" in line and "secret, whole" in line for line in found), found


@pytest.mark.parametrize("secret", list(SECRETS.values()))
def test_every_form_of_a_secret_is_looked_for(secret: str) -> None:
    for form, raw in forms(secret).items():
        assert len(raw) >= 8, form
        assert leaks([("x", b"before" + raw + b"after")], {"it": secret}), form


def test_an_exception_shows_no_secret_even_with_the_values_of_its_variables() -> None:
    secret, keys = Secret(WORD), Keys(KEY, Secret(WORD))
    try:
        raise RuntimeError(f"{secret} {secret!r} {[secret]} {keys}")
    except RuntimeError as error:
        shown = "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())
    assert "secret = ***" in shown
    assert "Keys(***)" in shown
    assert leaks([("trace", shown.encode())], SECRETS) == []

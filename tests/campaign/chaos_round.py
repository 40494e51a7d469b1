"""One round: an exchange, a session that trades on it without a person, a fault for a while, calm, the end."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import msgspec
from chaos_cases import Case

READY_S = 30.0
END_S = 40.0
POLL_S = 0.5
PLANTED = Path(__file__).with_name("chaos_planted.py")
PROFILE = """
_extends: demo
mode: DEMO
strategies: [chaos]
risk:
  max_spread_bps: 1000
  stale_quote_s: 5
  max_slippage_bps: 1000
  consecutive_losses: 100000
  cooldown_s: 0
  order_spacing_s: 0.1
  orders_per_minute: 1000
  repeated_execution: 100000
  daily_loss_pct: 90
  weekly_loss_pct: 90
  max_drawdown_pct: 90
trading: {approval: auto, on_quit: close, unknown_retry_s: 1, naked_grace_s: 1}
venue: {timeout_s: 2, silence_public_s: 3, silence_private_s: 6, reconnect_max_s: 3, reconnect_tries: 100, poll_account_s: 5}
"""
STRATEGY = 'strategy: ma_cross\nparams: {fast: 1, slow: 2, quantity: "0.05", stop_atr: 2.0}\n'


class Round(msgspec.Struct):
    """What a round left behind, for the judge. Times are UTC nanoseconds."""

    case: str
    exit_code: int | None
    words: str
    """Standard error of the session."""
    summary: dict[str, Any]
    account: dict[str, Any]
    """The exchange's word after the session's end."""
    orders: list[dict[str, Any]]
    """Requests to place an order as the exchange received them."""
    naked: list[int]
    """When the exchange was seen to hold a position without a stop."""
    ended_s: float
    """From the signal to the session's end."""
    recording: Path


async def play(
    case: Case, folder: Path, *, window_s: float, calm_s: float, speed: float, seed: int, plant: str
) -> Round:
    """``folder`` must be new. The session runs in a process of its own, with the keys in its environment."""
    config = folder / "config"
    (config / "strategies").mkdir(parents=True)
    (config / "chaos.yaml").write_text(PROFILE)
    (config / "strategies" / "chaos.yaml").write_text(STRATEGY)
    async with exchange(folder, speed, seed) as at, httpx.AsyncClient(base_url=at["rest"], timeout=10) as control:
        if case.starts_with:
            await control.post("/sim/faults", json=case.faults)
        session = await start_session(folder, at, plant)
        try:
            seen, words, told, ended_s = await _attend(session, case, control, window_s, calm_s)
        finally:
            with suppress(ProcessLookupError):
                session.kill()
        await seen.look()
    found = sorted((folder / "sessions").glob("*.cockpit"))
    summary = json.loads(told) if told.strip() else {}
    recording = found[-1] if found else folder / "none"
    orders = list(seen.orders.values())
    return Round(case.name, session.returncode, words, summary, seen.account, orders, seen.naked, ended_s, recording)


async def _attend(
    session: Process, case: Case, control: httpx.AsyncClient, window_s: float, calm_s: float
) -> tuple[Seen, str, str, float]:
    """What the exchange showed, what the session said on both outputs, and how long its end took."""
    words: list[str] = []
    trades = asyncio.Event()
    hearing = asyncio.create_task(_hear(session, words, trades))
    answer = asyncio.create_task(_read(session))
    seen = Seen(control)
    watching = asyncio.create_task(seen.watch())
    try:
        with suppress(TimeoutError):
            await asyncio.wait_for(trades.wait(), READY_S)
        await _strike(case, control, window_s, session)
        await control.post("/sim/faults", json=_calm())
        await _wait(session, calm_s)
        asked = time.monotonic()
        if session.returncode is None:
            session.terminate()
        await _wait(session, END_S)
        if session.returncode is None:
            session.kill()
        await hearing
        return seen, "".join(words), await answer, time.monotonic() - asked
    finally:
        watching.cancel()


def _calm() -> dict[str, Any]:
    from engine.sim.faults import Faults

    kept = ("position_side", "title_case_enums")  # a venue does not change its spelling in the middle of a day
    return {name: value for name, value in msgspec.structs.asdict(Faults()).items() if name not in kept}


async def _strike(case: Case, control: httpx.AsyncClient, window_s: float, session: Process) -> None:
    end = time.monotonic() + window_s
    while time.monotonic() < end and session.returncode is None:
        await control.post("/sim/faults", json=case.faults)
        await _wait(session, min(case.every_s or window_s, max(0.0, end - time.monotonic())))


async def _wait(session: Process, seconds: float) -> None:
    with suppress(TimeoutError):
        await asyncio.wait_for(session.wait(), seconds)


async def _hear(session: Process, words: list[str], trades: asyncio.Event) -> None:
    assert session.stderr is not None
    async for line in session.stderr:
        words.append(line.decode(errors="replace"))
        if b"ACTIVE" in line:
            trades.set()
    trades.set()


async def _read(session: Process) -> str:
    assert session.stdout is not None
    return (await session.stdout.read()).decode(errors="replace")


# --- processes ----------------------------------------------------------------------------------------------------


@asynccontextmanager
async def exchange(folder: Path, speed: float, seed: int) -> AsyncIterator[dict[str, Any]]:
    """``cockpit exchange`` in a process of its own: its addresses and keys, and the process."""
    command = [sys.executable, "-m", "cockpit", "exchange", "--json", "--speed", f"{speed:g}", "--seed", f"{seed}"]
    process = await asyncio.create_subprocess_exec(*command, "--home", f"{folder}", stdout=PIPE, stderr=PIPE)
    try:
        assert process.stdout is not None
        yield {**json.loads(await asyncio.wait_for(process.stdout.readline(), READY_S)), "process": process}
    finally:
        with suppress(ProcessLookupError):
            process.terminate()
        with suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), 5)
        if process.returncode is None:
            process.kill()
            await process.wait()


async def start_session(folder: Path, at: dict[str, Any], plant: str = "") -> Process:
    """``cockpit run`` on that exchange, or with a planted bug."""
    command = [sys.executable, f"{PLANTED}", plant] if plant else [sys.executable, "-m", "cockpit"]
    places = [item for name in ("rest", "public", "private") for item in ("--set", f"venue.{name}={at[name]}")]
    words = ["run", "--headless", "--auto-approve", "--json", "--profile", "chaos", "--home", f"{folder}", *places]
    env = {
        **os.environ,
        "COCKPIT_API_KEY": at["api_key"],
        "COCKPIT_API_SECRET": at["api_secret"],
        "XDG_STATE_HOME": f"{folder}",
    }
    return await asyncio.create_subprocess_exec(*command, *words, env=env, stdout=PIPE, stderr=PIPE, limit=1 << 24)


class Seen:
    """Looks at the exchange's own books twice a second."""

    def __init__(self, control: httpx.AsyncClient) -> None:
        self._control = control
        self.account: dict[str, Any] = {}
        self.orders: dict[tuple[int, str], dict[str, Any]] = {}
        self.naked: list[int] = []

    async def watch(self) -> None:
        while True:
            with suppress(httpx.HTTPError):
                await self.look()
            await asyncio.sleep(POLL_S)

    async def look(self) -> None:
        state = (await self._control.get("/sim/state")).json()
        (self.account,) = state["accounts"].values()
        if self.account["positions"] and not self.account["tpsl"]:
            self.naked.append(time.time_ns())
        for request in state["received"]:
            if request["path"].endswith(("/trade/place_order", "/trade/batch_order")) and request.get("code") == 0:
                for order in request["params"].get("orderList", [request["params"]]):
                    self.orders[request["wall_ns"], order.get("clientId", "")] = {**order, "t": request["wall_ns"]}

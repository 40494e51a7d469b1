"""Intent before byte: when an order's bytes came to a proxy, its decision had been forced to the disk.

Both are taken from outside the program: the proxy notes when a client id comes along, the shim which bytes a sync covered. The
row of ``OrderSent`` is looked for in the bytes that were written to the log file of the journal.
"""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

from chaos_books import compare, read
from chaos_outcome import Outcome, Skipped, Task
from chaos_proxy import between
from chaos_shim import SYNC, WRITE, Shim, missing
from chaos_shim import read as shim_log
from chaos_stage import stage, together

ORDERS_A_FLOOR = 400
SPEED = 240.0
LONGEST_S = 240.0
_SENT = re.compile(rb"OrderSent\x92\xcf.{8}([\xa0-\xbf])", re.DOTALL)
"""A row of the journal: its kind, then msgpack's array of two, the time (64 bits) and the length of the client id."""


async def run(task: Task) -> Outcome:
    """About ``rounds`` orders at a fast market, each one tried."""
    if why := missing():
        raise Skipped(why)
    outcome = Outcome()
    floors = [min(ORDERS_A_FLOOR, task.rounds - at) for at in range(0, task.rounds, ORDERS_A_FLOOR)]
    leads = await together(len(floors), task.together, lambda n: _floor(task, n, floors[n], outcome))
    if ahead := sorted(lead for found in leads for lead in found):
        least, middle = ahead[0] / 1e6, ahead[len(ahead) // 2] / 1e6
        outcome.figures.append(
            f"durable before the first byte by {least:.2f} ms at least, {middle:.2f} ms in the middle"
        )
    return outcome


async def _floor(task: Task, number: int, orders: int, outcome: Outcome) -> list[int]:
    folder = task.folder / f"floor{number}"
    async with stage(folder, task.seed + number, speed=SPEED) as here, between(here.at) as proxies:
        shim = Shim(folder, here.sessions, log=True)
        places = {name: proxy.address for name, proxy in proxies.items()}
        async with here.life(task.plant, shim.env, places) as life:
            await life.trading()
            for _ in range(int(LONGEST_S * 2)):
                if len(proxies["rest"].orders) >= orders or await life.wait(0.5):
                    break
            await life.end()
        await here.look()
        came = dict(proxies["rest"].orders)
        durable = await asyncio.to_thread(when_durable, shim.log)
        leads = []
        for client_id, (t, _) in came.items():
            synced = durable.get(client_id)
            early = synced is None or synced > t
            leads += [] if synced is None else [t - synced]
            outcome.count(
                [f"order {client_id} left before its decision was on the disk"] if early else [], unsafe=early
            )
        if not task.plant:
            verdict = compare(here, [await asyncio.to_thread(read, path) for path in here.recordings()])
            outcome.lost += verdict.lost
            outcome.duplicated += verdict.duplicated
            outcome.unsafe += verdict.unsafe
            outcome.faults = [*outcome.faults, *verdict.faults]
        return leads


def when_durable(log: Path) -> dict[str, int]:
    """Of every order whose sending is in the journal, the end of the first sync that covered it (CLOCK_MONOTONIC)."""
    written: dict[str, set[str]] = {}
    durable: dict[str, int] = {}
    for op in shim_log(log):
        if op.op == WRITE:
            written.setdefault(op.name, set()).update(_sent(op.data) - durable.keys())
        elif op.op == SYNC:
            for client_id in written.pop(op.name, ()):
                durable.setdefault(client_id, op.t)
    return durable


def _sent(data: bytes) -> set[str]:
    return {
        data[found.end() : found.end() + (found[1][0] & 31)].decode(errors="replace") for found in _SENT.finditer(data)
    }

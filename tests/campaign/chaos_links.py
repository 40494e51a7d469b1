"""Bad networks: a proxy between session and exchange that stalls, goes deaf, resets, refuses, delays, slices or reads slowly."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Any, NamedTuple

from chaos_books import compare, read
from chaos_outcome import Outcome, Task
from chaos_proxy import Proxy, between
from chaos_stage import Stage, stage, together

from engine.journal.recording import Recording
from engine.model import events as ev

PUBLIC_S, PRIVATE_S = 5.0, 15.0
SLACK_S = 1.5
"""A ping's turn and a busy machine."""
BACK_S = 40.0
SILENT = {"venue": {"silence_public_s": PUBLIC_S, "silence_private_s": PRIVATE_S, "timeout_s": 2, "reconnect_max_s": 2}}


class Case(NamedTuple):
    """``change`` is what becomes of the proxies ``where``; ``noticed`` says which link must be found dead, and when."""

    name: str
    where: tuple[str, ...]
    change: Mapping[str, Any]
    lasts_s: float
    noticed: Mapping[str, float] = {}


ALL = ("rest", "public", "private")
CASES: tuple[Case, ...] = (
    Case("market stalls", ("public",), {"stalled": True}, 8, {"public": PUBLIC_S}),
    Case("market half open", ("public",), {"deaf": True}, 8, {"public": PUBLIC_S}),
    Case("account stalls", ("private",), {"stalled": True}, 18, {"private": PRIVATE_S}),
    Case("account half open", ("private",), {"deaf": True}, 18, {"private": PRIVATE_S}),
    Case("everything stalls", ALL, {"stalled": True}, 18, {"public": PUBLIC_S, "private": PRIVATE_S}),
    Case("requests stall", ("rest",), {"stalled": True}, 8),
    Case("requests half open", ("rest",), {"deaf": True}, 6),
    Case("reset", ALL, {}, 1, {"public": 1.0, "private": 1.0}),
    Case("refused", ALL, {"refused": True}, 5, {"public": 1.0, "private": 1.0}),
    Case("delayed", ALL, {"delay_s": 0.3}, 8),
    Case("sliced", ALL, {"slice": 7}, 6),
    Case("slow reader", ("public",), {"bytes_per_s": 4_000}, 8),
)


async def run(task: Task) -> Outcome:
    """``rounds`` cases, in their order, over and over. The plant ``deaf`` takes silence for peace."""
    outcome = Outcome()
    noticed = await together(task.rounds, task.together, lambda n: _round(task, n, CASES[n % len(CASES)], outcome))
    for link in ("public", "private"):
        if took := [
            seen[link] for case, seen in noticed if link in seen and case.noticed[link] in (PUBLIC_S, PRIVATE_S)
        ]:
            outcome.figures.append(f"silent death of the {link} stream was noticed within {max(took):.1f} s")
    return outcome


async def _round(task: Task, number: int, case: Case, outcome: Outcome) -> tuple[Case, dict[str, float]]:
    folder = task.folder / f"round{number}"
    async with stage(folder, task.seed + number, speed=120.0, profile=SILENT) as here, between(here.at) as proxies:
        places = {name: proxy.address for name, proxy in proxies.items()}
        faults: list[str] = []
        async with here.life(task.plant, None, places) as life:
            if not await life.trading():
                faults.append(f"it does not trade through a proxy: {life.text[-200:]}")
            await life.wait(2.0)
            struck = time.time_ns()
            await _strike(case, proxies, life.wait)
            calm = time.time_ns()
            if not await _trades_again(here, BACK_S):
                faults.append(f"no order within {BACK_S:g} s after the network was well again")
            took = await life.end()
            if life.process.returncode or "Traceback" in life.text:
                faults.append(f"exit code {life.process.returncode} after {took:.0f} s: {life.text[-300:]}")
        await here.look()
        paths = here.recordings()
        seen = await asyncio.to_thread(_noticed, paths[-1], struck, calm) if paths else {}
        late = [
            f"the {link} stream was dead and that was noticed after {seen[link]:.1f} s, limit {limit:g} s"
            if link in seen else f"the {link} stream was dead and nobody noticed"
            for link, limit in case.noticed.items()
            if seen.get(link, 1e9) > limit + SLACK_S
        ]  # fmt: skip
        verdict = compare(here, [await asyncio.to_thread(read, path) for path in paths])
        outcome.count(
            [f"{case.name}: {fault}" for fault in (*faults, *late, *verdict.faults)],
            lost=verdict.lost, duplicated=verdict.duplicated, unsafe=verdict.unsafe + len(late),
        )  # fmt: skip
        return case, {link: seconds for link, seconds in seen.items() if link in case.noticed}


async def _strike(case: Case, proxies: Mapping[str, Proxy], wait: Any) -> None:
    for name in case.where:
        for attribute, value in case.change.items():
            setattr(proxies[name], attribute, value)
        if not case.change or "refused" in case.change:
            proxies[name].reset()
    await wait(case.lasts_s)
    for proxy in proxies.values():
        proxy.calm()


async def _trades_again(here: Stage, within_s: float) -> bool:
    await here.look()
    before, end = len(here.seen.orders), time.monotonic() + within_s
    while time.monotonic() < end:
        await here.look()
        if len(here.seen.orders) > before:
            return True
        await asyncio.sleep(0.2)
    return False


def _noticed(path: Any, struck: int, calm: int) -> dict[str, float]:
    """For each link, how long after ``struck`` it was first told to be down."""
    found: dict[str, float] = {}
    with Recording.open(path) as recording:
        for _, event in recording.events(kinds=("LinkReport",)):
            if isinstance(event, ev.LinkReport) and event.state in ("down", "failed") and struck <= event.t <= calm:
                found.setdefault(event.link, (event.t - struck) / 1e9)
    return found

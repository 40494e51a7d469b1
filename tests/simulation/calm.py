"""When the faults are over, everything comes right: links up, no doubt left, every order final or listed, all books equal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import setting

if TYPE_CHECKING:
    from .life import Life
    from .world import World

PATIENCE_S = 400.0
"""Longer than the adapter may spare the venue new connections (300 s) and a recovery that ran into that (70 s)."""
LINKS = ("public", "private", "rest")


def unsettled(world: World, life: Life | None) -> list[str]:
    """What is not right yet, one short sentence each."""
    if life is None or not life.alive or life.session is None:
        return ["no session"]
    if not life.ready:
        return ["the session is coming up"]
    return [*_links(life), *_orders(world, life), *_books(world, life)]


def _links(life: Life) -> list[str]:
    state = life.state
    down = [f"{name} is not up" for name in LINKS if name not in state.links or state.links[name].state != "up"]
    doubt = ["the account is in doubt"] if state.doubt else []
    recovery = ["the recovery is open"] if state.recovery.open else []
    trading = [] if state.trading == "ACTIVE" else [f"trading {state.trading}: {state.trading_why}"]
    broken = [f"broken: {life.session.broken}"] if life.session is not None and life.session.broken else []
    return down + doubt + recovery + trading + broken


def _orders(world: World, life: Life) -> list[str]:
    state = life.state
    shaky = [
        f"{c} is {state.orders[c].status}"
        for c in state.open_orders
        if state.orders[c].status in ("UNKNOWN", "SUBMITTED")
    ]
    ours = {c for c in state.open_orders if state.orders[c].status in ("ACCEPTED", "PARTIALLY_FILLED")}
    theirs = world.truth.names()
    differ = [f"orders here {sorted(ours)}, there {sorted(theirs)}"] if ours != theirs else []
    foreign = [f"{c} is called foreign" for c in state.open_orders if state.orders[c].role == "foreign"]
    return shaky + differ + foreign


def _books(world: World, life: Life) -> list[str]:
    state, truth = life.state, world.truth
    found = []
    held = sum((p.qty for p in state.positions.values()), truth.position() * 0)
    if held != truth.position():
        found.append(f"position {held} here, {truth.position()} there")
    if state.account.wallet != truth.account.wallet:
        found.append(f"wallet {state.account.wallet} here, {truth.account.wallet} there")
    if missing := truth.fill_keys() - state.fill_keys.keys() - world.fills_known:
        found.append(f"{len(missing)} fill(s) never heard of: {sorted(missing)[:3]}")
    position = state.positions.get(setting.SYMBOL)
    if truth.position() and (position is None or position.stop is None or not truth.protected()):
        found.append("a position without a stop")
    if wrong := [key for key in state.alarms if key.startswith(("PositionMismatch", "BalanceMismatch", "Unknown"))]:
        found.append(f"alarms: {', '.join(wrong)}")
    return found

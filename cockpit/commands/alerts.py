"""``cockpit alerts``: targets (masked), causes, a test message, and putting an address away."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from cockpit.commands.keys import ask
from engine.model.clean import clean
from engine.model.errors import CockpitError
from engine.ops import alerts, config, paths, secrets
from engine.ops.alerts import CAUSES, Target
from engine.ops.shape import nearest

FAILED = 4
"""As for a venue: somebody else does not answer."""


def show(profile: str, home: Path | None, flags: dict[str, Any], *, as_json: bool) -> int:
    place = paths.home(home)
    wanted = config.load(profile, place, flags).profile.alerts.causes
    targets = alerts.load_targets(place)
    where = [kept.where for kept in secrets.places(secrets.ALERTS, place)][:1]
    causes = {name: wanted.get(name, cause.sent) for name, cause in CAUSES.items()}
    if as_json:
        rows = [{"cause": n, "level": CAUSES[n].level, "title": CAUSES[n].title, "sent": s} for n, s in causes.items()]
        told = [{"name": to.name, "address": to.shown} for to in targets]
        print(json.dumps({"targets": told, "kept": where, "causes": rows}, indent=1))
        return 0
    for to in targets:
        print(f"{to.name:<16} {to.shown}")
    print(f"kept in {clean(where[0], 300)}" if where else f"no targets: {alerts.HINT}")
    print(f"\nsent by the profile {profile} (alerts.causes.NAME: true or false):")
    for name, sent in causes.items():
        print(f"  {'●' if sent else '○'} {name:<18} {CAUSES[name].level:<8} {CAUSES[name].title}")
    return 0


def test(cause: str, to: str, home: Path | None, *, as_json: bool) -> int:
    """One message to every target at once; 0 when all took it, else ``FAILED``."""
    if cause not in CAUSES:
        raise CockpitError(f"there is no cause {cause[:40]!r}", "", nearest(cause, CAUSES))
    targets = _chosen(alerts.load_targets(paths.home(home)), to)
    level, title, _ = CAUSES[cause]
    done = alerts.send_all(targets, level, f"cockpit: {title}", "This is a test: nothing has happened.")
    if as_json:
        print(json.dumps([delivery._asdict() for delivery in done], indent=1))
    else:
        for target, delivery in zip(targets, done, strict=True):
            mark = "✓" if delivery.ok else "✕"
            print(f"{mark} {target.name:<16} {target.shown:<40} {delivery.detail}  ({delivery.took_ms} ms)")
    return 0 if all(delivery.ok for delivery in done) else FAILED


def add(name: str, home: Path | None, *, in_file: bool) -> int:
    """Ask for an address without an echo; nothing is sent to it."""
    place = paths.home(home)
    kept = secrets.load(secrets.ALERTS, place, alerts.HINT)
    if name not in kept and len(kept) >= alerts.MOST:
        raise CockpitError(f"there are {len(kept)} targets already", "", "cockpit alerts forget NAME")
    address = ask("address")
    made = alerts.target(name, address)
    if problem := alerts.check(made.address):
        raise CockpitError(problem, "", alerts.HINT)
    where = secrets.store(secrets.ALERTS, place, {**kept, name: address}, in_file=in_file)
    print(f"kept: {name}  {made.shown}  in {where}")
    print("see whether it arrives: cockpit alerts test")
    return 0


def forget(name: str, home: Path | None) -> int:
    place = paths.home(home)
    kept = secrets.load(secrets.ALERTS, place, alerts.HINT)
    if name not in kept:
        raise CockpitError(f"there is no target {name[:40]!r}", "", nearest(name, kept))
    del kept[name]
    if kept:
        secrets.store(secrets.ALERTS, place, kept, in_file=secrets.places(secrets.ALERTS, place)[0].where != "keyring")
    else:
        secrets.forget(secrets.ALERTS, place)
    print(f"forgotten: {name}")
    return 0


def _chosen(targets: list[Target], name: str) -> list[Target]:
    chosen = [to for to in targets if name in ("", to.name)]
    if not chosen:
        if targets:
            raise CockpitError(f"there is no target {name[:40]!r}", "", nearest(name, [to.name for to in targets]))
        raise CockpitError("there are no targets", "", alerts.HINT)
    return chosen

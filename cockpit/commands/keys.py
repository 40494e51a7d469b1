"""``cockpit keys``: put a profile's API keys away, tell where they are, remove them. None of it ever prints one."""

from __future__ import annotations

import json
import sys
import time
from getpass import GetPassWarning, getpass
from pathlib import Path
from warnings import catch_warnings, simplefilter

from engine.model.clean import clean
from engine.model.errors import CockpitError
from engine.ops import config, paths, secrets
from engine.ops.secret_file import plausible
from engine.ops.secrets import SecretsError

MISSING = SecretsError.exit_code
ASKED = (("api_key", "API key"), ("api_secret", "API secret"))


def store(profile: str, home: Path | None, *, in_file: bool) -> int:
    """Ask for both, without an echo, and keep them in one place."""
    place = paths.home(home)
    _trades_with_keys(profile, place)
    fields = {name: ask(title) for name, title in ASKED}
    where = secrets.store(profile, place, fields, in_file=in_file)
    print(f"kept for {profile}: {where}")
    print("withdrawals must be off for this key: that is set, and can be seen, at the venue only", file=sys.stderr)
    return 0


def show(profile: str, home: Path | None, *, as_json: bool) -> int:
    """Every place that has keys for the profile, the one that is used first."""
    place = paths.home(home)
    _trades_with_keys(profile, place)
    found = secrets.places(profile, place)
    if as_json:
        rows = [{"where": kept.where, "since": _when(kept.since), "used": n == 0} for n, kept in enumerate(found)]
        print(json.dumps({"profile": profile, "places": rows}, indent=1))
    else:
        for n, kept in enumerate(found):
            used = "used" if n == 0 else "not used: the first place wins"
            print(f"{clean(kept.where, 300)}  since {_when(kept.since) or 'unknown'}  {used}")
        if not found:
            print(f"no keys for {profile}: cockpit keys set --profile {profile}")
    return 0 if found else MISSING


def forget(profile: str, home: Path | None) -> int:
    place = paths.home(home)
    _name(profile)
    gone = secrets.forget(profile, place)
    for where in gone:
        print(f"removed: {clean(where, 300)}")
    if not gone:
        print(f"no keys for {profile} are kept")
    return 0 if gone else MISSING


def ask(title: str) -> str:
    """A secret typed without an echo, or a line of a pipe. CockpitError for what can be none."""
    try:
        with catch_warnings():
            simplefilter("error", GetPassWarning)  # it would go on with an echo
            value = getpass(f"{title}: ") if sys.stdin.isatty() else sys.stdin.readline()
    except (EOFError, GetPassWarning) as error:
        raise CockpitError("it cannot be asked for here without showing it", "", "use a terminal") from error
    value = value.strip()
    if not plausible(value):
        raise CockpitError(f"this is no {title}", "", "one line of printable characters, without spaces")
    return value


def _trades_with_keys(profile: str, place: paths.Home) -> None:
    from engine.session.rig import embedded

    _name(profile)
    loaded = config.load(profile, place).profile
    if loaded.mode == "PAPER" or embedded(loaded.venue):
        raise CockpitError(f"the profile {profile} needs no keys", "", "only a profile that trades on an account does")


def _name(profile: str) -> None:
    """What becomes a file's name; the alerts' addresses are no profile."""
    if profile == secrets.ALERTS or not config.is_name(profile):
        raise CockpitError(f"{profile[:80]!r} is no name of a profile with keys", "", "letters, digits, - and _")


def _when(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(seconds)) if seconds else ""

"""Sessions: run one, check one, and the exchange alone."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer

from cockpit.cli.options import (
    CandlesOption,
    HomeOption,
    JsonOption,
    ProfileOption,
    SeedOption,
    SetOption,
    SpeedOption,
    StaleOption,
    flags_of,
    stale,
)
from engine.model.errors import CockpitError

app = typer.Typer()
config_app = typer.Typer(help="What the engine would run with.", no_args_is_help=True)
app.add_typer(config_app, name="config")


@app.command()
def run(
    profile: ProfileOption = "demo",
    headless: Annotated[bool, typer.Option("--headless", help="Without a screen: log lines, then a summary.")] = False,
    auto_approve: Annotated[
        bool, typer.Option("--auto-approve", help="Nobody is asked (never on a live profile).")
    ] = False,
    duration: Annotated[float | None, typer.Option("--duration", help="End after this many seconds.", min=0.1)] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue the account's last session: its counts and its result go on.")
    ] = False,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Know nothing of earlier sessions: what the account holds is foreign.")
    ] = False,
    adopt: Annotated[
        bool, typer.Option("--adopt", help="Take over positions that no session of ours knows; they get a stop.")
    ] = False,
    speed: SpeedOption = None,
    candles: CandlesOption = None,
    seed: SeedOption = None,
    stale_timeout: StaleOption = None,
    home: HomeOption = None,
    settings: SetOption = None,
    as_json: JsonOption = False,
) -> None:
    """Trade a session on a profile; with --headless without a screen, ending with a summary."""
    if resume + fresh + adopt > 1:
        raise CockpitError("--resume, --fresh and --adopt exclude each other")
    how: Any = "resume" if resume else "fresh" if fresh else "adopt" if adopt else "carry"
    more = {"trading.approval": "auto" if auto_approve else None, **stale(stale_timeout)}
    flags = flags_of(settings, speed, candles, seed, **more)
    if headless or as_json:
        from cockpit.commands import headless as runner

        raise typer.Exit(runner.run(profile, home, flags, duration, as_json=as_json, how=how))
    if not (sys.stdout.isatty() and sys.stdin.isatty()):
        from cockpit.commands import headless as runner

        raise typer.Exit(runner.without_terminal(profile, home, flags, duration))
    from cockpit import live
    from cockpit.commands import second

    raise typer.Exit(second.or_watch(lambda: live.open_screen(profile, home, flags, duration, how), home))


@app.command()
def exchange(
    port: Annotated[int, typer.Option("--port", help="Port on loopback; 0 takes any free one.", min=0, max=65_535)] = 0,
    symbol: Annotated[list[str] | None, typer.Option("--symbol", help="Pair to list. Repeatable.")] = None,
    speed: SpeedOption = None,
    candles: CandlesOption = None,
    seed: SeedOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Run the simulated exchange alone until interrupted; prints its addresses and demo keys when it is ready."""
    from cockpit.commands import exchange as runner

    raise typer.Exit(
        runner.run(port, symbol or ["BTCUSDT"], home, flags_of(None, speed, candles, seed), as_json=as_json)
    )


@app.command()
def preflight(
    profile: ProfileOption = "demo",
    home: HomeOption = None,
    settings: SetOption = None,
    as_json: JsonOption = False,
) -> None:
    """Run the checklist and end; exit code 0 only when every required gate passes."""
    from cockpit.commands import headless

    raise typer.Exit(headless.preflight(profile, home, flags_of(settings, None, None, None), as_json=as_json))


@config_app.command("show")
def config_show(
    profile: ProfileOption = "demo",
    home: HomeOption = None,
    settings: SetOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print the effective settings and where each value comes from."""
    from cockpit.commands import config

    raise typer.Exit(config.show(profile, home, flags_of(settings, None, None, None), as_json=as_json))

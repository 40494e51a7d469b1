"""The ``cockpit`` command: options in, one function of ``cockpit.commands`` out. What is heavy is imported when needed."""

from __future__ import annotations

import os
import sys
from typing import Annotated, NoReturn

import typer

from cockpit import __version__
from cockpit.cli import alerts, backtest, data, health, keys, proofs, recordings, recovery, rescue, sweep, trading
from cockpit.cli.options import (
    CandlesOption,
    HomeOption,
    ProfileOption,
    SeedOption,
    SetOption,
    SpeedOption,
    StaleOption,
    flags_of,
    stale,
)
from engine.model.errors import CockpitError

app = typer.Typer(
    name="cockpit",
    help="A trading cockpit: live panes over a journaled engine. Without a command it opens the screen on the demo market.",
    add_completion=False,
    no_args_is_help=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for part in (trading, recordings, proofs, data, backtest, sweep, recovery, rescue, keys, alerts, health):
    app.add_typer(part.app)


def main() -> None:
    """Run the command; every error of ours is one line on standard error and an exit code, never a traceback."""
    try:
        app()
    except CockpitError as error:
        refuse(error)
    except OSError as error:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
        refuse(CockpitError(f"the system refuses: {error.strerror or error}", str(error.filename or "")))


def refuse(error: CockpitError) -> NoReturn:
    """The error in one line, its hint in another, and its exit code."""
    from engine.model.clean import clean

    where = f"{clean(error.where, 300)}: " if error.where else ""
    print(f"cockpit: {where}{clean(error.what, 600)}", file=sys.stderr)
    if error.hint:
        print(f"         {clean(error.hint, 600)}", file=sys.stderr)
    sys.exit(error.exit_code)


def _before_a_command(context: typer.Context) -> None:
    """Options before the command's name: ``--home`` holds for every command, the others belong behind the name."""
    for name in ("profile", "settings", "speed", "candles", "seed", "stale_timeout"):
        source = context.get_parameter_source(name)
        if source is not None and source.name == "COMMANDLINE":
            option = "--set" if name == "settings" else f"--{name.replace('_', '-')}"
            raise CockpitError(f"{option} goes behind the command, not before it")
    if context.params["home"] is not None:
        os.environ["COCKPIT_HOME"] = str(context.params["home"])


@app.callback(invoke_without_command=True)
def screen(
    context: typer.Context,
    profile: ProfileOption = "demo",
    home: HomeOption = None,
    settings: SetOption = None,
    speed: SpeedOption = None,
    candles: CandlesOption = None,
    seed: SeedOption = None,
    stale_timeout: StaleOption = None,
    version: Annotated[bool, typer.Option("--version", help="Print the version and end.")] = False,
) -> None:
    """Open the screen and trade a session. Keys: ? shows them all, F9 stops everything at once."""
    if version:
        print(f"cockpit {__version__}")
        raise typer.Exit
    if context.invoked_subcommand is not None:
        _before_a_command(context)
        return
    from cockpit import live
    from cockpit.commands import headless, second

    flags = flags_of(settings, speed, candles, seed, **stale(stale_timeout))
    if sys.stdout.isatty() and sys.stdin.isatty():
        raise typer.Exit(second.or_watch(lambda: live.open_screen(profile, home, flags), home))
    raise typer.Exit(headless.without_terminal(profile, home, flags))

"""The ``cockpit`` command: options in, one function of a sibling module out. Nothing heavy is imported before it is needed."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from cockpit import __version__
from engine.model.errors import CockpitError

app = typer.Typer(
    name="cockpit",
    help="A trading cockpit: live panes over a journaled engine. Without a command it opens the screen on the demo market.",
    add_completion=False,
    no_args_is_help=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
config_app = typer.Typer(help="What the engine would run with.", no_args_is_help=True)
app.add_typer(config_app, name="config")

ProfileOption = Annotated[
    str, typer.Option("--profile", "-p", help="demo, paper, live, or a file name in your config folder.")
]
HomeOption = Annotated[
    Path | None,
    typer.Option("--home", help="Where sessions and settings are kept.", envvar="COCKPIT_HOME", show_envvar=True),
]
SetOption = Annotated[
    list[str] | None, typer.Option("--set", help="Change a setting, e.g. risk.max_leverage=2. Repeatable.")
]
SpeedOption = Annotated[
    float | None, typer.Option("--speed", help="Market minutes per minute on the embedded exchange.")
]
CandlesOption = Annotated[
    Path | None, typer.Option("--candles", help="Play this CSV of one-minute candles instead of a generated market.")
]
SeedOption = Annotated[int | None, typer.Option("--seed", help="Repeat the same generated market.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Answer with JSON on standard output.")]


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
    from engine.venues.clean import clean

    where = f"{clean(error.where, 300)}: " if error.where else ""
    print(f"cockpit: {where}{clean(error.what, 600)}", file=sys.stderr)
    if error.hint:
        print(f"         {clean(error.hint, 600)}", file=sys.stderr)
    sys.exit(error.exit_code)


def _flags(
    settings: list[str] | None, speed: float | None, candles: Path | None, seed: int | None, **more: Any
) -> dict[str, Any]:
    """Dotted paths → values, as ``engine.ops.config.load`` takes them; what was not given is left out."""
    flags: dict[str, Any] = {}
    for item in settings or []:
        path, equals, value = item.partition("=")
        if not equals or not path.strip():
            raise CockpitError(f"--set takes path=value, not {item!r}", "", "for example: --set risk.max_leverage=2")
        flags[path.strip()] = value
    given = {
        "exchange.speed": speed,
        "exchange.candles": candles and str(candles.absolute()),
        "exchange.seed": seed,
        **more,
    }
    return flags | {path: value for path, value in given.items() if value is not None}


def _before_a_command(context: typer.Context) -> None:
    """Options before the command's name: ``--home`` holds for every command, the others belong behind the name."""
    for name in ("profile", "settings", "speed", "candles", "seed"):
        source = context.get_parameter_source(name)
        if source is not None and source.name == "COMMANDLINE":
            option = "--set" if name == "settings" else f"--{name}"
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
    version: Annotated[bool, typer.Option("--version", help="Print the version and end.")] = False,
) -> None:
    """Open the screen and trade a session. Keys: ? shows them all, F9 stops everything at once."""
    if version:
        print(f"cockpit {__version__}")
        raise typer.Exit
    if context.invoked_subcommand is not None:
        _before_a_command(context)
        return
    from cockpit import headless, live

    flags = _flags(settings, speed, candles, seed)
    if sys.stdout.isatty() and sys.stdin.isatty():
        raise typer.Exit(live.open_screen(profile, home, flags))
    raise typer.Exit(headless.without_terminal(profile, home, flags))


@app.command()
def run(
    profile: ProfileOption = "demo",
    headless: Annotated[bool, typer.Option("--headless", help="Without a screen: log lines, then a summary.")] = False,
    auto_approve: Annotated[
        bool, typer.Option("--auto-approve", help="Nobody is asked (never on a live profile).")
    ] = False,
    duration: Annotated[float | None, typer.Option("--duration", help="End after this many seconds.", min=0.1)] = None,
    speed: SpeedOption = None,
    candles: CandlesOption = None,
    seed: SeedOption = None,
    home: HomeOption = None,
    settings: SetOption = None,
    as_json: JsonOption = False,
) -> None:
    """Trade a session on a profile; with --headless without a screen, ending with a summary."""
    flags = _flags(settings, speed, candles, seed, **{"trading.approval": "auto" if auto_approve else None})
    if headless or as_json:
        from cockpit import headless as runner

        raise typer.Exit(runner.run(profile, home, flags, duration, as_json=as_json))
    if not (sys.stdout.isatty() and sys.stdin.isatty()):
        from cockpit import headless as runner

        raise typer.Exit(runner.without_terminal(profile, home, flags, duration))
    from cockpit import live

    raise typer.Exit(live.open_screen(profile, home, flags, duration))


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
    from cockpit import exchange as runner

    raise typer.Exit(runner.run(port, symbol or ["BTCUSDT"], home, _flags(None, speed, candles, seed), as_json=as_json))


@app.command()
def preflight(
    profile: ProfileOption = "demo",
    home: HomeOption = None,
    settings: SetOption = None,
    as_json: JsonOption = False,
) -> None:
    """Run the checklist and end; exit code 0 only when every required gate passes."""
    from cockpit import headless

    raise typer.Exit(headless.preflight(profile, home, _flags(settings, None, None, None), as_json=as_json))


@config_app.command("show")
def config_show(
    profile: ProfileOption = "demo",
    home: HomeOption = None,
    settings: SetOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print the effective settings and where each value comes from."""
    from cockpit import config

    raise typer.Exit(config.show(profile, home, _flags(settings, None, None, None), as_json=as_json))


RecordingArgument = Annotated[str, typer.Argument(help="A path, a name, the beginning of one, or last.")]
AtOption = Annotated[str, typer.Option("--at", help="12:03:11, -30s (from the end), 50%, #1234, start or end.")]


@app.command("sessions")
def list_sessions(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Every recorded session; in a terminal a list to filter, open, rename, delete and export from."""
    if sys.stdout.isatty() and sys.stdin.isatty() and not as_json:
        from cockpit.screens.sessions import open_list

        raise typer.Exit(open_list(home))
    from cockpit import recordings

    raise typer.Exit(recordings.print_sessions(home, as_json=as_json))


@app.command()
def replay(
    recording: RecordingArgument = "last",
    at: AtOption = "",
    speed: Annotated[float | None, typer.Option("--speed", help="0.1 to 1000; inf is as fast as can be.")] = None,
    headless: Annotated[bool, typer.Option("--headless", help="Without a screen: fold, print, end.")] = False,
    until: Annotated[str, typer.Option("--until", help="With --headless: the moment to fold up to.")] = "",
    dump_state: Annotated[bool, typer.Option("--dump-state", help="Print the whole state there as JSON.")] = False,
    home: HomeOption = None,
) -> None:
    """Open a recording and travel in it: the trade screen as it was at any moment. Nothing is sent anywhere."""
    from cockpit import recordings

    path = recordings.find(recording, home)
    if headless or dump_state:
        raise typer.Exit(recordings.print_state(path, until or at, dump=dump_state))
    if until:
        raise CockpitError("--until goes with --headless", "", "on the screen: --at")
    if not (sys.stdout.isatty() and sys.stdin.isatty()):
        raise CockpitError(
            "the screen needs a terminal", "", "without one: cockpit replay --headless --until TIME --dump-state"
        )
    from cockpit.replay import open_screen

    raise typer.Exit(open_screen(path, at, speed, home))


@app.command()
def verify(recording: RecordingArgument = "last", home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Run the recorded inputs through this version and compare every decision; exit code 1 where they differ."""
    from cockpit import recordings

    raise typer.Exit(recordings.print_verdict(recordings.find(recording, home), as_json=as_json))


@app.command()
def export(
    recording: RecordingArgument = "last",
    form: Annotated[str, typer.Option("--format", "-f", help="jsonl, csv, parquet, svg or state.")] = "jsonl",
    what: Annotated[str, typer.Option("--what", help="events, trades, orders, fills, equity or candles.")] = "",
    at: AtOption = "",
    out: Annotated[str, typer.Option("--out", "-o", help="File to write; - is standard output.")] = "",
    home: HomeOption = None,
) -> None:
    """Write a recording for other programs, or the screen (svg) or the state (JSON) at a moment of it."""
    from cockpit import export as exporter
    from cockpit import recordings

    raise typer.Exit(exporter.run(recordings.find(recording, home), form, what, at, out, home))


@app.command()
def whatif(
    recording: RecordingArgument = "last",
    at: Annotated[str, typer.Option("--at", help="From when on: 12:03:11, -30s (from the end), 50%, #1234.")] = "",
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="Another limit or trading rule: risk.max_leverage=3. Repeatable.")
    ] = None,
    params: Annotated[
        list[str] | None, typer.Option("--strategy", help="Another parameter: sweep.lookback=15. Repeatable.")
    ] = None,
    approve: Annotated[
        str, typer.Option("--approve", help="What nobody was asked then: always (yes), recorded (no), never (all no).")
    ] = "always",
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="The new recording; the control's is named after it.")
    ] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Run a session's market again with other limits or parameters, and compare; both runs open in replay."""
    from cockpit import whatif as runner

    raise typer.Exit(runner.run(recording, at, settings or [], params or [], approve, out, home, as_json=as_json))


if __name__ == "__main__":
    main()

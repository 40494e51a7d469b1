"""What is done with recordings: list, replay, verify, export, run again."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from cockpit.cli.options import AtOption, HomeOption, JsonOption, RecordingArgument
from engine.model.errors import CockpitError

app = typer.Typer()


@app.command("sessions")
def list_sessions(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Every recorded session; in a terminal a list to filter, open, rename, delete and export from."""
    if sys.stdout.isatty() and sys.stdin.isatty() and not as_json:
        from cockpit.screens.sessions import open_list

        raise typer.Exit(open_list(home))
    from cockpit.commands import recordings

    raise typer.Exit(recordings.print_sessions(home, as_json=as_json))


@app.command()
def replay(
    recording: RecordingArgument = "last",
    at: AtOption = "",
    speed: Annotated[float | None, typer.Option("--speed", help="0.1 to 1000; inf is as fast as can be.")] = None,
    headless: Annotated[bool, typer.Option("--headless", help="Without a screen: fold, print, end.")] = False,
    until: Annotated[str, typer.Option("--until", help="With --headless: the moment to fold up to.")] = "",
    dump_state: Annotated[bool, typer.Option("--dump-state", help="Print the whole state there as JSON.")] = False,
    follow: Annotated[
        bool, typer.Option("--follow", help="Stay at the end of a session that another process still writes.")
    ] = False,
    home: HomeOption = None,
) -> None:
    """Open a recording and travel in it: the trade screen as it was at any moment. Nothing is sent anywhere."""
    from cockpit.commands import recordings

    path = recordings.find(recording, home)
    if headless or dump_state:
        if follow:
            raise CockpitError("--follow needs the screen")
        raise typer.Exit(recordings.print_state(path, until or at, dump=dump_state))
    if until:
        raise CockpitError("--until goes with --headless", "", "on the screen: --at")
    if not (sys.stdout.isatty() and sys.stdin.isatty()):
        raise CockpitError(
            "the screen needs a terminal", "", "without one: cockpit replay --headless --until TIME --dump-state"
        )
    from cockpit.replay import open_screen

    raise typer.Exit(open_screen(path, at, speed, home, follow=follow))


@app.command()
def verify(recording: RecordingArgument = "last", home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Run the recorded inputs through this version and compare every decision; exit code 1 where they differ."""
    from cockpit.commands import recordings

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
    from cockpit.commands import export as exporter
    from cockpit.commands import recordings

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
    from cockpit.commands import whatif as runner

    raise typer.Exit(runner.run(recording, at, settings or [], params or [], approve, out, home, as_json=as_json))

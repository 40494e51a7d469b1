"""Seeing in from outside: how a session is, how the computer is, and what every day brought."""

from __future__ import annotations

from typing import Annotated

import typer

from cockpit.cli.options import HomeOption, JsonOption, ProfileOption

app = typer.Typer()


@app.command()
def status(
    session: Annotated[str, typer.Argument(help="A name, the beginning of one, a path, or last.")] = "last",
    everything: Annotated[bool, typer.Option("--all", help="Every session in a line.")] = False,
    watch: Annotated[bool, typer.Option("--watch", help="Again every two seconds until Ctrl-C.")] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """How a session is, running or not. Exit code 0: ok, 1: look at it, 2: act, 3: it is dead. Nothing is asked of it."""
    from cockpit.commands import status as runner

    raise typer.Exit(runner.run(session, home, everything=everything, watch=watch, as_json=as_json))


@app.command()
def doctor(
    profile: ProfileOption = "demo",
    online: Annotated[
        bool, typer.Option("--online", help="Also ask the profile's venue for its clock; without keys.")
    ] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check what a session stands on, and say what could not be checked. Exit code 0: nothing fails, 1: warnings, 2: it does."""
    from cockpit.commands import doctor as runner

    raise typer.Exit(runner.run(profile, home, online=online, as_json=as_json))


@app.command()
def equity(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Every day's equity and result, from the sessions' last words and the UTC midnights they lived through."""
    from cockpit.commands import equity as runner

    raise typer.Exit(runner.run(home, as_json=as_json))

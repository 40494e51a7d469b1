"""Alerts to a phone, a chat or a mailbox: where they go, what is sent, and whether they arrive."""

from __future__ import annotations

from typing import Annotated

import typer

from cockpit.cli.options import HomeOption, JsonOption, ProfileOption, SetOption, flags_of

app = typer.Typer()
alerts_app = typer.Typer(help="What is told to somebody who is not at the screen.", no_args_is_help=True)
app.add_typer(alerts_app, name="alerts")

NameArgument = Annotated[str, typer.Argument(help="What you call the target, e.g. phone.")]


@alerts_app.command("list")
def list_targets(
    profile: ProfileOption = "demo", home: HomeOption = None, settings: SetOption = None, as_json: JsonOption = False
) -> None:
    """Show the targets, their addresses masked, and every cause with whether the profile sends it."""
    from cockpit.commands import alerts

    raise typer.Exit(alerts.show(profile, home, flags_of(settings, None, None, None), as_json=as_json))


@alerts_app.command("test")
def send_test(
    cause: Annotated[str, typer.Option("--cause", help="Send it as if this had happened.")] = "Test",
    to: Annotated[str, typer.Option("--to", help="This target only.")] = "",
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Send a test to every target and tell what became of it; exit code 0 only when all of them took it."""
    from cockpit.commands import alerts

    raise typer.Exit(alerts.test(cause, to, home, as_json=as_json))


@alerts_app.command("add")
def add(
    name: NameArgument,
    in_file: Annotated[bool, typer.Option("--file", help="Keep it in a file instead of the system's keyring.")] = False,
    home: HomeOption = None,
) -> None:
    """Ask for a target's address without showing it, and keep it with the keys."""
    from cockpit.commands import alerts

    raise typer.Exit(alerts.add(name, home, in_file=in_file))


@alerts_app.command("forget")
def forget(name: NameArgument, home: HomeOption = None) -> None:
    """Send nothing to this target any more."""
    from cockpit.commands import alerts

    raise typer.Exit(alerts.forget(name, home))

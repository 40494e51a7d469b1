"""API keys: put where only their owner can read them, never shown again."""

from __future__ import annotations

from typing import Annotated

import typer

from cockpit.cli.options import HomeOption, JsonOption

app = typer.Typer()
keys_app = typer.Typer(help="The API keys of a profile.", no_args_is_help=True)
app.add_typer(keys_app, name="keys")

ProfileOption = Annotated[str, typer.Option("--profile", "-p", help="The profile that trades with them.")]


@keys_app.command("set")
def set_keys(
    profile: ProfileOption = "live",
    in_file: Annotated[
        bool, typer.Option("--file", help="Keep them in a file instead of the system's keyring.")
    ] = False,
    home: HomeOption = None,
) -> None:
    """Ask for key and secret without showing them, and keep them in the keyring, or with --file in a file of mode 0600."""
    from cockpit.commands import keys

    raise typer.Exit(keys.store(profile, home, in_file=in_file))


@keys_app.command("show")
def show(profile: ProfileOption = "live", home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Tell where the keys are and since when, never what they are; exit code 7 when there are none."""
    from cockpit.commands import keys

    raise typer.Exit(keys.show(profile, home, as_json=as_json))


@keys_app.command("forget")
def forget(profile: ProfileOption = "live", home: HomeOption = None) -> None:
    """Remove the keys from the keyring and from the file."""
    from cockpit.commands import keys

    raise typer.Exit(keys.forget(profile, home))

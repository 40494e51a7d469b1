"""Putting recordings back from their backups."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cockpit.cli.options import HomeOption, JsonOption

app = typer.Typer()


@app.command()
def restore(
    name: Annotated[str, typer.Argument(help="A session, the beginning of one, or latest.")] = "latest",
    to: Annotated[Path | None, typer.Option("--to", help="Write it there instead of in the session's place.")] = None,
    show: Annotated[bool, typer.Option("--list", help="Only show the backups there are.")] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Also in place of a whole recording that has more in it.")
    ] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Put a session's newest verified backup back in its place; what lay there is moved aside, never deleted."""
    from cockpit.commands import restore as runner

    if show:
        raise typer.Exit(runner.show(home, as_json=as_json))
    raise typer.Exit(runner.run(name, to, home, force=force, as_json=as_json))

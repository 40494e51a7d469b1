"""From another process: the kill switch, and the watchdog."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from cockpit.cli.options import HomeOption, JsonOption

app = typer.Typer()

OfProfile = Annotated[str | None, typer.Option("--profile", "-p", help="Sessions of this profile alone, or its venue.")]
OfSession = Annotated[str | None, typer.Option("--session", help="This session alone.")]


@app.command()
def kill(
    profile: OfProfile = None,
    flatten: Annotated[bool, typer.Option("--flatten", help="Close positions too, reduce-only.")] = False,
    reason: Annotated[str, typer.Option("--reason", help="Kept with the switch.")] = "",
    session: OfSession = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Throw the kill switch and cancel all entries, also of an engine that hangs or is gone; 0 only if the venue confirms."""
    from cockpit.commands import rescue

    raise typer.Exit(rescue.kill(profile, session, home, flatten=flatten, reason=reason, as_json=as_json))


@app.command()
def watchdog(
    profile: OfProfile = None,
    does: Annotated[
        Literal["kill", "flatten", "alert"] | None, typer.Option("--does", help="Instead of what the profile says.")
    ] = None,
    after: Annotated[float | None, typer.Option("--after", help="Seconds without a heartbeat.", min=3)] = None,
    once: Annotated[bool, typer.Option("--once", help="Look once and end.")] = False,
    session: OfSession = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Watch the sessions of this home, and throw the kill switch for one that is silent while it has orders or positions."""
    from cockpit.commands import rescue

    raise typer.Exit(rescue.watchdog(profile, session, home, does=does, after=after, once=once, as_json=as_json))

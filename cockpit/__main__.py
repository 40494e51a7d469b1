"""The ``cockpit`` command. Without options it opens the screen at once; only what has options waits for their parser."""

from __future__ import annotations

import os
import sys

from engine.model.errors import CockpitError

INTERRUPTED = 130
"""Exit code of a program that Ctrl+C ended before there was a session to shut down."""


def main() -> None:
    """The command of the package; Ctrl+C while it starts is an end, not an error. What it writes is its owner's alone."""
    os.umask(0o077)
    sys.excepthook = _unexpected
    try:
        _run()
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


def _unexpected(_: object, error: BaseException, __: object) -> None:
    from cockpit.failures import trace_of

    sys.stderr.write(trace_of(error))


def _run() -> None:
    if len(sys.argv) > 1 or not (sys.stdin.isatty() and sys.stdout.isatty()):
        from cockpit.cli import main as command

        command()
        return
    from cockpit import live

    try:
        sys.exit(live.open_screen("demo", None, {}))
    except CockpitError as error:
        from cockpit.cli import refuse

        refuse(error)


if __name__ == "__main__":
    main()

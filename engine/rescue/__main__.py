"""A session's own watchdog: a line of JSON in (whom to watch, with which keys), lines on standard error; ends with it."""

from __future__ import annotations

import signal
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import msgspec

from engine.model.clean import clean
from engine.model.errors import CockpitError
from engine.ops.paths import Home
from engine.ops.secrets import Secret
from engine.rescue.watchdog import Watchdog, alone, sent_out


class Order(msgspec.Struct):
    home: str
    session: str
    key: str = ""
    secret: str = ""


def say(level: str, session: str, text: str) -> None:
    stamp = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime())
    with suppress(OSError):
        sys.stderr.write(f"{stamp} {level:<7} {session} {clean(text, 400)}\n")
        sys.stderr.flush()


def main() -> int:
    order = msgspec.json.decode(sys.stdin.buffer.readline(), type=Order)
    home, stop = Home(Path(order.home)), threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    keys = (Secret(order.key), Secret(order.secret)) if order.key else None
    dog = Watchdog(home, sent_out(home, say), wanted=lambda run: run.session == order.session, keys=keys)
    try:
        with alone(home, order.session):
            dog.run(stop, until_gone=True)
    except CockpitError as error:
        say("warning", order.session, str(error))
        return error.exit_code
    log = home.run / f"{order.session}.watchdog.log"
    with suppress(OSError):
        if log.stat().st_size == 0:
            log.unlink()
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""The process itself: after a fault anywhere it is gone soon and its account free; at its memory ceiling it ends in order."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest
from rescue_kit import environment, launched

from engine.ops import running
from engine.ops.paths import Home

pytestmark = pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="Linux's /proc")

FAULTY = """
import asyncio, sys, threading, time
from cockpit.commands import headless
from engine.session import rig

def fail(*_):
    print("planted", time.monotonic(), flush=True)
    raise RuntimeError("planted")

async def fail_later():
    await asyncio.sleep(0.3)
    fail()

WHERE = {
    "callback": lambda: asyncio.get_running_loop().call_later(0.3, fail),
    "thread": lambda: threading.Timer(0.3, fail).start(),
    "task": lambda: rig.unattended(asyncio.create_task(fail_later())),
}
chosen, bring_up = sys.argv[1], rig.Rig.bring_up

async def then_fail(self):
    done = await bring_up(self)
    WHERE[chosen]()
    return done

rig.Rig.bring_up = then_fail
from cockpit.cli import main
sys.argv = ["cockpit", "run", "--headless", "--set=trading.approval=required"]
main()
"""


@pytest.mark.parametrize("where", ["callback", "thread", "task"])
def test_a_fault_ends_the_process_within_five_seconds(tmp_path: Path, where: str) -> None:
    home = tmp_path / "home"
    done = subprocess.run(
        [sys.executable, "-c", FAULTY, where],
        env=environment(home),
        capture_output=True,
        text=True,
        timeout=40,
        check=False,
    )
    ended = time.monotonic()
    (planted,) = [line for line in done.stdout.splitlines() if line.startswith("planted")]
    assert ended - float(planted.split()[1]) < 5
    assert done.returncode not in (0, -9)
    assert "planted" in done.stderr
    assert running.found(Home(home)) == [], "the embedded exchange has ended, nothing is left to rescue"


def test_at_its_memory_ceiling_a_session_ends_in_order_and_says_why(tmp_path: Path) -> None:
    with launched(tmp_path / "home", "run", "--headless", "--set=watch.memory_mb=30") as process:
        words, _ = process.communicate(timeout=20)
    assert process.returncode == 1
    assert "memory ceiling" in words
    assert "6/6 close the links: ok" in words
    assert "limit 30 MB" in words.splitlines()[-2]

"""Opening a recording loads nothing that could reach a venue."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

RECORDED = Path(__file__).parent.parent / "recordings" / "schema1.cockpit"
PROGRAM = """
import asyncio, sys
from pathlib import Path
from cockpit.app import CockpitApp
from cockpit.replay import ReplaySource, opened, own_screen, profile_of

travel = opened(Path(sys.argv[1]), "50%")
profile = profile_of(travel.replay.recording, own_screen(Path(sys.argv[2])))
app = CockpitApp(profile, ReplaySource(travel, profile))

async def look():
    async with app.run_test(size=(120, 36)) as pilot:
        for key in (",", ".", "[", "w", "escape", "d", "escape", "space", "y", "f9"):
            await pilot.press(key)
            await pilot.pause()

asyncio.run(look())
bad = ("engine.venues", "engine.session", "engine.sim", "httpx", "websockets", "aiohttp")
print(sorted(name for name in sys.modules if name.startswith(bad)))
"""


def test_a_replay_imports_no_venue_no_session_and_no_network(tmp_path: Path) -> None:
    copy = tmp_path / "demo.cockpit"
    copy.write_bytes(RECORDED.read_bytes())
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(copy), str(tmp_path / "home")],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"

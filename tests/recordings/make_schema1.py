"""Makes ``schema1.cockpit``, the recording that tests replay: ``python tests/recordings/make_schema1.py [FILE]``.

A demo session at sixty times the market's speed in which the second order is declined, the others are approved, and
the kill switch is thrown once a trade is closed and another position is held. Needed again only for a new schema: old
recordings stay as they are.
"""

from __future__ import annotations

import asyncio
import shutil
import sys
import tempfile
from pathlib import Path

from engine.core.orders import terms
from engine.ops import config, paths
from engine.session.rig import Rig
from engine.session.session import Session

LONGEST_S = 110.0
WANTED = {
    "exchange.speed": 60,
    "exchange.seed": 4,
    "trading.approval": "required",
    "trading.approval_max_move_bps": 100,
    "risk.cooldown_s": 1,
}


async def operate(session: Session) -> None:
    """Answers approvals, and throws the kill switch when enough has happened."""
    asked: list[str] = []

    def enough() -> bool:
        return session.state.trades_total >= 1 and any(p.qty for p in session.state.positions.values())

    while not (len(asked) > 2 and enough()):
        await asyncio.sleep(0.15)
        for client_id in list(session.state.approvals):
            asked += [client_id] if client_id not in asked else []
            if asked.index(client_id) == 1:
                session.command("decline", target=client_id)
            else:
                session.command("approve", target=client_id, text=terms(session.state.orders[client_id]))
    session.command("kill", text="enough seen")
    await asyncio.sleep(3)


async def record(home: Path) -> Path:
    shutil.copytree(config.shipped(), home / "shipped")  # the recording names the files that its parameters are from
    environ = {"COCKPIT_CONFIG_DIR": str(home / "shipped")}
    rig = Rig(config.load("demo", flags=WANTED, environ=environ), paths.home(home), "0.1.0")
    try:
        await rig.build()
        await rig.bring_up()
        await asyncio.wait_for(operate(rig.session), LONGEST_S)
    finally:
        await rig.end("close", "the fixture is complete")
    return rig.recording


def main() -> int:
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).with_name("schema1.cockpit")
    with tempfile.TemporaryDirectory() as folder:
        shutil.move(asyncio.run(record(Path(folder))), target)
    print(f"{target}: {target.stat().st_size:,} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())

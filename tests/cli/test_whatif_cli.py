"""`cockpit whatif`: three columns, JSON, one-line errors, and not a byte to the network."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

RECORDED = Path(__file__).parent.parent / "recordings" / "schema1.cockpit"
NO_NETWORK = """
import socket, sys
class Refused(socket.socket):
    def __init__(self, *a, **k): raise AssertionError("a socket was made")
socket.socket = Refused
from cockpit.cli import app, main
import cockpit.commands.whatif
sys.argv = ["cockpit", *sys.argv[1:]]
try:
    main()
finally:
    bad = ("engine.venues.bitunix", "engine.session", "httpx", "websockets", "aiohttp")
    found = sorted(name for name in sys.modules if name.startswith(bad))
    print(found, file=sys.stderr)
"""


def command(home: Path, *args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", NO_NETWORK, "whatif", *args, "--home", str(home)],
        capture_output=True, text=True, timeout=60, check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "sessions").mkdir(mode=0o700)
    tmp_path.chmod(0o700)
    (tmp_path / "sessions" / "one.cockpit").write_bytes(RECORDED.read_bytes())
    return tmp_path


def names(home: Path) -> Sequence[str]:
    return sorted(path.name for path in (home / "sessions").glob("*.cockpit"))


def test_the_command_prints_three_columns_and_touches_no_network(home: Path) -> None:
    for _ in range(2):  # the second time `last` still is the session
        done = command(
            home, "last", "--at", "#110", "--set", "risk.max_notional_quote=9000", "--strategy", "sweep.lookback=15"
        )
        assert done.returncode == 0, done.stderr
        assert done.stderr.strip() == "[]"
    lines = done.stdout.splitlines()
    assert lines[0].startswith("20261120-064918-da8c from #110")
    assert "  risk.max_notional_quote: 25000.0 → 9000.0" in lines
    assert "  sweep.lookback: 10 → 15" in lines
    assert next(line for line in lines if "recorded" in line).split() == ["recorded", "control", "what-if"]
    assert next(line for line in lines if line.startswith("trades")).split() == ["trades", "2", "2", "1", "≠"]
    assert next(line for line in lines if line.startswith("refused paused")).split()[2:] == ["1", "1", "1"]
    assert names(home) == [
        "one-whatif-2-control.cockpit", "one-whatif-2.cockpit", "one-whatif-control.cockpit", "one-whatif.cockpit", "one.cockpit",
    ]  # fmt: skip


def test_the_command_answers_with_json_and_writes_where_it_is_told(home: Path) -> None:
    out = home / "mine.cockpit"
    done = command(home, "one", "--set", "risk.max_notional_quote=9000", "--json", "--out", str(out), "--at=-10s")
    assert done.returncode == 0, done.stderr
    found = msgspec.json.decode(done.stdout)
    assert found["changed_path"] == str(out)
    assert found["control_path"] == str(home / "mine-control.cockpit")
    assert {"trades", "net_pnl", "max_drawdown", "orders", "rejections"} <= found["changed"].keys()
    assert Decimal(found["recorded"]["net_pnl"]) < 0
    assert names(home) == ["one.cockpit"]


@pytest.mark.parametrize(
    ("args", "code", "said"),
    [
        (("one",), 2, "nothing is to be changed"),
        (("one", "--set", "risk.max_leverage"), 2, "--set takes path=value"),
        (("one", "--set", "venue.timeout_s=1"), 2, "does not belong"),
        (("one", "--set", "risk.max_leverage=3", "--approve", "perhaps"), 2, "always, recorded, never"),
        (("one", "--set", "risk.max_leverage=3", "--at", "soon"), 1, "is no place"),
        (("nix", "--set", "risk.max_leverage=3"), 1, "there is no recording"),
    ],
)
def test_the_command_says_what_is_wrong_in_a_line(home: Path, args: tuple[str, ...], code: int, said: str) -> None:
    done = command(home, *args)
    assert done.returncode == code
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert names(home) == ["one.cockpit"]

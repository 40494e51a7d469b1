"""The measurements run and their table reads well; how fast this machine is, is no matter of a test."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

pytest.importorskip("pty", reason="pseudo-terminals are a Unix thing")

from bench import chart_bench, core_bench, journal_bench, start_bench, strategies_bench
from bench.__main__ import NAMES, machine
from bench.program import cpu_s, plain, rss_mb
from bench.table import Row, row, table

ROOT = Path(__file__).parents[2]


def test_every_name_is_a_module_with_rows() -> None:
    assert all((ROOT / "bench" / f"{name}_bench.py").exists() for name in NAMES)


def test_a_goal_is_judged_by_its_column_and_no_goal_by_nothing() -> None:
    assert row("x", "ms", [1.0, 2.0, 90.0], 50).verdict == "ok"
    assert row("x", "ms", [1.0, 2.0, 90.0], 50, "worst").verdict == "over"
    assert row("x", "ms", [1.0]).verdict == ""


def test_of_a_hundred_values_the_99th_percentile_stands_of_fewer_the_worst() -> None:
    assert row("x", "ms", [float(n) for n in range(200)]).worst == 198.0
    assert row("x", "ms", [float(n) for n in range(50)]).worst == 49.0


def test_the_table_has_a_line_for_each_row_in_columns() -> None:
    lines = table([Row("first frame", "s", 0.4, 0.5, 0.5), Row("events", "1/s", 12_345.0)]).splitlines()
    assert len(lines) == 3
    assert "≤ 0.5" in lines[1]
    assert "ok" in lines[1]
    assert "12,345" in lines[2]
    assert lines[1].index(" s ") == lines[2].index(" 1/s")


def test_the_cheap_measurements_give_figures() -> None:
    found = [
        *core_bench.rows(events=150, runs=1),
        *strategies_bench.rows(bars=300, runs=1),
        *chart_bench.rows(ticks=4),
        *journal_bench.rows(seconds=0.02, count=2_000),
    ]
    assert all(r.middle >= 0 for r in found)
    assert {r.unit for r in found} >= {"µs", "ms", "1/s"}


def test_a_command_takes_wall_time_and_processor_time() -> None:
    wall, used = start_bench.command([sys.executable, "-c", "sum(range(300_000))"])
    assert wall > 0
    assert used >= 0


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs Linux's /proc")
def test_a_process_can_be_weighed() -> None:
    assert cpu_s(os.getpid()) > 0
    assert 1 < rss_mb(os.getpid()) < 10_000


def test_plain_text_is_what_stands_between_the_escape_sequences() -> None:
    assert plain(b"\x1b[1;31mKILL\x1b[0m\x1b[3;4Hed\x1b]0;title\x07!") == "KILLed!"


def test_the_machine_is_named_with_python_and_load() -> None:
    assert "Python 3." in machine()
    assert "load" in machine()

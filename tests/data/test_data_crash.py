"""A write that is killed between any two of its steps, bits that rot, and what the store makes of both."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from data_kit import candle, candles
from pyarrow import parquet as pq

from engine.data import healing
from engine.data import manifest as book
from engine.data.contract import CandleError
from engine.data.store import Store
from engine.model.market import Candle

OLD = candles(30)
NEW = [*OLD[:20], *[candle(n, 300.0) for n in range(20, 40)]]


class Killed(BaseException):
    """The process ends here: no handler of the store may know it."""


class Steps:
    """Counts what reaches the disk, and kills before the step with the number ``last``; ``done`` is their order."""

    def __init__(self, last: int) -> None:
        self.last = last
        self.done: list[str] = []

    def __call__(self, name: str, act: Callable[[], Any]) -> Any:
        if len(self.done) == self.last:
            raise Killed
        self.done.append(name)
        return act()


@contextmanager
def killed_before(step: int) -> Iterator[Steps]:
    """Every open for writing, sync, rename, folder sync and deletion of the store counts as a step; so does half a file."""
    steps = Steps(step)
    real_open, real_unlink, fsync, replace = Path.open, Path.unlink, os.fsync, os.replace

    def opened(path: Path, mode: str = "r", *args: Any, **kwargs: Any) -> Any:
        if "w" not in mode:
            return real_open(path, mode, *args, **kwargs)
        return Half(steps(f"open {path.name}", lambda: real_open(path, mode, *args, **kwargs)), path, steps)

    def unlinked(path: Path, missing_ok: bool = False) -> None:
        if not path.exists():
            real_unlink(path, missing_ok=missing_ok)
        steps(f"unlink {path.name}", lambda: real_unlink(path, missing_ok=missing_ok))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Path, "open", opened)
        patch.setattr(Path, "unlink", unlinked)
        patch.setattr(os, "fsync", lambda fd: steps("sync", lambda: fsync(fd)))
        patch.setattr(os, "replace", lambda a, b: steps(f"rename {Path(b).name}", lambda: replace(a, b)))
        yield steps


def was_killed(step: int, act: Callable[[], object]) -> bool:
    with killed_before(step):
        try:
            act()
        except Killed:
            return True
    return False


class Half:
    """A file of which a kill can leave the first half."""

    def __init__(self, file: Any, path: Path, steps: Steps) -> None:
        self.file, self.path, self.steps = file, path, steps

    def __enter__(self) -> Half:
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()

    def write(self, data: bytes) -> None:
        self.file.write(data[: len(data) // 2])
        self.steps(f"write {self.path.name}", lambda: self.file.write(data[len(data) // 2 :]))

    def __getattr__(self, name: str) -> Any:
        return getattr(self.file, name)


def kill_points(folder: Path, before: list[Candle]) -> Iterator[tuple[int, Path]]:
    """A store with ``before`` in it, for each step of a write of ``NEW``, after the kill in front of that step."""
    for step in range(60):
        place = folder / str(step)
        if before:
            Store(place).write("v", "S", before, "old")
        place.mkdir(exist_ok=True)
        (place / "v" / "S").mkdir(parents=True, exist_ok=True)
        if not was_killed(step, lambda place=place: Store(place).write("v", "S", NEW, "new", replace=True)):
            return
        yield step, place
    raise AssertionError("the write never ended")


SETTLED = [".lock", "2024-01.parquet", "manifest.json"]


def files(place: Path) -> list[str]:
    return sorted(path.name for path in (place / "v" / "S").iterdir())


def rows_of(place: Path) -> list[Candle]:
    return Store(place).read("v", "S") if Store(place).has("v", "S") else []


@pytest.mark.parametrize("before", [[], OLD], ids=["first write", "second write"])
def test_a_kill_between_any_two_steps_leaves_the_old_or_the_new(tmp_path: Path, before: list[Candle]) -> None:
    seen = []
    for step, place in kill_points(tmp_path, before):
        found = rows_of(place)
        assert found in (before, NEW), f"killed before step {step}"
        if found:
            assert Store(place).check("v", "S") == [], f"killed before step {step}"
            assert {row.problem for row in Store(place).listed()} == {""}
            assert files(place) == SETTLED
        Store(place).write("v", "S", NEW, "new", replace=True)
        assert Store(place).read("v", "S") == NEW
        assert files(place) == SETTLED
        seen.append(found == NEW)
    assert seen == sorted(seen), "once the new month is there it stays"
    assert len(seen) == 12
    assert {True, False} == set(seen)


def test_healing_may_be_killed_as_well(tmp_path: Path) -> None:
    for step, place in kill_points(tmp_path, OLD):
        for again in range(30):
            if not was_killed(again, lambda place=place: rows_of(place)):
                break
        assert rows_of(place) in (OLD, NEW), step
        assert Store(place).check("v", "S") == []


def test_without_healing_a_kill_would_be_noticed_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The planted fault: a store that opens what it finds."""
    bad = []
    for step, place in kill_points(tmp_path, OLD):
        with monkeypatch.context() as patch:
            patch.setattr(healing, "unsettled", lambda place: False)
            patch.setattr(healing, "heal", lambda place, *_: book.read(place / book.NAME))
            bad += [step] if Store(place).check("v", "S") else []
    assert bad


def test_a_file_is_synced_before_it_gets_its_name_and_its_folder_after(tmp_path: Path) -> None:
    (tmp_path / "v" / "S").mkdir(parents=True)
    with killed_before(1000) as steps:
        Store(tmp_path).write("v", "S", NEW, "new")
    parts = [step.replace(".", " ").split() for step in steps.done]
    renames = [n for n, step in enumerate(steps.done) if step.startswith("rename")]
    assert [steps.done[n] for n in renames] == [
        "rename manifest.next", "rename 2024-01.parquet", "rename manifest.json",
    ]  # fmt: skip
    assert all(steps.done[n + 1] == "sync" for n in renames), parts
    assert steps.done[:3] == ["open .2024-01.parquet.part", "write .2024-01.parquet.part", "sync"]


CHILD = """
import sys
sys.path.insert(0, sys.argv[2])
from pathlib import Path
from data_kit import candles
from engine.data.store import Store
store, n = Store(Path(sys.argv[1])), 0
while True:
    store.write("v", "S", candles(10, first=n), "child")
    n += 10
    print(n, flush=True)
"""


def test_a_process_that_is_killed_loses_nothing_that_it_had_told(tmp_path: Path) -> None:
    argv = [sys.executable, "-c", CHILD, str(tmp_path), str(Path(__file__).parent)]
    child = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    told = 0
    while told < 50:
        told = int(child.stdout.readline())
    time.sleep(0.003)
    child.send_signal(signal.SIGKILL)
    told = max([told, *map(int, child.stdout.read().split())])
    child.wait()
    found = Store(tmp_path).read("v", "S")
    assert found == candles(len(found))
    assert len(found) in (told, told + 10)
    assert Store(tmp_path).check("v", "S") == []


# --- bit rot ---------------------------------------------------------------------------------------------------


@pytest.fixture
def place(tmp_path: Path) -> Path:
    rows = candles(20, first=31 * 1440 - 10)
    Store(tmp_path).write("v", "S", rows, "test")
    return tmp_path / "v" / "S"


def flip(path: Path, at: int) -> None:
    data = bytearray(path.read_bytes())
    data[at % len(data)] ^= 0x10
    path.write_bytes(data)


def test_a_flipped_bit_anywhere_in_a_month_is_named_and_nothing_of_it_is_read(place: Path) -> None:
    store, path = Store(place.parent.parent), place / "2024-01.parquet"
    whole = path.read_bytes()
    for at in range(0, len(whole), max(1, len(whole) // 60)):
        flip(path, at)
        assert [str(p) for p in store.check("v", "S")] == [
            "2024-01: 2024-01.parquet is not as it was written (SHA-256)"
        ]
        with pytest.raises(CandleError, match=r"2024-01\.parquet is not as it was written"):
            store.read("v", "S")
        path.write_bytes(whole)
    assert store.check("v", "S") == []


def test_the_other_months_of_a_damaged_series_can_be_read(place: Path) -> None:
    store = Store(place.parent.parent)
    flip(place / "2024-01.parquet", 100)
    assert len(store.read("v", "S", candle(31 * 1440).open_time)) == 10


def test_a_damaged_month_is_not_written_over_but_put_aside_when_it_is_replaced(place: Path) -> None:
    store, rows = Store(place.parent.parent), candles(20, first=31 * 1440 - 10)
    flip(place / "2024-01.parquet", 100)
    rotten = (place / "2024-01.parquet").read_bytes()
    with pytest.raises(CandleError, match=r"is not as it was written.*--replace puts the month aside"):
        store.write("v", "S", rows, "again")
    assert store.write("v", "S", rows, "again", replace=True).set_aside == ["2024-01.damaged-1"]
    assert (place / "2024-01.damaged-1").read_bytes() == rotten
    assert store.read("v", "S") == rows
    assert store.check("v", "S") == []


def test_a_month_that_is_gone_is_missed(place: Path) -> None:
    store = Store(place.parent.parent)
    (place / "2024-01.parquet").unlink()
    assert [str(p) for p in store.check("v", "S")] == ["2024-01: 2024-01.parquet is missing"]
    assert "1 missing" in store.listed()[0].problem
    with pytest.raises(CandleError, match="is missing"):
        store.read("v", "S")


def test_a_damaged_or_lost_manifest_is_made_again_from_the_months(place: Path) -> None:
    store, path = Store(place.parent.parent), place / book.NAME
    whole = path.read_bytes()
    for at in range(0, len(whole), 11):
        flip(path, at)
        assert len(store.read("v", "S")) == 20, at
        assert store.check("v", "S") == []
        assert path.read_bytes() == whole, at
    path.unlink()
    assert len(store.read("v", "S")) == 20
    assert path.read_bytes() == whole


def test_a_damaged_month_under_a_lost_manifest_is_still_named(place: Path) -> None:
    store = Store(place.parent.parent)
    (place / book.NAME).unlink()
    for at in range(0, 2000, 97):
        flip(place / "2024-01.parquet", at)
        (place / book.NAME).unlink(missing_ok=True)
        problems = [str(p) for p in store.check("v", "S")]
        assert problems in ([], ["2024-01: 2024-01.parquet is no whole month of this series"])
        if not problems:  # a bit that says nothing of the candles
            assert store.read("v", "S") == candles(20, first=31 * 1440 - 10)
        flip(place / "2024-01.parquet", at)


def test_a_readable_month_with_other_numbers_is_not_taken_in_under_a_lost_manifest(place: Path) -> None:
    path = place / "2024-01.parquet"
    table = pq.read_table(path)
    changed = table.set_column(5, table.schema.field(5), pa.array([9.0] * len(table)))
    pq.write_table(changed, path)
    (place / book.NAME).unlink()
    problems = Store(place.parent.parent).check("v", "S")
    assert [str(p) for p in problems] == ["2024-01: 2024-01.parquet is no whole month of this series"]


def test_a_month_of_another_series_is_not_taken_in(place: Path) -> None:
    store = Store(place.parent.parent)
    store.write("v", "OTHER", candles(5), "test")
    target = place.parent / "OTHER" / "2024-02.parquet"
    target.write_bytes((place / "2024-02.parquet").read_bytes())
    assert [str(p) for p in store.check("v", "OTHER")] == ["2024-02: 2024-02.parquet is no whole month of this series"]
    assert "1 damaged" in next(row for row in store.listed() if row.symbol == "OTHER").problem


def test_a_manifest_of_a_newer_version_is_left_alone(place: Path) -> None:
    body = book.encode(book.Manifest("v", "S", {}, schema=99))
    (place / book.NAME).write_bytes(body)
    with pytest.raises(CandleError, match="this store has schema 99, known is 1"):
        Store(place.parent.parent).read("v", "S")
    assert (place / book.NAME).read_bytes() == body


@pytest.mark.parametrize(
    "name", ["0000-01.parquet", "9999-12.parquet", "2024-13.parquet", "x.parquet", "2024-1.parquet"]
)
def test_files_with_other_names_are_let_be(place: Path, name: str) -> None:
    (place / name).write_bytes(b"something else")
    assert Store(place.parent.parent).check("v", "S") == []
    assert len(Store(place.parent.parent).read("v", "S")) == 20

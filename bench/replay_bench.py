"""Time travel in a recording of a million events: opening, steps, seeks, memory, size, verification.

python -m bench.replay_bench [--events N] [--file FILE]    (without FILE a recording is made, which takes two minutes)
"""

from __future__ import annotations

import argparse
import gc
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from bench.table import Row, row, table
from engine.core.fold import apply
from engine.journal import keyframe
from engine.journal.recording import Recording
from engine.model.state import State
from engine.replay.cursor import Replay, Unit
from engine.replay.timeline import Timeline
from engine.replay.verify import verify

EVENTS = 1_000_000
SEEKS = 150
STEPS = 300
FOLDED = 100_000
STEPPED: tuple[tuple[Unit, int], ...] = (
    *(("event", 1), ("event", -1), ("tick", 1), ("tick", -1)),
    *(("bar", 1), ("bar", -1), ("order", 1), ("order", -1)),
)


def rows() -> list[Row]:
    with tempfile.TemporaryDirectory() as folder:
        return measure(made(Path(folder) / "million.cockpit", EVENTS))


def made(path: Path, events: int) -> Path:
    """The recording, made by a process of its own: its memory is not the reader's."""
    subprocess.run(
        [sys.executable, "-m", "bench.recording", str(path), "--events", str(events)], check=True, stdout=sys.stderr
    )
    return path


def measure(path: Path) -> list[Row]:
    start_mb = peak_mb()
    opening = [ms(lambda: first_frame(path).close()) for _ in range(5)]
    with Replay.open(path) as replay:
        timeline = Timeline(replay)
        found = [
            row("open to the first frame (state at the end, timeline)", "ms", opening, 1_000, "worst"),
            row("  of it the timeline", "ms", [ms(lambda: Timeline(replay)) for _ in range(3)]),
            *moves(replay),
            row("  density of 160 buckets", "ms", [ms(lambda: timeline.density(160)) for _ in range(5)]),
            Row("memory at the peak", "MB", peak_mb(), goal=250),
            Row("  of it before anything was opened", "MB", start_mb),
        ]
        raw = keyframe.encode_state(replay.seek(replay.last.seq))
        state = replay.state
        found += [
            row(
                "encode a state (in the engine's loop)",
                "ms",
                [ms(lambda: keyframe.encode_state(state)) for _ in range(20)],
                2,
            ),
            row("decode a state", "ms", [ms(lambda: keyframe.decode_state(raw)) for _ in range(20)]),
            Row("a state", "kB", len(raw) / 1e3),
        ]
        count, hours = replay.last.seq, (replay.last.t - replay.first.t) / 3.6e12
    size = path.stat().st_size
    found += [
        Row("bytes an event, keyframes included", "B", size / count),
        Row(f"24 hours at {count / hours / 3600:.1f} events a second", "MB", size / hours * 24 / 1e6, goal=60),
    ]
    return [*found, *folding(path), *verifying(path)]


def first_frame(path: Path) -> Replay:
    replay = Replay.open(path)
    replay.seek(replay.last.seq)
    Timeline(replay)
    return replay


def moves(replay: Replay) -> list[Row]:
    chance = random.Random(5)
    last = replay.last.seq
    places = [chance.randrange(1, last) for _ in range(SEEKS)]
    ways: dict[str, Sequence[int]] = {"random": places, "forwards": sorted(places), "backwards": sorted(places)[::-1]}
    found = []
    for name, some in ways.items():
        times = sorted(ms(partial(replay.seek, seq)) for seq in some)
        found.append(
            Row(f"seek {name} (p95)", "ms", times[len(times) // 2], times[int(len(times) * 0.95)], 100, "worst", SEEKS)
        )
    middle = last // 2
    for unit, n in STEPPED:
        replay.seek(middle)
        count = STEPS if unit in ("event", "tick") else 30
        goal = 16.0 if unit in ("event", "tick") else None
        times = [ms(partial(replay.step, unit, n)) for _ in range(count)]
        found.append(row(f"step {'on' if n > 0 else 'back'} by {unit}", "ms", times, goal, "worst"))
    replay.seek(middle)
    drag = [ms(partial(replay.seek, middle - n * 500)) for n in range(100)]
    found.append(row("drag back by 500 events a frame", "ms", drag, 50, "worst"))
    return found


def folding(path: Path) -> list[Row]:
    with Recording.open(path) as recording:
        start = time.perf_counter()
        events = [event for _, event in recording.events(1, FOLDED)]
        reading = time.perf_counter() - start
    state = State()
    gc.collect()
    start = time.perf_counter()
    for event in events:
        apply(state, event)
    spent = time.perf_counter() - start
    return [
        Row("read an event", "µs", reading / len(events) * 1e6),
        Row("fold an event", "µs", spent / len(events) * 1e6),
    ]


def verifying(path: Path) -> list[Row]:
    with Recording.open(path) as recording:
        verdict = verify(recording)
    if not verdict.same:
        raise SystemExit(f"verify found {verdict.differing} differences: {verdict.differences[:1]}")
    return [Row("verify a thousand records", "ms", 1e6 / verdict.per_second, goal=1e6 / 300_000)]


def ms(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return (time.perf_counter() - start) * 1e3


def peak_mb() -> float:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1e6 if sys.platform == "darwin" else 1e3)


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--events", type=int, default=EVENTS)
    arguments.add_argument("--file", type=Path, help="a recording that is there already")
    given = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = given.file or made(Path(folder) / "long.cockpit", given.events)
        print(table(measure(path)))
    return 0


if __name__ == "__main__":
    sys.exit(main())

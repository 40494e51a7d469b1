"""``cockpit watchdog``: silent sessions are helped when they have something at their venue, and only then."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest
from rescue_kit import cockpit, engine, entry, launched

from engine.model.settings import VenueSettings, WatchSettings
from engine.ops import running
from engine.ops.paths import Home
from engine.ops.running import Beat, RunFile
from engine.rescue import kill, watchdog
from engine.rescue.watchdog import Watchdog, sent_out
from engine.session import latch

pytestmark = pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="Linux's /proc")
SECOND = 1_000_000_000
GONE = 2**22 - 1
"""No process has this number."""


# --- with a real engine ------------------------------------------------------------------------------------------------


def lines(path: Path) -> str:
    return path.read_text() if path.exists() else ""


def test_a_session_starts_its_own_watchdog_which_kills_when_it_hangs_and_ends_with_it(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with engine(home, "watch.start=true", "watch.after_s=4") as e:
        e.until(lambda: e.beat.watchdog, "a watchdog")
        dog, log = e.beat.watchdog, e.home.run / f"{e.run.session}.watchdog.log"
        assert os.getsid(dog) != os.getsid(e.process.pid), "it outlives the terminal"
        assert (int(Path(f"/proc/{dog}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")) < 60e6
        e.at_venue(entry())
        e.until(lambda: e.beat.working, "it is seen")
        e.signal(signal.SIGSTOP)
        began = time.monotonic()
        e.until(lambda: "warning" in lines(log), "the warning", 6)
        assert time.monotonic() - began < 5, "two missed heartbeats and two seconds"
        e.until(lambda: "the venue confirms" in lines(log), "the kill", 12)
        assert e.at_venue() == 0
        assert "is stopped" in lines(log)
        e.signal(signal.SIGCONT)
        e.until(lambda: e.beat.trading == "HALTED", "halted", 4)
        e.until(lambda: "the heartbeat is back" in lines(log), "all is well", 4)
        e.signal(signal.SIGTERM)
        e.process.communicate(timeout=15)
        ended(dog)


def ended(pid: int) -> None:
    end = time.monotonic() + 5
    while running.alive(pid):
        assert time.monotonic() < end, "the watchdog stays"
        time.sleep(0.05)


def test_a_watchdog_that_was_killed_is_missed_and_started_again(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with engine(home, "watch.start=true") as e:
        e.until(lambda: e.beat.watchdog, "a watchdog")
        dog = e.beat.watchdog
        e.until(lambda: time.time_ns() - e.run.started_t > 11 * SECOND, "some time", 12)
        os.kill(dog, signal.SIGKILL)
        e.until(lambda: e.beat.watchdog not in (0, dog), "another one", 5)
        e.signal(signal.SIGTERM)
        assert "no watchdog" in e.process.communicate(timeout=15)[0]


def test_one_command_watches_a_home_and_there_is_one_at_a_time(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with engine(home) as e:
        e.at_venue(entry())
        e.until(lambda: e.beat.working, "it is seen")
        dog = launched(home, "watchdog", "--after", "3.5", "--does", "kill", "--json")
        with dog:
            e.until((e.home.run / "watchdog.lock").exists, "the watchdog")
            code, words, _ = cockpit(home, "watchdog", "--once")
            assert code == 4
            assert "runs here already" in words
            e.signal(signal.SIGSTOP)
            e.until(lambda: e.at_venue() == 0, "the kill", 12)
            time.sleep(1.0)
            dog.send_signal(signal.SIGTERM)
            told = [json.loads(line) for line in dog.communicate(timeout=10)[0].splitlines()]
        assert dog.returncode == 0
        assert [t["level"] for t in told[:2]] == ["warning", "alarm"]
        assert "the venue confirms" in told[-1]["text"]
        code, _, _ = cockpit(home, "watchdog", "--once", "--after", "3")
        assert code == 0, "once more is no harm"


# --- with the files alone ------------------------------------------------------------------------------------------------


class Place:
    """A home with sessions that tests make up, an exchange that is a list, and everything that a watchdog said."""

    def __init__(self, root: Path) -> None:
        self.home = Home(root)
        self.said: list[tuple[str, str, str]] = []
        self.working: list[Any] = []
        self.cancelled = 0
        self.reachable = True
        self.dog = Watchdog(self.home, self._hear, opener=lambda *_: Shelf(self))

    def _hear(self, level: str, session: str, text: str) -> None:
        self.said.append((level, session, text))

    def session(
        self, name: str = "s1", *, pid: int = 0, account: str = "a", mode: str = "LIVE", **watch: Any
    ) -> RunFile:
        run = RunFile(
            session=name, pid=pid or os.getpid(), born=0, started_t=time.time_ns(), profile="live", mode=mode,
            symbols=["BTCUSDT"], venue=VENUE, watch=WatchSettings(**watch), account=account,
        )  # fmt: skip
        running.save(self.home, run)
        return run

    def beat(self, name: str = "s1", age_s: float = 0.0, working: int = 0, held: int = 0) -> None:
        t = running.steady_ns() - int(age_s * SECOND)
        running.beat(self.home, name, Beat(0, t, 0.0, 50.0, "ACTIVE", working, held))

    def levels(self) -> list[str]:
        return [level for level, _, _ in self.said]


class Shelf:
    """What stands at the made-up exchange."""

    def __init__(self, place: Place) -> None:
        self._place = place

    async def working(self) -> list[Any]:
        if not self._place.reachable:
            raise kill_error()
        return list(self._place.working)

    async def held(self) -> list[Any]:
        return []

    async def cancel(self, orders: list[Any]) -> list[Any]:
        self._place.cancelled += len(orders)
        self._place.working.clear()
        return []

    async def close_out(self, position: Any) -> Any:
        raise AssertionError("nothing is held")

    async def close(self) -> None: ...


def kill_error() -> Exception:
    from engine.venues.port import VenueError

    return VenueError("no connection")


VENUE = VenueSettings(
    kind="bitunix", requests_per_s=8, cancel_reserve_per_s=2, timeout_s=5, ping_s=5, silence_public_s=5,
    silence_private_s=15, reconnect_first_s=1, reconnect_max_s=60, reconnect_tries=10, poll_account_s=30,
)  # fmt: skip


def an_order() -> Any:
    from decimal import Decimal

    from engine.model import events as ev

    return ev.OrderReport(
        0, "c-1", "v-1", "BTCUSDT", "ACCEPTED", Decimal(0), source="snapshot", side="BUY", qty=Decimal(1)
    )


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.setattr(kill, "SETTLE_S", 0.01)
    monkeypatch.setattr(kill, "ANSWER_S", 0.01)
    monkeypatch.setattr(os, "kill", lambda pid, number: None if pid != GONE else _gone())
    return Place(tmp_path)


def _gone() -> None:
    raise ProcessLookupError


def test_a_session_whose_heart_beats_is_left_alone(place: Place) -> None:
    place.session()
    place.beat(age_s=2.0, working=3)
    assert place.dog.look() == 1
    assert place.said == []


def test_two_missed_heartbeats_are_a_warning_said_once(place: Place) -> None:
    place.session()
    place.beat(age_s=3.2, working=1)
    place.dog.look()
    place.dog.look()
    assert place.levels() == ["warning"]
    place.beat()
    place.dog.look()
    assert place.said[-1][2] == "the heartbeat is back"


@pytest.mark.parametrize("pid", [0, GONE], ids=["hung", "dead"])
def test_silence_with_orders_is_a_kill_that_is_confirmed_and_done_once(place: Place, pid: int) -> None:
    place.session(pid=pid)
    place.beat(age_s=16, working=1)
    place.working.append(an_order())
    place.dog.look()
    assert place.cancelled == 1
    assert "the venue confirms" in place.said[-1][2]
    assert (latch.read(place.home.latch) or "").startswith("watchdog: no heartbeat for 16")
    count = len(place.said)
    left = place.dog.look()
    assert len(place.said) == count
    assert left == (0 if pid else 1), "what is dead and clean is forgotten"


def test_the_venue_is_asked_for_orders_younger_than_the_last_heartbeat(place: Place) -> None:
    place.session()
    place.beat(age_s=16)
    place.working.append(an_order())
    place.dog.look()
    assert place.cancelled == 1


def test_silence_with_nothing_at_the_venue_is_told_and_nothing_else(place: Place) -> None:
    place.session()
    place.beat(age_s=16)
    place.dog.look()
    assert "nothing is done" in place.said[-1][2]
    assert latch.read(place.home.latch) is None


def test_a_venue_that_does_not_answer_is_no_reason_to_do_nothing(place: Place, monkeypatch: Any) -> None:
    monkeypatch.setattr(kill, "STEP_S", 0.05)
    place.session()
    place.beat(age_s=16)
    place.reachable = False
    place.dog.look()
    assert place.dog.failed
    assert latch.read(place.home.latch) is not None
    assert "NOT confirmed" in place.said[-1][2]
    count = len(place.said)
    place.dog.look()
    assert len(place.said) == count, "not at every look"
    place.reachable = True
    place.working.append(an_order())
    now = running.steady_ns()
    monkeypatch.setattr(running, "steady_ns", lambda: now + 16 * SECOND)
    place.dog.look()
    assert "the venue confirms" in place.said[-1][2]


def test_a_computer_that_slept_gives_its_sessions_time_to_beat_again(place: Place, monkeypatch: Any) -> None:
    place.session()
    place.beat(working=1)
    stop, waits = threading.Event(), list[float]()

    def wait(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 1:  # an hour passes
            monkeypatch.setattr(
                running, "steady_ns", lambda: time.clock_gettime_ns(time.CLOCK_BOOTTIME) + 3_600 * SECOND
            )
        elif len(waits) == 2:
            place.beat(working=1)
        else:
            stop.set()

    monkeypatch.setattr(stop, "wait", wait)
    place.dog.run(stop)
    assert waits == [watchdog.LOOK_S, watchdog.MISSED_S, watchdog.LOOK_S]
    assert place.said == []


def test_a_dead_session_without_any_heartbeat_is_helped_too(place: Place) -> None:
    place.session(pid=GONE)
    place.working.append(an_order())
    assert place.dog.look() == 0
    assert place.cancelled == 1


def test_alert_only_tells(place: Place) -> None:
    place.session(does="alert")
    place.beat(age_s=16, working=1)
    place.working.append(an_order())
    place.dog.look()
    place.dog.look()
    assert place.levels() == ["warning", "alarm"]
    assert place.cancelled == 0
    assert latch.read(place.home.latch) is None


def test_a_dead_session_whose_account_has_a_new_one_is_not_touched(place: Place) -> None:
    place.session("s1", pid=GONE)
    place.beat("s1", age_s=100, working=2)
    place.session("s2")
    place.beat("s2")
    place.working.append(an_order())
    assert place.dog.look() == 1
    assert place.cancelled == 0
    assert [run.session for run in running.found(place.home)] == ["s2"]


def test_on_paper_there_is_nothing_to_rescue(place: Place) -> None:
    place.session(mode="PAPER")
    place.beat(age_s=16)
    place.dog.look()
    assert "nothing is done" in place.said[-1][2]


def test_a_session_that_begins_has_no_heartbeat_yet(place: Place) -> None:
    place.session()
    place.dog.look()
    assert place.said == []


def test_a_heartbeat_costs_next_to_nothing(place: Place) -> None:
    place.session()
    beat = Beat(0, running.steady_ns(), 0.1, 59.2, "ACTIVE", 1, 1)
    began = time.process_time()
    for _ in range(100):
        running.beat(place.home, "s1", beat)
        running.rss_mb()
    assert (time.process_time() - began) / 100 < 0.001, "one a second: a thousandth of a processor"
    assert msgspec.json.decode((place.home.run / "s1.beat").read_bytes(), type=Beat) == beat


def test_an_alarm_goes_to_the_targets_and_what_is_no_alarm_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[tuple[str, str]] = []
    told: list[str] = []
    out = threading.Event()

    def send_now(home: Home, cause: str, text: str) -> list[object]:
        sent.append((cause, text))
        out.set()
        return []

    monkeypatch.setattr("engine.ops.alerts.send_now", send_now)
    alert = sent_out(Home(tmp_path), lambda level, session, text: told.append(text))
    alert("info", "s", "the heartbeat is back")
    alert("alarm", "s", "closing everything")
    assert out.wait(5)
    assert sent == [("WatchdogActed", "s: closing everything")]
    assert told == ["the heartbeat is back", "closing everything"]

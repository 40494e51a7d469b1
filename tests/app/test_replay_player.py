"""How the cursor moves through recorded time."""

from __future__ import annotations

import math

from app_kit import Clock

from cockpit.player import SPEEDS, Player

S = 1_000_000_000


def player(first: int = 0, last: int = 100 * S, at: int = 0) -> tuple[Player, Clock]:
    clock = Clock()
    made = Player(first, last, clock)
    made.place(at)
    return made, clock


def run(made: Player, clock: Clock, seconds: float, step: float = 0.05) -> int:
    for _ in range(round(seconds / step)):
        clock.t += step
        made.advance()
    return made.t


def test_it_stands_until_it_is_played() -> None:
    made, clock = player(at=10 * S)
    assert run(made, clock, 3) == 10 * S


def test_a_second_of_ours_is_a_recorded_second_at_speed_one() -> None:
    made, clock = player()
    made.play()
    assert abs(run(made, clock, 4) - 4 * S) < S / 1000


def test_the_speed_multiplies_time() -> None:
    made, clock = player()
    made.set_speed(10)
    made.play()
    assert abs(run(made, clock, 2) - 20 * S) < S / 100


def test_speed_goes_along_its_steps_and_ends_at_the_ends() -> None:
    made, _ = player()
    assert made.speed == 1
    assert made.faster(1) == 2
    assert made.faster(-3) == 0.25
    assert made.faster(-100) == SPEEDS[0] == 0.1
    assert math.isinf(made.faster(100))
    assert made.flat_out


def test_the_nearest_speed_is_taken() -> None:
    made, _ = player()
    for wanted, got in ((1000, 1000), (7, 5), (0.01, 0.1), (math.inf, math.inf), (5000, 1000)):
        made.set_speed(wanted)
        assert made.speed == got, wanted


def test_a_stall_does_not_make_it_leap() -> None:
    made, clock = player()
    made.play()
    clock.t += 60
    assert made.advance() <= S


def test_it_stops_at_the_end_and_plays_from_the_start_again() -> None:
    made, clock = player(at=99 * S)
    made.play()
    assert run(made, clock, 3) == 100 * S
    assert not made.playing
    made.play()
    assert made.t == 0
    assert made.playing


def test_at_the_newest_event_of_a_running_session_it_does_not_begin_anew() -> None:
    made, _ = player(at=100 * S)
    made.again = False
    made.play()
    assert made.t == 100 * S


def test_a_loop_goes_back_to_its_beginning_whichever_end_was_set_first() -> None:
    made, clock = player(at=12 * S)
    made.a, made.b = 13 * S, 10 * S
    made.play()
    run(made, clock, 2)
    assert 10 * S <= made.t < 13 * S
    assert made.playing


def test_a_gap_is_skipped_after_a_second_of_it() -> None:
    made, clock = player(at=9 * S)
    made.gaps = [(10 * S, 60 * S)]
    made.play()
    run(made, clock, 2.5)
    assert 60 * S <= made.t < 62 * S


def test_no_place_is_outside_of_the_recording() -> None:
    made, _ = player(first=5 * S)
    assert made.place(0) == 5 * S
    assert made.place(10**12) == 100 * S

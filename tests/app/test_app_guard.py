"""What a key press may accept, as rules."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cockpit.guard import HELD_S, LOCKOUT_S, REPEAT_S, RETRY_S, Guard, Press, Presses

TERMS = "a1 BUY LIMIT BTCUSDT 0.1 62610 62250 63300 GTC"
moments = st.floats(0, 1_000, allow_nan=False)


def painted(at: float = 0.0, terms: str = TERMS) -> Guard:
    guard = Guard()
    guard.painted(terms, at)
    return guard


@given(moments, st.floats(-10, 10))
def test_a_press_counts_only_after_the_terms_were_on_the_screen_for_the_lockout(at: float, after: float) -> None:
    refusal = painted(at).refusal(Press("y", at + after), TERMS)
    assert (refusal == "") == (at + after - at >= LOCKOUT_S)


def test_a_key_typed_before_the_paint_is_dropped_even_when_it_arrives_late() -> None:
    assert painted(10.0).refusal(Press("y", 9.99), TERMS) == "early"


def test_painting_the_same_terms_again_does_not_restart_the_lockout() -> None:
    guard = painted(0.0)
    guard.painted(TERMS, 0.29)
    assert guard.refusal(Press("y", 0.31), TERMS) == ""


def test_changed_terms_start_a_new_lockout() -> None:
    guard = painted(0.0)
    guard.painted(TERMS + "!", 5.0)
    assert guard.refusal(Press("y", 5.1), TERMS + "!") == "early"
    assert guard.refusal(Press("y", 5.4), TERMS) == "changed"
    assert guard.refusal(Press("y", 5.4), TERMS + "!") == ""


def test_nothing_is_accepted_while_the_terms_are_covered() -> None:
    guard = painted(0.0)
    guard.covered()
    assert guard.refusal(Press("y", 9.0), TERMS) == "hidden"
    guard.painted(TERMS, 10.0)
    assert guard.refusal(Press("y", 10.1), TERMS) == "early"


def test_after_a_decision_the_next_order_needs_its_own_time() -> None:
    guard = painted(0.0)
    guard.decide(1.0)
    assert guard.refusal(Press("y", 1.0), TERMS) == "hidden"
    guard.painted("next", 1.1)
    assert guard.refusal(Press("y", 1.3), "next") == "early"
    assert guard.refusal(Press("y", 1.5), "next") == ""


def test_decided_terms_that_are_still_drawn_are_not_asked_again() -> None:
    guard = painted(0.0)
    guard.decide(1.0)
    guard.painted(TERMS, 1.1)
    assert not guard.armed(2.0)
    guard.painted(TERMS, 1.1 + RETRY_S)
    assert guard.armed(1.2 + RETRY_S + LOCKOUT_S)


@given(st.floats(0.2, HELD_S - 0.01), st.floats(0.01, REPEAT_S - 0.005), st.integers(1, 60), moments)
def test_a_held_key_is_one_press_however_long_it_is_held(wait: float, rate: float, repeats: int, start: float) -> None:
    presses = Presses()
    times = [start, *(start + wait + n * rate for n in range(repeats))]
    assert [presses.add("y", t).repeat for t in times] == [False] + [True] * repeats


@given(st.lists(st.floats(HELD_S + 0.01, 5), min_size=1, max_size=10))
def test_presses_with_a_pause_between_them_all_count(gaps: list[float]) -> None:
    presses, t = Presses(), 0.0
    for gap in gaps:
        t += gap
        assert not presses.add("y", t).repeat


def test_one_who_keeps_pressing_is_heard_at_every_second_press() -> None:
    presses = Presses()
    assert [presses.add("y", t).repeat for t in (0.0, 0.4, 0.8, 1.2)] == [False, True, False, True]


@given(st.text("abcyn", min_size=2, max_size=20))
def test_in_a_burst_of_keys_only_the_first_can_count(keys: str) -> None:
    presses = Presses()
    guard = painted(-1.0)
    refusals = [guard.refusal(presses.add(key, n * 0.01), TERMS) for n, key in enumerate(keys)]
    assert refusals == [""] + ["held"] * (len(keys) - 1)


@given(
    st.lists(
        st.tuples(st.sampled_from(["paint", "paint2", "cover", "decide", "y"]), st.floats(0.001, 1.0)), max_size=60
    )
)
def test_whatever_happens_nothing_is_accepted_that_was_not_readable_for_the_lockout(
    steps: list[tuple[str, float]],
) -> None:
    guard, presses, now = Guard(), Presses(), 0.0
    shown, since = "", 0.0
    accepted: dict[str, float] = {}
    for step, gap in steps:
        now += gap
        if step.startswith("paint"):
            guard.painted(step, now)
            if shown != step:
                shown, since = step, now
        elif step == "cover":
            guard.covered()
            shown = ""
        elif step == "decide":
            guard.decide(now)
            shown = ""
        elif guard.refusal(presses.add("y", now), shown) == "":
            assert shown
            assert now - since >= LOCKOUT_S
            assert now - accepted.get(shown, float("-inf")) >= LOCKOUT_S
            accepted[shown] = now
            guard.decide(now)
            shown = ""

"""How much is luck: the published examples, an independent library, and noise that must be warned about."""

from __future__ import annotations

import random
from math import inf, sqrt
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from search_kit import Sweep, market, profile

from engine.search.findings import findings
from engine.search.luck import (
    WANTED,
    Moments,
    deflated,
    expected_best,
    judge,
    judge_tested,
    least_length,
    moments,
    probabilistic,
    variance,
)

YEAR = 365


def noise(count: int, seed: int, mean: float = 0.0) -> list[float]:
    chance = random.Random(seed)
    return [chance.gauss(mean, 0.01) for _ in range(count)]


def test_the_deflated_sharpe_ratio_is_that_of_the_papers_example() -> None:
    """Bailey and López de Prado 2014, "A numerical example": 5 years of days, 100 trials whose annualised variance is 1/2."""
    m = Moments(1250, 2.5 / sqrt(250), -3, 10)
    assert expected_best(1 / (2 * 250), 100) == pytest.approx(0.1132, abs=5e-5)
    assert deflated(m, 1 / (2 * 250), 100) == pytest.approx(0.9004, abs=5e-5)
    assert deflated(m, 1 / (2 * 250), 46) == pytest.approx(0.9505, abs=5e-5)


@pytest.mark.parametrize(
    ("a_year", "skew", "kurtosis", "years"), [(252, 0, 3, 2.73), (12, 0, 3, 3.24), (12, -0.72, 5.78, 4.99)]
)
def test_the_least_track_record_is_that_of_the_papers_examples(
    a_year: int, skew: float, kurtosis: float, years: float
) -> None:
    """Bailey and López de Prado 2012: a Sharpe ratio of 2 against 1, at 95 %."""
    m = Moments(100, 2 / sqrt(a_year), skew, kurtosis)
    assert least_length(m, 1 / sqrt(a_year)) / a_year == pytest.approx(years, abs=0.005)


def test_moments_agree_with_an_independent_library() -> None:
    stats = pytest.importorskip("scipy.stats")
    values = [x + x * x * 30 for x in noise(400, 5, 0.001)]
    m = moments(values)
    assert m is not None
    mean = sum(values) / len(values)
    assert m.sharpe == pytest.approx(mean / stats.tstd(values))
    assert (m.skew, m.kurtosis) == pytest.approx((stats.skew(values), stats.kurtosis(values, fisher=False)))


def test_probabilities_agree_with_an_independent_calculation() -> None:
    norm = pytest.importorskip("scipy.stats").norm
    m = Moments(250, 0.08, -0.5, 4.2)
    spread = 1 + 0.5 * 0.08 + 3.2 / 4 * 0.08**2
    assert probabilistic(m, 0.02) == pytest.approx(norm.cdf(0.06 * sqrt(249 / spread)))
    best = 0.04 * (
        (1 - 0.57721566490153) * norm.ppf(1 - 1 / 64) + 0.57721566490153 * norm.ppf(1 - 1 / (64 * 2.718281828459045))
    )
    assert expected_best(0.0016, 64) == pytest.approx(best)
    assert least_length(m) == pytest.approx(1 + spread * (norm.ppf(0.95) / 0.08) ** 2)


def test_the_expected_best_is_what_simulated_luck_gives() -> None:
    chance = random.Random(9)
    bests = [max(chance.gauss(0, 1) for _ in range(64)) for _ in range(4_000)]
    assert expected_best(1.0, 64) == pytest.approx(sum(bests) / len(bests), rel=0.02)


@given(st.integers(2, 5_000), st.integers(1, 5_000), st.floats(1e-6, 0.1), st.floats(-0.3, 0.3))
def test_more_trials_never_make_a_result_better(trials: int, more: int, spread: float, sharpe: float) -> None:
    m = Moments(300, sharpe, 0, 3)
    assert deflated(m, spread, trials + more) <= deflated(m, spread, trials) <= probabilistic(m)


def test_what_says_nothing_says_nothing() -> None:
    assert moments([]) is None
    assert moments([0.01, 0.02]) is None
    assert moments([0.01] * 50) is None
    assert judge(None, [], 5, YEAR) is None
    assert judge_tested(None, 5, None, YEAR) is None
    assert variance([0.3]) == 0.0
    assert least_length(Moments(100, -0.1, 0, 3)) == inf


def test_the_best_of_many_noises_is_warned_about_in_a_sentence() -> None:
    found = [m for seed in range(64) if (m := moments(noise(365, seed))) is not None]
    best = max(found, key=lambda m: m.sharpe)
    verdict = judge(best, [m.sharpe for m in found], len(found), YEAR)
    assert verdict is not None
    assert verdict.warned
    assert verdict.sharpe > 1.5
    assert verdict.probabilistic > 0.95 > verdict.deflated
    assert "With 64 trials, a Sharpe of" in verdict.sentence
    assert f"deflated Sharpe {verdict.deflated:.2f}" in verdict.sentence


def test_skill_that_luck_cannot_give_is_not_warned_about() -> None:
    found = [m for seed in range(64) if (m := moments(noise(730, seed))) is not None]
    skilled = moments(noise(730, 99, mean=0.003))
    assert skilled is not None
    verdict = judge(skilled, [m.sharpe for m in found], 65, YEAR)
    assert verdict is not None
    assert not verdict.warned


def test_a_short_record_is_warned_about_even_where_one_thing_was_tried() -> None:
    m = Moments(20, 0.2, 0, 3)
    verdict = judge(m, [0.2], 1, YEAR)
    assert verdict is not None
    assert verdict.warned
    assert (
        "With 1 trial luck has no choice; the Sharpe of 3.82 is over 0 with a probability of 0.81" in verdict.sentence
    )
    assert "70 days would be needed" in verdict.sentence


def test_a_sweep_over_pure_noise_is_warned_about(tmp_path: Path) -> None:
    """A market that is a random walk, trading that costs nothing: whatever is found is luck."""
    free = profile(fill__slippage_bps=0, fill__spread_bps=0, trading__trail_arm_r=0)
    data = market(60, seed=4, per_day=30)
    sweep = Sweep(tmp_path, data, free, grid=("fast=3:17:2", "slow=18:46:4"))
    sweep.setup.instrument.taker_fee *= 0
    sweep.run()
    verdict = findings(sweep.store).verdict
    assert verdict is not None
    assert verdict.trials == 64
    assert verdict.sharpe > 0.5
    assert verdict.warned
    assert verdict.deflated < WANTED
    assert "With 64 trials" in verdict.sentence

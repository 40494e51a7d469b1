"""How much of the best result of many trials is luck.

All Sharpe ratios here are of one period and not annualised, the returns' standard deviation is that of a sample (n − 1).

- Bailey, D. and López de Prado, M. (2012): The Sharpe Ratio Efficient Frontier. Journal of Risk 15(2).
- Bailey, D. and López de Prado, M. (2014): The Deflated Sharpe Ratio. Journal of Portfolio Management 40(5).
"""

from __future__ import annotations

from collections.abc import Sequence
from math import e, fsum, inf, isfinite, sqrt
from statistics import NormalDist
from typing import NamedTuple

NORMAL = NormalDist()
EULER = 0.5772156649015329
"""The Euler–Mascheroni constant."""
LEAST = 3
"""Returns below which a Sharpe ratio says nothing at all."""


class Moments(NamedTuple):
    """Of ``length`` returns: Sharpe ratio, skewness and kurtosis (3 for a normal distribution), both with n as divisor."""

    length: int
    sharpe: float
    skew: float
    kurtosis: float


def moments(returns: Sequence[float]) -> Moments | None:
    """None where there are too few returns, or all are the same."""
    count = len(returns)
    if count < LEAST:
        return None
    mean = fsum(returns) / count
    away = [r - mean for r in returns]
    second = fsum(d * d for d in away) / count
    if not second > 1e-24:
        return None
    third = fsum(d**3 for d in away) / count
    fourth = fsum(d**4 for d in away) / count
    return Moments(count, mean / sqrt(second * count / (count - 1)), third / second**1.5, fourth / second**2)


def probabilistic(m: Moments, benchmark: float = 0.0) -> float:
    """Probability that the true Sharpe ratio is over ``benchmark`` (2012, equation 11).

    PSR = Φ[(SR − SR*) √(n − 1) / √(1 − γ₃ SR + (γ₄ − 1)/4 SR²)]
    """
    return NORMAL.cdf((m.sharpe - benchmark) * sqrt(m.length - 1) / sqrt(_spread(m)))


def expected_best(variance: float, trials: int) -> float:
    """Sharpe ratio that the best of ``trials`` independent ones without any skill is expected to have (2014, equation 1).

    SR₀ = √V [(1 − γ) Φ⁻¹(1 − 1/N) + γ Φ⁻¹(1 − 1/(N e))]; V is the variance of the trials' Sharpe ratios. One trial: 0.
    """
    if trials < 2 or variance <= 0:
        return 0.0
    first, second = NORMAL.inv_cdf(1 - 1 / trials), NORMAL.inv_cdf(1 - 1 / (trials * e))
    return sqrt(variance) * ((1 - EULER) * first + EULER * second)


def deflated(m: Moments, variance: float, trials: int) -> float:
    """Deflated Sharpe ratio: the probabilistic one against what the best of so many trials gets by luck (2014, equation 2)."""
    return probabilistic(m, expected_best(variance, trials))


def least_length(m: Moments, benchmark: float = 0.0, confidence: float = 0.95) -> float:
    """Returns needed for that confidence that the Sharpe ratio is over ``benchmark`` (2012, equation 13); inf when it is not.

    MinTRL = 1 + (1 − γ₃ SR + (γ₄ − 1)/4 SR²) (z / (SR − SR*))²
    """
    if m.sharpe <= benchmark:
        return inf
    return 1 + _spread(m) * (NORMAL.inv_cdf(confidence) / (m.sharpe - benchmark)) ** 2


def _spread(m: Moments) -> float:
    """Never under 0 for moments of real returns (γ₄ ≥ γ₃² + 1); the smallest float guards the rounding."""
    return max(1 - m.skew * m.sharpe + (m.kurtosis - 1) / 4 * m.sharpe**2, 1e-12)


def variance(values: Sequence[float]) -> float:
    """Of a sample (n − 1); 0 for fewer than two. What is not finite is left out."""
    known = [v for v in values if isfinite(v)]
    if len(known) < 2:
        return 0.0
    mean = fsum(known) / len(known)
    return fsum((v - mean) ** 2 for v in known) / (len(known) - 1)


# --- the verdict ------------------------------------------------------------------------------------------------

WANTED = 0.95
"""The usual confidence."""


class Verdict(NamedTuple):
    """Ratios are annualised by ``periods`` returns a year; ``luck`` is the Sharpe ratio that the best of all trials gets by luck.

    ``length`` and ``needed`` count returns: those there are, and those needed to tell the Sharpe ratio from 0.
    """

    trials: int
    sharpe: float
    luck: float
    probabilistic: float
    deflated: float
    length: int
    needed: float
    warned: bool
    sentence: str


def judge_tested(joined: Moments | None, trials: int, inside: float | None, periods: float) -> Verdict | None:
    """What is to be thought of joined test windows: nothing was chosen by them, so they count as one trial.

    ``inside`` is the mean annualised Sharpe ratio of the choices on their training windows, ``trials`` the points a window.
    """
    if joined is None:
        return None
    year = sqrt(periods)
    psr, needed = probabilistic(joined), least_length(joined)
    warned = psr < WANTED
    found = joined.sharpe * year
    fell = f" (the choices had {inside:.2f} where they were chosen, from {trials:,} each)" if inside is not None else ""
    sentence = f"Out of sample the Sharpe is {found:.2f}{fell}; "
    if joined.sharpe <= 0:
        sentence += "nothing here earns anything."
    else:
        sentence += f"it is over 0 with a probability of {psr:.2f} ({WANTED:g} is wanted)"
        sentence += f": {needed:,.0f} days would be needed, there are {joined.length:,}." if warned else "."
    return Verdict(1, found, 0.0, psr, psr, joined.length, needed, warned, sentence)


def judge(best: Moments | None, sharpes: Sequence[float], trials: int, periods: float) -> Verdict | None:
    """What is to be thought of the best of ``trials``; ``sharpes`` are those of all trials that have one. None without one."""
    if best is None:
        return None
    year = sqrt(periods)
    spread = variance(sharpes)
    by_luck = expected_best(spread, trials)
    found = deflated(best, spread, trials)
    psr, needed = probabilistic(best), least_length(best)
    warned = found < WANTED
    tried = f"{trials:,} trial{'s' if trials != 1 else ''}"
    if best.sharpe <= 0:
        sentence = f"The best of {tried} has a Sharpe of {best.sharpe * year:.2f}: nothing here earns anything."
    elif trials == 1:
        sentence = (
            f"With 1 trial luck has no choice; the Sharpe of {best.sharpe * year:.2f} is over 0 with a probability of {psr:.2f} "
            f"(at least {WANTED:g} is wanted)."
        )
    elif warned:
        sentence = (
            f"With {tried}, a Sharpe of {by_luck * year:.2f} is what luck gives; the best has {best.sharpe * year:.2f}: "
            f"deflated Sharpe {found:.2f} (at least {WANTED:g} is wanted)."
        )
    else:
        sentence = (
            f"Deflated Sharpe {found:.2f}: with {tried}, luck gives a Sharpe of {by_luck * year:.2f}, the best has "
            f"{best.sharpe * year:.2f}."
        )
    if best.sharpe > 0 and needed > best.length:
        sentence += f" {needed:,.0f} days would be needed to tell it from 0, there are {best.length:,}."
        warned = True
    return Verdict(trials, best.sharpe * year, by_luck * year, psr, found, best.length, needed, warned, sentence)

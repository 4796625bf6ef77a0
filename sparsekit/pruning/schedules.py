"""Schedules: when pruning happens during training, and how far it goes each time."""

import math
from collections.abc import Mapping
from numbers import Real

from sparsekit.registry import Own, Registry, described

SCHEDULES = Registry("pruning schedule")
"""Functions ``(sparsity, steps, rounds) -> {step: sparsity}``.

Of a budget of optimizer steps, after how many to prune (0: before the first), and which sparsity holds from then on, at
last the one asked for. With fewer steps than rounds, rounds that fall on one step are one pruning.
"""


@SCHEDULES.register
def one_shot(sparsity: float, steps: int, rounds: int = 1) -> dict[int, float]:
    """All at once before the first step, as published; `rounds` does not matter.

    >>> one_shot(0.9, steps=1000)
    {0: 0.9}
    """
    _check(sparsity, steps, rounds)
    return {0: sparsity}


@SCHEDULES.register
def iterative(sparsity: float, steps: int, rounds: int) -> dict[int, float]:
    """Prunings with equal retraining after each; every one removes the same share of the weights that are left.

    Han, Pool, Tran & Dally, *Learning both weights and connections for efficient neural networks*, 2015; Frankle &
    Carbin, *The lottery ticket hypothesis*, 2019. No share but all leads to sparsity 1: there, every pruning removes
    the same number of weights.

    >>> iterative(0.75, steps=1000, rounds=2)
    {0: 0.5, 500: 0.75}
    """
    _check(sparsity, steps, rounds)
    shares = [(k + 1) / rounds for k in range(rounds)]
    reached = shares if sparsity == 1 else [-math.expm1(share * math.log1p(-sparsity)) for share in shares]
    return _ending({k * steps // rounds: value for k, value in enumerate(reached)}, sparsity)


@SCHEDULES.register
def gradual(sparsity: float, steps: int, rounds: int) -> dict[int, float]:
    """Prunings at equal distances over the first half of the steps, fast at first: sparsity × (1 - (1 - k/rounds)³).

    Zhu & Gupta, *To prune, or not to prune*, 2017, from sparsity 0.

    >>> gradual(0.5, steps=1000, rounds=2)
    {250: 0.4375, 500: 0.5}
    """
    _check(sparsity, steps, rounds)
    reached = {k * (steps // 2) // rounds: sparsity * (1 - (1 - k / rounds) ** 3) for k in range(1, rounds + 1)}
    return _ending(reached, sparsity)


def planned(schedule: str, sparsity: float, steps: int, rounds: int) -> dict[int, float]:
    """What a schedule plans.

    Raises
    ------
    OwnError
        Where a user's own is no plan that leads to the sparsity.
    """
    own, plan = SCHEDULES[schedule], SCHEDULES[schedule](sparsity, steps, rounds)
    if isinstance(own, Own):
        asked = f"give {{step: sparsity}}, steps from 0 to {steps}, sparsities that do not fall, at last {sparsity:g}"
        if not isinstance(plan, Mapping) or not all(isinstance(v, Real) for one in plan.items() for v in one):
            raise own.error(f"gave {described(plan)}; {asked}")
        plan = {int(step): float(plan[step]) for step in sorted(plan)}
        reached = list(plan.values())
        if not plan or min(plan) < 0 or max(plan) > steps or reached != sorted(reached):
            raise own.error(f"gave {plan}; {asked}")
        if not (reached[0] >= 0 and math.isclose(reached[-1], sparsity, abs_tol=1e-9)):
            raise own.error(f"gave {plan}; {asked}")
    return plan


def check_sparsity(sparsity: float) -> None:
    """Accept a fraction between 0 and 1, ends included.

    Raises
    ------
    ValueError
        For anything else; it says what was given.
    """
    if not isinstance(sparsity, Real) or not 0 <= sparsity <= 1:
        raise ValueError(f"sparsity is {sparsity!r}: it must be one number, a fraction between 0 and 1")


def _ending(schedule: dict[int, float], sparsity: float) -> dict[int, float]:
    """The schedule with its last value exact and none above it."""
    return {step: min(value, sparsity) for step, value in schedule.items()} | {max(schedule): sparsity}


def _check(sparsity: float, steps: int, rounds: int) -> None:
    check_sparsity(sparsity)
    if steps < 0 or rounds < 1:
        raise ValueError(f"steps is {steps} and rounds is {rounds}: give at least 0 steps and 1 round")

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparsekit.pruning.schedules import SCHEDULES, gradual, iterative, one_shot


def test_registered():
    assert {"one_shot", "iterative", "gradual"} <= set(SCHEDULES)


@given(
    name=st.sampled_from(sorted(SCHEDULES)),
    sparsity=st.floats(0, 1),
    steps=st.integers(0, 2000),
    rounds=st.integers(1, 50),
)
def test_every_schedule_rises_within_its_steps_to_the_sparsity(name, sparsity, steps, rounds):
    plan = SCHEDULES[name](sparsity, steps, rounds)
    assert list(plan) == sorted(plan)
    assert all(0 <= step < max(steps, 1) for step in plan)
    values = list(plan.values())
    assert values == sorted(values)
    assert values[0] >= 0
    assert values[-1] == sparsity
    assert len(plan) <= rounds


@given(sparsity=st.floats(0.01, 0.99), rounds=st.integers(2, 10))
def test_iterative_removes_the_same_share_of_what_is_left_each_time(sparsity, rounds):
    plan = iterative(sparsity, 100 * rounds, rounds)
    assert list(plan) == list(range(0, 100 * rounds, 100))
    left = [1.0] + [1 - value for value in plan.values()]
    shares = [after / before for before, after in pairwise(left)]
    assert shares == pytest.approx([shares[0]] * rounds, rel=1e-6)


def test_hand_worked_examples():
    assert one_shot(0.7, 500, 9) == {0: 0.7}
    assert iterative(0.488, 900, 3) == pytest.approx({0: 0.2, 300: 0.36, 600: 0.488})
    assert gradual(0.8, 800, 4) == pytest.approx({100: 0.4625, 200: 0.7, 300: 0.7875, 400: 0.8})


def test_gradual_is_fast_at_first():
    rises = [0.0, *gradual(0.9, 1000, 10).values()]
    rises = [after - before for before, after in pairwise(rises)]
    assert rises == sorted(rises, reverse=True)


def test_everything_goes_in_equal_numbers():
    assert iterative(1.0, 100, 4) == {0: 0.25, 25: 0.5, 50: 0.75, 75: 1.0}


@pytest.mark.parametrize("name", SCHEDULES)
def test_few_steps_and_nothing_to_prune(name):
    assert SCHEDULES[name](0.9, 1, 5) == {0: 0.9}
    assert set(SCHEDULES[name](0.0, 100, 5).values()) == {0.0}


def test_rounds_that_fall_on_one_step_are_one_pruning():
    assert iterative(0.75, 1, 2) == {0: 0.75}
    assert list(iterative(0.9, 3, 7)) == [0, 1, 2]


@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize(
    ("arguments", "said"), [((1.2, 10, 2), "1.2"), ((0.5, -1, 2), "-1"), ((0.5, 10, 0), "rounds is 0")]
)
def test_bad_input(name, arguments, said):
    with pytest.raises(ValueError, match=said):
        SCHEDULES[name](*arguments)

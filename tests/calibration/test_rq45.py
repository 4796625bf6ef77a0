"""The calibration of RQ4 and RQ5, reduced: what docs/calibration has in full, within 3.5 standard errors."""

import numpy as np
import pytest

from tests.calibration import rq45


def error(share: float, runs: int) -> float:
    return 3.5 * np.sqrt(share * (1 - share) / runs)


@pytest.mark.parametrize("kind", rq45.KINDS)
@pytest.mark.parametrize("controls", [(), rq45.CONTROLS], ids=["alone", "given four"])
def test_discoveries_under_the_null_and_planted_correlations(kind, controls):
    runs = 60
    null, some = (rq45.correlations(20, kind, controls, r, runs) for r in (0.0, 0.7))
    assert null["any"] < 0.05 + error(0.05, runs)
    assert some["cover"] > 0.95 - error(0.05, runs)
    assert some["power"] > 0.7 - error(0.7, runs)


@pytest.mark.parametrize("kind", rq45.KINDS)
@pytest.mark.parametrize("family", [0.0, 3.0], ids=["families alike", "families apart"])
def test_the_test_of_r2_under_the_null(kind, family):
    runs = 30
    assert rq45.prediction(20, kind, 0.0, family, runs, 19)["found"] < 0.05 + error(0.05, runs)


@pytest.mark.parametrize("kind", rq45.KINDS)
def test_the_test_of_r2_has_power(kind):
    runs = 30
    assert rq45.prediction(20, kind, 0.6, 0.0, runs, 19)["found"] > 0.75 - error(0.75, runs) / 2


@pytest.mark.parametrize("icc", [0.2, 0.5, 0.8])
@pytest.mark.parametrize("kind", rq45.KINDS)
def test_noise_ceilings_cover(kind, icc):
    assert rq45.ceiling(20, 2, kind, icc, 150) > 0.95 - error(0.05, 150)


@pytest.mark.parametrize("icc", [0.5, 0.8])
def test_noise_ceilings_cover_where_graphs_have_heavy_tails(icc):
    """Without heed of the tails it is 81 to 84 % at as many graphs and seeds."""
    assert rq45.ceiling(200, 5, "tails", icc, 60) > 0.93 - error(0.07, 60) / 2


@pytest.mark.parametrize("share", [0.2, 0.5, 0.8])
def test_shares_of_learning_cover(share):
    assert rq45.learning(20, 2, share, 60) > 0.95 - error(0.05, 60)


def test_uneven_spread_makes_few_discoveries():
    """A permutation of the coefficient finds something in 35 %, one in standard errors in 12 %."""
    assert rq45.uneven(60, 150) < 0.05 + error(0.05, 150)

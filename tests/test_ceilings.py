import pytest

from sparsekit.analysis import structure as ceilings
from sparsekit.analysis.tables import TableError
from sparsekit.figures.structure import noise_ceilings, trainability_bars
from tests import planted


def test_figures_carry_the_numbers():
    table = planted.study(20, 3)
    table.loc[table.index[:6], "test_accuracy"] = 0.5
    shares = ceilings.trainability(table, 0.5)
    picture = trainability_bars(shares)
    assert "GRU, all families: 10 % (" in picture.alt
    assert "10 % of the GRU networks and 0 % of the LSTM networks never left" in picture.reading
    noise = ceilings.intraclass(table)
    picture = noise_ceilings(noise)
    assert f"{noise.ceiling['lstm']:.2f} of the variance of LSTM" in picture.reading
    assert f"LSTM, one network (ICC): {noise.icc['lstm']:.2f} (" in picture.alt
    assert "cannot be told apart" in noise_ceilings(ceilings.intraclass(planted.study(9, 1))).reading
    for draw in (trainability_bars, noise_ceilings):
        with pytest.raises(TableError, match="unknown column"):
            draw(table)

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
    noise, learning = ceilings.intraclass(table), ceilings.trainability_share(table, 0.5)
    picture = noise_ceilings(noise, learning)
    row = noise.loc["lstm"]
    told = f"LSTM {row.ceiling:.2f} ({row.ceiling_low:.2f} to {row.ceiling_high:.2f}), so a correlation at most "
    assert f"{told}{row.ceiling**0.5:.2f}" in picture.reading
    assert f"to a share of: GRU {learning.share['gru']:.2f} (" in picture.reading
    assert "LSTM cannot be computed" in picture.reading
    assert "learns" not in noise_ceilings(noise).reading
    assert f"LSTM, one network (ICC): {noise.icc['lstm']:.2f} (" in picture.alt
    assert "cannot be told apart" in noise_ceilings(ceilings.intraclass(planted.study(9, 1))).reading
    for draw in (trainability_bars, noise_ceilings):
        with pytest.raises(TableError, match="unknown column"):
            draw(table)

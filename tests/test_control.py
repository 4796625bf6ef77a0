import pytest

from sparsekit.analysis import control, correlation
from sparsekit.analysis.tables import TableError
from sparsekit.figures import correlation as figures_correlation
from sparsekit.figures.correlation import controlled_forest
from tests import planted


def test_figures_carry_the_coefficients():
    table = planted.study(effect=1, size=2, seed=3)
    raw, held = correlation.correlations(table, resamples=200), control.partial(table, resamples=200)
    picture = controlled_forest(raw, held)
    found = (raw.q_value <= 0.05).sum(), (held.q_value <= 0.05).sum()
    assert f"{found[0]} of {len(raw)} (alone) and {found[1]} of {len(held)} (given the controls)" in picture.reading
    best = held.pearson.loc["gru"].abs().idxmax()
    assert f"{held.pearson['gru', best]:+.2f}" in picture.alt.replace("−", "-")
    assert "nan" not in picture.alt
    heat = figures_correlation.correlation_map(correlation.by_variant(raw))
    assert f"{int((raw.q_value <= 0.05).sum())} of {len(raw)} are discoveries" in heat.reading
    with pytest.raises(TableError, match="q_value"):
        controlled_forest(raw.drop(columns="q_value"), held)

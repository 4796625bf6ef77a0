import pytest

from sparsekit.analysis import correlation
from sparsekit.analysis.prediction import SIZES
from sparsekit.analysis.tables import TableError
from sparsekit.figures import correlation as figures_correlation
from sparsekit.figures.correlation import controlled_forest, learned_forest, sizes_in_words
from tests import planted


def test_figures_carry_the_coefficients():
    table = planted.study(effect=1, size=2, seed=3)
    raw, held = correlation.correlations(table), correlation.correlations(table, SIZES)
    picture = controlled_forest(raw, held)
    rest = [name for name in planted.NAMES if name not in SIZES]
    counts = [int(correlation.found(own.loc["gru"].loc[rest]).sum()) for own in (raw, held)]
    assert all(counts)
    assert f"alone, GRU {counts[0]} of 4 properties" in picture.reading
    assert f"given the controls, GRU {counts[1]} of 4 properties" in picture.reading
    none = controlled_forest(raw.assign(pearson_low=-1.0, pearson_high=1.0), held)
    assert "alone, none; given" in none.reading
    best = held.pearson.loc["gru"].abs().idxmax()
    assert f"{held.pearson['gru', best]:+.2f}" in picture.alt.replace("−", "-")
    assert "nan" not in picture.alt
    heat = figures_correlation.correlation_map(correlation.by_variant(raw))
    assert f"Of all {len(raw)}, {int(correlation.found(raw).sum())} are told from zero." in heat.reading
    with pytest.raises(TableError, match="pearson_low"):
        controlled_forest(raw.drop(columns="pearson_low"), held)


def test_size_and_widths_are_told_as_a_finding_of_their_own():
    table = planted.study(effect=0, size=3, seed=3)
    found = correlation.correlations(table, SIZES)
    r, low, high = found.loc[("gru", "nodes"), ["pearson", "pearson_low", "pearson_high"]]
    assert "size and widths themselves, GRU nodes" in learned_forest(found, found, SIZES).reading
    told = f"GRU nodes {r:+.2f} ({low:+.2f} to {high:+.2f})"
    assert told in sizes_in_words(found, SIZES).replace("−", "-")
    assert "themselves" not in learned_forest(found, found, ()).reading

import numpy as np
import pytest
import statsmodels.api as sm
from statsmodels.stats.outliers_influence import variance_inflation_factor

from sparsekit.analysis import control
from sparsekit.analysis.tables import TableError
from tests import planted


def test_variance_inflation_is_that_of_statsmodels():
    table = planted.study(50, 1, variants=("gru",))
    found = control.collinearity(table)
    design = sm.add_constant(table[found.index.tolist()].astype(float)).to_numpy()
    expected = [variance_inflation_factor(design, i + 1) for i in range(len(found))]
    assert found.vif.tolist() == pytest.approx(expected)


@pytest.mark.filterwarnings("error")
def test_clusters_are_named_by_their_middle():
    table = planted.study(200, 1, variants=("gru", "lstm"))
    middle = table["diameter"] + 0.01 * np.random.default_rng(0).normal(size=len(table))
    table["eccentricity_mean"], table["degree_mean"], table["layers"] = middle, 3 * table["degree_var"], 4
    found = control.collinearity(table)
    assert found.cluster[["closeness_mean", "diameter", "eccentricity_mean"]].nunique() == 1
    assert found.cluster["closeness_mean"] in ("diameter", "eccentricity_mean")
    assert found.cluster["nodes"] == found.cluster["edges"] == found.cluster["density"]
    assert found.cluster[["sink_nodes", "layers"]].tolist() == ["sink_nodes", "layers"]
    assert np.isinf(found.vif[["degree_mean", "degree_var"]]).all()
    assert np.isnan(found.vif["layers"])
    assert control.collinearity(table, threshold=0.01).cluster.nunique() > found.cluster.nunique()


def test_bad_tables_are_named():
    table = planted.study(20, 1)
    with pytest.raises(TableError, match="no rows"):
        control.collinearity(table.iloc[:0])
    with pytest.raises(ValueError, match="threshold 30"):
        control.collinearity(table, threshold=30)

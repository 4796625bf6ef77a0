import numpy as np
import pandas as pd
import pytest
import scipy.stats

from sparsekit.analysis import sparse
from sparsekit.analysis.tables import TableError
from tests.tables_of_figures import sparse as table_of
from tests.tables_of_figures import sparse_structures


def test_methods_are_paired_with_pruning_after_training_by_seed():
    table = table_of()
    found = sparse.ahead(table, "steps").set_index(["variant", "method", "compression"]).loc[("gru", "rigl", 4.0)]
    own = table[(table["variant"] == "gru") & (table["compression"] == 4) & (table["budget"] == "steps")]
    wide = own.pivot(index="seed", columns="method", values="accuracy")
    pairs = wide["rigl"] - wide["pruned"]
    assert found["ahead"] == pytest.approx(pairs.mean())
    assert (found["low"], found["high"]) == pytest.approx(
        scipy.stats.t.interval(0.95, 2, pairs.mean(), scipy.stats.sem(pairs))
    )
    assert found["n"] == 3
    assert "pruned" not in set(sparse.ahead(table, "steps")["method"])


def test_over_all_the_seed_is_the_sample():
    table = table_of()
    found = sparse.ahead_in_all(table, "multiply-adds").set_index("method").loc["set"]
    own = table[table["budget"] == "multiply-adds"].set_index(["variant", "compression", "seed", "method"])["accuracy"]
    by_seed = (own.xs("set", level="method") - own.xs("pruned", level="method")).groupby("seed").mean()
    assert found["mean"] == pytest.approx(by_seed.mean())
    assert found["high"] - found["mean"] == pytest.approx(scipy.stats.t.ppf(0.975, 2) * by_seed.sem())
    assert found["n"] == 3


def test_structure_drifts_by_the_seed():
    table = sparse_structures()
    found = sparse.drifts(table, 4.0).set_index(["property", "method"]).loc[("reciprocity", "rigl")]
    own = table[(table["property"] == "reciprocity") & (table["method"] == "rigl") & (table["compression"] == 4)]
    by = own.assign(d=own["value"] - own["null"]).groupby(["share", "seed"])["d"].mean().unstack("share")
    assert found["mean"] == pytest.approx((by[1.0] - by[0.0]).mean())
    assert found["n"] == 3
    assert set(sparse.against_nulls(table, 4.0)["share"]) == {0.0, 0.5, 1.0}


def test_what_is_undefined_does_not_count():
    table = sparse_structures()
    table.loc[(table["method"] == "rigl") & (table["seed"] == 0), "value"] = np.nan
    assert set(sparse.drifts(table, 4.0).query("method == 'rigl'")["n"]) == {2}


def test_what_a_table_lacks_is_said():
    with pytest.raises(TableError, match="did you mean 'steps'"):
        sparse.points(table_of(), "step")
    with pytest.raises(TableError, match="unknown column 'spent'"):
        sparse.points(table_of().drop(columns="spent"), "steps")


def test_sizes_and_costs_stand_beside():
    table = table_of()
    assert list(sparse.sizes(table).columns) == ["compression ratio", "multiply-add ratio"]
    assert sparse.sizes(table).loc[4.0, "multiply-add ratio"] == pytest.approx(400 / 100)
    assert sparse.spent(table, "steps").loc["pruned"].eq(1).all()
    assert isinstance(sparse.spent(table, "steps"), pd.DataFrame)

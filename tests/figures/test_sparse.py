import re

import pytest

from sparsekit.analysis import sparse as analysis
from sparsekit.figures import sparse
from sparsekit.figures.words import label
from tests import tables_of_figures as tables


def test_accuracy_by_method_says_who_is_best_at_last():
    table = tables.sparse()
    picture = sparse.accuracy_by_method(table, {"best": 0.7}, "steps")
    means = analysis.points(table, "steps").query("compression == 16 and variant == 'gru'").set_index("method")["mean"]
    assert means.idxmax() == "pruned"
    assert "at 16×, the best of several partly by luck: RNN-Tanh" in picture.reading
    assert "GRU pruned after training" in picture.reading
    assert "GRU, RigL: 4×" in picture.alt


def test_the_heatmap_and_its_sentence_are_of_one_table():
    table = tables.sparse()
    picture = sparse.ahead_of_pruning(table, "multiply-adds")
    assert "equal multiply-adds" in picture.reading
    cells = analysis.ahead(table, "multiply-adds")
    clear = int(((cells["low"] > 0) | (cells["high"] < 0)).sum())
    for variant, rows in cells.groupby("variant"):
        behind = (rows["high"] < 0).sum()
        assert (f"{label(variant)} " in picture.reading) == bool(behind + (rows["low"] > 0).sum())
        assert not behind or f"behind in {behind}" in picture.reading
    assert f"Of 20 intervals {clear} leave out zero; by chance about 1.0 would." in picture.reading
    assert "GRU, RigL: 4×" in picture.alt


@pytest.mark.parametrize(
    "draw", [sparse.ahead_of_pruning, lambda table, *more: sparse.accuracy_by_method(table, {}, *more)]
)
def test_what_was_not_asked_for_is_said(draw):
    picture = draw(tables.sparse(budgets=("steps",)), "multiply-adds")
    assert picture.reading == sparse.UNASKED


def test_one_seed_has_no_interval():
    table = tables.sparse(seeds=1)
    assert "(" not in sparse.ahead_of_pruning(table).reading
    assert sparse.answer(table).endswith("its accuracy is not to be told apart in RNN-Tanh and GRU.")


def test_masks_that_move_are_told_and_those_that_stay_are_not():
    reading = sparse.masks_moved(tables.sparse_movements()).reading
    assert re.fullmatch(r"At 16×, .*: SET 61\.2 % and 10 % and RigL 40\.8 % and 8\.7 %\.", reading)
    still = tables.sparse_movements().query("method == 'erdos_renyi'")
    assert sparse.masks_moved(still).reading == "No mask moves."


def test_a_drift_is_told_with_its_interval():
    picture = sparse.structure_on_the_way(tables.sparse_structures(), 4.0)
    assert re.search(
        r"balanced triads less chance change by static, Erdős–Rényi [^;]* and RigL \+0\.2\d? \(", picture.reading
    )
    assert "reciprocity with RigL (+0.2" in picture.reading
    assert "degree inequality, RigL, last" in picture.alt


def test_the_answer_names_the_best_that_is_sparse_from_its_first_step():
    table = tables.sparse()
    told = sparse.answer(table)
    assert told.startswith(
        "The best way to train sparse from the start (RigL, partly by luck) takes 16 % of"
    )  # 1/4, 1/16
    assert told.count("lower in ") == 1
    assert "higher" not in told
    rows = analysis.ahead_in_all(table, "steps", by=("variant", "method")).set_index(["variant", "method"])
    (behind,) = (v for v in ("rnn_tanh", "gru") if rows.loc[(v, "rigl"), "high"] < 0)
    assert f"{label(behind)}, by {sparse.POINTS.form(rows.loc[(behind, 'rigl'), 'mean'])} (" in told
    ahead = table.assign(accuracy=table["accuracy"] + 0.3 * (table["method"] == "set"))
    told = sparse.answer(ahead)
    assert "(SET, partly by luck)" in told
    assert told.count(", by +") == 2
    assert "lower" not in told


def test_tables_are_in_the_order_of_figures():
    shown = sparse.named(analysis.spent(tables.sparse(), "steps"))
    assert shown.index.tolist()[:3] == ["pruned after training", "small dense", "static, Erdős–Rényi"]
    assert shown.columns.tolist() == ["4×", "16×"]

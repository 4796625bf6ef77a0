from sparsekit.analysis import control, cross_validation
from sparsekit.figures import tables as structure_tables
from tests import planted


def test_tables_say_what_is_known():
    table = planted.study(16, 2)
    shown = structure_tables.clusters(*[control.collinearity(table)] * 2).to_html()
    assert "closeness, mean" in shown
    assert "nan" not in shown
    scores = cross_validation.nested_prediction(
        table, baselines={"mean": (), "widths": ("source_nodes",)}, folds=3, repeats=2, permutations=19
    )
    gain = f"{scores.gain['gru', 'widths']:+.2f}".replace("-", "−")
    assert gain in structure_tables.gains(scores).to_html()
    assert "all" not in structure_tables.gains(scores).data.index
    assert f"{scores.p_value['lstm', 'all']:.3f}" in structure_tables.permuted(scores).to_html()
    few = cross_validation.nested_prediction(planted.study(5))
    assert "nan" not in structure_tables.permuted(few).to_html()

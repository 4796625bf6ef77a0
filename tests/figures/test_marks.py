"""The marks draw the numbers of their table, tell each of them in words, and keep all text on the card."""

import itertools

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import PathCollection
from matplotlib.colors import to_hex

from sparsekit.analysis.tables import TableError
from sparsekit.figures import marks
from sparsekit.figures.axis import ACCURACY, Axis
from sparsekit.figures.style import INK, PANEL, QUIET, RC, TARGETS, VARIANTS, Look
from sparsekit.figures.words import percent

X = Axis("weights pruned (%)")
PANELS = pytest.mark.parametrize("panels", [["gru"], list(VARIANTS)], ids=["one panel", "four panels"])
LONG = "a name of a series as long as people write them now and then"


def table(panels=("gru",), series=("both", "h2h"), xs=(10, 50, 90)):
    """A number of its own for each panel, series and place, with an interval."""
    rows = pd.DataFrame(itertools.product(panels, series, xs), columns=["panel", "series", "x"])
    mean = np.linspace(0.2, 0.9, len(rows))
    return rows.assign(mean=mean, low=mean - 0.05, high=mean + 0.05)


def panel_of(picture, name):
    return next(a for a in picture.figure.axes if a.get_title("left") in (VARIANTS[name].label, name))


def overflow(picture):
    """What leaves the card: texts by their words, panels with their ticks and labels by their titles."""
    with mpl.rc_context(RC):
        FigureCanvasAgg(picture.figure).draw()
    outer, boxes = picture.figure.bbox.padded(1), []
    texts = [*picture.figure.texts, *(text for legend in picture.figure.legends for text in legend.get_texts())]
    for axes in picture.figure.axes:
        texts += axes.texts
        boxes.append((axes.get_title("left"), axes.get_tightbbox()))
    boxes += [(text.get_text(), text.get_window_extent()) for text in texts if text.get_text()]
    return [name for name, box in boxes if not (outer.contains(box.x0, box.y0) and outer.contains(box.x1, box.y1))]


@PANELS
def test_lines_stand_at_their_means(panels):
    data = table(panels)
    picture = marks.lines(data, "Title", X, looks=TARGETS)
    assert not overflow(picture)
    for name in panels:
        drawn = [line for line in panel_of(picture, name).lines if len(line.get_xdata()) == 3]
        for line, series in zip(drawn, ("both", "h2h"), strict=True):
            own = data[(data["panel"] == name) & (data["series"] == series)]
            np.testing.assert_array_equal(line.get_xdata(), own["x"])
            np.testing.assert_array_equal(line.get_ydata(), own["mean"])
            assert line.get_color() == TARGETS[series].colour
    for row in data.itertuples():
        assert f"{row.x} {percent(row.mean)} ({percent(row.low)[:-2]} to {percent(row.high)})" in picture.alt


def test_a_series_may_have_the_colour_of_its_panel():
    looks = {"both": Look("both", PANEL, "o", "-"), "h2h": TARGETS["h2h"]}
    picture = marks.lines(table(["gru"]), "Title", X, looks=looks)
    colours = [line.get_color() for line in panel_of(picture, "gru").lines if len(line.get_xdata()) == 3]
    assert colours == [VARIANTS["gru"].colour, TARGETS["h2h"].colour]


def test_lines_draw_seeds_base_and_baselines():
    seeds = pd.DataFrame({"panel": "gru", "series": "both", "seed": 3, "x": [10, 90], "value": [0.31, 0.32]})
    picture = marks.lines(
        table(), "Title", X, looks=TARGETS, seeds=seeds, base={"gru": 0.8}, margin=0.02, baselines={"majority": 0.4}
    )
    heights = [list(line.get_ydata()) for line in panel_of(picture, "gru").lines]
    for expected in ([0.31, 0.32], [0.8, 0.8], [0.4, 0.4]):
        assert expected in heights
    assert "GRU, base: 80 %" in picture.alt
    assert not overflow(picture)


def test_intervals_as_whiskers_and_series_apart():
    axes = panel_of(marks.lines(table(), "Title", X, looks=TARGETS, whiskers=True, apart=0.1), "gru")
    (both, h2h), data = ((c.get_segments() for c in axes.collections), table())
    np.testing.assert_allclose([one[:, 1] for one in (*both, *h2h)], data[["low", "high"]])
    heights = [line.get_ydata() for line in axes.lines if len(line.get_xdata()) == 3]
    np.testing.assert_allclose(np.concatenate(heights), data["mean"] + np.repeat([0.05, -0.05], 3))


def test_the_band_of_a_step_reaches_to_where_its_line_leaves_it():
    data = table(series=["both"])
    data.loc[2, ["low", "high"]] = np.nan
    for steps, end in ((True, 90), (False, 50)):
        picture = marks.lines(data, "Title", X, looks=TARGETS, steps=steps)
        (band,) = panel_of(picture, "gru").collections
        assert max(x for path in band.get_paths() for x, _ in path.vertices) == end


def test_of_many_lines_the_ends_are_told_and_of_too_many_the_number():
    looks = {f"s{k}": Look(f"s{k}", INK, "o", "-") for k in range(marks.MOST + 5)}
    alt = marks.lines(table(series=list(looks), xs=(10, 50, 90)), "Title", X, looks=looks).alt
    assert alt.endswith("; and 5 more.")
    assert alt.count(" 10 ") == alt.count(" 90 ") == marks.MOST
    assert " 50 " not in alt.replace("50 %", "")


def test_a_missing_point_leaves_a_gap_and_is_not_told():
    data = table(series=["both"])
    data.loc[1, ["mean", "low", "high"]] = np.nan
    picture = marks.lines(data, "Title", X, looks=TARGETS)
    (line,) = (line for line in panel_of(picture, "gru").lines if len(line.get_xdata()) == 3)
    assert np.isnan(line.get_ydata()[1])
    assert "50 " not in picture.alt
    assert "nan" not in picture.alt


@pytest.mark.parametrize("series", [2, 8])
def test_long_labels_and_many_series_stay_on_the_card(series):
    looks = {f"s{k}": Look(f"{LONG} {k}"[-70:], INK, "o", "-") for k in range(series)}
    data = table(list(VARIANTS), list(looks))
    assert not overflow(marks.lines(data, "Title", X, looks=looks, note="A quiet line.\nAnd another one."))
    rows = data.rename(columns={"x": "row"})
    assert not overflow(marks.forest(rows, "Title", looks=looks))
    assert not overflow(marks.points(data.rename(columns={"mean": "y"}), "Title", X, looks=looks))


@PANELS
def test_forest_points_stand_at_their_means_within_their_intervals(panels):
    data = table(panels, xs=["first", "second"]).rename(columns={"x": "row"})
    picture = marks.forest(data, "Title", Axis("share", percent), looks=TARGETS)
    assert not overflow(picture)
    for name in panels:
        axes, own = panel_of(picture, name), data[data["panel"] == name]
        spots = [c.get_offsets()[0] for c in axes.collections if isinstance(c, PathCollection)]
        spans = [c.get_segments()[0][:, 0] for c in axes.collections if hasattr(c, "get_segments")]
        np.testing.assert_allclose([x for x, _ in spots], own["mean"])
        np.testing.assert_allclose(spans, own[["low", "high"]])
        assert len({round(float(y), 6) for _, y in spots}) == len(own)
    for row in data.itertuples():
        told = f"{VARIANTS[row.panel].label}, {row.row}, {TARGETS[row.series].label}: {percent(row.mean)}"
        assert f"{told} ({percent(row.low)[:-2]} to {percent(row.high)})" in picture.alt


def test_a_text_that_holds_the_number_is_told_alone():
    rows = pd.DataFrame({"panel": "", "row": ["a", "b"], "mean": [0.5, 0.25], "text": ["50 %", "3 of 12"]})
    alt = marks.forest(rows, "Title", ACCURACY, panels={}).alt
    assert alt.endswith("a: 50 %; b: 25 %, 3 of 12.")


def test_forest_tells_what_is_missing_reported_and_under_which_heading():
    data = pd.DataFrame({"panel": "", "group": ["gru", "lstm"], "row": "nodes", "mean": [0.25, np.nan]})
    picture = marks.forest(data.assign(reported=[0.5, np.nan]), "Title", groups=VARIANTS)
    assert "GRU, nodes: 0.25, reported 0.50" in picture.alt
    assert "LSTM, nodes: cannot be told" in picture.alt
    assert not overflow(picture)
    heads = [text.get_text() for text in picture.figure.axes[0].texts]
    assert heads == ["GRU", "LSTM"]


def test_bars_reach_from_zero_to_the_mean_and_points_beyond_the_axis_become_arrows():
    data = pd.DataFrame({"panel": "gru", "row": ["a", "b"], "mean": [0.4, -2.0]})
    bars = marks.forest(data, "Title", bars=True).figure.axes[0].patches
    assert [bar.get_width() for bar in bars] == [0.4, -2.0]
    axes = marks.forest(data, "Title", Axis("change", limits=(-1, 1))).figure.axes[0]
    assert sorted(float(c.get_offsets()[0][0]) for c in axes.collections) == [-1, 0.4]


def test_a_forest_tells_no_more_rows_than_a_reader_hears():
    data = pd.DataFrame({"panel": "", "row": [f"row {k}" for k in range(marks.MOST + 5)], "mean": 0.5})
    assert marks.forest(data, "Title").alt.endswith("; and 5 more.")
    panels = marks.forest(pd.concat([data.assign(panel=name) for name in ("lstm", "gru")]), "Title")
    assert panels.alt.index("GRU, row 19") < panels.alt.index("LSTM, row 0")
    assert panels.alt.endswith("LSTM, row 19: 0.50; and 50 more.")


@PANELS
def test_cells_hold_their_numbers(panels):
    data = table(panels).rename(columns={"series": "row", "x": "column", "mean": "value"})
    data.loc[0, "value"] = np.nan
    picture = marks.heatmap(data.assign(bold=data["value"] > 0.5), "Title", panels=VARIANTS, form=percent)
    assert not overflow(picture)
    for name in panels:
        own = data[data["panel"] == name]
        cells = panel_of(picture, name).texts
        for cell, (_, row) in zip(cells, own.iterrows(), strict=True):
            assert cell.get_text() == (percent(row["value"]) if np.isfinite(row["value"]) else "–")
            assert cell.get_position() == ([10, 50, 90].index(row["column"]), ["both", "h2h"].index(row["row"]))
            assert cell.get_weight() == ("bold" if row["value"] > 0.5 else "normal")
    for row in data.dropna().itertuples():
        assert f"{row.column} {percent(row.value)}" in picture.alt


def test_colours_follow_the_value_on_either_side_of_the_middle():
    data = pd.DataFrame({"row": "r", "column": ["low", "middle", "high"], "value": [-9.0, 0.0, 1.0]})
    faces = [to_hex(p.get_facecolor()) for p in marks.heatmap(data, "Title").figure.axes[0].patches]
    assert faces == [to_hex(marks.DIVERGING(at)) for at in (0.0, 0.5, 1.0)]


@PANELS
def test_scatter_draws_every_point(panels):
    data = table(panels).rename(columns={"mean": "y"})
    picture = marks.points(data, "Title", X, looks=TARGETS, subtitles=dict.fromkeys(panels, "a quiet line"))
    assert not overflow(picture)
    for name in panels:
        offsets = np.vstack([c.get_offsets() for c in panel_of(picture, name).collections])
        np.testing.assert_allclose(offsets, data.loc[data["panel"] == name, ["x", "y"]])
        label = VARIANTS[name].label
        assert f"{label}, {TARGETS['both'].label}: 3 points" in picture.alt


def test_order_is_that_of_the_looks_whatever_the_tables():
    data = table(["lstm", "gru"], ["h2h", "both"])
    picture = marks.lines(data, "Title", X, looks=TARGETS)
    assert [a.get_title("left") for a in picture.figure.axes] == ["GRU", "LSTM"]
    assert [t.get_text() for t in picture.figure.legends[0].get_texts()] == ["both", "hidden-to-hidden"]
    unknown = {"b": Look("B", QUIET, "o", "-")}
    names = [
        t.get_text()
        for t in marks.lines(table(series=["new_one", "b"]), "Title", X, looks=unknown).figure.legends[0].get_texts()
    ]
    assert names == ["B", "new one"]


@pytest.mark.parametrize("mark", [marks.lines, marks.points])
def test_a_column_that_is_missing_is_named(mark):
    with pytest.raises(TableError, match="series"):
        mark(table().drop(columns="series"), "Title", X, looks=TARGETS)
    with pytest.raises(TableError, match="mean"):
        marks.forest(pd.DataFrame({"panel": [], "row": []}), "Title")
    with pytest.raises(TableError, match="value"):
        marks.heatmap(pd.DataFrame({"row": [], "column": []}), "Title")


def test_a_long_title_stays_inside_the_card():
    title = "Accuracy over retraining steps after pruning, 95 % of all hidden-to-hidden weights pruned"
    assert not overflow(marks.lines(table(["gru"]), title, X, looks=TARGETS))


def test_ends_of_narrow_axes_do_not_run_into_each_other():
    rows = [
        {"panel": v, "row": "a", "mean": 0.5, "low": 0.0, "high": 1.0} for v in ("rnn_tanh", "gru", "lstm", "rnn_relu")
    ]
    picture = marks.forest(pd.DataFrame(rows), "Shares", Axis("share", percent, limits=(0, 1)))
    renderer = FigureCanvasAgg(picture.figure).get_renderer()
    picture.figure.draw(renderer)
    boxes = [label.get_window_extent(renderer) for axes in picture.figure.axes for label in axes.get_xticklabels()]
    assert len(boxes) > 8
    assert all(one.x1 < other.x0 for one, other in itertools.pairwise(sorted(boxes, key=lambda box: box.x0)))

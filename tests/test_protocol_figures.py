"""Figures of scores, scopes, schedules and recovery protocols, drawn from tables as the studies make them."""

import itertools
from io import BytesIO

import matplotlib as mpl
import matplotlib.image
import numpy as np
import pandas as pd
import pytest

from sparsekit.analysis import conditions as analysis_conditions
from sparsekit.analysis import recovery as analysis_recovery
from sparsekit.analysis import verdicts
from sparsekit.analysis.tables import TableError
from sparsekit.figures import card as pictures
from sparsekit.figures import pruning as compression_figures
from sparsekit.figures import recovery as protocol_figures
from sparsekit.figures import style as looks
from sparsekit.pruning import schedules, scores
from sparsekit.pruning.prune import SCOPES
from sparsekit.pruning.recovery import PROTOCOLS
from tests import tables_of_figures as tables
from tests.test_figures import BLINDNESS, _lab

BASELINES = tables.baselines()
DENSE = {"rnn_tanh": 17_500, "rnn_relu": 17_500, "gru": 52_500, "lstm": 70_000}
BY_SCORE = {"magnitude": 0, "sensitivity": 5, "activity": -12, "random": -52}
BY_SCOPE = {"global": 0, "layer": -4, "matrix": -2, "gate": -7}
BY_SCHEDULE = {"one_shot": 5, "iterative": 13, "gradual": 10}
# Accuracy at step 0, and steps that recovery takes.
BY_PROTOCOL = {
    "retrain": (0.6, 40),
    "rewind": (0.52, 120),
    "reinitialise": (0.5, 500),
    "random_mask": (0.5, 900),
    "rewired_mask": (0.5, 800),
    "dense": (0.5, 350),
}
STEPS = (0, 5, 20, 80, 200, *(586 * epoch for epoch in range(1, 6)))


def conditions(variants=tables.VARIANTS, seeds=3, percentages=range(10, 101, 10), **columns):
    """One row per combination, with the weights left."""
    grid = {"variant": variants, "seed": range(seeds), "target": ("both",), "percent": percentages} | columns
    table = pd.DataFrame(itertools.product(*grid.values()), columns=list(grid)).astype({"percent": float})
    dense = table["variant"].map(DENSE)
    left = (dense * (1 - table["percent"] / 100)).round().clip(lower=1)
    return table.assign(
        base_accuracy=table["variant"].map(tables.BASE),
        weights=left,
        weights_dense=dense,
        multiply_adds=20 * left,
        multiply_adds_dense=20 * dense,
    )


def accuracies(table, shift, seed=0):
    rng = np.random.default_rng(seed)
    edge = table["variant"].map(tables.SAFE) + shift + rng.normal(0, 2.5, len(table))
    base = table["base_accuracy"]
    accuracy = 0.5 + (base - 0.5) / (1 + np.exp((table["percent"] - edge) / 3)) + rng.normal(0, 0.002, len(table))
    return table.assign(accuracy=accuracy.clip(0, 1))


def pruning(scopes=tuple(BY_SCOPE), **options):
    table = conditions(score=tuple(BY_SCORE), scope=scopes, **options)
    return accuracies(table, table["score"].map(BY_SCORE) + table["scope"].map(BY_SCOPE))


def scheduled(**options):
    table = conditions(schedule=tuple(BY_SCHEDULE), **options)
    return accuracies(table, table["schedule"].map(BY_SCHEDULE))


def recovery(protocols=tuple(BY_PROTOCOL), percentages=(90,), noise=0.004, **options):
    rng, parts = np.random.default_rng(4), []
    table = conditions(percentages=percentages, recovery=protocols, **options)
    for row in table.to_dict("records"):
        start, pace = BY_PROTOCOL[row["recovery"]]
        pace *= rng.lognormal(0, 0.5) * {"rnn_tanh": 1.5, "rnn_relu": 1, "gru": 0.7, "lstm": 1.2}[row["variant"]]
        top = row["base_accuracy"] - {"random_mask": 0.02}.get(row["recovery"], 0)
        steps = np.array(STEPS)
        accuracy = top + (start - top) * np.exp(-steps / pace) + rng.normal(0, noise, len(steps))
        parts.append(pd.DataFrame({"step": steps, "epoch": steps / 586, "accuracy": accuracy.clip(0, 1)}).assign(**row))
    return pd.concat(parts, ignore_index=True).drop(columns=[n for n in table if "weights" in n or "multiply" in n])


def every(variants=tables.VARIANTS, seeds=3, percentages=range(10, 101, 10), amount=90):
    size = {"variants": variants, "seeds": seeds}
    scored, recovered = pruning(**size, percentages=percentages), recovery(**size, percentages=(amount,))
    published = analysis_conditions.chosen(scored, score="magnitude", scope="global")
    kept = verdicts.tolerance(published, 0.02)
    yield compression_figures.accuracy_by_compression(scored, BASELINES)
    yield compression_figures.scores_and_scopes(scored[scored["percent"].isin([50, 90])])
    yield compression_figures.accuracy_by_schedule(scheduled(**size, percentages=percentages), BASELINES)
    yield protocol_figures.recovery_protocols(recovered, BASELINES, amount)
    yield protocol_figures.regain_survival(recovered, amount)
    yield protocol_figures.areas_by_protocol(analysis_recovery.area_under_recovery(recovered), amount)
    yield protocol_figures.accuracy_lost(
        analysis_recovery.area_under_recovery(analysis_conditions.chosen(recovered, recovery="retrain"))
    )
    yield compression_figures.tolerances(kept)
    yield compression_figures.accuracy_by_percentage(published, BASELINES)
    yield protocol_figures.recovery_curves(analysis_conditions.chosen(recovered, recovery="retrain"), BASELINES)


EDGES = {
    "full": {},
    "one variant, one seed": {"variants": ("gru",), "seeds": 1, "percentages": (50, 90)},
    "three variants, twenty percentages": {
        "variants": tables.VARIANTS[:3],
        "seeds": 6,
        "percentages": range(5, 101, 5),
    },
    "one percentage": {"variants": ("lstm", "rnn_relu"), "seeds": 2, "percentages": (90,)},
}


@pytest.fixture(scope="module", params=EDGES)
def all_pictures(request):
    return list(every(**EDGES[request.param]))


def test_pictures_say_what_they_show_inside_the_card(all_pictures, monkeypatch):
    monkeypatch.setattr(pictures, "RESOLUTION", 1)
    drawn, draw = [], mpl.text.Text.draw

    def note(text, renderer, *args, **kwargs):
        if text.get_visible() and text.get_text().strip():
            drawn.append((text, text.get_window_extent(renderer)))
        draw(text, renderer, *args, **kwargs)

    monkeypatch.setattr(mpl.text.Text, "draw", note)
    for picture in all_pictures:
        assert picture.reading.endswith(".")
        assert "nan" not in picture.alt + picture.reading
        assert len(picture.alt) < 3200
        drawn.clear()
        height, width, _ = mpl.image.imread(BytesIO(picture.png())).shape
        for text, box in drawn:
            assert text.get_size() >= 9, text.get_text()
            assert max(-box.x0, box.x1 - width, -box.y0, box.y1 - height) <= 1, (picture.alt[:60], text.get_text())
        labels = {axes.xaxis.label for axes in picture.figure.axes}
        boxes = {id(text): box for text, box in drawn if text in labels}.values()
        assert not any(one.overlaps(two) for one, two in itertools.combinations(boxes, 2)), picture.alt[:60]


def test_compression_is_told_beside_random_controls():
    table = pruning(variants=("gru",), seeds=2, percentages=(50, 80), scopes=("global", "layer"))
    high = (table["score"] == "magnitude") & ((table["percent"] == 50) | (table["scope"] == "layer"))
    picture = compression_figures.accuracy_by_compression(table.assign(accuracy=np.where(high, 0.99, 0.6)), BASELINES)
    assert "GRU, magnitude (global): 2× 99 % (99 % to 99 %), 5× 60 %" in picture.alt
    assert picture.reading.endswith("magnitude (global) 2×, random (global) 1× and random (per layer) 1×.")
    # A single weight left: a point at 26,250× would be all that is seen.
    one_left = table.assign(weights=np.where(table["percent"] == 80, 2, table["weights"]))
    assert "5× 60 %" not in compression_figures.accuracy_by_compression(one_left, BASELINES).alt
    with pytest.raises(TableError, match="more than one weight in 1,000 left"):
        compression_figures.accuracy_by_compression(table.assign(weights=1), BASELINES)


def test_the_best_score_and_scope_are_read_from_the_data():
    table = pruning(variants=("lstm",), seeds=2, percentages=(50,))
    best = (table["score"] == "activity") & (table["scope"] == "gate")
    picture = compression_figures.scores_and_scopes(table.assign(accuracy=np.where(best, 0.9, 0.7)))
    assert picture.reading == "Highest mean accuracy at 50 %: LSTM activity (per gate), 90 %."
    assert "LSTM, 50 %, per gate, activity: 90 %" in picture.alt
    assert "LSTM, 50 %, per gate, magnitude: 70 %" in picture.alt


def test_schedules_are_compared_at_the_end():
    table = scheduled(variants=("gru",), seeds=2, percentages=(50, 90))
    held = (table["schedule"] == "iterative") | (table["percent"] == 50)
    picture = compression_figures.accuracy_by_schedule(table.assign(accuracy=np.where(held, 0.99, 0.8)), BASELINES)
    assert picture.reading.endswith("one-shot 50 %, iterative 90 % and gradual 50 %.")
    assert "GRU, one-shot: 50 99 % (99 % to 99 %), 90 80 %" in picture.alt


def test_protocols_are_counted_where_they_end_and_come_back():
    table = recovery(variants=("gru", "lstm"), noise=0)
    never = table["recovery"] == "random_mask"
    table = table.assign(accuracy=table["accuracy"].where(~never, 0.5))
    picture = protocol_figures.recovery_protocols(table, BASELINES, 90)
    assert "surviving weights 2 of 2" in picture.reading
    assert "random mask 0 of 2" in picture.reading
    told = ", ".join(f"{step} 50 % (50 % to 50 %)" for step in ("0", "200", "2,930"))
    assert f"GRU, random mask: {told}" in picture.alt
    picture = protocol_figures.regain_survival(table, 90)
    assert "GRU, random mask: 0 100 %, 2,930 100 %" in picture.alt
    assert "surviving weights 6 of 6, " in picture.reading
    assert "random mask 0 of 6, " in picture.reading


def test_shares_not_yet_back_fall_to_half_at_the_median():
    table = recovery(variants=("gru", "lstm"), seeds=4)
    medians = analysis_recovery.steps_to_regain(table, 0.02)["median"]
    shares = analysis_recovery.not_yet_back(table, "recovery", 0.02)
    for (variant, name), own in shares.groupby(["variant", "recovery"]):
        assert own["step"].iloc[[0, -1]].tolist() == [0, STEPS[-1]]
        assert min(own.loc[own["mean"] <= 0.5, "step"], default=np.inf) == medians[variant, "both", 90, name]
        assert own["mean"].iloc[-1] == pytest.approx(1 - own["back"].iloc[0] / 4)


def test_survival_falls_where_networks_come_back():
    table = recovery(("retrain",), variants=("gru",), seeds=4)
    table["accuracy"] = np.where(table["step"] >= 5 * (1 + 15 * (table["seed"] > 1)), 1.0, 0.5)
    axes = protocol_figures.regain_survival(table, 90).figure.axes[0]
    curve = max(axes.lines, key=lambda line: len(line.get_xdata()))
    assert dict(zip(curve.get_xdata(), curve.get_ydata(), strict=True)) == {0: 1, 5: 0.5, 80: 0, STEPS[-1]: 0}


def test_verdicts_stand_beside_their_changes():
    table = accuracies(conditions(variants=("gru",), percentages=(10, 20, 30, 40)), 0)
    change = table["percent"].map({10: 0.0, 20: -0.001, 30: -0.02, 40: -0.4}) + 0.003 * (table["seed"] - 1)
    kept = verdicts.tolerance(table.assign(accuracy=table["base_accuracy"] + change), 0.02)
    picture = compression_figures.tolerances(kept)
    for told in ("20 %: −0.1, 3 of 3 seeds within", "30 %: −2, 2 of 3 seeds within", "40 %: −40, 0 of 3 seeds within"):
        assert f"GRU, {told}" in picture.alt
    seen = "In 2 of 4 conditions all seeds were within 2 points of their base; shown are 0 kept and 0 dropped"
    assert picture.reading == f"{seen}, as kept takes 10 seeds or more."
    many = pd.concat(
        [table.assign(accuracy=table["base_accuracy"] + change, seed=table["seed"] + 3 * k) for k in range(4)]
    )
    picture = compression_figures.tolerances(verdicts.tolerance(many, 0.02))
    assert "GRU, 20 %: −0.1 (−0.3 to +0.1), kept: 12 of 12 seeds within" in picture.alt
    assert picture.reading.endswith("shown are 2 kept and 1 dropped.")


SCORED, RECOVERED = pruning(seeds=1, percentages=(50,)), recovery(seeds=1)
RECOVERED_BY_SCORE = pd.concat([RECOVERED.assign(score=score) for score in BY_SCORE])


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: compression_figures.accuracy_by_compression(SCORED, BASELINES, "h2h"), "target of this table 'h2h'"),
        (lambda: compression_figures.accuracy_by_compression(SCORED, BASELINES, score="magntude"), "'magnitude'"),
        (lambda: compression_figures.scores_and_scopes(SCORED.drop(columns="scope")), "column 'scope'"),
        (lambda: compression_figures.accuracy_by_schedule(SCORED, BASELINES), "column 'schedule'"),
        (lambda: protocol_figures.recovery_protocols(RECOVERED, BASELINES, 80), "percent of this table 80"),
        (lambda: protocol_figures.recovery_curves(RECOVERED, BASELINES, "h2h"), "target of this table 'h2h'"),
        (lambda: protocol_figures.regain_survival(RECOVERED_BY_SCORE, 90), "'score' holds magnitude, sensitivity"),
        (lambda: compression_figures.tolerances(verdicts.tolerance(SCORED, 0.02)), "'score' holds"),
        (lambda: compression_figures.accuracy_by_percentage(SCORED, BASELINES), "'score' holds"),
        (lambda: compression_figures.half_dropped(verdicts.half_dropped(SCORED, 0.02)), "'score' holds"),
        (lambda: protocol_figures.recovery_curves(RECOVERED, BASELINES), "'recovery' holds"),
        (lambda: protocol_figures.regain_map(analysis_recovery.regain(RECOVERED, 0.02)), "'recovery' holds"),
    ],
)
def test_tables_that_would_mix_conditions_are_refused(call, words):
    with pytest.raises(TableError, match=words):
        call()


@pytest.mark.parametrize("table", [looks.SCORES, looks.SCOPES, looks.SCHEDULES, looks.PROTOCOLS])
def test_looks_differ_with_and_without_colour(table):
    for one, two in itertools.combinations(table.values(), 2):
        for matrix in BLINDNESS.values():
            assert np.linalg.norm(_lab(one.colour, matrix) - _lab(two.colour, matrix)) > 15, (one.label, two.label)
    assert len({one.marker for one in table.values()}) == len({str(one.line) for one in table.values()}) == len(table)
    assert all(looks.contrast(one.colour) >= 3 for one in table.values())


def test_every_registered_name_has_a_look():
    assert set(scores.SCORES) <= set(looks.SCORES)
    assert set(SCOPES) == set(looks.SCOPES)
    assert set(schedules.SCHEDULES) <= set(looks.SCHEDULES)
    assert set(PROTOCOLS) <= set(looks.PROTOCOLS)

"""Every figure, in full and in edge cases: its words, its fit on the card, and what a card does."""

import inspect
import itertools
import sys
from io import BytesIO

import matplotlib as mpl
import matplotlib.image
import networkx as nx
import numpy as np
import pandas as pd
import pytest
import torch

from sparsekit.analysis import correlation, verdicts
from sparsekit.analysis import recovery as analysis_recovery
from sparsekit.analysis.conditions import chosen
from sparsekit.figures import automata, card, drawings, mask_drawings, prediction, style
from sparsekit.figures import correlation as figures_correlation
from sparsekit.figures import picture as picture_module
from sparsekit.figures import pruning as figures_pruning
from sparsekit.figures import recovery as figures_recovery
from sparsekit.figures import structure as figures_structure
from sparsekit.figures import task as figures_task
from sparsekit.figures.card import WIDTH
from sparsekit.figures.picture import Picture
from sparsekit.graphs import families
from sparsekit.networks import build as networks
from sparsekit.registry import UnknownName
from sparsekit.tasks import definitions as tasks
from sparsekit.tasks import grammars as reber
from tests import tables_of_conditions as conditions
from tests import tables_of_figures as tables

BASELINES = tables.baselines()
REPORTED_R2 = {v: {"bayesian_ridge": 0.4, "random_forest": 0.6} for v in tables.VARIANTS}
REPORTED_R = {v: {"nodes": 0.4, "source_nodes": 0.5} for v in tables.VARIANTS}
REPORTED_SAFE = {(v, t): 70 for v in tables.VARIANTS for t in tables.TARGETS}


def correlations(table: pd.DataFrame) -> dict[str, pd.DataFrame]:
    return {v: correlation.correlate(own, "test_accuracy", permutations=99) for v, own in table.groupby("variant")}


def every(variants, seeds, targets, percentages, networks_each):
    """Each figure once, on tables of the given size."""
    pruning = tables.pruning(variants, seeds, targets, percentages)
    recovery = tables.recovery(variants, seeds, targets, percentages)
    structure = tables.structure(variants, networks_each)
    found = correlations(structure)
    regain = analysis_recovery.regain(recovery, 0.02)
    yield figures_task.baseline_bars(BASELINES)
    yield figures_task.length_histogram(tables.task())
    yield figures_task.training_curves(tables.base(variants, seeds, 6), BASELINES)
    yield figures_pruning.accuracy_by_percentage(pruning, BASELINES)
    yield figures_pruning.half_dropped(verdicts.half_dropped(pruning, 0.02), REPORTED_SAFE)
    yield figures_recovery.recovery_curves(recovery, BASELINES, targets[0])
    yield figures_recovery.regain_map(regain)
    yield figures_recovery.regain_map(regain, "step")
    yield figures_structure.structure_accuracies(structure, BASELINES)
    yield figures_correlation.correlation_map(found)
    yield figures_correlation.correlation_forest(found, REPORTED_R, "spearman")
    yield figures_structure.scatter(structure, "nodes")
    for tested in (20, 2):
        many, once = tables.distributions(variants, tested=tested), tables.once(variants, tested)
        yield prediction.prediction_splits(many, once, REPORTED_R2)
    yield prediction.importances(tables.importances(variants))


def of_conditions(variants=tables.VARIANTS, seeds=3, percentages=range(10, 101, 10), amount=90):
    size = {"variants": variants, "seeds": seeds}
    scored, recovered = (
        conditions.pruning(**size, percentages=percentages),
        conditions.recovery(**size, percentages=(amount,)),
    )
    published = chosen(scored, score="magnitude", scope="global")
    kept = verdicts.tolerance(published, 0.02)
    yield figures_pruning.accuracy_by_compression(scored, BASELINES)
    yield figures_pruning.scores_and_scopes(scored[scored["percent"].isin([50, 90])])
    yield figures_pruning.accuracy_by_schedule(conditions.scheduled(**size, percentages=percentages), BASELINES)
    yield figures_recovery.recovery_protocols(recovered, BASELINES, amount)
    yield figures_recovery.regain_survival(recovered, amount)
    yield figures_recovery.areas_by_protocol(analysis_recovery.area_under_recovery(recovered), amount)
    yield figures_recovery.accuracy_lost(analysis_recovery.area_under_recovery(chosen(recovered, recovery="retrain")))
    yield figures_pruning.tolerances(kept)
    yield figures_pruning.accuracy_by_percentage(published, BASELINES)
    yield figures_recovery.recovery_curves(chosen(recovered, recovery="retrain"), BASELINES)


def drawn_structure():
    small, large = families.sample("barabasi_albert", 1, 12, 14), families.sample("watts_strogatz", 4, 46, 50)
    yield automata.automaton()
    yield automata.automaton(reber.EMBEDDED)
    for name in ("reber", "digits"):
        yield from figures_task.task_pictures(tasks.make(name, train_size=60, test_size=60))
    yield figures_task.task_baselines(tables.task_baselines())
    for graph in (small, large, nx.path_graph(2)):
        yield drawings.graph(graph)
        yield drawings.layered(graph)
    gru = networks.layered("gru", small)
    yield mask_drawings.masks(gru)
    yield mask_drawings.masks(networks.layered("rnn_tanh", large), most=5)
    yield mask_drawings.masks(networks.stacked("lstm", hidden_size=6))
    yield mask_drawings.gates(gru.stages[2].mask_ih, "Stage 2", count=3)
    yield mask_drawings.gates(np.eye(70))
    yield mask_drawings.cell(gru)
    yield mask_drawings.cell(networks.stacked("rnn_relu", hidden_size=6))


FULL = (tables.VARIANTS, 3, tables.TARGETS, range(10, 101, 10), 40)
EDGES = {
    "full": FULL,
    "one variant, one seed, one target": (("gru",), 1, ("h2h",), (50, 90), 4),
    "nothing drops": (("lstm", "rnn_tanh"), 2, ("both",), (10, 20), 6),
    "three variants, twenty percentages": (tables.VARIANTS[:3], 2, ("both", "i2h"), range(5, 101, 5), 12),
    "one percentage": (("rnn_relu",), 2, ("both",), (100,), 3),
}


CONDITIONS = {
    "conditions": {},
    "conditions of one variant, one seed": {"variants": ("gru",), "seeds": 1, "percentages": (50, 90)},
    "conditions at twenty percentages": {"variants": tables.VARIANTS[:3], "seeds": 6, "percentages": range(5, 101, 5)},
    "conditions at one percentage": {"variants": ("lstm", "rnn_relu"), "seeds": 2, "percentages": (90,)},
}


@pytest.fixture(scope="module", params=[*EDGES, *CONDITIONS, "drawings"])
def all_pictures(request):
    if request.param in CONDITIONS:
        return list(of_conditions(**CONDITIONS[request.param]))
    return list(drawn_structure() if request.param == "drawings" else every(*EDGES[request.param]))


def test_pictures_say_what_they_show(all_pictures):
    for picture in all_pictures:
        assert isinstance(picture, Picture)
        assert 30 < len(picture.alt) < 3200
        assert picture.reading.endswith(".")
        for text in (picture.alt, picture.reading):
            assert "nan" not in text.replace("dominant", "")
            assert "None" not in text
            assert "**" not in text  # a caption is no Markdown: its stars would be seen


@pytest.mark.parametrize("fonts", [None, ["DejaVu Sans"]], ids=["usual fonts", "matplotlib's own font"])
def test_text_is_readable_and_inside_the_card(all_pictures, fonts, monkeypatch):
    if fonts:
        monkeypatch.setitem(style.RC, "font.sans-serif", fonts)
    monkeypatch.setattr(picture_module, "RESOLUTION", 1)  # fast enough to draw everything twice
    drawn, draw = [], mpl.text.Text.draw

    def note(text, renderer, *args, **kwargs):
        if text.get_visible() and text.get_text().strip():
            drawn.append((text, text.get_window_extent(renderer)))
        draw(text, renderer, *args, **kwargs)

    monkeypatch.setattr(mpl.text.Text, "draw", note)
    for picture in all_pictures:
        drawn.clear()
        height, width, _ = mpl.image.imread(BytesIO(picture.png())).shape
        assert width == WIDTH
        assert drawn
        for text, box in drawn:
            assert text.get_size() >= 9, text.get_text()
            outside = max(-box.x0, box.x1 - width, -box.y0, box.y1 - height)
            assert outside <= 1, (picture.alt[:60], text.get_text())
        labels = {axes.xaxis.label for axes in picture.figure.axes}
        boxes = {id(text): box for text, box in drawn if text in labels}.values()
        assert not any(one.overlaps(two) for one, two in itertools.combinations(boxes, 2)), picture.alt[:60]


def test_key_numbers_are_in_the_text():
    assert "bag of bigrams: 99.97 %" in figures_task.baseline_bars(BASELINES).alt
    assert "“last 4 characters” reaches 93.8 %" in figures_task.baseline_bars(BASELINES).reading
    pruning = tables.pruning(("gru",), 1, ("both",), (50, 90)).assign(accuracy=[0.99, 0.6])
    falls = figures_pruning.accuracy_by_percentage(pruning, BASELINES)
    assert "GRU, both: 50 99 %, 90 60 %; GRU, base: 100 %" in falls.alt
    assert falls.reading.endswith("more than 2 points below the base: GRU at 90 %.")
    halves = verdicts.half_dropped(pruning, 0.02)
    shown, row = figures_pruning.half_dropped(halves, {("gru", "both"): 80}), halves.iloc[0]
    middle, low, high = (f"{row[name]:.0f}" for name in ("percent", "low", "high"))
    assert f"GRU, both: {middle} % ({low} to {high} %), reported 80 %" in shown.alt
    assert shown.reading == f"Half of the seeds have dropped with GRU, both: {middle} % ({low} to {high})."
    early = verdicts.half_dropped(pruning.assign(accuracy=[0.6, 0.6]), 0.02)
    assert "below 50 %" in figures_pruning.half_dropped(early).alt
    assert "GRU, both: below 50 % (" in figures_pruning.half_dropped(early).reading
    late = verdicts.half_dropped(pruning.assign(accuracy=[0.99, 0.99]), 0.02)
    assert "over 90 %" in figures_pruning.half_dropped(late).alt
    both = pd.concat([pruning, pruning.assign(variant="lstm", accuracy=0.6)])
    reading = figures_pruning.half_dropped(verdicts.half_dropped(both, 0.02)).reading
    assert "latest with GRU, both: " in reading
    assert "earliest with LSTM, both: below 50 %" in reading
    structure = tables.structure(("gru",), 4).assign(test_accuracy=[0.5, 0.5, 0.9, 1.0])
    assert "GRU: 50 % at chance" in figures_structure.structure_accuracies(structure, BASELINES).alt
    regain = analysis_recovery.regain(tables.recovery(("gru",), 1, ("both",), (90,)), 0.02)
    assert f"GRU, both: 90 {regain['step'].iloc[0]:,.0f}" in figures_recovery.regain_map(regain, "step").alt


def test_a_cut_by_length_is_read_from_the_data():
    task = tables.task(1)
    task.train.lengths, task.train.labels = np.array([11, 12, 20, 21]), np.array([0, 0, 1, 1])
    reading = figures_task.length_histogram(task).reading
    assert "one cut, at 13 characters, already separates 100 %" in reading


def test_readings_follow_the_data():
    intact = tables.pruning(("gru",), 2, ("both",), (10, 20))
    assert "below the base: GRU never." in figures_pruning.accuracy_by_percentage(intact, BASELINES).reading
    calm = analysis_recovery.regain(tables.recovery(("gru",), 2, ("both",), (10,)), 0.02)
    assert "nothing to regain" in figures_recovery.regain_map(calm).reading
    partly = analysis_recovery.regain(tables.recovery(("gru",), 2, ("both",), (90,)), 0.02).assign(never=0.5)
    some = figures_recovery.regain_map(partly, "step").reading
    assert some.endswith("0 came back within the margin with every dropped seed, 1 with some and none with none.")
    few = figures_recovery.regain_map(partly.assign(step=np.inf, epoch=np.inf, never=0.6))
    assert "GRU, both: 90 <½." in few.alt
    between = figures_recovery.regain_map(partly.assign(epoch=np.inf, never=0.0))
    assert "GRU, both: 90 –." in between.alt
    assert "1 came back within the margin with every dropped seed" in between.reading
    lost = analysis_recovery.regain(tables.recovery(("gru",), 2, ("both",), (100,)), 0.02)
    assert (
        "0 came back within the margin with every dropped seed, none with some and 1 with none."
        in figures_recovery.regain_map(lost).reading
    )


def test_tables_too_small_for_any_number_are_said_to_be():
    many, once = ({"gru": own["gru"] * np.nan} for own in (tables.distributions(("gru",)), tables.once(("gru",))))
    picture = prediction.prediction_splits(many, once)
    assert "Too few networks" in picture.reading
    blank = {"gru": tables.importances(("gru",))["gru"] * np.nan}
    for score in blank["gru"].attrs["scores"].values():
        score.update(r2=np.nan, rmse=np.nan)
    assert "Too few networks" in prediction.importances(blank).reading
    alone = correlation.correlate(tables.structure(("gru",), 2), "test_accuracy", permutations=99)
    assert "No correlation can be computed" in figures_correlation.correlation_map({"gru": alone}).reading
    assert "cannot be computed" in figures_structure.scatter(tables.structure(("gru",), 2), "nodes").alt


def test_no_r2_of_a_handful_of_networks_is_drawn():
    few = prediction.prediction_splits(tables.distributions(("gru",), tested=9), tables.once(("gru",), 9), REPORTED_R2)
    assert "fewer than ten networks" in few.reading
    assert "0.6" not in few.alt
    assert "R²" not in few.alt
    enough = prediction.prediction_splits(tables.distributions(("gru",)), tables.once(("gru",)), REPORTED_R2)
    assert "R² moves by" in enough.reading
    small = tables.importances(("gru",))
    for score in small["gru"].attrs["scores"].values():
        score["r2"] = np.nan
    assert "error, points: a 10.0" in prediction.importances(small).alt


def test_drawings_count_what_they_draw():
    letters = sum(len(edges) for edges in reber.TRANSITIONS.values())
    picture = automata.automaton()
    assert f"{letters} labelled edges" in picture.alt
    drawn = {t.get_text() for t in picture.figure.findobj(mpl.text.Text)}
    assert drawn >= set("BTPSXVE") | set("01234567") | {"start", "accept"}
    picture = drawings.layered(nx.Graph([(0, 2), (1, 2), (1, 3), (2, 3), (2, 4), (3, 4)]))
    assert "4 layers of 2, 1, 1, 1 nodes; 4 edges to the next layer, 2 skip edges" in picture.alt
    assert "6 recurrent cells" in picture.reading
    wrong = networks.layered("gru", nx.Graph([(0, 2), (1, 3), (0, 4), (1, 4)]), gate_masks="rows")
    assert "by gate reset (r) 50 %, update (z)" in mask_drawings.gates(wrong.stages[1].mask_ih, count=3).reading
    assert "the same connections" in mask_drawings.gates(np.tile(np.eye(3), (4, 1))).reading


def test_a_cell_is_drawn_with_its_own_masks_and_its_carry():
    network = networks.stacked("gru", hidden_size=6, layers=1)
    network.stages[0].mask_hh[:9] = False  # half of its 18 rows
    picture = mask_drawings.cell(network)
    assert picture.reading == (
        "Of the layer drawn, 100 % of its input-to-hidden weights and 50 % of its hidden-to-hidden weights exist."
    )
    assert "a carry, z ⊙ h, that passes both by" in picture.alt
    matrices = [image.get_array() for image in picture.figure.findobj(mpl.image.AxesImage)]
    coloured = [np.mean(np.ptp(np.asarray(matrix, float), axis=2) > 0.05) for matrix in matrices]
    assert coloured == [1.0, 0.5]
    assert "carry" not in mask_drawings.cell(networks.stacked("rnn_tanh", hidden_size=6)).alt
    with pytest.raises(ValueError, match="a Linear has no recurrent layers; give a network"):
        mask_drawings.cell(torch.nn.Linear(2, 2))


@pytest.mark.parametrize(
    "call",
    [
        lambda: figures_recovery.regain_map(
            analysis_recovery.regain(tables.recovery(("gru",), 1, ("both",)), 0.02), "steps"
        ),
        lambda: figures_structure.scatter(tables.structure(("gru",), 4), "node"),
        lambda: figures_task.training_curves(tables.base(("gru",)).replace("gru", "gruu"), BASELINES),
        lambda: automata.automaton().save("automaton.jpg"),
    ],
)
def test_unknown_names_are_named(call):
    with pytest.raises(UnknownName, match="allowed are"):
        call()


@pytest.mark.parametrize(("matrix", "count"), [(np.eye(4), 3), (np.ones(4), 1)])
def test_masks_of_wrong_shape_are_refused(matrix, count):
    with pytest.raises(ValueError, match=r"rows do not divide|two-dimensional"):
        mask_drawings.gates(matrix, count=count)


def test_a_saved_image_is_sharp_and_on_a_card():
    image = mpl.image.imread(BytesIO(automata.automaton().png()))
    assert image.shape[1] == 1400
    # White inside, nothing at the very corner: the card has round corners on a dark page.
    assert image[10, 700].tolist() == [1, 1, 1, 1]
    assert image[0, 0, 3] == 0


@pytest.mark.parametrize(("ending", "start"), [("png", b"\x89PNG"), ("svg", b"<?xml"), ("pdf", b"%PDF")])
def test_pictures_save_themselves(tmp_path, ending, start):
    path = automata.automaton().save(tmp_path / "new" / f"automaton.{ending}")
    assert path.read_bytes().startswith(start)


def test_figures_leave_matplotlib_as_it_was():
    before = dict(mpl.rcParams)
    open_windows = sys.modules["matplotlib.pyplot"].get_fignums() if "matplotlib.pyplot" in sys.modules else []
    figures_task.baseline_bars(BASELINES).png()
    assert dict(mpl.rcParams) == before
    if "matplotlib.pyplot" in sys.modules:
        assert sys.modules["matplotlib.pyplot"].get_fignums() == open_windows
    for module in (figures_pruning, figures_structure, drawings, picture_module, card):
        assert "pyplot" not in inspect.getsource(module).replace("no pyplot", "")


def test_the_same_data_give_the_same_image():
    structure = tables.structure(("gru",), 10)
    one, two = (figures_structure.structure_accuracies(structure, BASELINES).png() for _ in range(2))
    assert one == two

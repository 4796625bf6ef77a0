import re
from base64 import b64decode
from io import BytesIO

import numpy as np
import pandas as pd
import pytest
import torch
from IPython.core.interactiveshell import InteractiveShell
from PIL import Image

from sparsekit.analysis.correlation import correlate
from sparsekit.experiments import structure as experiments
from sparsekit.experiments.parameters import Parameters
from sparsekit.figures import controls, explore
from sparsekit.figures.closeups.sparsity import sparsity as draw_sparsity
from sparsekit.figures.picture import Picture
from sparsekit.networks import build
from sparsekit.networks.training import Recipe
from sparsekit.pruning import latency
from sparsekit.tasks import definitions

RECIPE = Recipe(1, 32, readout="last_valid")


@pytest.fixture(scope="module")
def task():
    return definitions.make("reber", train_size=60, test_size=40)


@pytest.fixture(scope="module")
def networks():
    return {variant: build.stacked(variant, 6, 2, 5, seed=3) for variant in ("gru", "lstm")}


@pytest.fixture(scope="module")
def measured():
    rows = [(v, t, s, 50.0, 0.9 - s / 10, 0.95) for v in ("gru", "lstm") for t in ("both", "h2h") for s in (0, 1)]
    return pd.DataFrame(rows, columns=["variant", "target", "seed", "percent", "accuracy", "base_accuracy"])


class Outputs(list):
    """Everything that is displayed, in order, updates included."""

    @property
    def controls(self):
        """By their descriptions."""
        return {control.description: control for control in self.box.children}

    @property
    def words(self):
        """The alternative text of the figure as it is now."""
        return self[-1].alt if isinstance(self[-1], Picture) else re.search('alt="(.*?)"', self[-1].data)[1]

    @property
    def pixels(self):
        encoded = re.search('base64,([^"]*)', self[-1].data)[1]
        return np.asarray(Image.open(BytesIO(b64decode(encoded))))


@pytest.fixture
def outputs(monkeypatch):
    InteractiveShell.instance()
    shown = Outputs()

    class Handle:
        def update(self, what):
            shown.append(what)

    def display(what, display_id=None, raw=False):
        shown.append(what)
        return Handle() if display_id else None

    class Box(controls.widgets.HBox):
        def __init__(self, *args, **options):
            super().__init__(*args, **options)
            shown.box = self

    monkeypatch.setattr(controls, "display", display)
    monkeypatch.setattr(explore, "display", display)
    monkeypatch.setattr(controls.widgets, "HBox", Box)
    yield shown
    InteractiveShell.clear_instance()


def test_in_a_batch_the_figure_stands_alone(outputs, monkeypatch, networks, task, measured):
    monkeypatch.setenv("SPARSEKIT_BATCH", "1")
    explore.pruned(networks, task, RECIPE, measured)
    assert [type(output) for output in outputs] == [Picture]


def test_controls_say_what_to_do_where_no_kernel_is(outputs, networks, task, measured):
    """JupyterLab shows a style sheet's words for a lost widget, and the plain text where nothing may run."""
    explore.pruned(networks, task, RECIPE, measured)
    style, box, figure = outputs
    assert controls.RUN in style.data
    assert box["text/plain"] == controls.RUN
    assert "application/vnd.jupyter.widget-view+json" in box
    assert 'alt="' in figure.data


class TestPruned:
    def test_accuracy_and_masks_are_those_of_the_kit(self, outputs, networks, task, measured):
        from sparsekit.networks.training import Encoded, Population, evaluate
        from sparsekit.pruning import prune

        explore.pruned(networks, task, RECIPE, measured)
        outputs.controls["network"].value, outputs.controls["percent"].value = "gru", 60
        twin = build.stacked("gru", 6, 2, 5, seed=3)
        mask, threshold = prune.prune(twin, 0.6)
        mask.apply(twin)
        (accuracy,) = evaluate(Population([twin]), Encoded(task.test), RECIPE)[1]
        left = sum(int(own.sum()) for own in mask.values())
        assert f"accuracy {100 * accuracy:.1f}".rstrip("0").rstrip(".") in outputs.words
        assert f"Threshold {threshold:.3g}; {left:,} of" in outputs.words

    def test_the_network_stays_as_it_is(self, outputs, networks, task, measured):
        before = {name: weight.clone() for name, weight in networks["lstm"].named_parameters()}
        explore.pruned(networks, task, RECIPE, measured)
        outputs.controls["percent"].value = 95
        assert all(torch.equal(weight, before[name]) for name, weight in networks["lstm"].named_parameters())

    @pytest.mark.parametrize(("control", "value"), [("percent", 10), ("pruned", "h2h"), ("score", "activity")])
    def test_a_moved_control_draws_anew(self, outputs, networks, task, measured, control, value):
        explore.pruned(networks, task, RECIPE, measured)
        before = outputs.pixels
        outputs.controls[control].value = value
        assert len(outputs) == 4
        assert (outputs.pixels != before).any()

    @pytest.mark.parametrize("percent", [0, 100])
    def test_nothing_and_everything(self, outputs, networks, task, measured, percent):
        explore.pruned(networks, task, RECIPE, measured)
        outputs.controls["percent"].value = percent
        assert f"{percent} %" in outputs.words


class TestString:
    @pytest.fixture
    def explored(self, outputs, networks, task):
        choices = {"variant": ["gru", "lstm"]}
        explore.string(lambda variant: {"before": networks[variant]}, task, RECIPE, **choices)
        return outputs

    @pytest.mark.parametrize(
        ("text", "said"),
        [("BTXSE", "it is valid"), ("BTXPVE", "letter 4, P, breaks the rules"), ("BTX", "it ends too early"),
         ("BTé", "is no letter"), ("B" * 90, "not 90"), ("<b>&", "letter 1, &lt;, breaks")],
    )  # fmt: skip
    def test_what_is_typed_is_judged_by_the_rules(self, explored, text, said):
        explored.controls["string"].value = text
        assert said in explored.words

    def test_verdicts_are_the_network_s(self, explored, networks):
        explored.controls["string"].value = "BTXSE"
        tokens = torch.tensor([list(map(ord, "BTXSE"))])
        with torch.no_grad():
            valid = [float(networks["gru"](tokens[:, :k]).softmax(1)[0, 1]) for k in range(1, 6)]
        assert f"after each letter {', '.join(f'{100 * p:.0f} %' for p in valid)};" in explored.words

    def test_a_test_string_is_drawn(self, explored, task):
        explored.controls["a test string"].click()
        assert explored.controls["string"].value in task.test.strings

    def test_rows_of_numbers_cannot_be_typed(self, outputs):
        explore.string(lambda: {}, definitions.make("digits", train_size=40, test_size=40), RECIPE)
        assert "not strings of two classes" in outputs.words

    def test_padding_is_read_where_the_study_reads_it(self, outputs, networks, task):
        padded = Recipe(1, 32, readout="last_padded")
        explore.string(lambda: {"before": networks["gru"]}, task, padded)
        outputs.controls["string"].value = "BTXSE"
        longest = int(max(task.train.lengths.max(), task.test.lengths.max()))
        tokens = torch.tensor([[*map(ord, "BTXSE"), *[0] * (longest - 5)]])
        with torch.no_grad():
            verdict = "valid" if networks["gru"](tokens).argmax(1).item() else "invalid"
        assert f"; {verdict} at its end" in outputs.words


SMALL = Parameters(graphs=3, variants=["gru"], train_size=40, test_size=20, graph_epochs=1, graph_seeds=1, workers=1)


@pytest.fixture(scope="module")
def population(tmp_path_factory):
    """Graph networks with their properties and accuracies that mean nothing."""
    units = experiments.graph_networks(SMALL)
    rows = [{"variant": u.variant, "generator": u.generator, "graph": u.graph, "seed": u.seed, "null": "none",
             "test_accuracy": 0.5 + k / 20} | u.measured() for k, u in enumerate(units)]  # fmt: skip
    return units, pd.DataFrame(rows)


class TestStructure:
    def test_a_graph_has_its_place_and_is_trained_on_request(self, outputs, population):
        explore.structure(*population)
        outputs.controls["nodes"].value = 11
        assert "11 nodes" in outputs.words
        assert "not trained here" in outputs.words
        outputs.controls["train this one"].click()
        assert re.search(r"its accuracy is \d", outputs.words)
        assert not outputs.controls["train this one"].disabled

    def test_a_graph_that_a_family_has_not_is_told(self, outputs, population, monkeypatch):
        def none(nodes, seed):
            raise explore.graphs.GraphError("no such graph")

        monkeypatch.setattr(explore, "GENERATORS", dict(explore.GENERATORS) | {"watts_strogatz": none})
        explore.structure(*population)
        outputs.controls["family"].value = "watts_strogatz"
        assert "no such graph" in outputs.words


def test_a_coefficient_is_that_of_the_study(outputs, population):
    units, networks = population
    options = {"confidence": 0.9, "permutations": 99, "seed": 1}
    explore.correlation(units, networks, ["nodes", "edges", "diameter"], ["nodes"], **options)
    outputs.controls["property"].value, outputs.controls["held fixed"].value = "edges", "nodes"
    kit = correlate(networks, "test_accuracy", ["edges"], ["nodes"], **options).iloc[0]
    assert f"given nodes r = {kit['pearson']:+.2f}".replace("-", "−") in outputs.words


def test_recovery_counts_steps_seed_by_seed(outputs):
    rows = [
        ("gru", "both", 90.0, seed, step, 0.5 + step * (seed + 1) / 40, 0.9) for seed in (0, 1) for step in (0, 8, 16)
    ]
    names = ["variant", "target", "percent", "seed", "step", "accuracy", "base_accuracy"]
    explore.recovery(pd.DataFrame(rows, columns=names), 0.05)
    assert "back after 8 and 16 steps" in outputs.words
    outputs.controls["percent"].value = ()
    assert "at least one" in outputs.words


def test_of_many_seeds_recovery_tells_the_range(outputs):
    first = enumerate((8, 8, 8, 16, 16, 24))
    rows = [("gru", "both", 90.0, seed, step, float(step >= back), 1.0) for seed, back in first for step in (0, 8, 16)]
    names = ["variant", "target", "percent", "seed", "step", "accuracy", "base_accuracy"]
    explore.recovery(pd.DataFrame(rows, columns=names), 0.05)
    assert "back after 8 to 16 steps, half of them by 8, 1 of 6 not" in outputs.words


def test_what_sparsity_buys(outputs):
    explore.sparsity(latency.measure([8, 16], [0.5, 0.9], variant="gru", batch=1, seed=0))
    outputs.controls["units"].value, outputs.controls["percent"].value = 8, 50
    assert "96 of 192 multiply-adds are left" in outputs.words


def test_an_interval_that_is_not_known_is_not_told():
    rows = [(kernel, s, t) for kernel, t in (("dense", 2e-6), ("csr", 3e-6)) for s in (0.5, 0.9)]
    seconds = pd.DataFrame(rows, columns=["kernel", "sparsity", "seconds"])
    given = {"dense": 400, "bitmask": 90, "csr": 110}, {"dense": 100, "kept": 10}, seconds
    told = {"title": "Eight units", "chosen": "csr", "at": 0.9}
    for ends, words in (((np.nan, np.nan), "in what was tried."), ((0.5, np.inf), "(interval 50 % to never).")):
        picture = draw_sparsity(*given, {"bytes": 0.5, "time": np.inf}, ends, **told)
        assert "CSR in time never, in what was tried" in picture.alt
        assert words in picture.alt

import pytest
from IPython.core.interactiveshell import InteractiveShell
from ipywidgets import Dropdown

from sparsekit.experiments import structure
from sparsekit.experiments.parameters import Parameters
from sparsekit.figures import explore
from sparsekit.figures.card import Picture
from sparsekit.networks import build as networks


@pytest.fixture
def outputs(monkeypatch):
    """Everything that is displayed, in order, updates included."""
    InteractiveShell.instance()
    shown = []

    class Handle:
        def update(self, what):
            shown.append(what)

    def display(what, display_id=None):
        shown.append(what)
        return Handle() if display_id else None

    monkeypatch.setattr(explore, "display", display)
    yield shown
    InteractiveShell.clear_instance()


def test_a_moved_control_draws_anew(outputs):
    explore.pruned(networks.stacked("gru", 6, 2, 5))
    box, first = outputs
    percent, _ = box.children
    percent.value = 50
    assert isinstance(first, Picture)
    assert outputs[2].alt != first.alt


def test_in_a_batch_the_figure_stands_alone(outputs, monkeypatch):
    monkeypatch.setenv("SPARSEKIT_BATCH", "1")
    units = structure.graph_networks(Parameters(graphs=2, variants=["gru"]))
    explore.drawn(units)
    assert [type(output) for output in outputs] == [Picture]


def test_every_graph_can_be_chosen(outputs):
    explore.drawn(structure.graph_networks(Parameters(graphs=2)))
    (choice,) = outputs[0].children
    assert isinstance(choice, Dropdown)
    assert len(choice.options) == 4
    choice.value = choice.options[0]
    assert choice.options[0] in outputs[-1].alt or len(outputs) == 3


def test_a_recurrent_graph_is_drawn_with_its_cycles_and_a_null_model_by_its_name(outputs):
    p = Parameters(graphs=1, structure="recurrent", variants=["gru"], null_models=["random"])
    explore.drawn(structure.graph_networks(p))
    assert "recurrent graph" in outputs[1].alt
    assert [name.endswith("random") for name in outputs[0].children[0].options] == [False, True] * 2

"""Drawings of structure: each kind is chosen where it suits, counts what it draws, and keeps within its card."""

from itertools import combinations

import matplotlib as mpl
import networkx as nx
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import PathCollection
from matplotlib.patches import Circle, FancyArrowPatch

from sparsekit.figures import automata, style
from sparsekit.figures import drawings as layer_drawings
from sparsekit.graphs import structure as graphs
from sparsekit.networks import build as networks
from sparsekit.networks import classifier, core
from sparsekit.registry import UnknownName
from sparsekit.tasks import grammars as reber
from sparsekit.variants import GATES, VARIANTS
from tests.strategies import connected

SKIPPING = nx.Graph([(0, 2), (1, 2), (1, 3), (2, 3), (2, 4), (3, 4)])
CYCLIC = nx.DiGraph([(0, 1), (1, 2), (2, 0), (2, 1), (2, 3), (3, 3), (4, 3)])


def one_layer(variant, mask):
    """A network of one recurrent stage whose gates have the mask."""
    gates, width = len(GATES[variant]), len(mask)
    stage = classifier.Stage(variant, [core.EMBEDDING], width, np.ones((gates * width, 3), dtype=bool))
    stage.mask_hh = torch.as_tensor(np.tile(mask, (gates, 1)))
    return classifier.Classifier(variant, [stage], 3)


@pytest.mark.parametrize(
    ("structure", "said"),
    [
        (SKIPPING, "Drawing of a graph with 5 nodes and 6 edges"),
        (graphs.orient(SKIPPING), "Layered drawing: 4 layers of 2, 1, 1, 1 nodes; 4 edges to the next layer, 2 skip"),
        (CYCLIC, "recurrent graph with 5 nodes and 7 directed edges; 1 node with an edge to itself, 1 pair of nodes"),
        (nx.Graph([(0, 1), (1, 1)]), "recurrent graph with 2 nodes and 3 directed edges"),
        (
            networks.layered("lstm", SKIPPING),
            "Layered drawing: 4 layers of 2, 1, 1, 1 nodes; 4 edges to the next layer",
        ),
        (networks.stacked("gru", 4, 3, 5), "3 layers of 4, 4, 4 nodes; 32 edges to the next layer, 0 skip edges"),
        (networks.stacked("gru", 50, 3), "Masks of a GRU network with 3 layers"),
        (one_layer("gru", np.eye(3, dtype=bool)), "9 of 27 weights exist (33.3 %): all 3 gates have the same"),
        (np.eye(4), "4 units in 1 gate block: 4 of 16 weights exist (25 %)."),
        (torch.tensor(np.vstack([np.eye(2), np.ones((2, 2)), np.zeros((4, 2))])), "input (i) 50 %, forget (f) 100 %"),
        (np.stack([np.eye(2)] * 3), "2 units in 3 gate blocks"),
        (nx.cycle_graph(501), "501 units in 1 gate block: 1,002 of 251,001 weights exist (0.4 %)"),
    ],
)
def test_one_call_draws_any_structure_and_counts_it(structure, said):
    assert said in layer_drawings.structure(structure).alt


def test_the_kind_can_be_chosen():
    network = networks.stacked("rnn_tanh", 4, 2, 4)
    assert "Masks of a RNN-Tanh" in layer_drawings.structure(network, kind="masks").alt
    assert "6 recurrent cells" in layer_drawings.structure(SKIPPING, kind="layers").reading
    assert "12 directed edges" in layer_drawings.structure(SKIPPING, kind="recurrent").alt
    assert "5 nodes and 5 edges" in layer_drawings.structure(CYCLIC, kind="graph").alt
    assert "7 of 25 weights" in layer_drawings.structure(CYCLIC, kind="gates").alt
    mask = graphs.adjacency(CYCLIC)
    looped = layer_drawings.structure(CYCLIC, kind="recurrent").alt
    assert layer_drawings.structure(mask, kind="recurrent").alt == looped
    assert layer_drawings.structure(one_layer("lstm", mask), kind="recurrent", title="Mine").alt == looped


@settings(deadline=None, max_examples=20)
@given(connected(10), st.sampled_from([*VARIANTS]), st.sampled_from(networks.GATE_MASKS))
def test_a_network_is_drawn_with_the_edges_of_its_graph(graph, variant, gate_masks):
    network = networks.layered(variant, graph, gate_masks=gate_masks)
    columns, edges, cells = layer_drawings.of_network(network)
    layers = graphs.layers(graph)
    assert [len(column) for column in columns] == [len(layer) for layer in layers]
    assert cells == sum(stage.cells for stage in network.stages)
    if gate_masks == "blocks":
        names = [node for layer in layers for node in layer]
        assert sorted((names[u], names[v]) for u, v in edges) == sorted(graphs.orient(graph).edges)


def test_the_embedded_grammar_holds_the_reber_grammar_twice_and_marks_the_letter_to_remember():
    picture = automata.automaton(reber.EMBEDDED)
    assert f"{sum(map(len, reber.EMBEDDED.values()))} labelled edges" in picture.alt
    letters = [t for t in picture.figure.findobj(mpl.text.Text) if t.get_text() in set("BTPSXVE")]
    assert len(letters) == 30
    marked = [t.get_text() for t in letters if t.get_color() == style.TARGETS["i2h"].colour]
    assert sorted(marked) == ["P", "P", "T", "T"]
    assert "has to come back" in picture.reading
    assert "has to come back" not in automata.automaton().reading


def test_both_ways_are_apart_and_heads_reach_the_nodes():
    figure = layer_drawings.structure(nx.DiGraph([(0, 1), (1, 0), (1, 2)])).figure
    FigureCanvasAgg(figure).draw()
    arrows, nodes = figure.findobj(FancyArrowPatch), figure.axes[0].patches[:]
    radius = np.ptp(next(p for p in nodes if isinstance(p, Circle)).get_window_extent().intervalx) / 2
    assert len(arrows) == 3
    middles = []
    for arrow in arrows:
        (tail, head), points = arrow._posA_posB, arrow.get_transform().transform(arrow.get_path().vertices)
        tail, head = figure.axes[0].transData.transform([tail, head])
        assert np.linalg.norm(points - head, axis=1).min() == pytest.approx(radius, abs=4)
        middles.append(points.mean(axis=0))
    assert all(np.linalg.norm(one - two) > 5 for one, two in combinations(middles, 2))


def test_many_edges_are_curves_without_heads_and_the_note_says_how_to_read_them():
    graph = nx.gnp_random_graph(90, 0.1, seed=1, directed=True)
    figure = layer_drawings.structure(graph).figure
    curves = [c for c in figure.findobj(PathCollection) if c.get_paths()]
    assert sum(len(c.get_paths()) for c in curves) == graph.number_of_edges()
    assert not figure.findobj(FancyArrowPatch)
    assert any("bends to the right of its way" in text.get_text() for text in figure.findobj(mpl.text.Text))
    first = curves[-1].get_paths()[0].vertices
    along, bent = first[2] - first[0], first[1] - first[0]
    assert along[0] * bent[1] - along[1] * bent[0] < 0


def test_large_masks_keep_every_weight_visible():
    mask = np.zeros((2000, 2000), dtype=bool)
    mask[1234, 77] = True
    picture = layer_drawings.structure(mask)
    pixels = picture.figure.axes[0].images[0].get_array()
    assert pixels.shape == (400, 400, 3)
    assert (pixels != pixels[-1, -1]).any(axis=2).sum() == 1
    assert "1 of 4,000,000 weights exist" in picture.alt


def test_parts_of_a_graph_do_not_lie_on_each_other():
    graph = nx.disjoint_union_all([nx.cycle_graph(5), nx.star_graph(6), nx.path_graph(3), nx.empty_graph(2)])
    axes = layer_drawings.structure(graph).figure.axes[0]
    spots = np.array([patch.center for patch in axes.patches])
    apart = np.linalg.norm(spots[:, None] - spots, axis=2)
    np.fill_diagonal(apart, np.inf)
    assert apart.min() > 2 * axes.patches[0].radius


EDGE_CASES = [
    nx.empty_graph(1),
    nx.DiGraph([(0, 0)]),
    nx.gnp_random_graph(200, 0.008, seed=1),
    nx.barabasi_albert_graph(200, 20, 1),
    nx.DiGraph(nx.scale_free_graph(60, seed=1)),
    graphs.orient(nx.watts_strogatz_graph(200, 4, 0.1, 1)),
    np.zeros((12, 4)),
    np.ones((8, 2)),
    np.random.default_rng(0).random((1600, 400)) < 0.02,
]


@pytest.mark.parametrize("structure", EDGE_CASES, ids=range(len(EDGE_CASES)))
def test_text_is_inside_the_card(structure):
    picture = layer_drawings.structure(structure)
    assert "nan" not in picture.alt
    canvas = FigureCanvasAgg(picture.figure)
    with mpl.rc_context(style.RC):
        canvas.draw()
        for text in picture.figure.findobj(mpl.text.Text):
            if text.get_visible() and text.get_text().strip():
                box, card = text.get_window_extent(), picture.figure.bbox
                assert max(-box.x0, box.x1 - card.x1, -box.y0, box.y1 - card.y1) <= 1, text.get_text()


@pytest.mark.parametrize(
    ("structure", "kind", "said"),
    [
        (nx.DiGraph(), None, "no nodes"),
        (nx.MultiGraph([(0, 1)]), None, "several edges"),
        (CYCLIC, "layers", "has a cycle"),
        ("graph.csv", None, "not a str"),
        (np.ones(3), None, r"not an array of shape \(3,\)"),
        (np.ones((4, 2)), None, "4 × 2 is not 1, 3 or 4 square gate blocks"),
        (networks.stacked("gru", 3, 2, 3), "gates", "2 stages"),
        (SKIPPING, "masks", "no stages"),
    ],
)
def test_what_cannot_be_drawn_is_refused_with_what_to_do(structure, kind, said):
    with pytest.raises(ValueError, match=said):
        layer_drawings.structure(structure, kind)


def test_an_unknown_kind_is_named():
    with pytest.raises(UnknownName, match="did you mean 'layers'"):
        layer_drawings.structure(SKIPPING, "layer")

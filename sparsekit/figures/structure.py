"""Figures of the networks built from graphs: how well they do, and how that goes with one property of their graph."""

from collections.abc import Callable, Mapping

import networkx as nx
import numpy as np
import pandas as pd
from matplotlib.colors import ListedColormap
from matplotlib.patches import Patch

from sparsekit.analysis import structure as analysis
from sparsekit.analysis.correlation import correlate
from sparsekit.analysis.intervals import without_zero
from sparsekit.analysis.structure import ALL, APART, CAUSES, NULLS
from sparsekit.analysis.tables import require
from sparsekit.figures import marks
from sparsekit.figures.axis import Axis
from sparsekit.figures.card import card, nothing
from sparsekit.figures.mask_drawings import GATE_LABELS
from sparsekit.figures.picture import Picture, drawn
from sparsekit.figures.style import FAINT, GENERATORS, INK, QUIET, TARGETS, VARIANTS, Look, look, ordered
from sparsekit.figures.task import Baselines, accuracy_axis, reference
from sparsekit.figures.words import (
    counted,
    each,
    label,
    listed,
    number,
    percent,
    reach,
    span,
    with_diverged,
    words_of,
)
from sparsekit.networks import build as networks
from sparsekit.networks import classifier
from sparsekit.registry import UnknownName, check_name, unknown
from sparsekit.variants import GATES

SHARES = {
    "icc": Look("one network (ICC)", FAINT, "o", "-"),
    "ceiling": Look("mean over the seeds: the noise ceiling of R²", INK, "D", "-"),
    "learning": Look("whether a network learns, latent", QUIET, "s", "-"),
}
POINTS = Axis(form=lambda share: number(100 * share, 1, sign=True))


def structure_accuracies(structure: pd.DataFrame, baselines: Baselines) -> Picture:
    """Test accuracy of every graph-structured network, by variant and graph generator.

    Of `analysis.tables.GRAPHS`; under each variant, the share of networks that never left chance level.
    """
    lines = reference(baselines)
    middles = analysis.medians(structure).rename(columns={"variant": "panel", "generator": "x", "median": "y"})
    stuck = analysis.trainability(structure, lines.get("majority", 0.5))["share"].xs(ALL, level=1)
    ends = middles.loc[[middles["y"].idxmax(), middles["y"].idxmin()]].drop_duplicates()
    told = [
        f"{label(r.panel)} on {look(GENERATORS, r.x).label} graphs reaches {percent(r.y)}" for r in ends.itertuples()
    ]
    rows = structure.assign(panel=structure["variant"], series=structure["generator"], x=structure["generator"])
    return marks.points(
        rows.rename(columns={"test_accuracy": "y"}),
        "Test accuracy of graph-structured networks",
        Axis("family"),
        accuracy_axis(structure["test_accuracy"], lines.values()),
        looks=GENERATORS,
        middles=middles,
        baselines=lines,
        subtitles={v: f"{percent(share, 0)} at chance" if share else "none at chance" for v, share in stuck.items()},
        note="A point per network; bar: median. Dotted: classifiers without memory.",
        reading=with_diverged(f"The median network of {', of '.join(told)}.", structure["test_accuracy"]),
    )


def scatter(
    structure: pd.DataFrame,
    property: str,
    tables: Mapping[str, pd.DataFrame] | None = None,
) -> Picture:
    """One graph property against test accuracy, a panel per variant, the graph's family marked.

    Parameters
    ----------
    structure : DataFrame
        `analysis.tables.GRAPHS` with the property as a column; an UnknownName says where it has no such.
    tables : mapping of variant to DataFrame, optional
        Coefficients by `analysis.correlation.correlate`; computed here, for this property alone, where not given.
    """
    if property not in structure:
        raise UnknownName(unknown("property", property, structure.select_dtypes("number").columns))
    rows = dict(iter(structure.groupby("variant", sort=False)))
    found = tables or {v: correlate(rows[v], "test_accuracy", [property]) for v in rows}
    ends = ["pearson", "pearson_low", "pearson_high"]
    told = {v: _interval(*found[v].loc[property, ends], number) for v in ordered(rows, VARIANTS)}
    r = pd.Series({v: found[v].loc[property, "pearson"] for v in rows}, dtype=float).dropna()
    points = structure[["variant", "generator", property, "test_accuracy"]]
    return marks.points(
        points.set_axis(["panel", "series", "x", "y"], axis="columns"),
        f"Test accuracy against {words_of(property)}",
        Axis(words_of(property)),
        accuracy_axis(structure["test_accuracy"]),
        looks=GENERATORS,
        subtitles={v: f"r: {text}" for v, text in told.items()},
        reading=with_diverged(
            f"Pearson's r with its interval stands above each panel: {reach(r) if len(r) else 'none can be computed'}.",
            structure["test_accuracy"],
        ),
    )


def _interval(mean: float, low: float, high: float, form: Callable[[float], str]) -> str:
    return span(mean, low, high, form, " (no interval)") if np.isfinite(mean) else "cannot be computed"


def trainability_bars(table: pd.DataFrame) -> Picture:
    """The share of networks that never left chance level, by variant and family.

    Of what `analysis.structure.trainability` returns.
    """
    require(table, ["networks", "at_chance", "share", "low", "high"])
    rows = table.reset_index().rename(columns={"variant": "group", "share": "mean"})
    alone = rows.groupby("group")["generator"].transform("size") == 2  # then all families are the one there is
    rows = rows[(rows["generator"] != ALL) | ~alone]
    whole = table.xs(ALL, level="generator")
    some = each(whole.loc[whole["at_chance"] > 0, "at_chance"], "{:.0f}".format)
    told = f"{whole['at_chance'].sum():.0f} of {counted(whole['networks'].sum(), 'network')} never left chance level"
    names = ["all families" if g == ALL else look(GENERATORS, g).label for g in rows["generator"]]
    counts = [f"{r.at_chance:.0f} of {r.networks:.0f}" for r in rows.itertuples()]
    return marks.forest(
        rows.assign(row=names, text=counts),
        "Networks that never left chance",
        Axis("share of networks at chance level", percent, limits=(0, 1)),
        groups=VARIANTS,
        bars=True,
        note="Bars: share; lines: its interval.",
        reading=told + (f" ({', '.join(some)})." if some else "."),
    )


def noise_ceilings(table: pd.DataFrame, learning: pd.DataFrame | None = None) -> Picture:
    """How alike the seeds of a graph are, and the highest R² that this leaves to any property of graphs.

    Of what `analysis.structure.intraclass` returns, and `analysis.structure.trainability_share`.
    """
    require(table, [f"{share}{end}" for share in SHARES if share != "learning" for end in ("", "_low", "_high")])
    rows, told = [], {}
    for variant in ordered(table.index, VARIANTS):
        name, own = label(variant), table.loc[variant]
        ends = {share: [own[f"{share}{end}"] for end in ("", "_low", "_high")] for share in ("icc", "ceiling")}
        if learning is not None:
            ends["learning"] = list(learning.loc[variant, ["share", "low", "high"]])
        rows += [(name, share, *values) for share, values in ends.items()]
        if np.isfinite(own["icc"]):
            told[variant] = own["ceiling"]
    reading = "Graph and seed cannot be told apart: it takes two graphs of two seeds, not all alike."
    if told:
        root = {variant: np.sqrt(most) for variant, most in told.items()}
        reading = f"Seeds leave to any property an R² of at most {reach(told)}, a correlation of at most {reach(root)}."
    shares = {name: _interval(*ends, number) for name, kind, *ends in rows if kind == "learning" and ends[0] == ends[0]}
    shares = [f"{name} {told}" for name, told in shares.items()]
    reading += f" Whether a network learns is its graph's to a share of: {'; '.join(shares)}." if shares else ""
    return marks.forest(
        pd.DataFrame(rows, columns=["row", "series", "mean", "low", "high"]),
        "How much of accuracy is the graph's, how much the seed's",
        Axis("share of variance between graphs", number, limits=(-0.1, 1)),
        looks=SHARES,
        reading=reading,
    )


def sample_plane(structure: pd.DataFrame) -> Picture:
    """Every graph in the plane of clustering and path length, by family; the darker, the more edges.

    Of columns generator, graph, family, nodes, edges, average_clustering and average_shortest_path_length.
    """
    x, y = "average_clustering", "average_shortest_path_length"
    require(structure, ["generator", "graph", "family", "nodes", "edges", x, y])
    graphs = analysis.drawn_graphs(structure).rename(columns={"family": "series", x: "x", y: "y"})
    size = f"{_range(graphs['nodes'])} nodes and {_range(graphs['edges'])} edges"
    spread = f"clustering from {_range(graphs['x'], 2)}, path length from {_range(graphs['y'], 2)}"
    return marks.points(
        graphs,
        "The graphs that were drawn",
        Axis("clustering", number),
        Axis("path length", number),
        looks=GENERATORS,
        note="A point per graph, the darker the more edges.",
        reading=f"{counted(len(graphs), 'graph')} of {size}: {spread}.",
    )


def _range(values: pd.Series, digits: int = 0) -> str:
    low, high = (f"{end:,.{digits}f}" for end in (values.min(), values.max()))
    return low if low == high else f"{low} to {high}"


def causes_map(matrix: pd.DataFrame) -> Picture:
    """Which possible causes of accuracy go together over the graphs drawn, and which are held fixed.

    Of what `analysis.structure.causes` returns.
    """
    require(matrix, CAUSES)
    pairs, held = analysis.cause_pairs(matrix), [CAUSES[name] for name in CAUSES if np.isnan(matrix.loc[name, name])]
    free = pairs.dropna(subset=["value"])
    reading = f"Held fixed: {listed(held)}." if held else "No cause is held fixed."
    if len(free):
        top = free.loc[free["value"].abs().idxmax()]
        one, other = CAUSES[top["column"]], CAUSES[top["row"]]
        reading += (
            f" Of {counted(len(free), 'pair')}, {free['together'].sum()} go together, most of all {one} and {other} "
            f"({number(top['value'], sign=True)}): what one does to accuracy, the other could have done."
        )
    text = [number(v, sign=True) if np.isfinite(v) else "fixed" for v in pairs["value"]]
    return marks.heatmap(
        pairs.assign(row=pairs["row"].map(CAUSES), bold=pairs["together"], text=text),
        "Which causes go together in these graphs",
        columns={name: Look(label.replace(" ", "\n", 1), INK, "o", "-") for name, label in CAUSES.items()},
        note=f"Spearman's rank correlation over graphs. Bold: further from 0 than {APART}.",
        reading=reading,
    )


def null_differences(differences: pd.DataFrame, confidence: float = 0.95) -> Picture:
    """How much better graphs do than their null models, by variant and null model.

    Of what `analysis.structure.null_differences` returns.
    """
    require(differences, ["against"])
    title = "Accuracy of graphs minus that of their null models"
    if differences.empty:
        return nothing(title, "No null model was asked for; such as rewired and random ones are trained on request.")
    kinds = dict.fromkeys(differences["against"])
    names = {kind: f"{kind}: {NULLS[kind]}" if kind in NULLS else kind.replace("_", " ") for kind in kinds}
    return _differences(differences, confidence, title, names, "graph", "null")


def gate_row_differences(differences: pd.DataFrame, confidence: float = 0.95) -> Picture:
    """What the published, repeated mask rows cost in accuracy, by variant.

    Of what `analysis.structure.gate_row_differences` returns.
    """
    title = "Accuracy under published mask rows minus that under whole masks"
    if differences.empty:
        return nothing(title, "Nothing to compare: no network of this run has two layouts of masks.")
    return _differences(differences, confidence, title, {"blocks": "rows minus blocks"}, "rows", "blocks")


def _differences(
    differences: pd.DataFrame, confidence: float, title: str, names: dict[str, str], one: str, other: str
) -> Picture:
    """A point a graph, the mean over graphs with its interval; beside it, how many networks stayed at chance level."""
    means = analysis.mean_differences(differences, confidence).reset_index()
    rows, graphs = (t.assign(group=t["variant"], row=t["against"].map(names)) for t in (means, differences))
    stuck = [f"{r.stuck:.0f} | {r.stuck_other:.0f} of {r.pairs:.0f}" for r in means.itertuples()]
    return marks.forest(
        rows.assign(text=stuck),
        title,
        POINTS._replace(label=f"test accuracy, {one} minus {other}, percentage points"),
        groups=VARIANTS,
        dots=graphs.rename(columns={"difference": "value"}).dropna(subset=["value"]),
        note=f"Mean over graphs, {100 * confidence:g} % interval; dots: graphs. Right: at chance, {one} | {other}.",
        reading=_means_told(means, analysis.most_by_chance(differences, confidence), confidence, title),
    )


def _means_told(means: pd.DataFrame, by_chance: int, confidence: float, title: str) -> str:
    clear, known = means.dropna(subset=["low"]), means[means["graphs"] > 0]
    left = without_zero(clear).sum()
    if known.empty:
        return "In no pair did both networks leave chance level, so nothing can be compared."
    several = known["against"].nunique() > 1
    told = [
        f"{label(row.variant)}{f', {row.against}' if several else ''} "
        + _interval(row.mean, row.low, row.high, POINTS.form)
        for row in known.itertuples()
    ]
    told = f"In points: {listed(told)}. " if len(told) <= 4 else ""
    return (
        f"{told}{left} of {counted(len(clear), 'interval')} {'leaves' if left == 1 else 'leave'} out zero; "
        f"by chance alone, at most {by_chance} would in {100 * confidence:g} % of studies."
    )


CELLS = {
    "no edge": "#f3f5f7",
    "an edge without its weight": "#f2bd98",
    "a weight without an edge": TARGETS["i2h"].colour,
    "an edge has its weight": TARGETS["h2h"].colour,
}
"""Of a mask, by whether there is an edge and a weight: a cell's number is the edge, and twice the weight."""


@drawn
def mask_layouts(graph: nx.Graph, variant: str = "gru") -> Picture:
    """Both layouts of one layer's mask side by side, and where the published rows miss the graph.

    Parameters
    ----------
    graph : networkx.Graph or acyclic networkx.DiGraph
        The layer drawn is the one that loses most edges; the one that most lead into, where none does.
    variant : {"gru", "lstm"}
    """
    check_name("variant of several gates", variant, [v for v in GATES if len(GATES[v]) > 1])
    layer, nodes, masks = _most_lost(graph, variant)
    (rows, columns), gates = masks[0].shape, len(GATES[variant])
    height = int(max(min(20.0, 300 / columns, 420 / rows) * rows, 26 * gates) + 150)
    key = [Patch(color=colour, label=label) for label, colour in list(CELLS.items())[:0:-1]]
    title = f"One layer's mask in the gates of {label(variant)}"
    figure, (panels,) = card(height, title, 1, 2, sharey=True, key=key)
    for axes, mask, name in zip(panels, masks, ("blocks: the graph, in each gate", "rows: as published"), strict=True):
        cells = {"cmap": ListedColormap(list(CELLS.values())), "vmin": 0, "vmax": 3, "edgecolors": CELLS["no edge"]}
        axes.pcolormesh(masks[0] + 2 * mask, linewidth=1.5, **cells)
        axes.hlines(nodes * np.arange(1, gates), 0, columns, color=INK, linewidth=1)
        axes.set(title=name, xlabel=f"from {counted(columns, 'node')} of earlier layers", xticks=[], aspect="equal")
        axes.set(yticks=nodes * (np.arange(gates) + 0.5), yticklabels=GATE_LABELS[gates], ylim=(rows, 0))
        axes.tick_params(axis="y", length=0)
        axes.spines[:].set(visible=True, color=FAINT, linewidth=0.8)
    edges, lost = int(masks[0].sum()), int((masks[0] & ~masks[1]).sum())
    told = (
        f"In layer {layer}, of {counted(nodes, 'node')}, {lost} of {edges} edges ({percent(lost / edges)}), counted in "
    )
    told += "each gate, have no weight under the published rows, and as many weights stand for no edge."
    return Picture(figure, f"Two masks of {rows} × {columns} weights, by gate. {told}", told)


def _most_lost(graph: nx.Graph, variant: str) -> tuple[int, int, list[np.ndarray]]:
    """The layer that loses most edges under published rows, its nodes, and its masks in blocks and in rows."""
    right, had = (networks.layered(variant, graph, gate_masks=layout).stages for layout in ("blocks", "rows"))
    lost = [int((one.mask_ih & ~other.mask_ih).sum()) for one, other in zip(right, had, strict=True)]
    layer = max(range(1, len(right)), key=lambda k: (lost[k], int(right[k].mask_ih.sum())))
    masks = [_cells_side_by_side(stages[layer], len(GATES[variant])) for stages in (right, had)]
    return layer, right[layer].nodes, masks


def _cells_side_by_side(stage: classifier.Stage, gates: int) -> np.ndarray:
    """The mask (gates * nodes, inputs), each input's column from the one cell that sees it."""
    mask = stage.mask_ih.numpy().reshape(gates, stage.cells, stage.nodes, -1)
    return mask.any(axis=1).reshape(gates * stage.nodes, -1)

"""Figures of the networks built from graphs: how well they do, and how that goes with one property of their graph."""

from collections.abc import Mapping

import networkx as nx
import numpy as np
import pandas as pd
from matplotlib.patches import Patch, Rectangle

from sparsekit.analysis.correlation import correlate
from sparsekit.analysis.structure import (
    ALL,
    APART,
    CAUSES,
    CHANCE_MARGIN,
    NULLS,
    cause_pairs,
    drawn_graphs,
    mean_differences,
    medians,
    trainability,
)
from sparsekit.analysis.tables import require
from sparsekit.figures import marks
from sparsekit.figures.card import Picture, card, drawn, nothing
from sparsekit.figures.drawings import GATE_LABELS
from sparsekit.figures.marks import Axis
from sparsekit.figures.style import (
    FAINT,
    GENERATORS,
    INK,
    TARGETS,
    VARIANTS,
    Look,
    counted,
    family,
    listed,
    look,
    number,
    ordered,
    percent,
    words_of,
)
from sparsekit.figures.task import Baselines, accuracy_floor, reference
from sparsekit.networks import build as networks
from sparsekit.networks import classifier
from sparsekit.registry import UnknownName, unknown
from sparsekit.variants import GATES

PROPERTY_LOOKS = {name: Look(label, INK, "o", "-") for name, label in CAUSES.items()}


def structure_accuracies(
    structure: pd.DataFrame, baselines: Baselines, chance_margin: float = CHANCE_MARGIN
) -> Picture:
    """Test accuracy of every graph-structured network, by variant and graph generator.

    Parameters
    ----------
    structure : DataFrame
        `analysis.tables.STRUCTURE`.
    chance_margin : float
        A network counts as at chance where its accuracy is at most the majority's plus this.
    """
    lines, middles = reference(baselines), medians(structure).rename(columns={"median": "y"})
    stuck = trainability(structure, lines.get("majority", 0.5), chance_margin)["share"].xs(ALL, level=1)
    low, high = middles.loc[middles["y"].idxmin()], middles.loc[middles["y"].idxmax()]
    told = [f"{_of(row)} reaches {percent(row['y'])}" for row in (high, low)]
    reading = f"The median network of {told[0]}" + (f", of {told[1]}." if len(middles) > 1 else ".")
    return marks.points(
        structure.assign(panel=structure["variant"], series=structure["generator"], x=structure["generator"]).rename(
            columns={"test_accuracy": "y"}
        )[["panel", "series", "x", "y"]],
        "Test accuracy of graph-structured networks",
        Axis("family"),
        marks.ACCURACY._replace(limits=(accuracy_floor(structure["test_accuracy"], lines.values()), 1.02)),
        looks=GENERATORS,
        middles=middles.rename(columns={"variant": "panel", "generator": "x"}),
        baselines=lines,
        subtitles={v: f"{percent(share, 0)} at chance" if share else "none at chance" for v, share in stuck.items()},
        note="A point per network; bar: median. Dotted: classifiers without memory.",
        reading=reading,
    )


def _of(row: pd.Series) -> str:
    return f"{look(VARIANTS, row['variant']).label} on {family(row['generator']).label} graphs"


def scatter(
    structure: pd.DataFrame,
    property: str,
    variants: list[str] | None = None,
    tables: Mapping[str, pd.DataFrame] | None = None,
) -> Picture:
    """One graph property against test accuracy, a panel per variant, the graph's family marked.

    Parameters
    ----------
    structure : DataFrame
        `analysis.tables.STRUCTURE`.
    property : str
        Name of the column to draw.
    variants : list of str, optional
        Those to draw; all of the table's by default.
    tables : mapping of variant to DataFrame, optional
        Coefficients by `analysis.correlation.correlate`; computed here, for this property alone, where not given.

    Raises
    ------
    UnknownName
        Where the table has no such column.
    """
    if property not in structure:
        raise UnknownName(unknown("property", property, structure.select_dtypes("number").columns))
    own = structure[structure["variant"].isin(variants or structure["variant"])]
    rows = dict(iter(own.groupby("variant", sort=False)))
    found = tables or {v: correlate(rows[v], "test_accuracy", [property]) for v in rows}
    found = {v: found[v] for v in ordered(rows, VARIANTS)}
    told = {v: _coefficient(table.loc[property]) for v, table in found.items()}
    return marks.points(
        own.assign(panel=own["variant"], series=own["generator"], x=own[property].astype(float)).rename(
            columns={"test_accuracy": "y"}
        )[["panel", "series", "x", "y"]],
        f"Test accuracy against {words_of(property)}",
        Axis(words_of(property)),
        marks.ACCURACY._replace(limits=(accuracy_floor(own["test_accuracy"]), 1.02)),
        looks=GENERATORS,
        subtitles={v: f"r {text}" for v, text in told.items()},
        reading=f"Pearson's r between {words_of(property)} and test accuracy: "
        + "; ".join(f"{look(VARIANTS, v).label} {text.removeprefix('= ')}" for v, text in told.items())
        + ".",
    )


def _coefficient(row: pd.Series) -> str:
    if not np.isfinite(row["pearson"]):
        return "cannot be computed"
    low, high = row["pearson_low"], row["pearson_high"]
    return f"= {number(row['pearson'])}" + (f" ({number(low)} to {number(high)})" if np.isfinite(low) else "")


def trainability_bars(table: pd.DataFrame) -> Picture:
    """The share of networks that never left chance level, by variant and family.

    Parameters
    ----------
    table : DataFrame
        As `analysis.structure.trainability` returns it.
    """
    require(table, ["networks", "at_chance", "share", "low", "high"])
    rows = table.reset_index().rename(columns={"variant": "group", "share": "mean"})
    alone = rows.groupby("group")["generator"].transform("size") == 2  # then all families are the one there is
    rows = rows[(rows["generator"] != ALL) | ~alone]
    whole = table["share"].xs(ALL, level="generator")
    told = [f"{percent(whole[v])} of the {look(VARIANTS, v).label} networks" for v in ordered(whole.index, VARIANTS)]
    return marks.forest(
        rows.assign(
            panel="",
            row=["all families" if g == ALL else family(g).label for g in rows["generator"]],
            text=[f"{r.at_chance:.0f} of {r.networks:.0f}" for r in rows.itertuples()],
        ),
        "Networks that never left chance",
        Axis("share of networks at chance level", percent, limits=(0, 1)),
        groups=VARIANTS,
        bars=True,
        note="Bars: share; lines: its interval.",
        reading=f"{listed(told)} never left chance level.",
    )


SHARES = {
    "icc": Look("one network (ICC)", FAINT, "o", "-"),
    "ceiling": Look("mean over the seeds: the noise ceiling of R²", INK, "D", "-"),
}


def noise_ceilings(table: pd.DataFrame) -> Picture:
    """How alike the seeds of a graph are, and the highest R² that this leaves to any property of graphs.

    Parameters
    ----------
    table : DataFrame
        As `analysis.structure.intraclass` returns it.
    """
    require(table, ["icc", "icc_low", "icc_high", "ceiling", "ceiling_low", "ceiling_high", "between_sd", "within_sd"])
    variants = ordered(table.index, VARIANTS)
    rows = [
        {"panel": "", "row": look(VARIANTS, v).label, "series": of, "mean": table.loc[v, of]}
        | {end: table.loc[v, f"{of}_{end}"] for end in ("low", "high")}
        for v in variants
        for of in SHARES
    ]
    known = [v for v in variants if np.isfinite(table.loc[v, "icc"])]
    told = [f"{number(table.loc[v, 'ceiling'])} of the variance of {look(VARIANTS, v).label} accuracies" for v in known]
    reading = (
        f"Properties of graphs can explain at most {listed(told)}, means over seeds; the rest is seeds." if told else ""
    )
    return marks.forest(
        pd.DataFrame(rows),
        "How much of accuracy is the graph's, how much the seed's",
        Axis("share of variance between graphs", number, limits=(-0.1, 1)),
        looks=SHARES,
        reading=reading
        if told
        else "Graph and seed cannot be told apart: it takes two graphs of two seeds, not all alike.",
    )


def sample_plane(structure: pd.DataFrame) -> Picture:
    """Every graph in the plane of clustering and path length, by family; the darker, the more edges.

    Parameters
    ----------
    structure : DataFrame
        `analysis.tables.STRUCTURE`; generator, graph, family, nodes, edges, average_clustering and
        average_shortest_path_length are used.
    """
    x, y = "average_clustering", "average_shortest_path_length"
    require(structure, ["generator", "graph", "family", "nodes", "edges", x, y])
    graphs = drawn_graphs(structure).assign(panel="", series=lambda t: t["family"], x=lambda t: t[x], y=lambda t: t[y])
    size = f"{_range(graphs['nodes'])} nodes and {_range(graphs['edges'])} edges"
    return marks.points(
        graphs.assign(panel="", series=graphs["family"], x=graphs[x], y=graphs[y])[
            ["panel", "series", "x", "y", "shade"]
        ],
        "The graphs that were drawn",
        Axis("clustering", number),
        Axis("path length", number),
        looks=GENERATORS,
        panels={},
        note="A point per graph, the darker the more edges.",
        reading=f"{counted(len(graphs), 'graph')} of {size}: clustering from {_range(graphs[x], 2)}, path length from "
        f"{_range(graphs[y], 2)}.",
    )


def _range(values: pd.Series, digits: int = 0) -> str:
    low, high = (f"{end:,.{digits}f}" for end in (values.min(), values.max()))
    return low if low == high else f"{low} to {high}"


def causes_map(matrix: pd.DataFrame) -> Picture:
    """Which possible causes of accuracy go together over the graphs drawn, and which are held fixed.

    Parameters
    ----------
    matrix : DataFrame
        As `analysis.structure.causes` returns it.
    """
    require(matrix, CAUSES)
    pairs, held = cause_pairs(matrix), [CAUSES[name] for name in CAUSES if np.isnan(matrix.loc[name, name])]
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
        columns={name: one._replace(label=one.label.replace(" ", "\n", 1)) for name, one in PROPERTY_LOOKS.items()},
        note=f"Spearman's rank correlation over graphs. Bold: further from 0 than {APART}.",
        reading=reading,
    )


def null_differences(differences: pd.DataFrame, confidence: float = 0.95) -> Picture:
    """How much better graphs do than their null models, by variant and null model.

    Parameters
    ----------
    differences : DataFrame
        As `analysis.structure.null_differences` returns it.
    """
    require(differences, ["against"])
    title = "Accuracy of graphs minus that of their null models"
    if differences.empty:
        wanted = 'null_models = ["rewired", "random"] trains two beside each graph.'
        return nothing(title, f"No null model was asked for; {wanted}")
    kinds = dict.fromkeys(differences["against"])
    names = {kind: f"{kind}: {NULLS[kind]}" if kind in NULLS else kind.replace("_", " ") for kind in kinds}
    return _differences(differences, confidence, title, names, "graph", "null")


def gate_row_differences(differences: pd.DataFrame, confidence: float = 0.95) -> Picture:
    """What the published, repeated mask rows cost in accuracy, by variant.

    Parameters
    ----------
    differences : DataFrame
        As `analysis.structure.gate_row_differences` returns it.
    """
    title = "Accuracy under published mask rows minus that under whole masks"
    if differences.empty:
        return nothing(title, "Nothing to compare: no network of this run has two layouts of masks.")
    return _differences(differences, confidence, title, {"blocks": "rows minus blocks"}, "rows", "blocks")


def _differences(
    differences: pd.DataFrame, confidence: float, title: str, names: dict[str, str], one: str, other: str
) -> Picture:
    """A point a graph, the mean over graphs with its interval; beside it, how many networks stayed at chance level."""
    means = mean_differences(differences, confidence).reset_index()
    clear = means.dropna(subset=["low"])
    left = int(((clear["low"] > 0) | (clear["high"] < 0)).sum())
    known = means[means["graphs"] > 0]
    several = known["against"].nunique() > 1
    told = [
        f"{look(VARIANTS, row.variant).label}{f', {row.against}' if several else ''} {_interval(row)}"
        for row in known.itertuples()
    ]
    reading = "In no pair did both networks leave chance level, so nothing can be compared."
    if told:
        reading = f"{title}, in percentage points: {listed(told)}. " if len(told) <= 4 else ""
        reading += f"{left} of {counted(len(clear), 'interval')} {'leaves' if left == 1 else 'leave'} out zero; "
        reading += f"by chance alone about {number((1 - confidence) * len(clear), 1)} would."
    return marks.forest(
        means.assign(
            panel="",
            group=means["variant"],
            row=means["against"].map(names),
            text=[f"{r.stuck:.0f} | {r.stuck_other:.0f} of {r.pairs:.0f}" for r in means.itertuples()],
        ),
        title,
        Axis(f"test accuracy, {one} minus {other}, percentage points", lambda share: number(100 * share, 1, sign=True)),
        groups=VARIANTS,
        dots=differences.assign(panel="", group=differences["variant"], row=differences["against"].map(names))
        .rename(columns={"difference": "value"})
        .dropna(subset=["value"]),
        note=f"Mean over graphs, {100 * confidence:g} % interval; dots: graphs. Right: at chance, {one} | {other}.",
        reading=reading,
    )


def _interval(row: pd.Series) -> str:
    mean, low, high = (number(100 * share, 1, sign=True) for share in (row.mean, row.low, row.high))
    return f"{mean} ({low} to {high})" if np.isfinite(row.low) else f"{mean} (no interval)"


WRONG, RIGHT = TARGETS["i2h"].colour, TARGETS["h2h"].colour


@drawn
def mask_layouts(graph: nx.Graph, variant: str = "gru") -> Picture:
    """Both layouts of one layer's mask side by side, and where the published rows miss the graph.

    Parameters
    ----------
    graph : networkx.Graph or acyclic networkx.DiGraph
        The layer drawn is the one that loses most edges; the one that most lead into, where none does.
    variant : {"gru", "lstm"}
    """
    if len(GATES.get(variant, "")) < 2:
        raise UnknownName(unknown("variant of several gates", variant, [v for v in GATES if len(GATES[v]) > 1]))
    right, had = (networks.layered(variant, graph, gate_masks=layout).stages for layout in ("blocks", "rows"))
    lost_by_layer = [int((one.mask_ih & ~other.mask_ih).sum()) for one, other in zip(right, had, strict=True)]
    layer = max(range(1, len(right)), key=lambda k: (lost_by_layer[k], int(right[k].mask_ih.sum())))
    nodes, gates = right[layer].nodes, len(GATES[variant])
    masks = [_cells_side_by_side(stages[layer], gates) for stages in (right, had)]
    rows, columns = masks[0].shape
    cell = min(20.0, 300 / columns, 420 / rows)
    key = [
        Patch(color=RIGHT, label="an edge has its weight"),
        Patch(color=WRONG, label="a weight without an edge"),
        Patch(facecolor="white", edgecolor=WRONG, label="an edge without its weight"),
    ]
    figure, (panels,) = card(
        int(max(rows * cell, 26 * gates) + 150),
        f"One layer's mask in the gates of {look(VARIANTS, variant).label}",
        1,
        2,
        key=key,
    )
    for axes, mask, name in zip(panels, masks, ("blocks: the graph, in each gate", "rows: as published"), strict=True):
        _squares(axes, masks[0], mask)
        axes.set_title(name)
        axes.set_xlabel(f"from {counted(columns, 'node')} of earlier layers")
        for gate in range(1, gates):
            axes.axhline(gate * nodes, color=INK, linewidth=1)
        axes.set_yticks([nodes * (gate + 0.5) for gate in range(gates)], GATE_LABELS[gates])
    panels[1].set_yticks([])
    edges, lost = int(masks[0].sum()), int((masks[0] & ~masks[1]).sum())
    told = (
        f"In layer {layer}, of {counted(nodes, 'node')}, {lost} of {edges} edges ({percent(lost / edges)}), counted in "
        "each gate, have no weight under the published rows, and as many weights stand for no edge"
    )
    return Picture(figure, f"Two masks of {rows} × {columns} weights, by gate. {told}.", f"{told}.")


def _cells_side_by_side(stage: classifier.Stage, gates: int) -> np.ndarray:
    """The mask (gates * nodes, inputs), each input's column from the one cell that sees it."""
    return (
        stage.mask_ih.numpy().reshape(gates, stage.cells, stage.nodes, -1).any(axis=1).reshape(gates * stage.nodes, -1)
    )


def _squares(axes, right: np.ndarray, mask: np.ndarray) -> None:
    for y, x in np.argwhere(mask):
        colour = RIGHT if right[y, x] else WRONG
        axes.add_patch(Rectangle((x + 0.08, y + 0.08), 0.84, 0.84, color=colour, linewidth=0))
    for y, x in np.argwhere(right & ~mask):
        axes.add_patch(Rectangle((x + 0.14, y + 0.14), 0.72, 0.72, fill=False, edgecolor=WRONG, linewidth=1.1))
    axes.set(xlim=(0, mask.shape[1]), ylim=(mask.shape[0], 0), xticks=[], aspect="equal", facecolor="#f3f5f7")
    axes.tick_params(axis="y", length=0)
    axes.spines[:].set(visible=True, color=FAINT, linewidth=0.8)

"""Figures of the networks built from graphs: how well they do, and how that goes with one property of their graph."""

from collections.abc import Mapping
from itertools import combinations

import networkx as nx
import numpy as np
import pandas as pd
from matplotlib.colors import to_hex, to_rgb
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle

from sparsekit.analysis.correlation import correlate
from sparsekit.analysis.structure import ALL, CAUSES, CHANCE_MARGIN, NULLS, mean_differences
from sparsekit.analysis.tables import given_graphs, require
from sparsekit.figures.card import Picture, baseline_lines, card, drawn, label_panel, percent_axis, small_multiples
from sparsekit.figures.drawings import GATE_LABELS
from sparsekit.figures.style import (
    DIVERGING,
    FAINT,
    INK,
    QUIET,
    RULE,
    SEQUENTIAL,
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
    readable,
    text_on,
    words_of,
)
from sparsekit.figures.task import Baselines, accuracy_floor, reference
from sparsekit.networks import build as networks
from sparsekit.networks import classifier
from sparsekit.registry import UnknownName, unknown
from sparsekit.variants import GATES


@drawn
def structure_accuracies(
    structure: pd.DataFrame, baselines: Baselines, chance_margin: float = CHANCE_MARGIN
) -> Picture:
    """Test accuracy of every graph-structured network, by variant and graph generator.

    Parameters
    ----------
    structure : DataFrame
        One row per network: variant, generator, test_accuracy.
    chance_margin : float
        A network counts as at chance where its accuracy is at most the majority's plus this.
    """
    lines, variants = reference(baselines), ordered(structure["variant"], VARIANTS)
    chance = lines.get("majority", 0.5) + chance_margin
    # Beside one another in rows where there is room, else upright.
    crowded = len(structure.drop_duplicates(["variant", "generator"])) > 9
    figure, ((axes,),) = card(
        360 + 110 * crowded,
        "Test accuracy of graph-structured networks",
        note="A point per network; bar: median. Dotted: classifiers without memory.",
    )
    rng, at, ticks, words, stuck, medians = np.random.default_rng(0), 0.0, [], [], {}, {}
    axes.set_ylim(accuracy_floor(structure["test_accuracy"], lines.values()), 1.02)
    for name in variants:
        own, (variant, colour, *_) = structure[structure["variant"] == name], look(VARIANTS, name)
        stuck[variant] = float((own["test_accuracy"] <= chance).mean())
        medians[variant] = own["test_accuracy"].median()
        middle = at + (own["generator"].nunique() - 1) / 2
        for generator in dict.fromkeys(own["generator"]):
            values, shape = own.loc[own["generator"] == generator, "test_accuracy"], family(generator)
            x = at + rng.uniform(-0.26, 0.26, len(values))
            axes.scatter(x, values, s=16, alpha=0.55, linewidth=0.8, edgecolor=colour, **_filled(shape, colour))
            axes.hlines(values.median(), at - 0.36, at + 0.36, color=INK, linewidth=2, zorder=4)
            ticks.append((at, shape.label if crowded else shape.label.replace("–", "–\n")))
            words.append(f"{variant}, {shape.label}: median {percent(values.median())}, n = {len(values)}")
            at += 1
        text = f"{percent(stuck[variant], 0)} at chance" if stuck[variant] else "none at chance"
        head = {"xycoords": ("data", "axes fraction"), "ha": "center", "va": "bottom"}
        axes.annotate(f"{variant}\n", (middle, 1.03), weight="bold", color=readable(colour), size=10, **head)
        axes.annotate(text, (middle, 1.03), size=9, color=QUIET, **head)
        at += 0.3
    axes.set_xticks(*zip(*ticks, strict=True), rotation=90 * crowded)
    axes.tick_params(axis="x", length=0)
    axes.set_xlim(-0.55, at - 0.75)
    axes.set_ylabel("test accuracy")
    percent_axis(axes.yaxis)
    baseline_lines(axes, lines, 220)
    worst, best, least = max(stuck, key=stuck.get), max(medians, key=medians.get), min(medians, key=medians.get)
    reading = f"Medians run from {percent(medians[least])} ({least}) to {percent(medians[best])} ({best})"
    if len(medians) == 1:
        reading = f"The median {worst} network reaches {percent(medians[worst])}"
    elif medians[least] == medians[best]:
        reading = f"The median network of every variant reaches {percent(medians[best])}"
    reading += "; none stayed at chance."
    if stuck[worst]:
        reading = reading.replace("none stayed", f"{percent(stuck[worst], 0)} of the {worst} networks stayed")
    chances = ", ".join(f"{v} {percent(s, 0)}" for v, s in stuck.items())
    return Picture(
        figure,
        f"Points: test accuracy of {len(structure)} networks. {'; '.join(words)}. At chance: {chances}.",
        reading,
    )


def _filled(shape: Look, colour: str) -> dict:
    """Circles filled, other markers open, so that families differ without colour too."""
    return {"marker": shape.marker, "facecolor": colour if shape.marker == "o" else "none"}


@drawn
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
        One row per network: variant, generator, test_accuracy, properties.
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
    variants = ordered(variants or structure["variant"], VARIANTS)
    families = {g: family(g) for g in dict.fromkeys(structure["generator"])}
    key = [
        Line2D([], [], color=INK, linestyle="", marker=f.marker, markersize=5.5, label=f.label)
        for f in families.values()
    ]
    for handle in key:
        handle.set_markerfacecolor(INK if handle.get_marker() == "o" else "none")
    figure, panels = small_multiples(
        variants, 220 if len(variants) > 1 else 290, f"Test accuracy against {words_of(property)}", key=key
    )
    words, sizes = [], []
    for name, axes in panels.items():
        own, (variant, colour, *_) = structure[structure["variant"] == name], look(VARIANTS, name)
        table = tables[name] if tables else correlate(own, "test_accuracy", [property])
        r, low, high = table.loc[property, ["pearson", "pearson_low", "pearson_high"]]
        for generator, shape in families.items():
            some = own[own["generator"] == generator]
            axes.scatter(
                some[property], some["test_accuracy"], s=20, alpha=0.6, linewidth=0.9, edgecolor=colour,
                **_filled(shape, colour),
            )  # fmt: skip
        span = f" ({number(low)} to {number(high)})" if np.isfinite(low) else ""
        text = f"{number(r)}{span}" if np.isfinite(r) else "cannot be computed"
        axes.set_title(f"{variant}\n", color=readable(colour))
        found = f"r = {text}" if np.isfinite(r) else f"r {text}"
        axes.annotate(found, (0, 1.03), xycoords="axes fraction", va="bottom", color=QUIET)
        words.append(f"{variant} {text}")
        sizes.append(f"{variant} {len(own)}")
        axes.set_ylim(accuracy_floor(structure["test_accuracy"]), 1.02)
        percent_axis(axes.yaxis)
        if (structure[property] % 1 == 0).all():  # no half nodes
            axes.xaxis.get_major_locator().set_params(integer=True)
        label_panel(axes, words_of(property), "test accuracy")
    told = f"Pearson's r between {words_of(property)} and test accuracy: {'; '.join(words)}"
    return Picture(
        figure,
        f"Scatter plots of test accuracy against {words_of(property)}. {told}. Networks: {', '.join(sizes)}.",
        told + ".",
    )


@drawn
def trainability_bars(table: pd.DataFrame) -> Picture:
    """The share of networks that never left chance level, by variant and family.

    Parameters
    ----------
    table : DataFrame
        As `analysis.structure.trainability` returns it.
    """
    require(table, ["networks", "at_chance", "share", "low", "high"])
    variants = ordered(table.index.get_level_values("variant"), VARIANTS)
    bars = [(v, g) for v in variants for g in table.loc[v].index if g != ALL or len(table.loc[v]) != 2]
    figure, ((axes,),) = card(
        98 + 24 * len(bars) + 12 * len(variants),
        "Networks that never left chance",
        note="Bars: share; lines: its interval.",
    )
    y, ticks, words, whole = 0.0, [], [], []
    for variant in variants:
        label, colour, *_ = look(VARIANTS, variant)
        axes.text(
            -0.2,
            y,
            label,
            transform=axes.get_yaxis_transform(),
            weight="bold",
            color=readable(colour),
            ha="right",
            va="center",
        )
        for generator in [g for v, g in bars if v == variant]:
            row = table.loc[(variant, generator)]
            name = "all families" if generator == ALL else family(generator).label
            axes.barh(y, row["share"], 0.66, color=_tint(colour, 0.85 if generator == ALL else 0.4), linewidth=0)
            axes.hlines(y, row["low"], row["high"], color=INK, linewidth=1.2)
            axes.vlines([row["low"], row["high"]], y - 0.12, y + 0.12, color=INK, linewidth=1.2)
            count = f"{row['at_chance']:.0f} of {row['networks']:.0f}"
            axes.annotate(
                count,
                (max(row["high"], row["share"]), y),
                (6, 0),
                textcoords="offset points",
                va="center",
                size=9,
                color=QUIET,
            )
            ticks.append((y, name))
            words.append(f"{label}, {name}: {percent(row['share'])} ({percent(row['low'])} to {percent(row['high'])})")
            y += 1
        total = table.loc[(variant, ALL)]
        whole.append(f"{percent(total['share'])} of the {label} networks")
        y += 0.5
    axes.set_yticks(*zip(*ticks, strict=True))
    axes.tick_params(axis="y", length=0, labelcolor=INK)
    axes.spines["left"].set_visible(False)
    axes.set_ylim(y - 1, -0.6)
    axes.set_xlim(0, min(1.0, table["high"].max() * 1.05 + 0.02) + 0.12)
    axes.grid(axis="x", color=RULE, linewidth=0.8)
    percent_axis(axes.xaxis)
    axes.set_xlabel("share of networks at chance level")
    return Picture(
        figure, f"Bars: networks at chance level. {'; '.join(words)}.", f"{listed(whole)} never left chance level."
    )


def _tint(colour: str, share: float) -> np.ndarray:
    """The colour thinned with white, and not to be seen through."""
    return share * np.array(to_rgb(colour)) + 1 - share


@drawn
def noise_ceilings(table: pd.DataFrame) -> Picture:
    """How alike the seeds of a graph are, and the highest R² that this leaves to any property of graphs.

    Parameters
    ----------
    table : DataFrame
        As `analysis.structure.intraclass` returns it.
    """
    require(table, ["icc", "icc_low", "icc_high", "ceiling", "ceiling_low", "ceiling_high", "between_sd", "within_sd"])
    variants = ordered(table.index, VARIANTS)
    key = [
        Line2D([], [], color=QUIET, marker="o", markerfacecolor="white", markersize=6, label="one network (ICC)"),
        Line2D([], [], color=QUIET, marker="o", markersize=6, label="mean over the seeds: the noise ceiling of R²"),
    ]
    figure, ((axes,),) = card(
        118 + 46 * len(variants), "How much of accuracy is the graph's, how much the seed's", key=key
    )
    words, ceilings = [], []
    for y, name in enumerate(variants):
        row, (label, colour, marker, _) = table.loc[name], look(VARIANTS, name)
        if not np.isfinite(row["icc"]):
            axes.text(
                0.02, y, "cannot tell: it takes two graphs, two seeds each, not all alike", color=QUIET, va="center"
            )
            words.append(f"{label}: cannot tell")
            continue
        for of, shift, face in (("icc", -0.17, "white"), ("ceiling", 0.17, colour)):
            axes.hlines(y + shift, max(row[f"{of}_low"], -0.1), row[f"{of}_high"], color=colour, linewidth=2)
            axes.scatter(row[of], y + shift, s=40, marker=marker, color=face, edgecolor=colour, linewidth=1.4, zorder=3)
        spans = [
            f"{number(row[o])} ({number(row[f'{o}_low'])} to {number(row[f'{o}_high'])})" for o in ("icc", "ceiling")
        ]
        words.append(
            f"{label}: ICC {spans[0]}, ceiling {spans[1]} with {row['seeds']:.3g} seeds a graph, standard deviation "
            f"between graphs {number(row['between_sd'], 3)}, within {number(row['within_sd'], 3)}"
        )
        ceilings.append(f"{number(row['ceiling'])} of the variance of {label} accuracies")
    axes.axvline(0, color=FAINT, linewidth=0.9)
    axes.set_yticks(range(len(variants)), [look(VARIANTS, v).label for v in variants])
    for tick, name in zip(axes.get_yticklabels(), variants, strict=True):
        tick.set(color=readable(look(VARIANTS, name).colour), weight="bold")
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.set_ylim(len(variants) - 0.5, -0.5)
    axes.set_xlim(-0.12, 1.02)
    axes.grid(axis="x", color=RULE, linewidth=0.8)
    axes.set_xlabel("share of variance between graphs")
    reading = "Without two graphs of two seeds each, not all alike, graph and seed cannot be told apart."
    if ceilings:
        reading = f"Properties of graphs can explain at most {listed(ceilings)}, means over seeds; the rest is seeds."
    return Picture(figure, f"Points with intervals: intraclass correlation. {'; '.join(words)}.", reading)


APART = 0.3
"""Causes whose rank correlation is no larger, either way, count as told apart."""


@drawn
def sample_plane(structure: pd.DataFrame) -> Picture:
    """Every graph in the plane of clustering and path length, by family; the darker, the more edges.

    Parameters
    ----------
    structure : DataFrame
        As ``studies.structure`` returns it; generator, graph, family, nodes, edges, average_clustering and
        average_shortest_path_length are used.
    """
    x, y = "average_clustering", "average_shortest_path_length"
    require(structure, ["generator", "graph", "family", "nodes", "edges", x, y])
    graphs = given_graphs(structure).drop_duplicates(["generator", "graph"])
    families = {name: family(name) for name in dict.fromkeys(graphs["family"])}
    edges = graphs["edges"]
    fixed = edges.min() == edges.max()
    size = f"{_range(graphs['nodes'])} nodes, {_range(edges)} edges"
    shade = "" if fixed else ", the darker the more edges"
    figure, ((axes,),) = card(380, "The graphs that were drawn", note=f"A point per graph: {size}{shade}.")
    told, key = [], []
    for name, shape in families.items():
        own = graphs[graphs["family"] == name]
        level = 0.6 if fixed else 0.15 + 0.8 * (own["edges"] - edges.min()) / (edges.max() - edges.min())
        colours = SEQUENTIAL(np.broadcast_to(level, len(own)))
        options = {"color": colours, "edgecolor": "white", "linewidth": 0.6}
        axes.scatter(own[x], own[y], s=48, marker=shape.marker, zorder=3, **options)
        key.append(
            Line2D([], [], color=SEQUENTIAL(0.6), linestyle="", marker=shape.marker, markersize=6.5, label=shape.label)
        )
        told.append(
            f"{shape.label}, {counted(len(own), 'graph')}: clustering {_range(own[x], 2)}, path length "
            f"{_range(own[y], 2)}"
        )
    options = {"frameon": False, "fontsize": 9.5, "handletextpad": 0.3, "borderaxespad": 0}
    axes.legend(handles=key, loc="upper left", bbox_to_anchor=(1.02, 1), **options)
    axes.grid(color=RULE, linewidth=0.8)
    axes.set_xlabel("clustering")
    axes.set_ylabel("path length")
    return Picture(
        figure,
        f"Points: graphs in the plane of clustering and path length. {size}. {'; '.join(told)}.",
        f"{counted(len(graphs), 'graph')} of {size}: clustering from {_range(graphs[x], 2)}, path length from "
        f"{_range(graphs[y], 2)}.",
    )


def _range(values: pd.Series, digits: int = 0) -> str:
    low, high = (f"{end:,.{digits}f}" for end in (values.min(), values.max()))
    return low if low == high else f"{low} to {high}"


@drawn
def causes_map(matrix: pd.DataFrame) -> Picture:
    """Which possible causes of accuracy go together over the graphs drawn, and which are held fixed.

    Parameters
    ----------
    matrix : DataFrame
        As `analysis.structure.causes` returns it.
    """
    require(matrix, CAUSES)
    names = list(CAUSES)
    held = [name for name in names if np.isnan(matrix.loc[name, name])]
    note = f"Spearman's rank correlation over graphs. Bold: further from 0 than {APART}."
    figure, ((axes,),) = card(120 + 27 * len(names), "Which causes go together in these graphs", note=note)
    for (i, one), (j, other) in combinations(enumerate(names), 2):
        value = matrix.loc[one, other]
        face = to_hex(DIVERGING((value + 1) / 2)) if np.isfinite(value) else "#f3f5f7"
        axes.add_patch(Rectangle((i - 0.49, j - 0.46), 0.98, 0.92, facecolor=face, linewidth=0))
        strong = abs(value) > APART
        text = number(value, sign=True) if np.isfinite(value) else "fixed"
        colour = text_on(face) if strong else QUIET
        axes.text(i, j, text, ha="center", va="center", color=colour, weight="bold" if strong else "normal", size=9)
    axes.set_xticks(range(len(names) - 1), [CAUSES[name].replace(" ", "\n", 1) for name in names[:-1]])
    axes.set_yticks(range(1, len(names)), [CAUSES[name] for name in names[1:]])
    axes.tick_params(length=0, labelcolor=INK)
    axes.spines[:].set_visible(False)
    axes.set_xlim(-0.5, len(names) - 1.5)
    axes.set_ylim(len(names) - 0.5, 0.5)
    pairs = {pair: matrix.loc[pair] for pair in combinations([n for n in names if n not in held], 2)}
    words = [f"{CAUSES[a]} and {CAUSES[b]} {number(r, sign=True)}" for (a, b), r in pairs.items()]
    reading = f"Held fixed: {listed(CAUSES[name] for name in held)}." if held else "No cause is held fixed."
    if pairs:
        close = sum(abs(r) > APART for r in pairs.values())
        a, b = max(pairs, key=lambda pair: abs(pairs[pair]))
        reading += (
            f" Of the {len(pairs)} pairs of {'the others' if held else 'causes'}, {close} go together (rank "
            f"correlation beyond {APART}), most of all {CAUSES[a]} and {CAUSES[b]} "
            f"({number(pairs[a, b], sign=True)}): what one does to accuracy, the other could have done."
        )
    return Picture(figure, f"Heat map of rank correlations. {reading} {'; '.join(words)}.", reading)


@drawn
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
        return _nothing(
            title, 'No null model was asked for; null_models = ["rewired", "random"] trains two beside each graph.'
        )
    kinds = dict.fromkeys(differences["against"])
    names = {kind: f"{kind}: {NULLS[kind]}" if kind in NULLS else kind.replace("_", " ") for kind in kinds}
    return _forest(differences, confidence, title, names, "graph", "null")


@drawn
def gate_row_differences(differences: pd.DataFrame, confidence: float = 0.95) -> Picture:
    """What the published, repeated mask rows cost in accuracy, by variant.

    Parameters
    ----------
    differences : DataFrame
        As `analysis.structure.gate_row_differences` returns it.
    """
    title = "Accuracy under published mask rows minus that under whole masks"
    if differences.empty:
        return _nothing(title, "Nothing to compare: no network of this run has two layouts of masks.")
    return _forest(differences, confidence, title, {"blocks": "rows minus blocks"}, "rows", "blocks")


def _nothing(title: str, text: str) -> Picture:
    figure, ((axes,),) = card(74, title, note=text)
    axes.remove()
    return Picture(figure, text, text)


def _forest(
    differences: pd.DataFrame, confidence: float, title: str, names: dict[str, str], one: str, other: str
) -> Picture:
    """A point a graph, the mean over graphs with its interval; beside it, how many networks stayed at chance level."""
    means = mean_differences(differences, confidence)
    variants, kinds = ordered(differences["variant"], VARIANTS), list(names)
    bars = [(v, k) for v in variants for k in kinds if (v, k) in means.index]
    families = {g: family(g) for g in dict.fromkeys(differences["generator"])}
    key = [
        Line2D([], [], color=QUIET, linestyle="", marker=f.marker, markersize=5, markerfacecolor="none", label=f.label)
        for f in families.values()
    ]
    key.append(Line2D([], [], color=INK, marker="o", markersize=6, label=f"mean, {100 * confidence:g} % interval"))
    figure, ((axes,),) = card(
        150 + 30 * len(bars) + 12 * len(variants),
        title,
        key=key,
        note="A small mark: one graph, mean over its pairs of networks of which both left chance level.",
    )
    rng, y, ticks, words, clear, reach = np.random.default_rng(0), 0.0, [], [], [], []
    for variant in variants:
        label, colour, *_ = look(VARIANTS, variant)
        for kind in [k for v, k in bars if v == variant]:
            row, own = means.loc[(variant, kind)], differences[differences["variant"] == variant]
            own = own[own["against"] == kind]
            for generator, shape in families.items():
                values = 100 * own.loc[own["generator"] == generator, "difference"].dropna()
                heights = y + rng.uniform(-0.24, 0.24, len(values))
                axes.scatter(values, heights, s=17, marker=shape.marker, facecolor="none", edgecolor=colour, alpha=0.6)
            told = "no pair of which both left chance level"
            if row["graphs"]:
                if np.isfinite(row["low"]):
                    axes.hlines(y, 100 * row["low"], 100 * row["high"], color=INK, linewidth=2.2, zorder=4)
                    clear.append(bool(row["low"] > 0 or row["high"] < 0))
                axes.scatter(100 * row["mean"], y, s=46, color=INK, zorder=5)
                told = f"{_points(row['mean'])}{_span(row)} over {counted(int(row['graphs']), 'graph')}"
                reach.append(f"{label}{'' if len(kinds) == 1 else f', {kind}'} {_points(row['mean'])}{_span(row)}")
            else:
                middle = {"xycoords": axes.get_yaxis_transform(), "ha": "center", "va": "center"}
                axes.annotate(told, (0.5, y), color=QUIET, **middle)
            stuck = f"{row['stuck']:.0f} | {row['stuck_other']:.0f} of {row['pairs']:.0f}"
            axes.annotate(stuck, (1.02, y), xycoords=axes.get_yaxis_transform(), va="center", color=QUIET, size=9)
            ticks.append((y, f"{label}\n{names[kind]}"))
            words.append(
                f"{label}, {names[kind]}: {told}; at chance level {row['stuck']:.0f} of {row['pairs']:.0f} "
                f"({one}) and {row['stuck_other']:.0f} ({other})"
            )
            y += 1
        y += 0.4
    head = {"xycoords": ("axes fraction", "axes fraction"), "va": "bottom", "size": 9, "color": QUIET}
    axes.annotate(f"at chance\n{one} | {other}", (1.02, 1.0), **head)
    axes.set_yticks(*zip(*ticks, strict=True))
    axes.tick_params(axis="y", length=0)
    for tick, (variant, _) in zip(axes.get_yticklabels(), bars, strict=True):
        tick.set(color=readable(look(VARIANTS, variant).colour), linespacing=1.25)
    axes.spines["left"].set_visible(False)
    axes.set_ylim(y - 0.8, -0.6)
    axes.grid(axis="x", color=RULE, linewidth=0.8)
    axes.margins(x=0.08)
    if reach:
        axes.axvline(0, color=FAINT, linewidth=0.9, zorder=0.5)
    else:
        axes.set_xticks([])
    axes.set_xlabel(f"test accuracy, {one} minus {other}, percentage points")
    reading = "In no pair did both networks leave chance level, so nothing can be compared."
    if reach:
        reading = f"{title}, in percentage points, mean over graphs: {listed(reach)}."
    if len(clear) == 1:
        reading += f" The interval {'leaves out' if clear[0] else 'holds'} zero."
    elif clear:
        reading += (
            f" {sum(clear)} of {counted(len(clear), 'interval')} {'leaves' if sum(clear) == 1 else 'leave'} out zero; "
            f"by chance alone about {number((1 - confidence) * len(clear), 1)} would."
        )
    return Picture(figure, f"Points with intervals: {title.lower()}. {'; '.join(words)}.", reading)


def _points(share: float) -> str:
    return number(100 * share, 1, sign=True)


def _span(row: pd.Series) -> str:
    if not np.isfinite(row["low"]):
        return " (no interval)"
    return f" ({number(100 * row['low'], 1, sign=True)} to {number(100 * row['high'], 1, sign=True)})"


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

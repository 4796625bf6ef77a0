"""One network, string or graph seen from several sides at once: what explorers draw, quick enough for a slider."""

from collections.abc import Mapping, Sequence

import matplotlib as mpl
import networkx as nx
import numpy as np
import pandas as pd
import torch
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from sparsekit.analysis.tables import columns_of
from sparsekit.figures import automata, drawings
from sparsekit.figures.automata import PATH
from sparsekit.figures.card import WIDTH, bare, card
from sparsekit.figures.marks import ACCURACY
from sparsekit.figures.marks import pruned as pruned_axis
from sparsekit.figures.picture import Picture, drawn
from sparsekit.figures.style import (
    DIVERGING,
    FAINT,
    GENERATORS,
    INK,
    QUIET,
    RULE,
    SCORES,
    SEQUENTIAL,
    TARGETS,
    VARIANTS,
    look,
    readable,
)
from sparsekit.figures.words import listed, number, percent, weights_of, words_of
from sparsekit.networks.classifier import Classifier
from sparsekit.pruning.masks import Mask
from sparsekit.pruning.prune import targeted
from sparsekit.pruning.scores import states
from sparsekit.tasks.grammars import LEFT, Rules, walk
from sparsekit.variants import GATES, MATRICES

BARS = 48  # of a histogram
MOST = 8  # stages of masks drawn
FORMS = {"csr": "CSR"}
FAMILIES = ("#0072B2", "#D55E00", "#008F68", "#BF5F93", "#7A1FA2", INK)  # of graphs, beside their marks


def panels(height: float, title: str, note: str, *places: tuple[float, float, float, float]) -> tuple[Figure, list]:
    """A card with panels at fixed places, (left, top, width, height) in CSS pixels.

    To look for places that leave room for all letters takes longer than to draw.
    """
    figure, ((first,),) = card(height, title, note=note)
    figure.set_layout_engine(None)
    where = [(x / WIDTH, 1 - (y + h) / height, w / WIDTH, h / height) for x, y, w, h in places]
    first.set_position(where[0])
    return figure, [first, *map(figure.add_axes, where[1:])]


@drawn
def pruned(
    network: Classifier,
    mask: Mask,
    scores: np.ndarray,
    threshold: float,
    accuracy: float,
    measured: pd.DataFrame,
    *,
    share: float,
    target: str,
    score: str,
    chance: float,
) -> Picture:
    """One network with a part of its weights gone: where on the curve it is, what went, and from where.

    Parameters
    ----------
    network, mask : Classifier, Mask
        The network as trained, and which of its recurrent weights are left.
    scores, threshold : array of shape (weights,), and number
        Scores of the targeted weights; those below the threshold are gone.
    accuracy, chance : float
        Of the pruned network on the test strings, and of always naming the larger class.
    measured : DataFrame
        The curve behind it, of this variant and target: columns seed, percent and accuracy.
    share : float
        Of the targeted weights asked to go, 0 to 1.
    """
    one, of_score, of_target = look(VARIANTS, network.variant), look(SCORES, score), look(TARGETS, target)
    left, kept = sum(int(m.sum()) for m in mask.values()), sum(int(mask[n].sum()) for n in targeted(mask, target))
    rows = 2 * (26 + 96)
    title = f"{one.label}: {share:.0%} of {weights_of(target)} pruned by {of_score.label}".replace("%", " %")
    weights = sum(own.numel() for own in mask.values())
    note = f"Now {percent(accuracy)} of the test strings are right; {left:,} of {weights:,} weights are left."
    places = (58, 76, 270, 170), (398, 76, 284, 170), (0, 300, WIDTH, rows)
    figure, (curve, bars, below) = panels(310 + rows, title, note, *places)

    for _, run in measured.groupby("seed"):
        curve.plot(run["percent"], run["accuracy"], color=one.colour, linewidth=0.7, alpha=0.5)
    means = measured.groupby("percent")["accuracy"].mean()
    curve.plot(means.index, means, color=one.colour, marker=one.marker, markersize=4, linewidth=1.6)
    curve.axhline(chance, color=FAINT, linewidth=0.8, linestyle=(0, (1, 2)))
    curve.plot(100 * share, accuracy, marker="o", markersize=10, color="white", markeredgecolor=INK, markeredgewidth=2)
    pruned_axis(measured["percent"], limits=(-4, 104), ticks=(0, 50, 100)).lay(curve, "x")
    ACCURACY.lay(curve, "y")
    curve.yaxis.set_major_locator(mpl.ticker.MaxNLocator(3))
    curve.set(xlabel="weights pruned (%)", title="Accuracy: lines as measured, ring now")

    top = float(np.quantile(scores, 0.999)) or 1.0
    edges = np.linspace(0, top, BARS + 1)
    bars.stairs(np.histogram(scores, edges)[0], edges, fill=True, color=readable(of_target.colour))
    gone = scores[scores < threshold]
    bars.stairs(np.histogram(gone, edges)[0], edges, fill=True, facecolor=RULE, edgecolor=FAINT, linewidth=0.6)
    if np.isfinite(threshold):
        bars.axvline(min(threshold, top), color=INK, linewidth=1.2)
    size = "absolute values" if score == "magnitude" else f"scores ({of_score.label})"
    bars.set(xlim=(0, top), yticks=[], title=f"Their {size}: grey goes")
    bars.spines["left"].set_visible(False)
    bars.xaxis.set_major_locator(mpl.ticker.MaxNLocator(3))

    shares = _masks(below, network, mask, rows)
    table = pd.DataFrame(shares, columns=["layer", "matrix", "gate", "weights left", "share left"])
    by_gate = ", ".join(
        f"{gate} {percent(own.mean())}" for gate, own in table.groupby("gate", sort=False)["share left"]
    )
    alt = (
        f"{title}: accuracy {percent(accuracy)}, where chance is {percent(chance)}. Threshold {threshold:.3g}; "
        f"{kept:,} of {scores.size:,} targeted weights are left. Measured means: "
        + ", ".join(f"{at:g} % {percent(value)}" for at, value in means.items())
        + f". Share left by gate: {by_gate}."
    )
    reading = f"{note[:-1]}: of {weights_of(target)} {percent(kept / max(scores.size, 1))}."
    return Picture(figure, alt, reading, table=table)


def _masks(axes: Axes, network: Classifier, mask: Mask, height: float) -> list[tuple]:
    """The masks of the first stages, input-to-hidden above hidden-to-hidden, cut into gates; returns their shares."""
    bare(axes, (0, WIDTH), (height, 0))
    axes.set_aspect("auto")
    gates = list(GATES[network.variant].values())
    stages, rows = list(network.stages)[:MOST], []
    room = (WIDTH - 124) / len(stages)
    for r, kind in enumerate(("ih", "hh")):
        top, colour = 22 + r * height / 2, look(TARGETS, {"ih": "i2h", "hh": "h2h"}[kind]).colour
        axes.text(14, top - 5, MATRICES[kind], color=INK, size=9)
        for k, gate in enumerate(gates):
            axes.text(14, top + 84 * (k + 0.5) / len(gates), gate, color=QUIET, size=9, va="center")
        for k in range(len(stages)):
            own = mask[f"stages.{k}.weight_{kind}"].numpy()
            x, wide = 116 + k * room, room - 16
            pixels = np.where(own[..., None], mpl.colors.to_rgb(colour), mpl.colors.to_rgb("#eef1f4"))
            axes.imshow(pixels, extent=(x, x + wide, top + 84, top), aspect="auto", interpolation="antialiased")
            cuts = top + 84 * np.arange(1, len(gates)) / len(gates)
            axes.hlines(cuts, x, x + wide, color=INK, linewidth=1)
            axes.text(x, top - 5, f"layer {k + 1}: " * (room > 90) + percent(own.mean(), 0), color=QUIET, size=9)
            blocks = np.split(own, len(gates))
            rows += [
                (k + 1, kind, gate, int(block.sum()), float(block.mean()))
                for gate, block in zip(gates, blocks, strict=True)
            ]
    axes.set(xlim=(0, WIDTH), ylim=(height, 0))
    return rows


@drawn
def string(
    text: str,
    networks: Mapping[str, Classifier],
    *,
    rules: Rules | None = None,
    drawable: bool = False,
    padded: int = 0,
) -> Picture:
    """One string as networks read it: the automaton's way, the verdict after each letter, and hidden states.

    Parameters
    ----------
    text : str
        Characters below 128.
    networks : mapping of label to Classifier
        Of two classes; their last layer's states are drawn.
    rules : Rules, optional
        What labels strings of the task.
    drawable : bool
        Whether the rules are a grammar's that `automata` can draw.
    padded : int
        Steps up to which the string is padded before it is read; 0 where it is read at its last letter.
    """
    length, steps = len(text), max(len(text), padded)
    tokens = torch.tensor([[*map(ord, text), *[0] * (steps - length)]])
    says, hidden = {}, {}
    for name, network in networks.items():
        with torch.no_grad():
            logits = network(tokens.expand(steps, -1), torch.arange(steps))
        says[name] = torch.softmax(logits, 1)[:, 1].numpy()
        hidden[name] = states(network, tokens)[-1][1][:length, 0].numpy().T

    automaton = rules.automaton if rules else {}
    visited = walk(text, automaton) if rules else []
    broken = visited.index(LEFT) - 1 if LEFT in visited else -1
    way = list(zip(visited, text, strict=False))[: broken if broken >= 0 else length]
    truth = ""
    if broken >= 0:
        truth = f"letter {broken + 1}, {text[broken]}, breaks the rules"
    elif rules:
        truth = {1: "it is valid", 0: "it is not valid"}.get(rules.label(visited[-1]), "it has no label")
        truth = "it ends too early" if drawable and truth == "it is not valid" else truth
    top, tall = 62 + 196 * drawable, 52
    places = [(10, 62, 680, 190)] * drawable + [(70, top + 26, 500, 110)]
    places += [(70, top + 190 + k * (tall + 24), 500, tall) for k in range(len(networks))]
    height = top + 190 + len(networks) * (tall + 24) + 14
    verdicts = {name: "valid" if p[-1] > 0.5 else "invalid" for name, p in says.items()}
    note = "; ".join(f"{name}: {verdict} ({percent(says[name][-1], 0)})" for name, verdict in verdicts.items())
    figure, found = panels(height, f"{text}: {truth}".rstrip(": "), f"At its end: {note}.", *places)
    if drawable:
        automata.draw(found.pop(0), automaton, way)
    course, *maps = found
    for k, (name, p) in enumerate(says.items()):
        colour, style = STAGES[k % len(STAGES)]
        course.plot(range(length), p[:length], style, color=colour, marker="o", markersize=3, linewidth=1.6, label=name)
    course.axhline(0.5, color=FAINT, linewidth=0.8, linestyle=(0, (1, 2)))
    course.set(ylim=(-0.04, 1.04), title="Probability of valid, after each letter")
    ACCURACY.lay(course, "y")
    course.legend(loc="upper left", bbox_to_anchor=(1.0, 1.04), frameon=False, fontsize=9)
    _letters(course, text, broken)
    most = max(float(np.abs(values).max()) for values in hidden.values()) or 1.0
    for axes, (name, values) in zip(maps, hidden.items(), strict=True):
        box = (-0.5, length - 0.5, len(values), 0)
        axes.imshow(values, cmap=DIVERGING, vmin=-most, vmax=most, aspect="auto", interpolation="nearest", extent=box)
        axes.set(yticks=[], title=f"{name.capitalize()}: the last layer's {len(values)} units")
        axes.set_xticks([])
        if 0 <= broken < length:
            axes.vlines([broken - 0.5, broken + 0.5], 0, len(values), color=INK, linewidth=1)
    _letters(maps[-1], text, -1)
    means = {name: float(np.abs(values).mean()) for name, values in hidden.items()}
    alt = f"{text}: {truth or 'no rules to walk'}. " + " ".join(
        f"{name}: after each letter {', '.join(percent(v, 0) for v in p[:length])}; {verdicts[name]} at its end; "
        f"mean size of a state {means[name]:.2f}."
        for name, p in says.items()
    )
    agreed = "" if not rules else f"{text}: {truth}; "
    reading = f"{agreed}{', '.join(f'{name} says {v}' for name, v in verdicts.items())}."
    table = pd.DataFrame({"letter": list(text), **{f"valid, {name}": p[:length] for name, p in says.items()}})
    return Picture(figure, alt, reading, table=table)


STAGES = ((INK, "-"), ("#D55E00", "--"), ("#3D94CC", "-."))  # before pruning, after it, after recovery


def _letters(axes: Axes, text: str, broken: int) -> None:
    """Letters along an axis; the one that breaks the rules marked."""
    axes.set_xticks(range(len(text)), list(text))
    axes.set_xlim(-0.5, max(len(text) - 0.5, 0.5))
    axes.tick_params(axis="x", length=0, labelcolor=INK, labelsize=9 if len(text) <= 40 else 7)
    if 0 <= broken < len(text):
        axes.axvspan(broken - 0.5, broken + 0.5, color=TARGETS["i2h"].colour, alpha=0.22, linewidth=0)
        axes.get_xticklabels()[broken].set(color=readable(TARGETS["i2h"].colour), weight="bold")


@drawn
def structure(
    oriented: nx.DiGraph,
    network: Classifier,
    measured: Mapping[str, float],
    population: pd.DataFrame,
    *,
    title: str,
    accuracy: float | None = None,
) -> Picture:
    """A graph, the layers and masks that it becomes, and where it falls among the graphs that were trained.

    Parameters
    ----------
    oriented : networkx.DiGraph
        Acyclic, as its layers follow it.
    network : Classifier
        Made from it.
    measured : mapping of property to number
    population : DataFrame
        Trained networks of the same variant: the columns of `measured`, generator and test_accuracy; a row a graph.
    accuracy : float, optional
        Of this network, once it is trained.
    """
    columns, edges, _ = drawings.of_graph(oriented)
    there = [name for name in measured if name in population and len(population)]
    rows = 2 * (26 + 96)
    note = f"{len(oriented)} nodes, {len(edges)} edges, {len(columns)} layers; {network.size():,} weights and biases."
    places = (10, 66, 210, 200), (225, 66, 465, 200), (150, 306, 190, 16 * max(len(there), 1) + 8)
    figure, panels_ = panels(520 + rows, title, note, *places, (410, 306, 272, 150), (0, 520, WIDTH, rows))
    ring, layers, strip, plane, below = panels_

    nodes = list(oriented)
    spots = dict(zip(nodes, nx.circular_layout(nodes).values(), strict=True))
    lines = [[spots[u], spots[v]] for u, v in oriented.edges]
    ring.add_collection(LineCollection(lines, colors=FAINT, linewidths=0.7, zorder=1))
    depth = {n: k for k, column in enumerate(columns) for n in column}
    shades = SEQUENTIAL(np.linspace(0.08, 0.85, len(columns)))
    ring.scatter(*np.array([spots[n] for n in nodes]).T, s=26, c=[shades[depth[n]] for n in nodes], zorder=2)
    bare(ring, (-1.1, 1.1), (-1.1, 1.1))
    drawings.draw_layers(layers, columns, edges, 465, 200 - drawings.BELOW, plain=True)

    below_it = {name: float((population[name] < measured[name]).mean()) for name in there}
    same = {name: float((population[name] == measured[name]).mean()) for name in there}
    ranks = {name: below_it[name] + same[name] / 2 for name in there}
    strip.hlines(range(len(there)), 0, 1, color=RULE, linewidth=4)
    strip.scatter(list(ranks.values()), range(len(there)), color=PATH, s=28, zorder=3)
    strip.set(xlim=(-0.05, 1.05), ylim=(len(there) - 0.5, -0.5), title="Its place among the trained")
    strip.set_xticks([0, 1], ["lowest", "highest"])
    strip.set_yticks(range(len(there)), [f"{words_of(n)} {measured[n]:.3g}" for n in there])
    strip.tick_params(length=0)
    strip.spines[:].set_visible(False)

    for family, own in population.groupby("generator", sort=False):
        mark = look(GENERATORS, family).marker
        plane.scatter(
            own["edges"], own["test_accuracy"], s=16, marker=mark, color=look(VARIANTS, network.variant).colour
        )
    plane.axvline(len(edges), color=INK, linewidth=1)
    if accuracy is not None:
        ring_at = {"markersize": 10, "color": "white", "markeredgecolor": INK, "markeredgewidth": 2}
        plane.plot(len(edges), accuracy, marker="o", **ring_at)
    ACCURACY.lay(plane, "y")
    plane.yaxis.set_major_locator(mpl.ticker.MaxNLocator(3))
    plane.set(xlabel="edges", title="Accuracy of the trained; line: this graph")
    shares = _masks(below, network, Mask.of(network), rows)
    trained = "not trained here" if accuracy is None else f"its accuracy is {percent(accuracy)}"
    where = ", ".join(f"{words_of(n)} above {percent(below_it[n], 0)} of them" for n in there)
    alt = (
        f"{title}: {note} Among {len(population)} trained graphs: {where}; {trained}. Share of weights that exist by "
        + "layer, matrix and gate: "
        + ", ".join(f"{k} {kind} {gate} {percent(share, 0)}" for k, kind, gate, _, share in shares)
        + "."
    )
    table = pd.DataFrame({"property": [words_of(n) for n in there], "value": [measured[n] for n in there]})
    return Picture(figure, alt, f"{note[:-1]}; {trained}.", table=table.assign(above=list(below_it.values())))


@drawn
def correlation(
    graphs: pd.DataFrame,
    name: str,
    controls: Sequence[str],
    found: Mapping[str, Mapping[str, float]],
    oriented: nx.DiGraph,
    chosen: int,
    *,
    title: str,
) -> Picture:
    """A property beside accuracy, what controls leave of both, the coefficients, and one of the graphs.

    Parameters
    ----------
    graphs : DataFrame
        A row a graph: the property, the controls, generator and test_accuracy.
    found : mapping of "alone" and "given the controls" to pearson, pearson_low, pearson_high and pearson_p
    oriented, chosen : networkx.DiGraph, int
        The graph to draw, and its row.
    """
    given = columns_of(graphs, controls, drop_first=True)
    both = graphs[[name, "test_accuracy"]].to_numpy(float)
    design = np.column_stack([np.ones(len(both)), given])
    rest = both - design @ np.linalg.lstsq(design, both, rcond=None)[0]
    told = {
        key: f"r = {number(one['pearson'], sign=True)} ({number(one['pearson_low'], sign=True)} to "
        f"{number(one['pearson_high'], sign=True)})"
        if np.isfinite(one["pearson"])
        else "determined by what is held"
        for key, one in found.items()
    }
    note = "; ".join(f"{key} {value}" for key, value in told.items()) + "."
    places = (70, 78, 240, 170), (420, 78, 262, 170), (10, 320, 680, 150)
    figure, (plain, partial, layers) = panels(484, title, note, *places)
    free = np.isfinite(both).all(axis=1)
    for axes, points, key in ((plain, both, "alone"), (partial, rest, "given")):
        for family in dict.fromkeys(graphs["generator"]):
            own = (graphs["generator"] == family).to_numpy()
            colour = FAMILIES[list(dict.fromkeys(graphs["generator"])).index(family) % len(FAMILIES)]
            axes.scatter(*points[own].T, s=22, color=colour, marker=look(GENERATORS, family).marker, linewidths=0)
        if np.ptp(points[free, 0]) > 1e-9:
            slope, start = np.polyfit(*points[free].T, 1)
            ends = np.array([points[free, 0].min(), points[free, 0].max()])
            axes.plot(ends, start + slope * ends, color=INK, linewidth=1)
        axes.plot(*points[chosen], marker="o", markersize=11, color="none", markeredgecolor=INK, markeredgewidth=1.6)
        axes.xaxis.set_major_locator(mpl.ticker.MaxNLocator(4))
        axes.yaxis.set_major_locator(mpl.ticker.MaxNLocator(4))
        axes.set(xlabel=words_of(name), title="As measured" if key == "alone" else "What the controls leave")
    plain.yaxis.set_major_formatter(lambda value, _: percent(value, 0))
    partial.yaxis.set_major_formatter(lambda value, _: f"{100 * value:+.0f}".replace("-", "−"))
    partial.set(ylabel="points of accuracy")
    columns, edges, _ = drawings.of_graph(oriented)
    drawings.draw_layers(layers, columns, edges, 680, 150 - drawings.BELOW, plain=True)
    one = graphs.iloc[chosen]
    layers.set_title(
        f"Ringed: graph {one['graph']}, {look(GENERATORS, one['generator']).label}, {percent(one['test_accuracy'])}"
    )
    table = graphs[["generator", "graph", name, "test_accuracy"]].assign(left=rest[:, 0], accuracy_left=rest[:, 1])
    alt = f"{title}, {len(graphs)} graphs: {'; '.join(f'{key} {value}' for key, value in told.items())}."
    return Picture(figure, alt, f"{title}: {'; '.join(f'{key} {value}' for key, value in told.items())}.", table=table)


@drawn
def recovery(courses: pd.DataFrame, regained: pd.DataFrame, *, title: str, margin: float) -> Picture:
    """How accuracy comes back in some conditions, seed by seed, and after how many steps.

    Parameters
    ----------
    courses : DataFrame
        condition, seed, step, accuracy and base_accuracy.
    regained : DataFrame
        condition, seed, and step of the first measurement within the margin; nan where there was none.
    """
    conditions = list(dict.fromkeys(courses["condition"]))
    note = f"Thin: single seeds. Grey: within {100 * margin:g} points of the mean before pruning."
    figure, (lines, dots) = panels(352, title, note, (58, 82, 370, 210), (540, 82, 140, 210))
    base, last = courses["base_accuracy"].mean(), courses["step"].max()
    lines.axhspan(base - margin, base, color=RULE, linewidth=0)
    lines.axhline(base, color=QUIET, linewidth=0.8)
    shades = SEQUENTIAL(np.linspace(0.25, 0.9, len(conditions)))
    words = []
    for k, (condition, shade) in enumerate(zip(conditions, shades, strict=True)):
        own = courses[courses["condition"] == condition]
        for _, run in own.groupby("seed"):
            lines.plot(run["step"], run["accuracy"], color=shade, linewidth=0.7, alpha=0.6)
        means = own.groupby("step")["accuracy"].mean()
        lines.plot(means.index, means, color=shade, linewidth=1.8, marker="o", markersize=3.5, label=condition)
        steps = regained.loc[regained["condition"] == condition, "step"]
        seen, never = steps.dropna(), int(steps.isna().sum())
        dots.scatter(seen, np.full(len(seen), k) + np.linspace(-0.15, 0.15, len(seen)), color=[shade], s=24, zorder=3)
        dots.scatter(
            [last * 1.15] * never, np.full(never, k) + np.linspace(-0.15, 0.15, never), marker="x", color=[shade]
        )
        told = f"{listed(f'{step:g}' for step in sorted(seen))} steps" if len(seen) else "no seed"
        words.append(
            f"{condition}: {percent(means.iloc[0])} at once, {percent(means.iloc[-1])} after {last:g} steps; back "
            f"after {told}" + f", {never} of {len(steps)} not" * bool(never)
        )
    ACCURACY.lay(lines, "y")
    lines.yaxis.set_major_locator(mpl.ticker.MaxNLocator(4))
    lines.set(xlabel="optimizer steps", title="Accuracy in retraining")
    dots.set(ylim=(len(conditions) - 0.5, -0.5), xlim=(-last * 0.05, last * 1.3), title="Steps until back")
    dots.set_yticks(range(len(conditions)), conditions)
    dots.set_xticks([0, last, last * 1.15], ["0", f"{last:g}", "\nnot"])
    return Picture(figure, f"{title}. {'; '.join(words)}.", f"{'; '.join(words)}.", table=courses)


@drawn
def sparsity(
    forms: Mapping[str, int],
    adds: Mapping[str, int],
    seconds: pd.DataFrame,
    even: Mapping[str, float],
    ends: tuple[float, float],
    *,
    title: str,
    chosen: str,
    at: float,
) -> Picture:
    """What one layer's hidden-to-hidden weights cost at one sparsity: bytes, multiply-adds and measured time.

    Parameters
    ----------
    forms, adds : mapping of form to number
        Bytes by form, and multiply-adds of a step: dense and kept.
    seconds : DataFrame
        Measured times of that product: kernel, sparsity and seconds, a row a repeat.
    even : mapping of "bytes" and "time" to sparsity
        From which on the form pays; inf for never in what was tried.
    ends : (low, high)
        Of the interval of that in time.
    at : float
        The sparsity looked at.
    """
    times = seconds.groupby(["kernel", "sparsity"])["seconds"].median().unstack("kernel") * 1e6
    said = {k: "never, in what was tried" if np.isinf(v) else f"from {percent(v, 0)} on" for k, v in even.items()}
    low, high = ("never" if np.isinf(end) else percent(end, 0) for end in ends)
    said["time"] += f" (interval {low} to {high})"
    named = FORMS.get(chosen, chosen)
    note = f"{named} pays in bytes {said['bytes']}; CSR in time {said['time']}."
    places = (70, 82, 150, 150), (290, 82, 110, 150), (500, 82, 182, 150)
    figure, (size, work, clock) = panels(282, title, note, *places)
    for axes, values, heading in ((size, forms, "Kilobytes"), (work, adds, "Thousand multiply-adds")):
        colours = [PATH if name in (chosen, "kept") else FAINT for name in values]
        axes.bar(
            [FORMS.get(name, name) for name in values], [v / 1000 for v in values.values()], color=colours, width=0.7
        )
        axes.set(title=heading)
        axes.yaxis.set_major_locator(mpl.ticker.MaxNLocator(3))
        axes.tick_params(axis="x", length=0)
    for kernel, style, colour in (("dense", "-", QUIET), ("csr", "--", PATH)):
        clock.plot(
            times.index, times[kernel], style, color=colour, marker="o", markersize=3.5, label=FORMS.get(kernel, kernel)
        )
    clock.axvline(at, color=INK, linewidth=1)
    clock.set(title="Microseconds, measured", xlabel="sparsity", ylim=(0, None))
    clock.xaxis.set_major_formatter(lambda value, _: percent(value, 0))
    clock.xaxis.set_major_locator(mpl.ticker.MaxNLocator(3))
    clock.legend(frameon=False, fontsize=9)
    share = forms[chosen] / forms["dense"]
    near = times.index[np.abs(times.index - at).argmin()]
    reading = (
        f"{named} takes {forms[chosen]:,} bytes, {percent(share, 0)} of dense; {adds['kept']:,} of {adds['dense']:,} "
        f"multiply-adds are left; at {percent(near, 0)} dense took {times['dense'][near]:.1f} and CSR "
        f"{times['csr'][near]:.1f} microseconds here"
    )
    alt = f"{title}. {note} {reading}. Bytes: " + ", ".join(f"{name} {v:,}" for name, v in forms.items()) + "."
    return Picture(figure, alt, f"{reading}.", table=times.reset_index())

"""The explorers of the notebooks: what each draws anew, and which controls move it."""

import copy
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

import ipywidgets as widgets
import networkx as nx
import numpy as np
import pandas as pd
import torch
from IPython.display import display

from sparsekit.analysis.correlation import correlate
from sparsekit.analysis.recovery import events
from sparsekit.analysis.tables import one_per_graph
from sparsekit.figures.card import nothing
from sparsekit.figures.closeups.correlation import correlation as draw_correlation
from sparsekit.figures.closeups.pruned import pruned as draw_pruned
from sparsekit.figures.closeups.recovery import recovery as draw_recovery
from sparsekit.figures.closeups.sparsity import sparsity as draw_sparsity
from sparsekit.figures.closeups.string import string as draw_string
from sparsekit.figures.closeups.structure import structure as draw_structure
from sparsekit.figures.controls import choice, explorer
from sparsekit.figures.picture import Picture
from sparsekit.figures.style import FORMS, VARIANTS, look, ordered
from sparsekit.figures.style import SCORES as SCORE_LOOKS
from sparsekit.figures.words import controls_in_words, label, weights_of, words_of
from sparsekit.graphs import properties
from sparsekit.graphs import structure as graphs
from sparsekit.graphs.families import GENERATORS
from sparsekit.networks import build
from sparsekit.networks.classifier import Classifier
from sparsekit.networks.training import Encoded, Population, Recipe, evaluate, train
from sparsekit.pruning import cost
from sparsekit.pruning.masks import Mask
from sparsekit.pruning.prune import prune, targeted
from sparsekit.pruning.scores import FEWEST, SCORES, Evidence, scored
from sparsekit.seeds import derive
from sparsekit.tasks import definitions as tasks
from sparsekit.tasks.samples import Strings, Task
from sparsekit.variants import GATES

EMBEDDED = 50  # numbers that stand for a character where a study sets no width
PLACED = ("nodes", "edges", "layers", "source_nodes", "diameter", "average_shortest_path_length", "degree_var")
"""Properties of a graph whose place among the trained an explorer shows: few, and quickly measured."""


def pruned(networks: Mapping[str, Classifier], task: Task, recipe: Recipe, measured: pd.DataFrame) -> None:
    """Take weights out of a trained network and see at once what is left, and of how many test strings it is right.

    Parameters
    ----------
    networks : mapping of variant to Classifier
        As trained; they stay as they are.
    task, recipe
        What they are tested on, and how strings are read.
    measured : DataFrame
        The study's own accuracies: columns variant, target, seed, percent, accuracy and base_accuracy.
    """
    test, train = Encoded(task.test), Encoded(task.train.subset(np.arange(min(FEWEST, len(task.train)))))
    evidence = Evidence(train.inputs, train.labels, torch.as_tensor(train.positions(recipe)))
    chance = float(np.bincount(task.test.labels).max() / len(task.test))

    whole = pd.concat([measured.assign(percent=0.0, accuracy=measured["base_accuracy"]), measured]).drop_duplicates()

    @cache
    def judged(variant: str, target: str, score: str) -> np.ndarray:
        network = networks[variant]
        found = scored(score, network, targeted(Mask.of(network), target), evidence)
        return np.concatenate([scores.flatten().numpy() for scores in found.values()]).astype(float)

    def draw(variant: str, target: str, score: str, percent: float) -> Picture:
        network = networks[variant]
        mask, threshold = prune(network, percent / 100, target, score, evidence=evidence)
        twin = copy.deepcopy(network)
        mask.apply(twin)
        (accuracy,) = evaluate(Population([twin]), test, recipe)[1]
        own = whole.query("variant == @variant and target == @target")
        options = {"share": percent / 100, "target": target, "score": score, "chance": chance}
        return draw_pruned(network, mask, judged(variant, target, score), threshold, accuracy, own, **options)

    names, targets = ordered(networks, VARIANTS), list(dict.fromkeys(measured["target"]))
    explorer(
        draw,
        percent=widgets.FloatSlider(value=80, min=0, max=100, step=1, description="percent", readout_format=".0f"),
        target=choice(targets, "pruned"),
        score=choice(list(SCORES), "score", form=lambda name: look(SCORE_LOOKS, name).label),
        variant=choice(names, "network", names[-1]),
    )


def string(networks: Callable[..., Mapping[str, Classifier]], task: Task, recipe: Recipe, **choices: Sequence) -> None:
    """Type a string, or draw a test string: the way it takes, and what a network makes of it letter by letter.

    Parameters
    ----------
    networks : callable
        Takes one of each of `choices` by name, and gives networks by label: before pruning, after it, after recovery.
    task, recipe
        What they were trained on, and how strings are read.
    **choices : sequence
        Values of what can be chosen, by name: variant, target, percent; the first of each is drawn first.
    """
    title = "One string, letter by letter"
    if not isinstance(task.test, Strings) or task.classes != 2:
        display(nothing(title, f"Samples of task {task.name} are not strings of two classes."))
        return
    rules, longest = tasks.RULES.get(task.name), int(max(task.train.lengths.max(), task.test.lengths.max()))
    options = {"rules": rules, "drawable": task.name in tasks.GRAMMARS}
    options["padded"] = longest if recipe.readout == "last_padded" else 0
    found = cache(networks)

    def draw(text: str, **asked: Any) -> Picture:
        if wrong := [letter for letter in text if not " " < letter < "\x7f"]:
            return nothing(title, f"{wrong[0]!r} is no letter that a network of this kit reads.")
        if not 0 < len(text) <= longest:
            return nothing(title, f"A string has 1 to {longest} letters here, not {len(text)}.")
        return draw_string(text, found(**asked), **options)

    def another(button: widgets.Button) -> None:
        typed.value = stream.choice(task.test.strings)

    menus = {name: choice(values, name) for name, values in choices.items()}
    first = found(**{name: menu.value for name, menu in menus.items()})
    telling = _telling(task, recipe, list(first.values()))
    typed = widgets.Text(value=telling, description="string", continuous_update=False)
    stream, button = np.random.default_rng(0), widgets.Button(description="a test string")
    button.on_click(another)
    explorer(draw, button, text=typed, **menus)


def _telling(task: Task, recipe: Recipe, networks: Sequence[Classifier]) -> str:
    """A test string to begin with: of those on which networks disagree most, the one nearest 14 letters.

    That is one that pruning gets wrong and retraining right, if there is one.
    """
    test, turns = Encoded(task.test), np.zeros(len(task.test), dtype=int)
    positions, before = torch.as_tensor(test.positions(recipe)), None
    for network in networks:
        with torch.no_grad():
            right = (network(test.inputs, positions).argmax(1) == test.labels).numpy()
        turns += right if before is None else right != before
        before = right
    lengths = np.abs(np.asarray(task.test.lengths) - 14)
    return task.test.strings[np.lexsort([lengths, -turns])[0]]


def structure(
    units: Sequence[Any], population: pd.DataFrame, orientations: Sequence[str] = tuple(graphs.ORIENTATIONS)
) -> None:
    """Draw any graph of a family: its layers, its masks, its place among the trained; and train its network.

    Parameters
    ----------
    units : sequence of the study's graph networks
        The first says how strings are read, networks made and trained, and of how many nodes graphs may be.
    population : DataFrame
        What was trained: variant, generator, graph, test_accuracy and the properties, a row a network.
    """
    like, means = units[0], {v: one_per_graph(population, v) for v in ordered(population["variant"], VARIANTS)}
    done: dict[tuple, float] = {}

    def made(family: str, nodes: int, seed: int, orientation: str, variant: str) -> tuple[nx.DiGraph, Classifier]:
        graph = GENERATORS[family](nodes, seed)
        oriented = graphs.orient(graphs.undirected(graph), orientation, seed)
        task, options = like.strings.make(), {"gate_masks": like.gate_masks, "interface": like.interface}
        options |= {"classes": task.classes, "features": task.features, "seed": derive("explored", seed)}
        if like.structure == "recurrent":
            del options["gate_masks"], options["interface"]
            return oriented, build.recurrent(variant, graph, like.interface or EMBEDDED, **options)
        return oriented, build.layered(variant, oriented, **options)

    def draw(**asked: Any) -> Picture:
        title = f"{label(asked['family'])}, {asked['nodes']} nodes, {label(asked['variant'])}"
        try:
            oriented, network = made(**asked)
        except graphs.GraphError as error:
            return nothing(title, f"{error}.")
        measured = properties.measure(oriented.to_undirected(), PLACED, oriented=oriented)
        accuracy = done.get(tuple(asked.values()))
        return draw_structure(oriented, network, measured, means[asked["variant"]], title=title, accuracy=accuracy)

    def train_it(button: widgets.Button) -> None:
        asked = {name: control.value for name, control in controls.items()}
        task, button.disabled, bar.value = like.strings.make(), True, 0
        steps = like.recipe.epochs * -(-len(task.train) // like.recipe.batch_size)
        bar.max, at = steps, range(1, steps, max(steps // 20, 1))
        try:
            network = made(**asked)[1]
            ticks = {step: lambda network, k, step=step: setattr(bar, "value", step) for step in at}
            (history,) = train([network], task, like.recipe, asked["seed"], prune_at=ticks)
            done[tuple(asked.values())] = history[-1]["test_accuracy"]
        finally:
            button.disabled, bar.value = False, steps
        redraw()

    families = list(dict.fromkeys(unit.generator for unit in units if unit.generator in GENERATORS))
    families += [name for name in GENERATORS if name not in families]
    slider = {"continuous_update": False}
    controls = {
        "family": choice(families, "family"),
        "nodes": widgets.IntSlider(value=like.nodes_max, min=4, max=50, description="nodes", **slider),
        "seed": widgets.IntSlider(value=0, min=0, max=99, description="seed", **slider),
        "orientation": choice(orientations, "directions", like.orientation),
        "variant": choice(list(means), "network", list(means)[-1]),
    }
    button, bar = widgets.Button(description="train this one"), widgets.IntProgress(max=1)
    button.on_click(train_it)
    redraw = explorer(draw, button, bar, **controls)


def correlation(
    units: Sequence[Any], networks: pd.DataFrame, names: Sequence[str], controls: Sequence[str], **options: float
) -> None:
    """Choose a property, a variant and what is held fixed: the points, what is left of them, and one of the graphs.

    Parameters
    ----------
    units : sequence of the study's graph networks
        They draw the graphs; without any there is nothing to explore.
    networks : DataFrame
        variant, generator, graph, test_accuracy and properties, a row a network.
    names, controls : sequence of str
        Properties, and those that are held fixed at first.
    **options
        Of `analysis.correlation.correlate`: confidence, permutations, seed.
    """
    if not units:
        return
    oriented = {(unit.generator, unit.graph): unit.oriented for unit in units if not unit.null}
    sizes = controls_in_words(controls)
    held = {"nothing": (), sizes: tuple(controls), "family": ("generator",)}
    tables = {
        v: one_per_graph(networks, v).dropna(subset=["test_accuracy"]) for v in dict.fromkeys(networks["variant"])
    }

    @cache
    def found(name: str, variant: str, given: str) -> pd.Series:
        own = [control for control in held[given] if control != name]
        return correlate(tables[variant], "test_accuracy", [name], own, **options).iloc[0]

    def draw(name: str, variant: str, given: str, graph: int) -> Picture:
        own = tables[variant].dropna(subset=[name]).reset_index(drop=True)
        row = min(graph, len(own) - 1)
        of = {"alone": found(name, variant, "nothing")}
        of |= {} if given == "nothing" else {f"given {given}": found(name, variant, given)}
        fixed, graph_of = [c for c in held[given] if c != name], tuple(own.loc[row, ["generator", "graph"]])
        title = f"{words_of(name).capitalize()} and accuracy, {label(variant)}"
        return draw_correlation(own, name, fixed, of, oriented[graph_of](), row, title=title)

    variants = ordered(tables, VARIANTS)
    first = "source_nodes" if "source_nodes" in names else names[0]
    explorer(
        draw,
        name=choice(names, "property", first),
        variant=choice(variants, "network", variants[-1]),
        given=choice(list(held), "held fixed", sizes),
        graph=widgets.IntSlider(value=0, min=0, max=max(map(len, tables.values())) - 1, description="graph"),
    )


def recovery(courses: pd.DataFrame, margin: float) -> None:
    """Choose conditions: how accuracy came back in retraining, and after how many steps.

    Parameters
    ----------
    courses : DataFrame
        variant, seed, target, percent, step, accuracy and base_accuracy, a row a measurement.
    margin : float
        Within which of the accuracy before pruning it is back.
    """
    percents = sorted(set(courses["percent"]))

    def draw(variant: str, target: str, percent: tuple) -> Picture:
        title = f"{label(variant)}, {weights_of(target)}, retrained"
        own = courses.query("variant == @variant and target == @target and percent in @percent")
        if not len(own):
            return nothing(title, "Choose at least one percentage.")
        own = own.assign(condition=own["percent"].map("{:g} % pruned".format)).sort_values(["percent", "seed", "step"])
        back = pd.concat({name: events(rows, margin) for name, rows in own.groupby("condition", sort=False)})
        back = back["step"].where(back["regained"]).rename_axis(["condition", "seed"]).reset_index()
        return draw_recovery(own, back, title=title, margin=margin)

    variants, targets = ordered(courses["variant"], VARIANTS), list(dict.fromkeys(courses["target"]))
    explorer(
        draw,
        variant=choice(variants, "network", variants[-1]),
        target=choice(targets, "pruned"),
        percent=widgets.SelectMultiple(
            options=[(f"{one:g} %", one) for one in percents], value=percents[-3:], description="percent", rows=3
        ),
    )


def sparsity(timings: pd.DataFrame, confidence: float = 0.95) -> None:
    """Choose a size, a sparsity and a form: what hidden-to-hidden weights take in bytes, multiply-adds and time.

    Parameters
    ----------
    timings : DataFrame
        As `pruning.latency.measure` gives it, of one variant.
    confidence : float
        Of the intervals behind the break-even.
    """
    product = timings[timings["task"] == "product"]
    gates = len(GATES[product["variant"].iloc[0]])
    evens = cost.break_even(product, confidence).reset_index().set_index("hidden")

    def draw(hidden: int, percent: int, form: str) -> Picture:
        rows, kept = gates * hidden, round(gates * hidden * hidden * (1 - percent / 100))
        adds = {"dense": rows * hidden, "kept": kept}
        even = {"bytes": cost.break_even_sparsity(rows, hidden)[form], "time": evens.loc[hidden, "sparsity"]}
        title = f"{hidden} units, {percent} % of their hidden-to-hidden weights gone"
        forms, own = cost.storage(rows, hidden, kept), product[product["hidden"] == hidden]
        ends = tuple(evens.loc[hidden, ["low", "high"]])
        return draw_sparsity(forms, adds, own, even, ends, title=title, chosen=form, at=percent / 100)

    sizes = sorted(set(product["hidden"]))
    explorer(
        draw,
        hidden=choice(sizes, "units", sizes[-1]),
        percent=widgets.IntSlider(value=90, min=0, max=100, description="percent"),
        form=choice(["bitmask", "csr"], "form", "csr", lambda name: FORMS[name].label),
    )

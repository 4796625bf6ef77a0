"""Every parameter of the study: its type, default and meaning, and the one line that a bad value gives."""

import csv
import os
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from difflib import get_close_matches
from typing import Any, get_args

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError, model_validator

from sparsekit.experiments import project
from sparsekit.experiments.project import ParameterError
from sparsekit.experiments.values import (
    Batch,
    Choice,
    Compression,
    File,
    Number,
    Percent,
    Score,
    Several,
    Share,
    Size,
    Some,
    Sparsity,
    Step,
    Whole,
    choice,
    field,
    say,
    words,
)
from sparsekit.registry import UnknownName, beyond, shortened, unknown
from sparsekit.variants import TARGETS, VARIANTS

SEED = 2**63 - 1
NETWORKS, WEIGHTS = 100_000, 100_000_000
"""Most networks of a study, and most hidden-to-hidden weights of one: more is a slip, and fills a machine."""


class Parameters(BaseModel):
    """Every parameter of the study, with the defaults that notebooks carry in their parameters cells.

    `ParameterError` has a line for each problem: the parameter, what was given, what is allowed, the nearest name.

    >>> Parameters(learning_rate="1e-2", variants=["gru"]).learning_rate
    0.01
    >>> Parameters(hidden_sise=20, margin=2)
    Traceback (most recent call last):
    sparsekit.experiments.project.ParameterError: margin: given 2, allowed is a number above 0 and below 1
    unknown parameter 'hidden_sise'; did you mean 'hidden_size'? `sparsekit list` shows all
    """

    model_config = ConfigDict(extra="allow", frozen=True, allow_inf_nan=False, validate_default=False)

    task: choice("task") = field("reber", "what the networks learn, by name")
    csv_path: File = field("", "the labelled strings of task csv: a file with columns string and valid")
    data_seed: Whole = field(0, "seed of the strings, their split, the graphs and resampling", ge=0, le=SEED)
    train_size: Whole = field(1000, "strings to train on", ge=2, le=1_000_000)
    test_size: Whole = field(500, "strings to test on", ge=2, le=1_000_000)
    invalid: choice("kind of invalid strings") = field(
        "automata", "invalid strings of task reber: of similar automata, or valid but for one edit"
    )
    inner_length: Whole = field(
        0, "characters to remember across, tasks embedded_reber and temporal_order; 0: any that fit", ge=0, le=10_000
    )
    valid_share: Share = field(0.5, "share of valid strings")
    shortest: Whole = field(11, "characters of the shortest string", ge=5, le=10_000)
    longest: Whole = field(53, "characters of the longest string", ge=5, le=10_000)
    readout: choice("readout") = field(
        "last_valid", "step whose output is classified: the last one, padding included, or a string's own"
    )

    variants: Some[choice("variant")] = field(list(VARIANTS), "variants of recurrent cell")
    seed: Whole = field(0, "seed of the first network; others count up from it", ge=0, le=SEED)
    seeds: Whole = field(3, "networks per variant in the pruning study, each from its own seed", ge=1)
    vary: Some[choice("source of variation")] = field(
        ["weights", "order"],
        "what differs between the networks of a variant: initial weights, order of strings, strings",
    )
    sources: Whole = field(
        0, "networks per source of variation, for the deviation that each alone makes; 0: not asked", ge=0, le=1000
    )
    hidden_size: Whole = field(50, "hidden units of each recurrent layer", ge=1, le=10_000)
    layers: Whole = field(3, "recurrent layers", ge=1, le=100)
    embedding_size: Whole = field(50, "numbers that stand for a character", ge=1, le=10_000)
    learning_rate: Number = field(3e-3, "step size of Adam", gt=0)
    gradient_clip: Number = field(5.0, "largest norm of a gradient", gt=0)
    base_epochs: Whole = field(10, "epochs that train a base network", ge=1)
    batch_size_pruning: Whole = field(32, "strings in a batch, base networks and retraining", ge=1)

    targets: Some[choice("target")] = field(
        list(TARGETS), "weights to prune: both kinds, input-to-hidden, hidden-to-hidden"
    )
    percentages: Some[Percent] = field([50, 70, 80, 90], "percentages of the targeted weights to prune")
    score: Score = field("magnitude", "what makes a weight worth keeping, by name")
    scores: Several[Score] = field([], "scores compared with it, beside random pruning, which always is")
    scopes: Some[choice("scope")] = field(
        ["global"], "within what scores are compared: all layers, a layer, a matrix, a gate, a row"
    )
    schedules: Several[choice("schedule")] = field([], "when to prune during retraining, compared with all at once")
    rounds: Whole = field(4, "prunings of a schedule with several", ge=2, le=1000)
    protocols: Several[choice("recovery protocol")] = field(
        [], "other ways back, compared with retraining the surviving weights"
    )
    rewind_step: Whole = field(
        20, "step of base training that rewind returns to; every protocol trains for the steps left then", ge=0
    )
    compare_at: Some[Percent] = field([90], "percentages at which scores, scopes, schedules and protocols are compared")
    probe_strings: Whole = field(200, "test strings that probe what a network remembers", ge=20)
    retrain_epochs: Whole = field(2, "epochs of retraining after pruning", ge=1)
    recovery_steps: Several[Step] = field(
        [5, 20], "steps within the first epoch after which to measure, too; later ones drop out"
    )
    margin: Share = field(0.02, "accuracy below the base network's that still counts as kept or regained")

    sparse_variants: Some[choice("variant")] = field(["gru"], "variants that are trained sparse from the start")
    compressions: Some[Compression] = field(
        [2, 4, 8, 16, 32], "recurrent weights, dense by sparse, from the start of training"
    )
    initial_masks: Some[choice("initial mask")] = field(
        ["erdos_renyi"], "which weights exist before training; dynamic updates begin with the first"
    )
    initial_scale: choice("initial scale") = field(
        "dense", "first weights of what is sparse: as of the dense network, or by fan-in"
    )
    dynamics: Some[choice("dynamic update")] = field(
        ["static", "set", "rigl"], "how masks move in training; static: they stay"
    )
    drop_fraction: Share = field(0.3, "share of weights that the first dynamic update exchanges; falls along a cosine")
    update_interval: Whole = field(100, "optimizer steps from one dynamic update to the next", ge=1)
    last_update: Share = field(0.75, "share of training after which masks stay as they are")
    training_multiplier: Number = field(
        2, "times as long a sparse network may train at equal multiply-adds; 1: not asked", ge=1, le=1000
    )

    generators: Several[choice("graph generator")] = field(
        ["barabasi_albert", "watts_strogatz"], "random graphs, by name"
    )
    graphs: Whole = field(6, "graphs drawn from each generator", ge=1)
    nodes_min: Whole = field(10, "nodes of the smallest random graph", ge=3, le=5000)
    nodes_max: Whole = field(24, "nodes of the largest random graph", ge=3, le=5000)
    design: choice("design") = field("published", "which graphs are drawn: as published, or so that causes separate")
    structure: choice("structure") = field("layered", "what a graph becomes: layers, or one recurrent layer's weights")
    interface: Whole = field(16, "embedding width, whatever the graph; 0: as many as source nodes", ge=0, le=10_000)
    orientation: choice("orientation") = field("by_node", "rule that gives undirected edges their direction")
    null_models: Several[choice("null model")] = field(
        [], "null models trained beside each graph: what they share with it explains no difference"
    )
    ensemble: Whole = field(
        0, "null models of each kind beside each graph in the ladder of controls; 0: no ladder", ge=0, le=1000
    )
    ladder_graphs: Whole = field(20, "graphs of each generator, and of each claim, on the ladder", ge=1)
    claims: Several[choice("claim")] = field([], "published claims about structure, tested by name on the ladder")
    graph_files: Several[File] = field([], "graphs of your own beside the random ones: GraphML or edge lists")
    structure_table: File = field("", "networks of your own, a CSV with a row each, in place of those trained here")
    graph_seeds: Whole = field(2, "networks per graph and variant, each from its own seed", ge=1)
    graph_epochs: Whole = field(6, "epochs that train a graph-structured network", ge=1)
    batch_size_structure: Whole = field(32, "strings in a batch, graph-structured networks", ge=1)
    gate_masks: choice("layout of gate masks") = field(
        "blocks", "a graph's mask in GRU and LSTM: whole in each gate, or the published, repeated rows"
    )

    unit_percentages: Some[Percent] = field(
        [50, 80], "percentages of the hidden units to remove, and of smaller networks"
    )
    unit_scores: Some[choice("unit score")] = field(["norm"], "what makes a hidden unit worth keeping, by name")
    inference_sizes: Some[Size] = field([50, 128, 256], "hidden sizes whose inference is timed")
    inference_sparsities: Some[Sparsity] = field(
        [0, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99], "sparsities at which inference is timed"
    )
    inference_batches: Some[Batch] = field([1, 32], "sequences in a batch at inference")
    inference_processes: Whole = field(
        6, "processes in which each time is measured anew, for its interval", ge=2, le=100
    )

    confidence: Share = field(0.95, "confidence of every interval")
    permutations: Whole = field(999, "permutations behind a permutation test and its intervals", ge=99, le=1_000_000)
    prediction_repeats: Whole = field(20, "repeats of nested cross-validation, cut anew each time", ge=20, le=1000)
    prediction_splits: Whole = field(20, "90/10 splits that show how far one split can be off", ge=20, le=100_000)

    device: choice("device") = field("auto", "where networks run; auto: CUDA if any")
    workers: Whole = field(0, "processes that compute at the same time; 0: one for each core", ge=0, le=1024)

    def __init__(self, /, **values: Any):
        further, problems = {}, []
        for name in values.keys() - type(self).model_fields.keys():
            try:
                further[name] = _option(name, values[name], values.get("task"))
            except ParameterError as error:
                problems += error.problems
        try:
            super().__init__(**values | further)
        except ValidationError as error:
            problems = [*(_problem(e, values) for e in error.errors(include_url=False)), *sorted(problems)]
        if problems:
            raise ParameterError(dict.fromkeys(problems)) from None

    @model_validator(mode="after")
    def _fit_together(self) -> "Parameters":
        for low, high in (("shortest", "longest"), ("nodes_min", "nodes_max")):
            given, most = getattr(self, low), getattr(self, high)
            if given > most:
                raise say(f"{low}: given {given}, allowed is at most {high}, which is {most}")
        if self.task == "csv" and not self.csv_path:
            raise say("csv_path: given nothing, but task csv needs the path of a file with columns string and valid")
        if self.csv_path and "csv_path" not in task_options(self.task):
            raise say(f"csv_path: given {self.csv_path!r}, but task {self.task} reads no file; give task=csv too")
        if self.claims and not self.ensemble:
            raise say("ensemble: given 0, but claims are tested against an ensemble of null models; give 20 or so")
        for name, count in self._networks().items():
            if refused := beyond(count, NETWORKS):
                raise say(f"{name}: given {getattr(self, name)}, which makes {count:,} networks; {refused}")
        weights = self.layers * self.hidden_size**2
        if refused := beyond(weights, WEIGHTS):
            raise say(f"hidden_size: given {self.hidden_size}, which makes {weights:,} weights; {refused}")
        if not self.generators and not self.graph_files:
            raise say("generators: given an empty list, allowed only where graph_files names a graph")
        return self

    def _networks(self) -> dict[str, int]:
        """About how many networks each study has, by what they are most of."""
        compared = len(self.scores) + len(self.scopes) + len(self.schedules) + len(self.protocols)
        pruned = len(self.targets) * (len(self.percentages) + len(self.compare_at) * compared)
        drawn = len(self.generators) * (1 + len(self.null_models)) * self.graphs * self.graph_seeds
        on_ladder = (len(self.generators) + len(self.claims)) * self.ladder_graphs * 4 * self.graph_seeds
        most = max("graphs", "graph_seeds", key=lambda name: getattr(self, name))
        found = {"seeds": self.seeds * len(self.variants) * (1 + pruned), most: drawn * len(self.variants)}
        return found | {"ensemble": self.ensemble * on_ladder * len(self.variants)}

    def _repr_markdown_(self) -> str:
        """In a notebook: what differs from the defaults."""
        fields = type(self).model_fields
        changed = [f"`{n} = {value!r}`" for n, value in self if n not in fields or value != fields[n].default]
        told = f"Parameters that differ from their defaults: {', '.join(changed)}"
        return told if changed else "All parameters are as by default."

    @classmethod
    def load(cls, source: str | os.PathLike, overrides: Mapping[str, Any] | None = None) -> "Parameters":
        """Read a named set of ``params/``, or any YAML file, and put `overrides` on top, which must be of use."""
        found = cls(**{**project.read(source), **(overrides or {})})
        tasks = {task: task_options(task) for task in Choice("task").names()}
        idle = {name for own in tasks.values() for name in own} - {*tasks[found.task]}
        if problems := [
            f"{name}: task {found.task} does not use it; of use with {', '.join(t for t in tasks if name in tasks[t])}"
            for name in overrides or {}
            if name in idle
        ]:
            raise ParameterError(problems)
        return found


def task_options(task: str) -> tuple[str, ...]:
    """Names of the parameters that make a task what it is, besides its sizes and its seed."""
    from sparsekit.tasks import definitions  # not above: others register

    return definitions.options(task)


def known(task: Any = None) -> set[str]:
    """Names of all parameters, those of a user's own task among them; of every such task where none is given."""
    names = [task] if isinstance(task, str) else Choice("task").names()
    with suppress(UnknownName):
        return {*Parameters.model_fields}.union(*map(task_options, names))
    return {*Parameters.model_fields}


def _option(name: str, value: Any, task: Any) -> Any:
    """The value of a parameter that only a user's own task has."""
    task = Parameters.model_fields["task"].default if task is None else task
    if name not in known(task):
        having = [t for t in Choice("task").names() if name in task_options(t)]
        use = f"{name}: task {task} does not use it; of use with {', '.join(having)}"
        raise ParameterError(use if having else _unknown(name, known(task)))
    from sparsekit.tasks import definitions

    asked = definitions.kind(task, name)
    try:
        return TypeAdapter(asked).validate_python(value, strict=isinstance(value, bool) or asked is str)
    except ValidationError:
        what = getattr(asked, "__name__", str(asked))
        quoted = (
            f"; as text it stands in quotes: -p \"{name}='{value}'\"" if asked is str and type(value) is int else ""
        )
        raise ParameterError(f"{name}: given {shortened(value)}, but task {task} takes it as {what}{quoted}") from None


def file_value(name: str, text: str) -> Any:
    """A parameter's value from the text of a command line: paths as they stand, all else as in a params file.

    >>> file_value("csv_path", "my data #2.csv"), file_value("graph_files", "[a #1.csv, 007.txt]")
    ('my data #2.csv', ['a #1.csv', '007.txt'])
    """
    if name not in ("csv_path", "structure_table", "graph_files"):
        return project.value(text)
    inside = re.fullmatch(r"\[(.*)\]", text.strip())
    paths = next(csv.reader([inside[1]], skipinitialspace=True), []) if inside and name == "graph_files" else [text]
    paths = [re.sub(r"^(['\"])(.*)\1$", r"\2", path.strip()) for path in paths]
    return paths if inside and name == "graph_files" else paths[0]


def _allowed(name: str, inside: bool = False) -> str:
    own = Parameters.model_fields[name]
    return words(get_args(own.annotation)[0]) if inside else words(own.annotation, own.metadata)


def _problem(error: Mapping[str, Any], values: Mapping[str, Any]) -> str:
    """One line for one of pydantic's errors."""
    if not error["loc"]:
        return error["msg"]
    name, *inside = error["loc"]
    if error["type"] == "say":
        return f"{name}: {error['msg']}"
    given, text = error["input"] if inside else values[name], _allowed(name, bool(inside))
    shown, hint = shortened(given), ""
    if error["type"] == "list_type":
        if shown[:2] in ("'[", '"[') and shown[-2] == "]":
            hint = f"; papermill takes lists by -y '{name}: {shown[1:-1]}'"
        elif items := _as_list(name, given if isinstance(given, str) else shown):
            hint = f"; give a list, such as [{', '.join(items) if len(items) > 1 else shown}]"
    article = "" if text.startswith(("one of", "text")) else "a "
    return f"{name}: given {shown}, allowed is {article}{text}{hint}"


def _as_list(name: str, text: str) -> list[str]:
    """The values of a list that a text may have been meant as, if it may hold them."""
    items = [item for part in text.strip("()[] ").split(",") if (item := part.strip(" '\""))]
    with suppress(ValidationError):
        TypeAdapter(Parameters.model_fields[name].annotation).validate_python(items)
        return items
    return []


def _unknown(name: str, allowed: Iterable[str]) -> str:
    # All the names would fill half a screen, so they are listed only where none comes near.
    if near := get_close_matches(name[:100], allowed, 1, 0.6) or get_close_matches(name[:100].lower(), allowed, 1, 0.6):
        return f"unknown parameter {shortened(name)}; did you mean {near[0]!r}? `sparsekit list` shows all"
    return unknown("parameter", name, dict.fromkeys([*Parameters.model_fields, *sorted(allowed)]))


def describe() -> list[tuple[str, str, Any, str]]:
    """Name, type in words, default and meaning of every parameter, in order.

    >>> describe()[3]
    ('train_size', 'whole number of at least 2 and at most 1000000', 1000, 'strings to train on')
    """
    return [(n, _allowed(n), f.default, f.description) for n, f in Parameters.model_fields.items()]

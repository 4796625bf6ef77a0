"""The types that parameters have, and how they are called in words."""

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from importlib import import_module
from numbers import Integral, Real
from pathlib import Path
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import Annotated, Any, get_args, get_origin

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from sparsekit.experiments import project as parameter_files
from sparsekit.experiments.project import ParameterError, find_file
from sparsekit.registry import unknown
from sparsekit.variants import TARGETS, VARIANTS


def say(text: str) -> PydanticCustomError:
    """An error whose text needs no more words about what is allowed."""
    return PydanticCustomError("say", "{text}", {"text": text})


@dataclass(frozen=True)
class Choice:
    """A value that is one of some names; they are asked for when needed, for anyone may register more."""

    kind: str
    names: Callable[[], Iterable[str]]

    def check(self, value: str) -> str:
        if value not in (names := list(self.names())):
            raise say(unknown(self.kind, value, names))
        return value


def _number(value: Any) -> Any:
    # YAML reads 1e-3 as text, and Python counts True as 1: the first is meant as a number, the second is not.
    if isinstance(value, bool):
        raise ValueError("a truth value is no number")
    if isinstance(value, Integral):
        return int(value)
    number = float(value) if isinstance(value, str | Real) else value
    return int(number) if isinstance(number, float) and number.is_integer() else number


def _path(value: Any) -> Any:
    return os.fspath(value) if isinstance(value, os.PathLike) else value


def _file(value: str) -> str:
    if value and (path := find_file(value)) is None:
        raise say(f"given {value!r}, but there is no such file in {Path.cwd()} nor in the project's folder")
    return str(path) if value else ""


def _some(values: list) -> list:
    if not values:
        raise say("given an empty list, allowed is a list of at least one")
    return values


def _distinct(values: list) -> list:
    twice = [v for i, v in enumerate(values) if v in values[:i]]
    if twice:
        raise say(f"given {twice[0]!r} twice, allowed is each only once")
    return values


def registered(module: str, registry: str) -> Callable[[], list[str]]:
    """Names in a registry, looked up when asked for: loading its module takes longer than reading parameters."""
    return lambda: sorted(getattr(import_module(f"sparsekit.{module}"), registry))


def choice(kind: str, *names: str, found: Callable[[], Iterable[str]] | None = None) -> Any:
    one = Choice(kind, found or (lambda: names))
    return Annotated[str, AfterValidator(one.check), one]


Whole = Annotated[int, BeforeValidator(_number), "whole number"]
Number = Annotated[float, BeforeValidator(_number), "number"]
Share = Annotated[Number, Field(gt=0, lt=1)]
File = Annotated[str, BeforeValidator(_path), AfterValidator(_file), "file path"]
Variant = choice("variant", *VARIANTS)
Target = choice("target", *TARGETS)
Generator = choice("graph generator", found=registered("graphs.families", "GENERATORS"))
Task = choice("task", found=registered("tasks.definitions", "TASKS"))
Score = choice("pruning score", found=registered("pruning.scores", "SCORES"))
Scope = choice("scope", "global", "layer", "matrix", "gate")
Schedule = choice("schedule", "iterative", "gradual")
Protocol = choice("recovery protocol", "rewind", "reinitialise", "random_mask", "rewired_mask", "dense")
Invalid = choice("kind of invalid strings", "automata", "edit")
Design = choice("design", found=registered("graphs.designs", "DESIGNS"))
Structure = choice("structure", "layered", "recurrent")
Orientation = choice("orientation", found=registered("graphs.structure", "ORIENTATIONS"))
Null = choice("null model", found=registered("graphs.nulls", "NULLS"))
Readout = choice("readout", "last_padded", "last_valid")
GateMasks = choice("layout of gate masks", "blocks", "rows")
Device = choice("device", "auto", "cpu", "cuda")
Sparsity = Annotated[Number, Field(ge=0, lt=1)]
Percent = Annotated[Number, Field(ge=0, le=100)]
Step = Annotated[Whole, Field(ge=1)]
Several = AfterValidator(_distinct)
AtLeastOne = AfterValidator(_some)


def words(annotation: Any, metadata: Iterable[Any] = ()) -> str:
    """What a parameter takes, in words."""
    if get_origin(annotation) is Annotated:
        annotation, *inner = get_args(annotation)
        return words(annotation, [*inner, *metadata])
    if get_origin(annotation) is list:
        return "list of: " + words(get_args(annotation)[0]).removeprefix("one of ")
    bounds = {"gt": "above {}", "ge": "of at least {}", "lt": "below {}", "le": "at most {}"}
    limits = []
    noun = "text"
    for item in metadata:
        if isinstance(item, Choice):
            return "one of " + ", ".join(item.names())
        if isinstance(item, str):
            noun = item
        # a Field inside Annotated keeps its bounds in metadata of its own
        for bound in getattr(item, "metadata", [item]):
            limits += [t.format(getattr(bound, b)) for b, t in bounds.items() if getattr(bound, b, None) is not None]
    return f"{noun} {' and '.join(limits)}".strip()


class Parameters(BaseModel):
    """Every parameter of the study, with the defaults that notebooks carry in their parameters cells.

    Raises
    ------
    ParameterError
        One line for each problem: the parameter, what was given, what is allowed, the nearest right name.

    Examples
    --------
    >>> Parameters(learning_rate="1e-2", variants=["gru"]).learning_rate
    0.01
    >>> Parameters(hidden_sise=20, margin=2)
    Traceback (most recent call last):
    sparsekit.experiments.project.ParameterError: margin: given 2, allowed is a number above 0 and below 1
    unknown parameter 'hidden_sise'; did you mean 'hidden_size'? `sparsekit list` shows all
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, validate_default=False)

    task: Task = Field("reber", description="what the networks learn, by name")
    csv_path: File = Field("", description="the labelled strings of task csv: a file with columns string and valid")
    data_seed: Whole = Field(0, ge=0, description="seed of the strings, their split, the graphs and resampling")
    train_size: Whole = Field(2000, ge=2, le=1_000_000, description="strings to train on")
    test_size: Whole = Field(500, ge=2, le=1_000_000, description="strings to test on")
    invalid: Invalid = Field(
        "automata", description="invalid strings of task reber: of similar automata, or valid but for one edit"
    )
    inner_length: Whole = Field(
        0, ge=0, description="characters across which task embedded_reber is to be remembered; 0: any"
    )
    valid_share: Share = Field(0.5, description="share of valid strings")
    shortest: Whole = Field(11, ge=5, description="characters of the shortest string")
    longest: Whole = Field(53, ge=5, description="characters of the longest string")
    readout: Readout = Field(
        "last_padded", description="step whose output is classified: the last one, padding included, or a string's own"
    )

    variants: Annotated[list[Variant], AtLeastOne, Several] = Field(
        list(VARIANTS), description="variants of recurrent cell"
    )
    seed: Whole = Field(0, ge=0, description="seed of the first network; others count up from it")
    seeds: Whole = Field(2, ge=1, description="networks per variant in the pruning study, each from its own seed")
    hidden_size: Whole = Field(50, ge=1, description="hidden units of each recurrent layer")
    layers: Whole = Field(3, ge=1, description="recurrent layers")
    embedding_size: Whole = Field(50, ge=1, description="numbers that stand for a character")
    learning_rate: Number = Field(1e-3, gt=0, description="step size of Adam")
    gradient_clip: Number = Field(5.0, gt=0, description="largest norm of a gradient")
    base_epochs: Whole = Field(16, ge=1, description="epochs that train a base network")
    batch_size_pruning: Whole = Field(32, ge=1, description="strings in a batch, base networks and retraining")

    targets: Annotated[list[Target], AtLeastOne, Several] = Field(
        list(TARGETS), description="weights to prune: both kinds, input-to-hidden, hidden-to-hidden"
    )
    percentages: Annotated[list[Percent], AtLeastOne, Several] = Field(
        [50, 70, 80, 90, 95], description="percentages of the targeted weights to prune"
    )
    score: Score = Field("magnitude", description="what makes a weight worth keeping, by name")
    scores: Annotated[list[Score], Several] = Field(
        [], description="scores compared with it, beside random pruning, which always is"
    )
    scopes: Annotated[list[Scope], AtLeastOne, Several] = Field(
        ["global"], description="within what scores are compared: all layers, a layer, a matrix, a gate"
    )
    schedules: Annotated[list[Schedule], Several] = Field(
        [], description="when to prune during retraining, compared with all at once"
    )
    rounds: Whole = Field(4, ge=2, description="prunings of a schedule with several")
    protocols: Annotated[list[Protocol], Several] = Field(
        [], description="other ways back, compared with retraining the surviving weights"
    )
    rewind_step: Whole = Field(20, ge=0, description="step of base training that protocol rewind returns to")
    compare_at: Annotated[list[Percent], AtLeastOne, Several] = Field(
        [80], description="percentages at which scores, scopes, schedules and protocols are compared"
    )
    probe_strings: Whole = Field(200, ge=20, description="test strings that probe what a network remembers")
    retrain_epochs: Whole = Field(2, ge=1, description="epochs of retraining after pruning")
    recovery_steps: Annotated[list[Step], Several] = Field(
        [5, 20],
        description="steps within the first epoch after which to measure, too; later ones drop out",
    )
    margin: Share = Field(0.02, description="accuracy below the base network's that still counts as kept or regained")

    generators: Annotated[list[Generator], Several] = Field(
        ["barabasi_albert", "watts_strogatz"], description="random graphs, by name"
    )
    graphs: Whole = Field(6, ge=1, description="graphs drawn from each generator")
    nodes_min: Whole = Field(10, ge=3, description="nodes of the smallest random graph")
    nodes_max: Whole = Field(20, ge=3, description="nodes of the largest random graph")
    design: Design = Field("published", description="which graphs are drawn: as published, or so that causes separate")
    structure: Structure = Field(
        "layered", description="what a graph becomes: layers, or one recurrent layer's weights"
    )
    interface: Whole = Field(0, ge=0, description="embedding width, whatever the graph; 0: as many as source nodes")
    orientation: Orientation = Field("by_node", description="rule that gives undirected edges their direction")
    null_models: Annotated[list[Null], Several] = Field(
        [], description="null models trained beside each graph: what they share with it explains no difference"
    )
    graph_files: Annotated[list[File], Several] = Field(
        [], description="graphs of your own beside the random ones: GraphML or edge lists"
    )
    graph_seeds: Whole = Field(1, ge=1, description="networks per graph and variant, each from its own seed")
    graph_epochs: Whole = Field(12, ge=1, description="epochs that train a graph-structured network")
    batch_size_structure: Whole = Field(64, ge=1, description="strings in a batch, graph-structured networks")
    gate_masks: GateMasks = Field(
        "blocks",
        description="a graph's mask in GRU and LSTM: whole in each gate, or the published, repeated rows",
    )

    inference_sizes: Annotated[list[Whole], AtLeastOne, Several] = Field(
        [50, 200, 800], description="hidden sizes whose inference is timed"
    )
    inference_sparsities: Annotated[list[Sparsity], AtLeastOne, Several] = Field(
        [0, 0.5, 0.8, 0.9, 0.95, 0.99], description="sparsities at which inference is timed"
    )
    inference_batch: Whole = Field(1, ge=1, description="sequences in a batch at inference")

    confidence: Share = Field(0.95, description="confidence of every interval")
    bootstrap: Whole = Field(2000, ge=100, description="resamples behind a bootstrap interval")
    permutations: Whole = Field(199, ge=19, description="permutations behind a permutation test")
    prediction_repeats: Whole = Field(1, ge=1, description="repeats of nested cross-validation, cut anew each time")
    prediction_splits: Whole = Field(10, ge=1, description="90/10 splits that show how far one split's R² can be off")

    device: Device = Field("auto", description="where networks run; auto: CUDA if any")
    workers: Whole = Field(0, ge=0, description="processes that compute at the same time; 0: one for each core")

    def __init__(self, **values: Any):
        try:
            super().__init__(**values)
        except ValidationError as error:
            problems = dict.fromkeys(_problem(e, values) for e in error.errors(include_url=False))
        else:
            return
        raise ParameterError(problems)

    @model_validator(mode="after")
    def _fit_together(self) -> "Parameters":
        if self.shortest > self.longest:
            raise say(f"shortest: given {self.shortest}, allowed is at most longest, which is {self.longest}")
        if self.nodes_min > self.nodes_max:
            raise say(f"nodes_min: given {self.nodes_min}, allowed is at most nodes_max, which is {self.nodes_max}")
        if self.task == "csv" and not self.csv_path:
            raise say("csv_path: given nothing, but task csv needs the path of a file with columns string and valid")
        if not self.generators and not self.graph_files:
            raise say("generators: given an empty list, allowed only where graph_files names a graph")
        return self

    @classmethod
    def load(cls, source: str | os.PathLike, overrides: Mapping[str, Any] | None = None) -> "Parameters":
        """Read a named set of ``params/``, or any YAML file, and put `overrides` on top.

        Raises
        ------
        ParameterError
            Unknown set, unreadable or unfit file, or any bad value.
        """
        return cls(**{**parameter_files.read(source), **(overrides or {})})


def _allowed(name: str, inside: bool = False) -> str:
    field = Parameters.model_fields[name]
    if inside:
        return words(get_args(field.annotation)[0])
    return words(field.annotation, field.metadata)


def _problem(error: Mapping[str, Any], values: Mapping[str, Any]) -> str:
    """One line for one of pydantic's errors."""
    if not error["loc"]:
        return error["msg"]
    name, *inside = error["loc"]
    if error["type"] == "extra_forbidden":
        return _unknown(name)
    if error["type"] == "say":
        return f"{name}: {error['msg']}"
    if error["type"] == "list_type":
        return f"{name}: given {values[name]!r}, allowed is a {_allowed(name)}; give a list, such as [{values[name]!r}]"
    given = values[name][inside[0]] if inside else values[name]
    text = _allowed(name, bool(inside))
    return f"{name}: given {given!r}, allowed is {'' if text.startswith(('one of', 'text')) else 'a '}{text}"


def _unknown(name: str) -> str:
    # All the names would fill half a screen, so they are listed only where none comes near.
    near = get_close_matches(name, Parameters.model_fields, n=1, cutoff=0.6)
    if near:
        return f"unknown parameter {name!r}; did you mean {near[0]!r}? `sparsekit list` shows all"
    return unknown("parameter", name, Parameters.model_fields)


def check(namespace: Mapping[str, Any]) -> Parameters:
    """Check what a notebook's parameters cell, or papermill after it, has assigned.

    Parameters
    ----------
    namespace : dict
        The notebook's ``globals()``. Modules, functions, classes and names that begin with an underscore are passed
        over; any other plain value must be a known parameter. When a notebook's cell is run again, the plain values
        that its later cells have made in the meantime are passed over too.

    Raises
    ------
    ParameterError
        One line for each unknown name and bad value.
    """
    known = {
        n: v
        for n, v in namespace.items()
        if n in Parameters.model_fields and not isinstance(v, ModuleType | FunctionType | BuiltinFunctionType | type)
    }
    plain = (str, int, float, bool, list, tuple, dict, type(None))
    others = {
        n: v
        for n, v in namespace.items()
        if n not in known and isinstance(v, plain) and not n.startswith(("_", "PAPERMILL_")) and n not in ("In", "Out")
    }
    if isinstance(namespace.get("In"), list):
        others = _before_later_cells(namespace, others)
    return Parameters(**known, **others)


def _before_later_cells(namespace: Mapping[str, Any], others: dict[str, Any]) -> dict[str, Any]:
    """Those of the unknown names that parameters cells gave, and not the cells after the first check."""
    first = namespace.setdefault("_sparsekit_names_at_first_check", frozenset(others))
    rerun = parameter_files.assigned("\n".join(namespace["In"][-2:-1]))
    return {n: v for n, v in others.items() if n in first or n in rerun}


def describe() -> list[tuple[str, str, Any, str]]:
    """Name, type in words, default and meaning of every parameter, in order.

    >>> describe()[3]
    ('train_size', 'whole number of at least 2 and at most 1000000', 2000, 'strings to train on')
    """
    return [(n, _allowed(n), f.default, f.description) for n, f in Parameters.model_fields.items()]

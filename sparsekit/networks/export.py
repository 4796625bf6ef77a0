"""Networks as files that others can use: weights as safetensors, what they are as JSON beside them, nothing pickled.

A stacked network has torch's own names there, so that plain torch reads it without this kit; others the kit's names.
"""

import hashlib
import json
import os
import re
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import torch
from pydantic import BaseModel, Field, StrictBool, ValidationError
from safetensors import SafetensorError
from safetensors.torch import load as read_tensors
from safetensors.torch import save as tensor_bytes

from sparsekit import __version__
from sparsekit.networks.classifier import Classifier, Stage
from sparsekit.networks.core import EMBEDDING
from sparsekit.registry import beyond, brief, check_name, shortened
from sparsekit.variants import GATES, VARIANTS

FORMAT = "sparsekit network, 1"
BYTES = {".json": 2**26, ".safetensors": 2**30}
"""Most bytes of each file, unless the environment allows more."""
DTYPES = {"torch.float16", "torch.bfloat16", "torch.float32", "torch.float64"}


class ExchangeError(ValueError):
    """Files that are no network, or not whole; the text says which, and what is wrong with it."""


def export(network: Classifier, path: str | Path, about: Mapping[str, Any] | None = None) -> Path:
    """Write a network as ``NAME.safetensors`` and ``NAME.json``, each of them whole or not at all.

    `path` is ``folder/NAME``, with either ending or none; folders are made as needed. `about` is what else the JSON
    shall say: the task, the accuracy reached. Returns the path of the JSON, whose "plain_torch" is the code that runs a
    stacked network without this kit; empty for others.

    Raises
    ------
    ExchangeError
        Where the path is a folder, or `about` does not fit JSON.
    """
    if not isinstance(network, Classifier):
        kind = type(network).__name__
        raise ExchangeError(f"{kind} is no Classifier: save a module of your own by torch.save(model.state_dict(), …)")
    weights_file, description_file = _files(path)
    try:
        known = set(network.layout.shapes)
    except ValueError as error:
        raise ExchangeError(str(error)) from None
    own = {"readout", "stages"} if network.features else {"embedding", "readout", "stages"}
    if other := {name for name, _ in network.named_children()} - own or {n.split(".")[0] for n in known} - own:
        raise ExchangeError(f"the network holds {', '.join(sorted(other))} beside its own parts: the files cannot")
    if Path(path).is_dir():
        raise ExchangeError(f"{path} is a folder: give a name in it, such as {Path(path) / network.variant}")
    names = _names(network)
    masks = {names[name]: mask for name, mask in network.masks().items()}
    tensors = {names[name]: weight.detach() for name, weight in network.named_parameters()}
    tensors |= {name: torch.where(mask, tensors[name], 0) for name, mask in masks.items()}
    zeros = {name: ((tensors[name] == 0) & mask).flatten().nonzero().flatten() for name, mask in masks.items()}
    data = tensor_bytes({name: tensor.cpu().contiguous() for name, tensor in tensors.items()})
    if network.features:
        reads = {"features": network.features, "inputs": "float32 features, (batch, steps, features)"}
    else:
        reads = dict(zip(("vocabulary", "embedding_size"), network.embedding.weight.shape, strict=True))
        reads["inputs"] = "int64 tokens, (batch, steps)"
    counts = {name: [int(mask.sum()), mask.numel()] for name, mask in masks.items()}
    description = {
        "format": FORMAT,
        "sparsekit": __version__,
        "variant": network.variant,
        **reads,
        "classes": network.readout.out_features,
        "stages": [{"reads": list(s.reads), "nodes": s.nodes, "cells": s.cells} for s in network.stages],
        "reads_all": network.reads_all,
        "plain_torch": _plain_torch(network, weights_file.name) if _is_stacked(network) else [],
        "sparsity": 1 - sum(kept for kept, _ in counts.values()) / sum(entries for _, entries in counts.values()),
        "weights_kept": counts,
        # Weights that exist and happen to be 0, as places in the flattened matrix; any other 0 is a pruned weight.
        "kept_at_zero": {name: places.tolist() for name, places in zeros.items() if len(places)},
        "weights_sha256": hashlib.sha256(data).hexdigest(),
        "about": dict(about or {}),
    }
    try:
        text = json.dumps(description, ensure_ascii=False, allow_nan=False, indent=1) + "\n"
    except (TypeError, ValueError) as error:
        raise ExchangeError(f"about: {error}; allowed are texts, finite numbers, lists and mappings of them") from None
    weights_file.parent.mkdir(parents=True, exist_ok=True)
    _write(weights_file, data)
    _write(description_file, text.encode())
    return description_file


def load(path: str | Path) -> Classifier:
    """Read a network that `export` wrote, under either name or none of the endings; its outputs are equal bit by bit.

    Raises
    ------
    ExchangeError
        Where a file is missing, is not what `export` writes, or the two do not belong together.
    """
    weights_file, description_file = _files(path)
    told = _description(description_file)
    data = _read(weights_file)
    if hashlib.sha256(data).hexdigest() != told.get("weights_sha256"):
        raise ExchangeError(
            f"{weights_file} does not hold the weights that {description_file.name} describes: export the network again"
        )
    try:
        tensors, description = read_tensors(data), _Description(**told)
        network = _empty(description, sum(tensor.numel() for tensor in tensors.values()))
        names = _names(network)
        state = {own: tensors[name] for own, name in names.items()}
        if odd := {str(tensor.dtype) for tensor in state.values()} - DTYPES:
            raise ValueError(f"weights are {', '.join(sorted(odd))}, allowed are {', '.join(sorted(DTYPES))}")
        network.to(state["readout.weight"].dtype).load_state_dict(state, strict=False)
        for name, mask in network.masks().items():
            mask.copy_(state[name] != 0)
            mask.view(-1)[description.kept_at_zero.get(names[name], [])] = True
    except KeyError as error:
        raise ExchangeError(f"{description_file} and {weights_file.name} lack {error}") from None
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        name = ".".join(map(str, first["loc"]))
        said = f"lack {name!r}" if first["type"] == "missing" else f"do not fit together: {name}: {first['msg']}"
        raise ExchangeError(brief(f"{description_file} and {weights_file.name} {said}")) from None
    except (SafetensorError, TypeError, ValueError, IndexError, RuntimeError) as error:
        raise ExchangeError(brief(f"{description_file} and {weights_file.name} do not fit together: {error}")) from None
    return network


Count = Annotated[int, Field(strict=True, ge=1, le=2**31)]


class _Stage(BaseModel):
    reads: list[Annotated[int, Field(strict=True, ge=EMBEDDING)]] = Field(min_length=1, max_length=1000)
    nodes: Count


class _Description(BaseModel):
    """What of the JSON is needed to read the network."""

    variant: str
    features: Annotated[int, Field(strict=True, ge=0, le=2**31)] = 0
    vocabulary: Count | None = None
    embedding_size: Count | None = None
    classes: Count
    stages: list[_Stage] = Field(min_length=1, max_length=10_000)
    reads_all: StrictBool
    kept_at_zero: dict[str, list[Annotated[int, Field(strict=True, ge=0)]]]


def _files(path: str | Path) -> tuple[Path, Path]:
    stem = str(path).removesuffix(".json").removesuffix(".safetensors")
    return Path(f"{stem}.safetensors"), Path(f"{stem}.json")


def _is_stacked(network: Classifier) -> bool:
    """Whether torch's own recurrent modules can hold the network: each stage reads the one before, all of one width."""
    return not network.reads_all and all(
        (stage.reads, stage.cells, stage.nodes) == ((k - 1,), 1, network.stages[0].nodes)
        for k, stage in enumerate(network.stages)
    )


def _names(network: Classifier) -> dict[str, str]:
    """The name in the file of each parameter: "stages.0.weight_ih" is torch's "rnn.weight_ih_l0"."""
    torchs = r"rnn.\2_l\1" if _is_stacked(network) else r"\g<0>"
    return {name: re.sub(r"stages\.(\d+)\.(\w+)", torchs, name) for name, _ in network.named_parameters()}


def _plain_torch(network: Classifier, file: str) -> list[str]:
    """Three lines of Python, after their imports, that run the network on `inputs`, whose kind the JSON says."""
    module, _, nonlinearity = network.variant.upper().partition("_")
    extra = ', nonlinearity="relu"' if nonlinearity == "RELU" else ""
    readout, width = network.readout, network.stages[0].nodes
    rnn = f"nn.{module}({network.layout.width}, {width}, {len(network.stages)}, batch_first=True{extra})"
    embedding, seen = "", "inputs"
    if not network.features:
        embedding = '"embedding": nn.Embedding({}, {}), '.format(*network.embedding.weight.shape)
        seen = 'model["embedding"](inputs)'
    return [
        "from safetensors.torch import load_file",
        "from torch import nn",
        f'model = nn.ModuleDict({{{embedding}"rnn": {rnn}, "readout": nn.Linear({width}, {readout.out_features})}})',
        f"model.load_state_dict(load_file({json.dumps(file, ensure_ascii=False)}))",
        f'logits = model["readout"](model["rnn"]({seen})[0][:, -1])',
    ]


def _empty(description: _Description, weights: int) -> Classifier:
    """A network of the structure described, whose weights wait to be filled in; refused if far more than are there."""
    variant, features = description.variant, description.features
    vocabulary, size = (0, 0) if features else (description.vocabulary or 0, description.embedding_size or 0)
    check_name("variant", variant, VARIANTS)
    if not features and not (vocabulary and size):
        raise ValueError("neither features nor a vocabulary and an embedding_size")
    stages: list[Stage] = []
    room = weights + 2**20 - vocabulary * size - description.classes
    with torch.random.fork_rng(devices=[]):
        for k, own in enumerate(description.stages):
            if max(own.reads) >= k:
                raise ValueError(f"stage {k} reads stage {max(own.reads)}, allowed are earlier ones")
            inputs = sum((features or size) if s == EMBEDDING else stages[s].nodes for s in own.reads)
            units = len(own.reads) * own.nodes
            room -= len(GATES[variant]) * units * (inputs + units) + description.classes * own.nodes
            if room < 0:  # before memory is asked for
                raise ValueError(f"it describes far more weights than the {weights:,} that are there")
            stages.append(Stage(variant, own.reads, own.nodes, inputs))
        options = {"features": features, "reads_all": description.reads_all}
        return Classifier(variant, stages, size, vocabulary, description.classes, **options)


def _description(file: Path) -> dict[str, Any]:
    try:
        description = json.loads(_read(file))
    except ExchangeError:
        raise
    except (ValueError, RecursionError) as error:
        raise ExchangeError(f"{file} is not JSON: {brief(error)}") from None
    found = description.get("format") if isinstance(description, dict) else None
    if found != FORMAT:
        raise ExchangeError(f"{file} does not describe a network: its format is {shortened(found)}, not {FORMAT!r}")
    return description


def _read(file: Path) -> bytes:
    try:
        if file.exists() and not file.is_file():
            raise ExchangeError(f"{file} cannot be read: no file, but a folder or a pipe")
        if refused := beyond(size := file.stat().st_size, BYTES[file.suffix]):
            raise ExchangeError(f"{file} has {size:,} bytes; {refused}")
        return file.read_bytes()
    except FileNotFoundError:
        beside = sorted(other.stem for other in file.parent.glob(f"*{file.suffix}"))
        hint = f"; there are {', '.join(beside)}" if beside else ""
        raise ExchangeError(f"{file} does not exist{hint}") from None
    except OSError as error:
        raise ExchangeError(f"{file} cannot be read: {error.strerror}") from None


def _write(file: Path, data: bytes) -> None:
    temporary = file.with_name(f".{file.name}.{uuid.uuid4().hex}.tmp")
    try:
        with temporary.open("xb") as stream:  # which follows no link that somebody else has put there
            stream.write(data)
        os.replace(temporary, file)
    finally:
        temporary.unlink(missing_ok=True)

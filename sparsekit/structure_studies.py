"""The structure study: its units, and the tables made from their records."""

import hashlib
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pandas as pd

from sparsekit import graphs, nulls, properties
from sparsekit.from_parameters import computed, recipe, strings
from sparsekit.graph_units import GraphNetwork
from sparsekit.mask_layouts import layout_errors
from sparsekit.networks import GATE_MASKS
from sparsekit.parameters import Parameters
from sparsekit.pruned_units import PrunedNetwork
from sparsekit.pruning_studies import protocol_networks, protocols, pruned_networks
from sparsekit.recurrence import GATES
from sparsekit.seeds import derive

FEW = 3
"""Graphs of each generator that are trained with both layouts of masks."""


def graph_networks(p: Parameters) -> list[GraphNetwork]:
    """The graph-structured networks, by variant, graph, null model and seed."""
    how = recipe(p, p.graph_epochs, p.batch_size_structure)
    drawn = [
        {"generator": generator, "graph": k, "nodes_min": p.nodes_min, "nodes_max": p.nodes_max}
        | {"draw": p.data_seed, "design": p.design}
        for generator in p.generators
        for k in range(p.graphs)
    ]
    for file in p.graph_files:
        graphs.read(file, *[p.structure == "recurrent"] * 2)  # before anything runs: what is no graph is an error now
        path = Path(file).absolute()
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        drawn.append({"generator": "file", "graph": digest, "path": str(path)})
    form = {"structure": p.structure, "interface": p.interface}
    if p.structure == "layered":
        form["orientation"] = p.orientation
    return [
        GraphNetwork(
            strings(p),
            variant,
            seed=p.seed + k,
            recipe=how,
            gate_masks=_gate_masks(p, variant),
            null=null,
            **form,
            **graph,
        )
        for variant in p.variants
        for graph in drawn
        for null in ["", *p.null_models]
        for k in range(p.graph_seeds)
    ]


def _gate_masks(p: Parameters, variant: str) -> str:
    """The layout of masks; with a single gate, or one recurrent layer, there is but one."""
    return p.gate_masks if GATES[variant] > 1 and p.structure == "layered" else "blocks"


def structure(p: Parameters) -> pd.DataFrame:
    """Graph-structured networks, one row each: graph, its properties, parameters, accuracies.

    A null model's networks have its name in ``null`` and stand under a graph of their own; ``original`` is the graph
    that it was made from, or the graph itself.
    """
    wanted = graph_networks(p)
    store = computed(wanted, p)
    return pd.DataFrame([_named(unit) | unit.row(store) for unit in wanted])


def _named(unit: GraphNetwork) -> dict[str, int | str]:
    graph = f"{unit.name} {unit.null}" if unit.null else unit.name
    own = {"variant": unit.variant, "generator": unit.generator, "graph": graph, "seed": unit.seed}
    return own | {"null": unit.null or "none", "original": unit.name}


def gate_row_networks(p: Parameters) -> list[GraphNetwork]:
    """GRU and LSTM networks of the first few graphs of each generator, each with both layouts of masks.

    None where a graph is one recurrent layer, whose masks have but one layout.
    """
    first: dict[str, list] = {}
    wanted = []
    for unit in graph_networks(p):
        if not unit.null and GATES[unit.variant] > 1 and unit.structure == "layered":
            few = first.setdefault(unit.generator, [])
            if unit.graph not in few and len(few) < FEW:
                few.append(unit.graph)
            wanted += [replace(unit, gate_masks=layout) for layout in GATE_MASKS if unit.graph in few]
    return wanted


def gate_rows(p: Parameters) -> pd.DataFrame:
    """What the published layout of masks does: the same graphs trained with either, one row a network.

    Columns variant, generator, graph, seed, gate_masks ("blocks", or the published "rows"), accuracies, and how far
    the masks are from the graph (`sparsekit.mask_layouts.layout_errors`; 0 for "blocks").
    """
    wanted = gate_row_networks(p)
    store = computed(wanted, p)
    rows = []
    for unit in wanted:
        errors = layout_errors(unit.oriented(), unit.variant, unit.gate_masks)
        rows.append(_named(unit) | {"gate_masks": unit.gate_masks} | errors | unit.row(store))
    columns = ["variant", "generator", "original", "seed", "gate_masks", "wrong", "lost", "test_accuracy"]
    return pd.DataFrame(rows, columns=None if rows else columns)


def masked_networks(p: Parameters) -> list[PrunedNetwork]:
    """The pruned networks whose hidden-to-hidden masks are read as graphs: at the percentages compared at."""
    targets = [target for target in p.targets if target != "i2h"]
    percentages = [percent for percent in p.compare_at if 0 < percent < 100]
    return pruned_networks(p.model_copy(update={"targets": targets, "percentages": percentages}))


def mask_graphs(p: Parameters, names: Iterable[str] | None = None) -> pd.DataFrame:
    """Hidden-to-hidden masks of pruned networks read back as graphs, beside null models of equal density.

    A row for each pruned network, layer and kind ("pruned", "rewired": as many weights in and out of each unit,
    "random": as many in all): the directed properties of the graph in which u → v is there where a weight from u to v
    survives in any gate; all of them, or those named.
    """
    wanted = masked_networks(p)
    store = computed(wanted, p)
    rows = []
    for unit in wanted:
        for layer, stage in enumerate(unit.network(store).stages):
            mask = graphs.adjacency(graphs.from_mask(stage.mask_hh.numpy()))
            seed = derive("null model of a mask", unit.stream, layer)
            for kind in ("pruned", "rewired", "random"):
                own = mask if kind == "pruned" else nulls.mask_like(mask, kind, seed)
                of_unit = {"variant": unit.base.variant, "seed": unit.base.seed, "target": unit.target}
                of_unit |= {"percent": float(unit.percent), "layer": layer, "kind": kind}
                rows.append(of_unit | properties.measure_directed(own, names))
    return pd.DataFrame(rows)


def _from_masks(p: Parameters) -> Parameters:
    return p.model_copy(update={"protocols": [name for name in p.protocols if name != "rewind"]})


def mask_training_networks(p: Parameters) -> list[PrunedNetwork]:
    """Those of the protocols that start from a mask: its surviving weights, or fresh ones."""
    return protocol_networks(_from_masks(p))


def mask_training(p: Parameters) -> pd.DataFrame:
    """`protocols`, as far as they start from a mask: pruned, rewired, random or full."""
    return protocols(_from_masks(p))

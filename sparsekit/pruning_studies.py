"""The pruning study: its units, and the tables made from their records.

The published grid stands by itself (`pruning`, `recovery`); comparisons of scores, scopes, schedules and protocols are
tables of the same form with more conditions.
"""

from collections.abc import Iterable

import pandas as pd

from sparsekit.from_parameters import computed, recipe, strings
from sparsekit.parameters import Parameters
from sparsekit.pruned_units import MemoryProbe, PrunedNetwork
from sparsekit.units import BaseNetwork

CONDITION = ("target", "percent", "score", "scope", "schedule", "protocol")
WITHOUT_H2H = "no hidden-to-hidden weights, retrained"
"""What `memory` calls networks that have lost all of them."""
CONTROLS = (("random", "global"), ("random", "layer"))
"""Score and scope that always stand beside a score: as sparse as it in all, and in each layer."""


def base_networks(p: Parameters) -> list[BaseNetwork]:
    """The base networks, by variant and seed."""
    how = recipe(p, p.base_epochs, p.batch_size_pruning)
    return [
        BaseNetwork(strings(p), variant, p.seed + k, how, p.hidden_size, p.layers, p.embedding_size)
        for variant in p.variants
        for k in range(p.seeds)
    ]


def _pruned(p: Parameters, target: str, percent: float, **condition) -> list[PrunedNetwork]:
    """Of every base network, in one condition."""
    how = recipe(p, p.retrain_epochs, p.batch_size_pruning)
    steps = -(-len(strings(p).make().train) // p.batch_size_pruning)
    measure_at = tuple(sorted(step for step in p.recovery_steps if step < steps))
    condition = {"score": p.score} | condition
    return [PrunedNetwork(base, target, percent, how, measure_at, **condition) for base in base_networks(p)]


def _percentages(p: Parameters) -> list[float]:
    return sorted(set(p.percentages))


def pruned_networks(p: Parameters) -> list[PrunedNetwork]:
    """The grid: by base network, target and percentage."""
    by_condition = [_pruned(p, target, percent) for target in p.targets for percent in _percentages(p)]
    return [unit for units in zip(*by_condition, strict=True) for unit in units]


def scored_networks(p: Parameters) -> list[PrunedNetwork]:
    """The first target pruned by every score within every scope, and by the random controls."""
    target, found = p.targets[0], []
    for percent in sorted({*_percentages(p), *p.compare_at}):
        compared = [(score, scope) for score in (p.score, *p.scores) for scope in p.scopes]
        pairs = compared if percent in p.compare_at else []
        for score, scope in dict.fromkeys([(p.score, "global"), *pairs, *CONTROLS]):
            found += _pruned(p, target, percent, score=score, scope=scope)
    return found


def scheduled_networks(p: Parameters) -> list[PrunedNetwork]:
    """The first target pruned all at once and by every schedule."""
    return [
        unit
        for percent in p.compare_at
        for schedule in ["one_shot", *p.schedules]
        for unit in _pruned(
            p, p.targets[0], percent, schedule=schedule, rounds=1 if schedule == "one_shot" else p.rounds
        )
    ]


def protocol_networks(p: Parameters) -> list[PrunedNetwork]:
    """The first target pruned and retrained by every protocol; a dense network is of no target and percentage."""
    found = []
    for percent in p.compare_at:
        for protocol in ["retrain", *p.protocols]:
            rewound = {"rewind_step": p.rewind_step} if protocol == "rewind" else {}
            target, share = ("both", 0.0) if protocol == "dense" else (p.targets[0], percent)
            found += _pruned(p, target, share, protocol=protocol, **rewound)
    return list(dict.fromkeys(found))


def probes(p: Parameters) -> dict[MemoryProbe, str]:
    """What is probed for its memory, with its name: base networks; pruned; without hidden-to-hidden weights."""
    named: dict = dict.fromkeys(base_networks(p), "base")
    if p.compare_at[-1] in p.percentages:
        target, percent = p.targets[0], p.compare_at[-1]
        which = "" if target == "both" else f"{target} "
        named |= dict.fromkeys(_pruned(p, target, percent), f"{percent:g} % {which}pruned, retrained")
    if "h2h" in p.targets and 100 in p.percentages:
        named |= dict.fromkeys(_pruned(p, "h2h", 100.0), WITHOUT_H2H)
    return {MemoryProbe(network, p.probe_strings): name for network, name in named.items()}


def base(p: Parameters) -> pd.DataFrame:
    """Training of the base networks: variant, seed, epoch, train_ and test_ loss and accuracy; a row an epoch."""
    wanted = base_networks(p)
    store = computed(wanted, p)
    rows = [
        {"variant": unit.variant, "seed": unit.seed, **row}
        for unit in wanted
        for row in store.read(unit)["history"][1:]
    ]
    columns = ["variant", "seed", "epoch", "train_loss", "train_accuracy", "test_loss", "test_accuracy"]
    return pd.DataFrame(rows)[columns].astype({"epoch": int})


def pruning(p: Parameters, wanted: Iterable[PrunedNetwork] | None = None) -> pd.DataFrame:
    """Pruned networks before any retraining, one row each.

    Returns
    -------
    DataFrame
        The condition; base_accuracy, accuracy; sparsity and target_sparsity reached; weights and multiply_adds of a
        step, and those of the dense network.
    """
    wanted = list(pruned_networks(p) if wanted is None else wanted)
    store = computed(wanted, p)
    sizes = ["weights", "weights_dense", "multiply_adds", "multiply_adds_dense"]
    columns = ["base_accuracy", "accuracy", "sparsity", "target_sparsity", *sizes]
    return pd.DataFrame([condition(unit) | {name: store.read(unit)[name] for name in columns} for unit in wanted])


def recovery(p: Parameters, wanted: Iterable[PrunedNetwork] | None = None) -> pd.DataFrame:
    """Accuracy of each pruned network after each measured optimizer step of retraining; step 0 is at once."""
    wanted = list(pruned_networks(p) if wanted is None else wanted)
    store = computed(wanted, p)
    rows = []
    for unit in wanted:
        data = store.read(unit)
        of_unit = condition(unit) | {"base_accuracy": data["base_accuracy"]}
        rows += [
            of_unit | {"step": r["step"], "epoch": r["epoch"], "accuracy": r["test_accuracy"]} for r in data["history"]
        ]
    return pd.DataFrame(rows)


def condition(unit: PrunedNetwork) -> dict:
    """What tells pruned networks apart."""
    own = {name: getattr(unit, name) for name in CONDITION} | {"percent": float(unit.percent)}
    own["recovery"] = own.pop("protocol")
    return {"variant": unit.base.variant, "seed": unit.base.seed} | own


def scores(p: Parameters) -> pd.DataFrame:
    """`pruning` of every score, scope and random control."""
    return pruning(p, scored_networks(p))


def schedules(p: Parameters) -> tuple[pd.DataFrame, pd.DataFrame]:
    """`pruning` and `recovery` of every schedule."""
    return pruning(p, scheduled_networks(p)), recovery(p, scheduled_networks(p))


def protocols(p: Parameters) -> pd.DataFrame:
    """`recovery` of every protocol; the rows of a dense network stand beside each percentage."""
    table = recovery(p, protocol_networks(p))
    dense = table["recovery"] == "dense"
    beside = [table[dense].assign(target=p.targets[0], percent=float(percent)) for percent in p.compare_at]
    return pd.concat([table[~dense], *beside], ignore_index=True)


def survival(p: Parameters, name: str = "survivors") -> pd.DataFrame:
    """Where the weights of the grid survive: `sparsekit.survival.survivors` or ``dead_units`` of each network."""
    wanted = pruned_networks(p)
    store = computed(wanted, p)
    return pd.concat(
        [pd.DataFrame(store.read(unit)[name]).assign(**condition(unit)) for unit in wanted], ignore_index=True
    )


def spectral_radii(p: Parameters) -> pd.DataFrame:
    """Spectral radii of the base networks, and of the pruned ones before and after retraining, by layer and gate."""
    wanted = pruned_networks(p)
    store = computed(wanted, p)
    return pd.concat(
        [
            pd.DataFrame(radii).assign(**condition(unit), network=network)
            for unit in wanted
            for network, radii in store.read(unit)["spectral_radius"].items()
        ],
        ignore_index=True,
    )


def memory(p: Parameters) -> dict[str, pd.DataFrame]:
    """What networks remember: the tables paths, seen, length and (of a task with a grammar) violation."""
    wanted = probes(p)
    store = computed(wanted, p)
    tables: dict[str, list[pd.DataFrame]] = {}
    for unit, name in wanted.items():
        for table, rows in store.read(unit).items():
            own = pd.DataFrame(rows).assign(variant=unit.base.variant, seed=unit.base.seed, network=name)
            tables.setdefault(table, []).append(own)
    return {name: pd.concat(parts, ignore_index=True) for name, parts in tables.items()}

"""The pruning study: which networks a set has pruned and retrained, and the tables read from them."""

from collections.abc import Iterable

import pandas as pd

from sparsekit.experiments.parameters import Parameters
from sparsekit.experiments.project import ParameterError
from sparsekit.experiments.pruned import PrunedNetwork, pruned
from sparsekit.experiments.units import base_networks, results, strings, varied
from sparsekit.pruning.recovery import starts_early
from sparsekit.pruning.scores import CONTROLS
from sparsekit.variants import SOURCES

CONDITION = ("target", "percent", "score", "scope", "schedule", "protocol")


def pruned_networks(p: Parameters) -> list[PrunedNetwork]:
    """The grid: by base network, target and percentage."""
    by_condition = [pruned(p, target, percent) for target in p.targets for percent in sorted(p.percentages)]
    return [unit for units in zip(*by_condition, strict=True) for unit in units]


def scored_networks(p: Parameters) -> list[PrunedNetwork]:
    """The first target pruned by every score within every scope, and by the random controls."""
    target, found = p.targets[0], []
    for percent in sorted({*p.percentages, *p.compare_at}):
        compared = [(score, scope) for score in (p.score, *p.scores) for scope in p.scopes]
        pairs = compared if percent in p.compare_at else []
        for score, scope in dict.fromkeys([(p.score, "global"), *pairs, *CONTROLS]):
            found += pruned(p, target, percent, score=score, scope=scope)
    return found


def scheduled_networks(p: Parameters) -> list[PrunedNetwork]:
    """The first target pruned all at once and by every schedule."""
    found = []
    for percent in p.compare_at:
        for schedule in ["one_shot", *p.schedules]:
            rounds = 1 if schedule == "one_shot" else p.rounds
            found += pruned(p, p.targets[0], percent, schedule=schedule, rounds=rounds)
    return found


def source_networks(p: Parameters) -> list[tuple[str, PrunedNetwork]]:
    """Networks that differ in one source of variation alone, and in all, pruned at the first percentage compared."""
    found = []
    for name, sources in [*((one, (one,)) for one in SOURCES), ("all", SOURCES)] if p.sources else ():
        units = pruned(p, p.targets[0], p.compare_at[0], bases=varied(p, sources, p.sources))
        found += [(name, unit) for unit in units]
    return found


def protocol_networks(p: Parameters) -> list[PrunedNetwork]:
    """The first target pruned and retrained by every protocol; a dense network is of no target and percentage.

    Surviving weights are retrained for `retrain_epochs`. Who begins anew has the steps that base training had left at
    `rewind_step`, as rewinding is defined, and so have its controls.

    Raises
    ------
    ParameterError
        Where base training had no steps left at `rewind_step`.
    """
    found: list[PrunedNetwork] = []
    for percent in p.compare_at:
        found += pruned(p, p.targets[0], percent)
        for protocol in p.protocols:
            options = _rest(p) | ({"rewind_step": p.rewind_step} if starts_early(protocol) else {})
            target, share = ("both", 0.0) if protocol == "dense" else (p.targets[0], percent)
            found += pruned(p, target, share, protocol=protocol, **options)
    return list(dict.fromkeys(found))


def _rest(p: Parameters) -> dict[str, int]:
    """The epochs and steps of base training after `rewind_step`."""
    an_epoch = strings(p).steps(p.batch_size_pruning)
    if p.rewind_step >= (steps := p.base_epochs * an_epoch):
        told = f"rewind_step: given {p.rewind_step}, but base training has {steps} steps in all; allowed is fewer, "
        raise ParameterError([f"{told}for what begins anew trains for those that are left"])
    return {"epochs": -(-(steps - p.rewind_step) // an_epoch), "steps": steps - p.rewind_step}


def base(p: Parameters) -> pd.DataFrame:
    """Training of the base networks: variant, seed, epoch, train_ and test_ loss and accuracy; a row an epoch."""
    read = results(base_networks(p), p)
    rows = [{"variant": unit.variant, "seed": unit.seed, **row} for unit, data in read for row in data["history"][1:]]
    columns = ["variant", "seed", "epoch", "train_loss", "train_accuracy", "test_loss", "test_accuracy"]
    return pd.DataFrame(rows)[columns].astype({"epoch": int})


def pruning(p: Parameters, wanted: Iterable[PrunedNetwork] | None = None) -> pd.DataFrame:
    """Pruned networks before any retraining, one row each: condition, accuracies, the sparsities reached, and sizes.

    ``multiply_adds`` are those of a step; sizes stand beside the dense network's.
    """
    columns = ["base_accuracy", "accuracy", "sparsity", "target_sparsity"]
    columns += ["weights", "weights_dense", "multiply_adds", "multiply_adds_dense"]
    read = results(pruned_networks(p) if wanted is None else wanted, p)
    return pd.DataFrame([condition(unit) | {name: data[name] for name in columns} for unit, data in read])


def recovery(p: Parameters, wanted: Iterable[PrunedNetwork] | None = None) -> pd.DataFrame:
    """Accuracy of each pruned network after each measured optimizer step of retraining; step 0 is at once."""
    rows = []
    for unit, data in results(pruned_networks(p) if wanted is None else wanted, p):
        of_unit = condition(unit) | {"base_accuracy": data["base_accuracy"]}
        for row in data["history"]:
            rows.append(of_unit | {"step": row["step"], "epoch": row["epoch"], "accuracy": row["test_accuracy"]})
    columns = ["variant", "seed", *CONDITION[:-1], "recovery", "base_accuracy", "step", "epoch", "accuracy"]
    return pd.DataFrame(rows, columns=None if rows else columns)


def condition(unit: PrunedNetwork) -> dict:
    """What tells pruned networks apart."""
    own = {name: getattr(unit, name) for name in CONDITION} | {"percent": float(unit.percent)}
    own["recovery"] = own.pop("protocol")
    return {"variant": unit.base.variant, "seed": unit.base.seed} | own


def scores(p: Parameters) -> pd.DataFrame:
    """`pruning` of every score, scope and random control."""
    return pruning(p, scored_networks(p))


def sources(p: Parameters) -> pd.DataFrame:
    """Accuracy of `source_networks`, unpruned (percent 0) and at once after pruning, a row each.

    Columns variant, source, seed, percent, accuracy; no rows where `sources` is 0.
    """
    wanted, rows = source_networks(p), []
    read = results([unit for _, unit in wanted], p)
    for (source, _), (unit, data) in zip(wanted, read, strict=True):
        own = {"variant": unit.base.variant, "source": source, "seed": unit.base.seed}
        rows.append(own | {"percent": 0.0, "accuracy": data["base_accuracy"]})
        rows.append(own | {"percent": float(unit.percent), "accuracy": data["accuracy"]})
    return pd.DataFrame(rows, columns=["variant", "source", "seed", "percent", "accuracy"])


def evidence(p: Parameters) -> pd.DataFrame:
    """How far the scores of `scores` that look at data rank weights alike by two halves of it: a row a network.

    Columns variant, seed, score, strings (looked at), of (training strings in all), agreement (Spearman's correlation).
    """
    wanted = [unit for unit in scored_networks(p) if unit.agreement]
    rows = []
    for unit, data in results(wanted, p):
        own = {"variant": unit.base.variant, "seed": unit.base.seed, "score": unit.score}
        rows.append(own | {"of": len(unit.base.strings.make().train)} | data["evidence"])
    columns = ["variant", "seed", "score", "strings", "of", "agreement"]
    return pd.DataFrame(rows, columns=columns).drop_duplicates(["variant", "seed", "score"], ignore_index=True)


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
    """Where the weights of the grid survive: `survival.survivors` or ``dead_units`` of each network."""
    read = results(pruned_networks(p), p)
    return pd.concat([pd.DataFrame(data[name]).assign(**condition(unit)) for unit, data in read], ignore_index=True)


def spectral_radii(p: Parameters) -> pd.DataFrame:
    """Spectral radii of the base networks, and of the pruned ones before and after retraining, by layer and gate."""
    parts = []
    for unit, data in results(pruned_networks(p), p):
        by_network = data["spectral_radius"].items()
        parts += [pd.DataFrame(radii).assign(**condition(unit), network=network) for network, radii in by_network]
    return pd.concat(parts, ignore_index=True)

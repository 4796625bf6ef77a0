"""What networks remember: the units that probe them, which networks a set has probed, and the tables."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import pandas as pd

from sparsekit.experiments.identity import Unit
from sparsekit.experiments.parameters import Parameters
from sparsekit.experiments.pruned import PrunedNetwork, pruned
from sparsekit.experiments.records import Store
from sparsekit.experiments.units import BaseNetwork, base_networks, results
from sparsekit.pruning.memory import by_distance, by_length, by_violation, whole, with_another_past
from sparsekit.tasks import definitions as tasks

ONE_H2H = "one hidden-to-hidden weight, retrained"
"""What `tables` calls networks that have lost all the others: the largest weight stays at 100 %."""


@dataclass(frozen=True)
class MemoryProbe(Unit):
    """What a trained network remembers: its verdicts where the past is exchanged, its accuracy by kind of string."""

    kind: ClassVar[str] = "transplants"
    network: BaseNetwork | PrunedNetwork
    strings: int

    @property
    def base(self) -> BaseNetwork:
        return getattr(self.network, "base", self.network)

    @property
    def requires(self) -> tuple:
        return (self.network,)

    @property
    def cost(self) -> float:
        return self.strings / 200

    def result(self, store: Store, device: str) -> tuple[Mapping, None]:
        task = self.base.strings.make()
        part = task.test.subset(range(min(self.strings, len(task.test))))
        network, recipe = self.network.network(store), self.network.recipe
        what = (network, part, recipe)
        past, told = with_another_past(network, task, recipe, self.strings)
        tables = {"whole": whole(*what), "past": past, "told": told, "length": by_length(*what)}
        if task.name in tasks.DISTANCES:
            tables["distance"] = by_distance(*what, tasks.DISTANCES[task.name](part.strings))
        if task.name in tasks.GRAMMARS:
            tables["violation"] = by_violation(*what, tasks.violations(task.name, part.strings))
        return {name: table.to_dict("list") for name, table in tables.items()}, None


def probes(p: Parameters) -> dict[MemoryProbe, str]:
    """What is probed for its memory, with its name: base networks; pruned; with one hidden-to-hidden weight."""
    named: dict = dict.fromkeys(base_networks(p), "base")
    if p.compare_at[-1] in p.percentages:
        target, percent = p.targets[0], p.compare_at[-1]
        which = "" if target == "both" else f"{target} "
        named |= dict.fromkeys(pruned(p, target, percent), f"{percent:g} % {which}pruned, retrained")
    if "h2h" in p.targets and 100 in p.percentages:
        named |= dict.fromkeys(pruned(p, "h2h", 100.0), ONE_H2H)
    return {MemoryProbe(network, p.probe_strings): name for network, name in named.items()}


def tables(p: Parameters) -> dict[str, pd.DataFrame]:
    """What networks remember, by name: `whole`, the two of `with_another_past` (past, told), `by_length` (length), and

    where the task has such, `by_distance` (distance) and `by_violation` (violation).
    """
    names = probes(p)
    parts: dict[str, list[pd.DataFrame]] = {}
    for unit, data in results(names, p):
        for table, rows in data.items():
            own = pd.DataFrame(rows).assign(variant=unit.base.variant, seed=unit.base.seed, network=names[unit])
            parts.setdefault(table, []).append(own)
    return {name: pd.concat(own, ignore_index=True) for name, own in parts.items()}

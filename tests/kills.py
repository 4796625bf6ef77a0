"""A run to be killed: units that take a moment, in groups and one after the other, kept in the folder given."""

import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import torch

from sparsekit.experiments.execution import run
from sparsekit.experiments.identity import Unit
from sparsekit.experiments.records import Store


@dataclass(frozen=True)
class Slow(Unit):
    """Draws numbers, after those of the unit that it requires, and notes that it has begun."""

    kind: ClassVar[str] = "slow"
    group: ClassVar[str] = "all"
    together: ClassVar[int] = 3
    seed: int
    base: "Slow | None" = None

    @property
    def requires(self) -> tuple[Unit, ...]:
        return (self.base,) if self.base else ()

    @classmethod
    def compute(cls, units, store, device):
        for unit in units:
            with (store.path.parent / "begun").open("a") as log:
                log.write(f"{unit.seed} {unit.base and unit.base.seed}\n")
            time.sleep(0.08)
            start = store.weights(unit.base)["w"] if unit.base else torch.zeros(50)
            weights = start + torch.randn(50, generator=torch.Generator().manual_seed(unit.seed))
            yield unit, {"mean": weights.mean()}, {"w": weights}


UNITS = [Slow(seed, Slow(seed % 4)) for seed in range(4, 24)]


if __name__ == "__main__":
    from tests import kills  # by its name, under which the workers find its units

    run(kills.UNITS, Store(Path(sys.argv[1]) / "runs"), workers=int(sys.argv[2]))

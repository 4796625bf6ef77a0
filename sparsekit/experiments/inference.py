"""The unit of the study of what sparsity buys: time and memory of inference, measured on one machine."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from sparsekit.experiments.records import Store
from sparsekit.pruning import latency


@dataclass(frozen=True)
class InferenceCost:
    """Inference of one recurrent layer, dense and sparse, timed on the machine named."""

    kind: ClassVar[str] = "inference"
    timed: ClassVar[bool] = True  # what it measures is time, so nothing else may run beside it
    machine: str
    variant: str
    sizes: tuple[int, ...]
    sparsities: tuple[float, ...]
    batch: int
    seed: int

    @property
    def cost(self) -> float:
        return len(self.sparsities) * sum((size / 800) ** 2 + 0.1 for size in self.sizes)

    def seconds(self, device: str) -> float:
        """About how long it takes."""
        return self.cost

    @classmethod
    def compute(cls, units: Sequence["InferenceCost"], store: Store, device: str) -> None:
        for unit in units:
            start = time.perf_counter()
            table = latency.measure(unit.sizes, unit.sparsities, variant=unit.variant, batch=unit.batch, seed=unit.seed)
            store.write(unit, {"table": table.to_dict("list")}, seconds=time.perf_counter() - start)

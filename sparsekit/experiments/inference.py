"""The unit of the study of what sparsity buys: time and memory of inference, measured on one machine."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from sparsekit.experiments.identity import Unit
from sparsekit.experiments.records import Store
from sparsekit.pruning import latency


@dataclass(frozen=True)
class InferenceCost(Unit):
    """Inference of one recurrent layer, dense and sparse, timed on the machine named."""

    kind: ClassVar[str] = "inference"
    timed: ClassVar[bool] = True
    machine: str
    variant: str
    sizes: tuple[int, ...]
    sparsities: tuple[float, ...]
    batch: int
    seed: int

    @property
    def cost(self) -> float:
        return len(self.sparsities) * sum((size / 800) ** 2 + 0.1 for size in self.sizes)

    def result(self, store: Store, device: str) -> tuple[Mapping, None]:
        table = latency.measure(self.sizes, self.sparsities, variant=self.variant, batch=self.batch, seed=self.seed)
        return {"table": table.to_dict("list")}, None

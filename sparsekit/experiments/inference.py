"""The unit of the study of what sparsity buys: time and memory of inference, measured on one machine."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

from sparsekit.experiments.identity import Result, Unit
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

    @classmethod
    def compute(cls, units: Sequence["InferenceCost"], store: Store, device: str) -> Iterator[Result]:
        for unit in units:
            table = latency.measure(unit.sizes, unit.sparsities, variant=unit.variant, batch=unit.batch, seed=unit.seed)
            yield unit, {"table": table.to_dict("list")}, None

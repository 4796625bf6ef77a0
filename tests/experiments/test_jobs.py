"""The order of work, against what networkx says of the same graph of units."""

from dataclasses import dataclass
from typing import ClassVar

import networkx as nx
from hypothesis import given
from hypothesis import strategies as st

from sparsekit.experiments.identity import Unit, key
from sparsekit.experiments.jobs import Schedule
from sparsekit.experiments.records import Store


@dataclass(frozen=True)
class Node(Unit):
    kind: ClassVar[str] = "node"
    together: ClassVar[int] = 3
    number: int
    requires: tuple = ()

    @property
    def group(self):
        return self.number % 2

    @property
    def cost(self):
        return 1.0 + self.number


@st.composite
def graphs(draw):
    """Units, each of which requires some of those before it."""
    made = []
    for number in range(draw(st.integers(1, 8))):
        chosen = draw(st.lists(st.sampled_from(made), unique=True, max_size=3)) if made else []
        made.append(Node(number, tuple(chosen)))
    return made


@given(graphs(), st.integers(1, 3), st.sets(st.integers(0, 7)))
def test_all_units_run_after_what_they_require_and_none_after_a_failure(units, workers, bad):
    order = nx.DiGraph()
    order.add_nodes_from(map(key, units))
    order.add_edges_from((key(required), key(unit)) for unit in units for required in unit.requires)
    depths = {name: k for k, names in enumerate(nx.topological_generations(order)) for name in names}
    schedule, done, running, failed = Schedule(units, Store("/nowhere"), workers), set(), [], set()
    while True:
        while len(running) < workers and (job := schedule.next(running)):
            assert len({(depths[name], unit.group) for name, unit in job.units.items()}) == 1
            assert len(job.units) <= 3
            assert all(set(order.predecessors(name)) <= done for name in job.units)
            running.append(job)
        if not running:
            break
        for name, unit in running.pop(0).units.items():
            assert name not in done | failed
            if unit.number in bad:
                failed.add(name)
                schedule.fail(name, ValueError())
            else:
                done.add(name)
                schedule.finish(name)
    lost = set().union(*(nx.descendants(order, name) for name in failed))
    assert done == set(order) - failed - lost
    assert set(schedule.not_run) == lost
    assert schedule.past_cost == schedule.cost

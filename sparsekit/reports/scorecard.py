"""This run's figures beside those that the thesis reports, with a verdict that follows from them by rule.

Reported figures: Harshil Darji, *Investigating Sparsity in Recurrent Neural Networks*, arXiv 2407.20601.
"""

import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict, dataclass

import pandas as pd
from pandas.io.formats.style import Styler

from sparsekit.experiments.parameters import Parameters
from sparsekit.figures.style import number
from sparsekit.figures.words import label
from sparsekit.reports import thesis

COLUMNS = ["group", "quantity", "variant", "target", "detail", "reported", "ours", "low", "high"]
COLUMNS += ["verdict", "note", "source"]
VERDICTS = ("agrees", "differs", "cannot tell", "not run")
RULES = (
    "Interval: where one more run like ours would lie; for r and for the mean accuracy of graph-structured networks, "
    "where as many further graphs as the thesis's would put it; for R², where most other splits do. "
    "“Agrees”: the thesis's figure lies in this interval, or outside it by no more than the tolerance. "
    "“Differs”: it lies further outside. “Cannot tell”: there is no interval (one seed, one split), or one so wide "
    "that it would hold almost any figure, or ours is only known to be below the first or at least the last "
    "percentage tested. “Not run”: this run has no such condition."
)


@dataclass(frozen=True)
class Figure:
    """One of this run's figures, to stand beside a reported one; nan where there is none.

    From ``low`` to ``high`` one more run like ours would lie. A ``censored`` one is known only as a bound.
    """

    variant: str
    target: str = ""
    detail: str = ""
    reported: float = math.nan
    ours: float = math.nan
    low: float = math.nan
    high: float = math.nan
    note: str = ""
    ran: bool = True
    censored: bool = False


@dataclass(frozen=True)
class Group:
    """What is compared, how far apart still agrees, and how wide an interval no longer tells."""

    quantity: str
    table: str
    ours: Callable[[Mapping, pd.DataFrame, Parameters, Mapping], thesis.Found]
    tolerance: float
    widest: float
    digits: int
    unit: str = ""


GROUPS = {
    "base_test_accuracy": Group("Base test accuracy", "base", thesis.base, 0.02, 0.2, 3),
    "safe_pruning_percent": Group("Highest safe pruning", "pruning", thesis.safe, 10, 40, 0, " %"),
    "accuracy_at_once_after_pruning": Group("Accuracy at once after pruning", "pruning", thesis.at_once, 0.05, 0.3, 3),
    "epochs_to_regain": Group("Epochs to regain accuracy", "recovery", thesis.regain, 0.5, 3, 1),
    "structure_test_accuracy": Group(
        "Mean accuracy of graph-structured networks", "structure", thesis.structure, 0.02, 0.2, 3
    ),
    "pearson_with_test_accuracy": Group("Pearson's r with accuracy", "structure", thesis.pearson, 0.05, 0.6, 2),
    "r_squared": Group("R² of prediction, one split", "structure", thesis.r_squared, 0.05, 0.8, 2),
    "random_forest_r_squared_by_feature_set": Group(
        "R² of the random forest by feature set", "structure", thesis.feature_sets, 0.05, 0.8, 2
    ),
}
"""The groups of reported figures that a run's tables can stand beside, by their name in ``reported.yaml``."""


def scorecard(
    parameters: Parameters,
    *,
    base: pd.DataFrame | None = None,
    pruning: pd.DataFrame | None = None,
    recovery: pd.DataFrame | None = None,
    structure: pd.DataFrame | None = None,
    groups: Collection[str] = tuple(GROUPS),
    correlations: Mapping[str, pd.DataFrame] | None = None,
    once: Mapping[str, Mapping[str, float]] | None = None,
    splits: Mapping[str, pd.DataFrame] | None = None,
    importances: Mapping[str, pd.DataFrame] | None = None,
) -> pd.DataFrame:
    """Every reported figure beside this run's, for those tables that are given.

    The verdict's rule, with a tolerance and a widest interval per group (:data:`GROUPS`):

    - *not run*: this run has no such condition;
    - *differs*: the reported figure lies outside our interval by more than the tolerance;
    - *cannot tell*: there is no interval (one seed, one split), or one that is wider than the widest that tells, or
      our figure is censored: a safe percentage below the first or at least the last one tested;
    - *agrees*: otherwise.

    The thesis ran each condition once, so the interval is where one more run like ours would lie, not that of our mean,
    in which another run of the same process falls ever more seldom as seeds grow in number
    (`intervals.prediction_interval`). Safe percentages add the distance to the next one tested,
    correlations the sampling error of the thesis's 200 graphs, and mean accuracies that of as many graphs with our
    spread. Of R², which depends on the split, it holds the middle 90 % of splits.

    Parameters
    ----------
    parameters : Parameters
        The run's; its confidence, margin and sizes are used.
    base, pruning, recovery, structure : DataFrame, optional
        Tables as the functions of those names in ``experiments`` return them; a group whose table is missing is left
        out.
    groups : collection of str
        Which groups of figures, of :data:`GROUPS`; default: all.
    correlations, once, splits, importances : mapping, optional
        For a caller who has them already, by variant: `correlate`, `published_prediction`, `split_distribution` and
        `importances` of its graphs, as the run's parameters say.

    Returns
    -------
    DataFrame
        One row per reported figure. Columns: group, quantity, variant, target, detail (percent, property, model or
        feature set), reported, ours, low, high, verdict, note (why, in words), source (the thesis's chapter). Epochs
        of a network that never regained its accuracy are infinite.
    """
    tables = {"base": base, "pruning": pruning, "recovery": recovery, "structure": structure}
    computed = {"correlations": correlations, "once": once, "splits": splits, "importances": importances}
    own, rows = thesis.of_its_task(parameters), []
    for name, group in GROUPS.items():
        table = tables[group.table]
        if name not in groups or table is None or table.empty:
            continue
        known, source = thesis.figures(name), thesis.reported()[name]["source"]
        ours = group.ours(known, table, parameters, computed) if own else {}
        for condition, value in known.items():
            found = ours.get(condition) or {"ran": False, "note": _absent(*condition) if own else "another task"}
            figure = Figure(*condition, value, **found)
            said, why = verdict(figure, group)
            told = {"verdict": said, "note": why, "source": source}
            rows.append({"group": name, "quantity": group.quantity} | asdict(figure) | told)
    return pd.DataFrame(rows, columns=COLUMNS)


def _absent(variant: str, target: str, detail: str) -> str:
    return f"{'percentage' if '%' in detail else 'condition' if target else 'variant'} not in this run"


def verdict(figure: Figure, group: Group) -> tuple[str, str]:
    """The verdict on one figure, and why; see :func:`scorecard` for the rule.

    >>> accuracy = GROUPS["base_test_accuracy"]
    >>> verdict(Figure("lstm", reported=1.0, ours=0.99, low=0.985, high=0.995), accuracy)
    ('agrees', '')
    >>> verdict(Figure("lstm", reported=1.0, ours=0.8, low=0.75, high=0.85), accuracy)
    ('differs', '')
    >>> verdict(Figure("lstm", reported=1.0, ours=0.8, low=0.6, high=1.0), accuracy)
    ('cannot tell', 'wider than 0.2')
    >>> verdict(Figure("lstm", reported=1.0, ours=0.99), accuracy)
    ('cannot tell', 'no interval')
    >>> safe = Figure("lstm", reported=60, low=0, high=60, note="below 60 % in each seed", censored=True)
    >>> verdict(safe, GROUPS["safe_pruning_percent"])
    ('cannot tell', 'below 60 % in each seed')
    """
    if not figure.ran:
        return "not run", figure.note
    if math.isnan(figure.low) or math.isnan(figure.high):
        return "cannot tell", figure.note or "no interval"
    if not figure.low - group.tolerance <= figure.reported <= figure.high + group.tolerance:
        return "differs", figure.note
    if figure.censored:
        return "cannot tell", figure.note
    # An interval that is "never" at both ends has the width inf - inf, and is as narrow as one can be.
    if figure.low != figure.high and figure.high - figure.low > group.widest:
        return "cannot tell", "; ".join(filter(None, [f"wider than {group.widest:g}{group.unit}", figure.note]))
    return "agrees", figure.note


def summary(card: pd.DataFrame) -> pd.DataFrame:
    """Counts of verdicts (columns) by group (index, in the card's order)."""
    counts = pd.crosstab(card["group"], card["verdict"])
    return counts.reindex(index=card["group"].unique(), columns=list(VERDICTS), fill_value=0)


def shown(card: pd.DataFrame) -> Styler:
    """The card as a notebook shows it: in words, whole, without those figures whose condition is not in this run."""
    card = card[card["verdict"] != "not run"]
    interval = [
        "–" if math.isnan(row.low) else f"{figure(row.low, row.group)} to {figure(row.high, row.group)}"
        for row in card.itertuples()
    ]
    conditions = zip(card["target"].map(label), card["detail"].map(label), strict=True)
    table = pd.DataFrame(
        {
            "figure": card["quantity"],
            "variant": card["variant"].map(label),
            "of": [", ".join(filter(None, condition)) for condition in conditions],
            "thesis": [figure(row.reported, row.group) for row in card.itertuples()],
            "this run": [figure(row.ours, row.group) for row in card.itertuples()],
            "interval": interval,
            "verdict": [": ".join(filter(None, [row.verdict, row.note])) for row in card.itertuples()],
        }
    )
    table = table.drop(columns=[name for name in ("of",) if (table[name] == "").all()])
    words = [name for name in table if name not in ("thesis", "this run", "interval")]
    left = [{"selector": f"th.col{table.columns.get_loc(name)}", "props": "text-align: left"} for name in words]
    styled = table.style.hide(axis="index")
    if table.empty:
        styled = styled.hide(axis="columns").set_caption("Nothing in this run is what the thesis reports.")
    return (
        styled.format(escape="html")
        .set_properties(subset=words, **{"text-align": "left", "white-space": "normal"})
        .set_properties(subset=["verdict"], **{"min-width": "11rem"})
        .set_table_styles([*left, {"selector": "caption", "props": "white-space: nowrap"}])
    )


def figure(value: float, group: str) -> str:
    """A scorecard's number as a reader writes it.

    >>> figure(80, "safe_pruning_percent"), figure(0.9371, "base_test_accuracy"), figure(math.inf, "epochs_to_regain")
    ('80 %', '0.937', 'never')
    """
    if math.isnan(value):
        return "–"
    if math.isinf(value):
        return "never"
    return number(value, GROUPS[group].digits) + GROUPS[group].unit

"""This run's figures beside those that the thesis reports, with a verdict that follows from them by rule."""

import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict, dataclass

import pandas as pd
from pandas.io.formats.style import Styler

from sparsekit.experiments.parameters import Parameters
from sparsekit.figures.words import label, number
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
    """One of this run's figures beside a reported one; from ``low`` to ``high`` one more run like ours would lie."""

    variant: str
    target: str = ""
    detail: str = ""
    reported: float = math.nan
    ours: float = math.nan
    low: float = math.nan
    high: float = math.nan
    note: str = ""
    ran: bool = True
    censored: bool = False  # known only as a bound


@dataclass(frozen=True)
class Group:
    """What is compared, how far apart still agrees, and how wide an interval no longer tells."""

    quantity: str
    table: str
    ours: Callable[[Mapping, pd.DataFrame, Parameters], thesis.Found]
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
) -> pd.DataFrame:
    """Every reported figure beside this run's, one row each, with its verdict by `RULES`.

    The thesis ran each condition once, so the interval is where one more run like ours would lie, not that of our mean,
    in which another run of the same process falls ever more seldom as seeds grow in number
    (`intervals.prediction_interval`). Safe percentages add the distance to the next one tested,
    correlations the sampling error of the thesis's 200 graphs, and mean accuracies that of as many graphs with our
    spread. Of R², which depends on the split, it holds the middle 90 % of splits.

    Parameters
    ----------
    base, pruning, recovery, structure : DataFrame, optional
        As the functions of those names in ``experiments`` return them; a group whose table is missing is left out.
    groups : collection of str
        Which groups of figures, of `GROUPS`.

    Returns
    -------
    DataFrame
        ``detail`` is a percentage, property, model or feature set; epochs of a network that never regained its accuracy
        are infinite; ``note`` says why in words, ``source`` the thesis's chapter.
    """
    tables = {"base": base, "pruning": pruning, "recovery": recovery, "structure": structure}
    own, rows = thesis.of_its_task(parameters), []
    for name, group in GROUPS.items():
        table = tables[group.table]
        if name not in groups or table is None or table.empty:
            continue
        known, source = thesis.figures(name), thesis.reported()[name]["source"]
        ours = group.ours(known, table, parameters) if own else {}
        for (variant, target, detail), value in known.items():
            absent = "percentage" if "%" in detail else "condition" if target else "variant"
            not_run = {"ran": False, "note": f"{absent} not in this run" if own else "another task"}
            figure = Figure(variant, target, detail, value, **(ours.get((variant, target, detail)) or not_run))
            told = dict(zip(("verdict", "note"), verdict(figure, group), strict=True)) | {"source": source}
            rows.append({"group": name, "quantity": group.quantity} | asdict(figure) | told)
    return pd.DataFrame(rows, columns=COLUMNS)


def verdict(figure: Figure, group: Group) -> tuple[str, str]:
    """The verdict on one figure, and why.

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
    columns = ["figure", "variant", "of", "thesis", "this run", "interval", "verdict"]
    rows = []
    for row in card[card["verdict"] != "not run"].itertuples():
        theirs, ours, low, high = (figure(v, row.group) for v in (row.reported, row.ours, row.low, row.high))
        interval = "–" if math.isnan(row.low) else f"{low} to {high}"
        condition = ", ".join(filter(None, [label(row.target), label(row.detail)]))
        told = ": ".join(filter(None, [row.verdict, row.note]))
        rows.append([row.quantity, label(row.variant), condition, theirs, ours, interval, told])
    table = pd.DataFrame(rows, columns=columns)
    if (table["of"] == "").all():
        table = table.drop(columns="of")
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
    if math.isfinite(value):
        return number(value, GROUPS[group].digits) + GROUPS[group].unit
    return "–" if math.isnan(value) else "never"

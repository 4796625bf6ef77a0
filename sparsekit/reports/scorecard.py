"""This run's figures beside those that the thesis reports, with a verdict that follows from them by rule."""

import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd
from IPython.display import HTML

from sparsekit.analysis.intervals import ROUNDING
from sparsekit.experiments.parameters import Parameters
from sparsekit.figures.words import label, listed, number, percent
from sparsekit.reports import thesis

COLUMNS = ["group", "quantity", "variant", "target", "detail", "reported", "ours", "difference", "low", "high"]
COLUMNS += ["verdict", "note", "source"]
COUNTED = ("agrees", "differs", "undecided")
FEW = 8  # rows that a notebook shows without folding them
APART = "set apart"
RULES = (
    "The difference is the thesis's figure less this run's, of percentages in points; its interval, what one further "
    "run like ours would leave of it. How far runs lie apart is taken from all conditions that look alike, so that "
    "three that agree by luck are not taken at their word. For r and for the mean accuracy of graph-structured "
    "networks as many further graphs as the thesis's stand for the further run, and for R² most other splits. "
    "“Agrees”: the whole interval lies within the tolerance. “Differs”: the whole of it lies outside. “Undecided”: "
    "neither, or too few runs for an interval. Epochs are compared as optimizer steps. “Set apart”, and not counted: "
    "accuracies that are both at chance, and R² of fewer than 10 tested networks. “Not run”: this run has no such "
    "condition."
)


@dataclass(frozen=True)
class Figure:
    """One of this run's figures beside a reported one; from ``low`` to ``high`` one further run like ours would lie."""

    variant: str
    target: str = ""
    detail: str = ""
    reported: float = math.nan
    ours: float = math.nan
    low: float = math.nan
    high: float = math.nan
    note: str = ""
    ran: bool = True
    apart: bool = False  # says nothing, whatever it is


@dataclass(frozen=True)
class Group:
    """What is compared, how far apart still agrees, and how it is written."""

    quantity: str
    table: str
    ours: Callable[[Mapping, pd.DataFrame, Parameters], thesis.Found]
    tolerance: float
    digits: int
    unit: str = ""
    scale: int = 1  # how many of the unit are one


GROUPS = {
    "base_test_accuracy": Group("Base test accuracy", "base", thesis.base, 0.02, 1, " %", 100),
    "safe_pruning_percent": Group("Percentage before accuracy drops", "pruning", thesis.safe, 10, 0, " %"),
    "accuracy_at_once_after_pruning": Group(
        "Accuracy at once after pruning", "pruning", thesis.at_once, 0.05, 1, " %", 100
    ),
    # Only whole epochs were looked at.
    "epochs_to_regain": Group("Optimizer steps to regain accuracy", "recovery", thesis.regain, thesis.steps(1), 0),
    "structure_test_accuracy": Group(
        "Mean accuracy of graph-structured networks", "structure", thesis.structure, 0.05, 1, " %", 100
    ),
    "pearson_with_test_accuracy": Group("Pearson's r with accuracy", "structure", thesis.pearson, 0.2, 2),
    "r_squared": Group("R² of prediction, one split", "structure", thesis.r_squared, 0.2, 2),
    "random_forest_r_squared_by_feature_set": Group(
        "R² of the random forest by feature set", "structure", thesis.feature_sets, 0.2, 2
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

    The thesis ran each condition once, so the interval is where one further run like ours would lie, not that of our
    mean, in which another run of the same process falls ever more seldom as seeds grow in number
    (`analysis.verdicts.further_run`). Percentages before a drop reach up to the next one tested; correlations have the
    sampling error of the thesis's 200 graphs, and mean accuracies that of as many graphs with our spread. Of R², which
    depends on the split, it holds the middle 90 % of splits.

    Parameters
    ----------
    base, pruning, recovery, structure : DataFrame, optional
        As the functions of those names in ``experiments`` return them; a group whose table is missing is left out.
    groups : collection of str
        Which groups of figures, of `GROUPS`.

    Returns
    -------
    DataFrame
        ``detail`` is a percentage, property, model or feature set; ``low`` and ``high`` are ends of the difference;
        steps of a network that never regained its accuracy are infinite; ``note`` says why in words, ``source`` the
        thesis's chapter.
    """
    tables = {"base": base, "pruning": pruning, "recovery": recovery, "structure": structure}
    own, rows = thesis.of_its_task(parameters), []
    for name, group in GROUPS.items():
        table = tables[group.table]
        if name not in groups or table is None or table.empty:
            continue
        known, source = thesis.figures(name), thesis.reported()[name]["source"]
        if name == "epochs_to_regain":
            known = {at: thesis.steps(epochs) for at, epochs in known.items()}
        ours = group.ours(known, table, parameters) if own else {}
        for (variant, target, detail), value in known.items():
            absent = "percentage" if "%" in detail else "condition" if target else "variant"
            not_run = {"ran": False, "note": f"{absent} not in this run" if own else "another task"}
            figure = Figure(variant, target, detail, value, **(ours.get((variant, target, detail)) or not_run))
            told = {
                "verdict": verdict(figure, group),
                "note": _why(figure),
                "source": source,
                "difference": _less(value, figure.ours),
            }
            ends = {"low": _less(value, figure.high), "high": _less(value, figure.low)}
            rows.append({"group": name, "quantity": group.quantity} | asdict(figure) | told | ends)
    return pd.DataFrame(rows, columns=COLUMNS)


def _why(figure: Figure) -> str:
    """The note, or that an interval is missing."""
    alone = figure.ran and not figure.note and math.isnan(figure.low)
    return "too few runs for an interval" if alone else figure.note


def _less(reported: float, ours: float) -> float:
    """Their difference; of "never" there is none."""
    return math.nan if math.isinf(reported) else reported - ours


def verdict(figure: Figure, group: Group) -> str:
    """The verdict on one figure, by equivalence.

    >>> accuracy = GROUPS["base_test_accuracy"]
    >>> verdict(Figure("lstm", reported=1.0, ours=0.99, low=0.985, high=0.995), accuracy)
    'agrees'
    >>> verdict(Figure("lstm", reported=1.0, ours=0.8, low=0.75, high=0.85), accuracy)
    'differs'
    >>> verdict(Figure("lstm", reported=1.0, ours=0.99, low=0.9, high=1.0), accuracy)
    'undecided'
    """
    if not figure.ran:
        return "not run"
    if figure.apart:
        return APART
    # Who never came back while the thesis looked would have done so later, or not at all.
    looked = thesis.steps(thesis.reported()["scale"]["values"]["retrain_epochs"])
    least = (looked if math.isinf(figure.reported) else figure.reported) - group.tolerance - ROUNDING
    most = figure.reported + group.tolerance + ROUNDING
    if least <= figure.low and figure.high <= most:
        return "agrees"
    return "differs" if figure.high < least or figure.low > most else "undecided"


def summary(card: pd.DataFrame) -> pd.DataFrame:
    """Counts of verdicts (columns) by group (index, in the card's order); what is set apart or not run has none."""
    counts = pd.crosstab(card["group"], card["verdict"])
    return counts.reindex(index=card["group"].unique(), columns=list(COUNTED), fill_value=0)


def in_tolerances(card: pd.DataFrame) -> pd.DataFrame:
    """The counted rows of a card that have a difference or an end of it, these three in units of the tolerance."""
    ends = ["difference", "low", "high"]
    rows = card[card["verdict"].isin(COUNTED)]
    tolerance = rows["group"].map({name: group.tolerance for name, group in GROUPS.items()}).astype(float)
    rows = rows.assign(**{end: rows[end].astype(float) / tolerance for end in ends})
    return rows[np.isfinite(rows[ends]).any(axis=1)]


def shown(card: pd.DataFrame) -> HTML:
    """The card as a notebook shows it: what differs, and, folded where it is long, all that this run can be asked."""
    rows = card[card["verdict"] != "not run"]
    if len(rows) <= FEW:
        return HTML(_table(rows) if len(rows) else "<p>Nothing in this run is what the thesis reports.</p>")
    counts = rows["verdict"].value_counts()
    told = listed(told_counts({name: counts.get(name, 0) for name in (*COUNTED, APART)}))
    differing = rows[rows["verdict"] == "differs"]
    text = f"<p>Of {len(rows)} figures of the thesis: {told}.</p>" + _table(differing) * (not differing.empty)
    return HTML(f"{text}<details><summary>Every figure beside the thesis's</summary>{_table(rows)}</details>")


def told_counts(counts: Mapping[str, int]) -> list[str]:
    """How many figures have each verdict, in words.

    >>> told_counts({"agrees": 2, "differs": 1, "undecided": 0})
    ['2 agree', '1 differs']
    """
    several = {"agrees": "agree", "differs": "differ"}
    return [f"{n} {verdict if n == 1 else several.get(verdict, verdict)}" for verdict, n in counts.items() if n]


def _table(card: pd.DataFrame) -> str:
    """Its rows in words."""
    columns = ["figure", "variant", "of", "thesis", "this run", "difference", "verdict"]
    rows = []
    for row in card.itertuples():
        theirs, ours = figure(row.reported, row.group), figure(row.ours, row.group)
        apart = difference(row.group, row.difference, row.low, row.high)
        condition = ", ".join(filter(None, [label(row.target), label(row.detail)]))
        told = ": ".join(filter(None, [row.verdict, row.note]))
        rows.append([row.quantity, label(row.variant), condition, theirs, ours, apart, told])
    table = pd.DataFrame(rows, columns=columns)
    if (table["of"] == "").all():
        table = table.drop(columns="of")
    words = [name for name in table if name not in ("thesis", "this run", "difference")]
    left = [{"selector": f"th.col{table.columns.get_loc(name)}", "props": "text-align: left"} for name in words]
    styled = table.style.hide(axis="index").format(escape="html").set_table_styles(left)
    styled = styled.set_properties(subset=words, **{"text-align": "left", "white-space": "normal"})
    return styled.set_properties(subset=["variant"], **{"white-space": "nowrap"}).to_html()


def figure(value: float, group: str) -> str:
    """A scorecard's number as a reader writes it.

    >>> figure(80, "safe_pruning_percent"), figure(0.9371, "base_test_accuracy"), figure(math.inf, "epochs_to_regain")
    ('80 %', '93.7 %', 'never')
    """
    if math.isfinite(value):
        of = GROUPS[group]
        return percent(value, of.digits) if of.scale == 100 else number(value, of.digits) + of.unit
    return "–" if math.isnan(value) else "never"


def difference(group: str, value: float, low: float, high: float) -> str:
    """A difference of the scorecard, and its interval, as a reader writes them: of percentages, in points.

    >>> difference("safe_pruning_percent", 5.0, -10.0, 20.0), difference("base_test_accuracy", 0.013, -0.002, 0.028)
    ('+5 (−10 to +20)', '+1.3 (−0.2 to +2.8)')
    """
    of = GROUPS[group]
    told, *ends = (number(end * of.scale, of.digits, sign=True).replace("inf", "∞") for end in (value, low, high))
    if math.isnan(value):
        return "–"
    return told if math.isnan(low) else f"{told} ({' to '.join(ends)})"

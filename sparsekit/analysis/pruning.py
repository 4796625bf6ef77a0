"""What the tables of pruned networks say: how much is safe to remove (RQ2), and accuracy at each operating point."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import scipy.stats

from sparsekit.analysis.conditions import chosen, per_condition, single, within
from sparsekit.analysis.intervals import Interval, mean_interval, named
from sparsekit.analysis.recovery import mean_base
from sparsekit.analysis.tables import COST, PRUNING, TableError, fraction, indexed, require


def safe_percentage(pruning: pd.DataFrame, margin: float, confidence: float = 0.95) -> pd.DataFrame:
    """RQ2: how much can go before accuracy drops, per variant and target of `tables.PRUNING`.

    A seed's safe percentage is the highest tested one such that there and at every smaller one the accuracy at once
    after pruning is no more than ``margin``, a fraction, below that seed's base accuracy; 0 where the smallest fails.
    Accuracy may hold up to just below the next tested percentage. The interval, Student t over seeds, is therefore
    widened at either end by the distance to it, mean over seeds. A 0 means "below the smallest", and the largest
    tested, unless it is 100, "at least".

    Index (variant, target) and what is `conditions.varying`; values (list, percent by seed), mean, low, high (0 … 100),
    below (share of seeds that failed at the smallest percentage tested), at_least (share of those that held at the
    largest, short of 100), next (list, the next percentage tested by seed; 100 where there is none).
    """
    fraction("margin", margin)
    require(pruning, PRUNING)

    def summary(group: pd.DataFrame) -> dict:
        values, following, ends = zip(*(_safe(one_seed, margin) for _, one_seed in group.groupby("seed")), strict=True)
        row = {"values": list(values), "next": list(following)}
        row |= named("mean low high", widened(mean_interval(values, confidence), row))
        return row | {name: ends.count(name) / len(ends) for name in ("below", "at_least")}

    columns = "values mean low high below at_least next"
    return per_condition(pruning, summary, columns, ("variant", "target"), row=("seed", "percent"))


def _safe(one_seed: pd.DataFrame, margin: float) -> tuple[float, float, str]:
    """Highest percentage that held, the next one tested, and at which end of the grid that leaves it open."""
    # A nan accuracy is not within any margin.
    fails = (~within(one_seed, margin)).cummax()
    held, failed = one_seed["percent"][~fails], one_seed["percent"][fails]
    value, following = float(held.max()) if len(held) else 0.0, float(failed.min()) if len(failed) else 100.0
    return value, following, "below" if not len(held) else "at_least" if not len(failed) and value < 100 else ""


def widened(interval: Interval, row: Mapping) -> Interval:
    """An interval of safe percentages, each end further out by the mean distance to the next one tested."""
    mean, low, high = interval
    distance = np.mean(np.subtract(row["next"], row["values"]))
    return mean, *(float(end) for end in np.clip([low - distance, high + distance], 0, 100))


def censoring(row: Mapping) -> str:
    """What the ends of the tested percentages leave open in a row of `safe_percentage`, in words; mostly ``""``.

    >>> censoring({"values": [0.0, 0.0], "next": [40.0, 40.0], "below": 1.0, "at_least": 0.0})
    'below 40 % in each seed'
    """
    seeds, told = len(row["values"]), []
    words = {"below": f"below {min(row['next']):g} %", "at_least": f"at least {max(row['values']):g} %"}
    for name, bound in words.items():
        if count := round(row[name] * seeds):
            of = "each seed" if count == seeds else f"{count} of {seeds} seeds"
            told.append(bound if seeds == 1 else f"{bound} in {of}")
    return ", ".join(told)


def operating_points(pruning: pd.DataFrame, confidence: float = 0.95) -> pd.DataFrame:
    """How much smaller and cheaper pruned networks are, and how accurate, one row per condition.

    Of `tables.PRUNING` and `tables.COST`, with the accuracy at once or that of `conditions.after_recovery`. Reported
    as Blalock, Gonzalez Ortiz, Frankle and Guttag ask (*What is the state of neural network pruning?*, MLSys 2020):
    ratios dense over pruned, at every percentage up to collapse, means and deviations over seeds, and every value.

    Index (variant, target, percent) and what is `conditions.varying`; n (seeds), compression (of weights) and
    multiply_add_ratio (means; infinite where nothing is left), base_accuracy, accuracy (means), sd, low, high (Student
    t over seeds), values (list, accuracy by seed).
    """
    require(pruning, [*PRUNING, *COST])

    def summary(seeds: pd.DataFrame) -> dict:
        return {
            "n": len(seeds),
            "compression": float((seeds["weights_dense"] / seeds["weights"]).mean()),
            "multiply_add_ratio": float((seeds["multiply_adds_dense"] / seeds["multiply_adds"]).mean()),
            "base_accuracy": float(seeds["base_accuracy"].mean()),
            "sd": float(seeds["accuracy"].std()),
            **named("accuracy low high", mean_interval(seeds["accuracy"], confidence, low=0, high=1)),
            "values": seeds["accuracy"].tolist(),
        }

    columns = "n compression multiply_add_ratio base_accuracy accuracy sd low high values"
    return per_condition(pruning, summary, columns)


def equivalence(differences: Sequence[float], margin: float, confidence: float = 0.95) -> dict:
    """Two one-sided t tests of paired differences against ±margin, each at level 1 - confidence.

    Schuirmann, *A comparison of the two one-sided tests procedure and the power approach for assessing the equivalence
    of average bioavailability*, J. Pharmacokinetics and Biopharmaceutics 1987. A single difference decides nothing.
    Where all differences are the same the t test sees no spread, and p is 0 or 1: with few seeds at 100 % accuracy
    that is bolder than it should be.

    Returns
    -------
    dict
        n; difference (mean), low, high (Student t); decide_low, decide_high (the same at 2 · confidence - 1, whose
        place against ±margin is the verdict); p_equivalent, p_dropped; verdict: "kept" (within ±margin), "no drop" (not
        below -margin, though maybe above +margin), "dropped" (below -margin), or "cannot tell".

    Examples
    --------
    >>> equivalence([-0.002, -0.05, 0.02], 0.02)["verdict"]
    'cannot tell'
    """
    fraction("margin", margin)
    fraction("confidence", confidence)
    if confidence <= 0.5:
        raise ValueError(f"confidence {confidence!r}: a test needs more than 0.5, such as 0.95 for 95 %")
    # Accuracies are whole numbers of strings: what is left beyond twelve digits is rounding, and must not decide.
    values = np.round(np.asarray(differences, dtype=float), 12)
    p_no_drop, p_no_gain = _above(values, -margin), _above(-values, -margin)
    p_equivalent, p_dropped = float(np.maximum(p_no_drop, p_no_gain)), 1 - p_no_drop
    shown = {"kept": p_equivalent, "no drop": p_no_drop, "dropped": p_dropped}
    return {
        "n": len(values),
        **named("difference low high", mean_interval(values, confidence)),
        **named("decide_low decide_high", mean_interval(values, 2 * confidence - 1)[1:]),
        "p_equivalent": p_equivalent,
        "p_dropped": p_dropped,
        "verdict": next((verdict for verdict, p in shown.items() if p < 1 - confidence), "cannot tell"),
    }


def _above(values: np.ndarray, bound: float) -> float:
    """p of the one-sided t test whose alternative is a mean above the bound."""
    if len(values) < 2:
        return np.nan
    # scipy's and statsmodels's decide by rounding where there is no spread: here a mean at the bound has p nan.
    error, distance = values.std(ddof=1) / np.sqrt(len(values)), np.round(values.mean() - bound, 12)
    with np.errstate(divide="ignore", invalid="ignore"):
        return float(scipy.stats.t.sf(distance / error, len(values) - 1))


def tolerance(pruning: pd.DataFrame, margin: float, confidence: float = 0.95) -> pd.DataFrame:
    """Whether accuracy is kept within the margin, a fraction, per condition, pruned and base network paired by seed.

    Of `tables.PRUNING`, or what `conditions.beside` and `conditions.after_recovery` return. Each condition is tested
    at its own level; `tolerated` reads the percentages in order, which costs nothing.

    Index (variant, target, percent) and what is `conditions.varying`; columns as `equivalence` names them.
    """
    require(pruning, PRUNING)

    def summary(seeds: pd.DataFrame) -> dict:
        return equivalence(seeds["accuracy"] - seeds["base_accuracy"], margin, confidence)

    return per_condition(pruning, summary, " ".join(equivalence([], margin, confidence)))


def tolerated(tolerance: pd.DataFrame) -> pd.DataFrame:
    """Up to which percentage of a table by `tolerance` accuracy is shown to be kept, and from which on a drop is shown.

    Percentages are tested from the smallest on, and the first that fails ends it: in a fixed order no correction for
    many tests is due (Maurer, Hothorn and Lehmacher, 1995). What lies between the two is not known.

    Index of ``tolerance`` without percent; kept (largest percentage such that it and every smaller one tested is "kept"
    or "no drop"; 0 where the smallest is not), dropped (smallest with a drop shown at its own level, or nan).
    """
    names, found = [name for name in tolerance.index.names if name != "percent"], {}
    for condition, rows in tolerance.reset_index().groupby(names, sort=False):
        rows = rows.sort_values("percent")
        held = rows["verdict"].isin(["kept", "no drop"]).cummin()
        dropped = rows["percent"][rows["verdict"] == "dropped"].min()
        found[condition] = {"kept": rows["percent"][held].max() if held.any() else 0.0, "dropped": dropped}
    return indexed(found, names, ["kept", "dropped"])


def margin_ends(pruning: pd.DataFrame, by: str, margin: float, x: str = "percent") -> pd.DataFrame:
    """Where the mean accuracy over seeds leaves the margin under the mean accuracy of the base.

    Parameters
    ----------
    by, x : str
        The column whose values are told apart, and that of the amounts, such as "target" and "percent".

    Returns
    -------
    DataFrame
        Index (variant, by); held (largest amount such that there and at every smaller one the mean is within the
        margin; nan where the smallest is not), fell (smallest one at which it is below; nan where none is).
    """
    means = pruning.groupby(["variant", by, x])["accuracy"].mean().reset_index()
    kept = means["accuracy"] >= means["variant"].map(mean_base(pruning)) - margin
    held = kept.groupby([means["variant"], means[by]]).cummin()
    ends = means.assign(held=means[x].where(held), fell=means[x].where(~kept))
    return ends.groupby(["variant", by]).agg({"held": "max", "fell": "min"})


FEWEST = 1000  # weights for each one left: beyond this compression single weights are left, which say nothing


def beside_random(pruning: pd.DataFrame, score: str, scope: str) -> pd.DataFrame:
    """Networks pruned by one score in one scope, and at random globally and by layer, with their compression.

    Parameters
    ----------
    pruning : DataFrame
        `tables.PRUNING`, score, scope, weights, weights_dense; of one target, schedule and recovery.

    Returns
    -------
    DataFrame
        Rows with more than one weight in 1,000 left; with rule ("score scope"), and compression: weights before over
        weights left, mean over the seeds of a variant, rule and percentage.

    Raises
    ------
    TableError
        Where the table has no such score or scope, no such row, or several targets, schedules or recoveries.
    """
    require(pruning, ["weights", "weights_dense", "score", "scope"])
    single(pruning.drop(columns=["score", "scope"]))
    chosen(pruning, score=score, scope=scope)
    own = pruning.assign(rule=pruning["score"] + " " + pruning["scope"])
    own = own[own["rule"].isin([f"{score} {scope}", "random global", "random layer"])]
    own = own[own["weights_dense"] <= FEWEST * own["weights"]]
    if own.empty:
        raise TableError(f"no network pruned by {score}, {scope}, has more than one weight in {FEWEST:,} left")
    ratio = (own["weights_dense"] / own["weights"]).groupby([own["variant"], own["rule"], own["percent"]])
    return own.assign(compression=ratio.transform("mean"))

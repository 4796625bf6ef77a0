"""Is accuracy kept? Equivalence of pruned and base networks of the same seed.

That no drop was found is no evidence that there is none: few seeds find nothing. "Kept" has to be shown as well.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import scipy.stats

from sparsekit.conditions import grouped, indexed
from sparsekit.intervals import mean_interval
from sparsekit.tables import fraction, require

VERDICTS = ("kept", "no drop", "dropped", "cannot tell")


def equivalence(differences: Sequence[float], margin: float, confidence: float = 0.95) -> dict:
    """Two one-sided t tests of paired differences against ±margin, each at level 1 - confidence.

    Schuirmann, *A comparison of the two one-sided tests procedure and the power approach for assessing the equivalence
    of average bioavailability*, J. Pharmacokinetics and Biopharmaceutics 1987. A single difference decides nothing.
    Where all differences are the same the t test sees no spread, and p is 0 or 1: with few seeds at 100 % accuracy
    that is bolder than it should be.

    Returns
    -------
    dict
        n; difference (mean) with its Student t interval low, high; decide_low, decide_high (the interval at
        2 · confidence - 1, whose place against ±margin is the verdict); p_equivalent, p_dropped; verdict:
        "kept" (within ±margin), "no drop" (not below -margin, though maybe above +margin), "dropped" (below -margin),
        or "cannot tell".

    Examples
    --------
    >>> equivalence([-0.002, 0.001, 0.0, -0.001], 0.02)["verdict"]
    'kept'
    >>> equivalence([-0.002, -0.05, 0.02], 0.02)["verdict"]
    'cannot tell'
    """
    fraction("margin", margin)
    fraction("confidence", confidence)
    if confidence <= 0.5:
        raise ValueError(f"confidence {confidence!r}: a test needs more than 0.5, such as 0.95 for 95 %")
    # Accuracies are whole numbers of strings: what is left beyond twelve digits is rounding, and must not decide.
    values = np.round(np.asarray(differences, dtype=float), 12)
    difference, low, high = mean_interval(values, confidence)
    _, decide_low, decide_high = mean_interval(values, 2 * confidence - 1)
    p_no_drop, p_no_gain = _above(values, -margin), _above(-values, -margin)
    p_equivalent, p_dropped, level = float(np.maximum(p_no_drop, p_no_gain)), 1 - p_no_drop, 1 - confidence
    shown = (p_equivalent < level, p_no_drop < level, p_dropped < level)
    return {
        "n": len(values),
        "difference": difference,
        "low": low,
        "high": high,
        "decide_low": decide_low,
        "decide_high": decide_high,
        "p_equivalent": p_equivalent,
        "p_dropped": p_dropped,
        "verdict": next((verdict for verdict, yes in zip(VERDICTS[:3], shown, strict=True) if yes), VERDICTS[3]),
    }


def _above(values: np.ndarray, bound: float) -> float:
    """p of the one-sided t test whose alternative is a mean above the bound."""
    if len(values) < 2:
        return np.nan
    error, distance = values.std(ddof=1) / np.sqrt(len(values)), np.round(values.mean() - bound, 12)
    with np.errstate(divide="ignore", invalid="ignore"):
        return float(scipy.stats.t.sf(distance / error, len(values) - 1))


def tolerance(pruning: pd.DataFrame, margin: float, confidence: float = 0.95) -> pd.DataFrame:
    """Whether accuracy is kept within the margin, per condition, pruned and base network paired by seed.

    Each condition is tested at its own level; :func:`tolerated` reads the percentages in order, which costs nothing.

    Parameters
    ----------
    pruning : DataFrame
        Columns variant, seed, target, percent, base_accuracy, accuracy. Or what
        :func:`sparsekit.conditions.beside` and :func:`sparsekit.conditions.after_recovery` return.
    margin : float
        In accuracy, a fraction.

    Returns
    -------
    DataFrame
        Index (variant, target, percent) and what varies of score, scope, schedule, recovery; columns as
        :func:`equivalence` names them.
    """
    require(pruning, ["variant", "seed", "target", "percent", "base_accuracy", "accuracy"])
    rows = {
        condition: equivalence(seeds["accuracy"] - seeds["base_accuracy"], margin, confidence)
        for condition, seeds in grouped(pruning, "variant", "target", "percent")
    }
    return indexed(pruning, ["variant", "target", "percent"], rows, list(equivalence([], margin, confidence)))


def tolerated(tolerance: pd.DataFrame) -> pd.DataFrame:
    """Up to which percentage accuracy is shown to be kept, and from which on a drop is shown.

    Percentages are tested from the smallest on, and the first that fails ends it: in a fixed order no correction for
    many tests is due (Maurer, Hothorn and Lehmacher, 1995). What lies between the two is not known.

    Parameters
    ----------
    tolerance : DataFrame
        As :func:`tolerance` returns it.

    Returns
    -------
    DataFrame
        Index of ``tolerance`` without percent; kept (largest percentage such that it and every smaller one tested is
        "kept" or "no drop"; 0 where the smallest is not), dropped (smallest with a drop shown at its own level; nan
        where none has).
    """
    names = [name for name in tolerance.index.names if name != "percent"]
    found = {}
    for condition, rows in tolerance.reset_index().groupby(names, sort=False):
        rows = rows.sort_values("percent")
        held = rows["verdict"].isin(["kept", "no drop"]).cummin()
        found[condition] = {
            "kept": float(rows["percent"][held].max()) if held.any() else 0.0,
            "dropped": float(rows["percent"][rows["verdict"] == "dropped"].min()),
        }
    return pd.DataFrame.from_dict(found, orient="index", columns=["kept", "dropped"]).rename_axis(index=names)

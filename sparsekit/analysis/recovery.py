"""What the tables of recovery say: how long accuracy takes to come back (RQ3), and how much is lost on the way."""

import warnings
from collections.abc import Iterator

import numpy as np
import pandas as pd
import scipy.integrate
import scipy.stats

from sparsekit.analysis.conditions import ahead, at_the_end, grouped, per_condition, within
from sparsekit.analysis.intervals import Interval, mean_interval, named, over_seeds, wilson
from sparsekit.analysis.tables import EVERY, RECOVERY, TableError, fraction, require


def steps_to_regain(recovery: pd.DataFrame, margin: float, confidence: float = 0.95) -> pd.DataFrame:
    """Optimizer steps of `tables.RECOVERY` until accuracy is within the margin of the base, by survival analysis.

    A network is back at the first measured step at which its accuracy is within the margin, a fraction, of its base; at
    0, where it never left. The true step lies after the measured one before, so the median lies between ``after`` and
    ``median``. One that is not back at its last measured step is censored there; a mean of the others would forget it.

    The median is the first step by which at least half are back in Kaplan and Meier's estimate (*Nonparametric
    estimation from incomplete observations*, JASA 1958). Its interval holds the steps at which half lies within the
    log-log interval of that estimate (Brookmeyer and Crowley, Biometrics 1982). The range of n values covers a median
    with probability 1 - 2 ** (1 - n) only: with fewer networks than that needs (6 at 95 %) there is no interval.

    Index (variant, target, percent) and what is `conditions.varying`; n (networks), at_once (count of those back at
    step 0), censored (count), regained, regained_low, regained_high (share, Wilson interval), after, median (infinite
    where fewer than half came back), low, high, steps (list by seed, infinite for the censored).
    """
    fraction("margin", margin)
    fraction("confidence", confidence)
    require(recovery, RECOVERY)

    def summary(group: pd.DataFrame) -> dict:
        back = events(group, margin)
        came = back["regained"]
        return {
            "n": len(back),
            "at_once": int((back["step"][came] == 0).sum()),
            "censored": int((~came).sum()),
            **named("regained regained_low regained_high", wilson(came.sum(), len(back), confidence)),
            "after": _median(back["after"], came, confidence)[0],
            **named("median low high", _median(back["step"], came, confidence)),
            "steps": back["step"].where(came, np.inf).tolist(),
        }

    columns = "n at_once censored regained regained_low regained_high after median low high steps"
    return per_condition(recovery, summary, columns, row=("seed", "step"))


def events(group: pd.DataFrame, margin: float, time: str = "step") -> pd.DataFrame:
    """When each network of one condition is back, by seed: step (or the time named), regained (or censored), after."""
    found = {}
    for seed, one in _networks(group):
        back = within(one, margin).to_numpy()
        at = back.argmax() if back.any() else len(one) - 1
        before = max(at - 1, 0) if back.any() else at
        found[seed] = float(one[time].iloc[at]), back.any(), float(one[time].iloc[before])
    table = pd.DataFrame.from_dict(found, orient="index", columns=[time, "regained", "after"])
    return table.rename_axis("seed").astype({"regained": bool})


def _networks(group: pd.DataFrame) -> Iterator[tuple[int, pd.DataFrame]]:
    """Each seed of one condition, and its rows in order of steps, of which 0 must be the first."""
    for seed, one in group.sort_values("step").groupby("seed"):
        if one["step"].iloc[0] != 0:
            where = ", ".join(str(one[name].iloc[0]) for name in ("variant", "target", "percent"))
            raise TableError(f"{where}: no accuracy at step 0, at once after pruning")
        yield seed, one


def kaplan_meier(steps: pd.Series, came: pd.Series, confidence: float = 0.95) -> pd.DataFrame:
    """Kaplan and Meier's estimate: index step; share not yet back after it, its log-log interval low, high.

    ``came`` says of each network whether it was back at its step, or censored there. The interval does not exist (nan)
    while all are out or once all are back.

    Examples
    --------
    >>> kaplan_meier(pd.Series([5, 20, 20, 80]), pd.Series([True, True, False, False]))["share"].tolist()
    [0.75, 0.5, 0.5]
    """
    estimate = scipy.stats.ecdf(scipy.stats.CensoredData.right_censored(steps, ~came.to_numpy())).sf
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The confidence interval is undefined", RuntimeWarning)
        interval = estimate.confidence_interval(confidence, method="log-log")
    ends = {"share": estimate, "low": interval.low, "high": interval.high}
    columns = {name: end.probabilities for name, end in ends.items()}
    return pd.DataFrame(columns, index=pd.Index(estimate.quantiles, name="step"))


def _median(steps: pd.Series, came: pd.Series, confidence: float) -> Interval:
    curve = kaplan_meier(steps, came, confidence)
    # Where the interval does not exist the estimate, 1 or 0, stands for it.
    low, high = (curve[end].fillna(curve["share"]) for end in ("low", "high"))
    first = [float(curve.index[under].min()) for under in (curve["share"] <= 0.5, low <= 0.5, high < 0.5)]
    median, low, high = np.nan_to_num(first, nan=np.inf).tolist()
    return (median, low, high) if 2.0 ** (1 - len(steps)) <= 1 - confidence else (median, np.nan, np.nan)


def area_under_recovery(recovery: pd.DataFrame, confidence: float = 0.95) -> pd.DataFrame:
    """Accuracy averaged over the whole of `tables.RECOVERY`, on a logarithmic axis of steps.

    Per network ∫ accuracy du with u = log(1 + step) / log(1 + last), 0 … 1, by trapezoids between the measured steps:
    a mean accuracy that counts early steps as much as late ones. ``last`` is the same for all: the smallest last
    measured step of any network in the table, accuracy there interpolated in u where it was not measured.

    Index (variant, target, percent) and what is `conditions.varying`; n, last (step), area (mean over seeds) with its
    Student t interval area_low, area_high, lost (mean of base accuracy less area, paired by seed) with lost_low,
    lost_high, values (list, area by seed).
    """
    fraction("confidence", confidence)

    def summary(group: pd.DataFrame) -> dict:
        area, lost = group["area"], group["base_accuracy"] - group["area"]
        return {
            "n": len(group),
            "last": group["last"].iloc[0],
            **named("area area_low area_high", mean_interval(area, confidence, low=0, high=1)),
            **named("lost lost_low lost_high", mean_interval(lost, confidence, low=-1, high=1)),
            "values": area.tolist(),
        }

    columns = "n last area area_low area_high lost lost_low lost_high values"
    return per_condition(areas(recovery), summary, columns)


def areas(recovery: pd.DataFrame) -> pd.DataFrame:
    """The area of each network, as `area_under_recovery` means it, a row each: its condition, area, last."""
    require(recovery, RECOVERY)
    conditions = grouped(recovery, "variant", "target", "percent", row=("seed", "step"))
    networks = [one for _, rows in conditions for _, one in _networks(rows)]
    last = min((float(one["step"].iloc[-1]) for one in networks), default=0.0)
    own = [name for name in recovery if name not in ("step", "epoch", "accuracy")]
    rows = [one[own].iloc[0].to_dict() | {"area": _area(one, last), "last": last} for one in networks]
    return pd.DataFrame(rows, columns=[*own, "area", "last"])


def _area(one: pd.DataFrame, last: float) -> float:
    if not last:
        return float(one["accuracy"].iloc[0])
    u, accuracy = np.log1p(one["step"].to_numpy(float)) / np.log1p(last), one["accuracy"].to_numpy(float)
    inside = u < 1
    u, accuracy = np.append(u[inside], 1), np.append(accuracy[inside], np.interp(1, u, accuracy))
    return float(scipy.integrate.trapezoid(accuracy, u))


def tickets(recovery: pd.DataFrame, confidence: float = 0.95) -> pd.DataFrame:
    """Whether rewound survivors end ahead of a random mask of the same budget, as lottery tickets do.

    Of `tables.RECOVERY` with recovery; as `conditions.ahead` returns it, empty where either protocol is missing.
    """
    last = at_the_end(recovery)
    own = last[last["recovery"].isin(["rewind", "random_mask"])]
    if own["recovery"].nunique() < 2:
        return ahead(last[last["recovery"] == "retrain"], "accuracy", confidence, recovery="retrain")
    return ahead(own, "accuracy", confidence, recovery="random_mask")


def regain(recovery: pd.DataFrame, margin: float) -> pd.DataFrame:
    """RQ3: how much retraining regains the accuracy, per condition of `tables.RECOVERY` with epoch.

    Only networks that had dropped count: accuracy at step 0 more than ``margin``, a fraction, below their base. Such a
    network has regained its accuracy at the first measured step, and at the first whole epoch, at which it is within
    the margin.

    Index (variant, target, percent) and what is `conditions.varying`; dropped (share of seeds that had dropped), never
    (share of those that were not back at any measured step; nan where none had dropped), steps and epochs (lists over
    the dropped seeds, nan for never), step and epoch (their medians, infinite where fewer than half came back).
    """
    fraction("margin", margin)
    require(recovery, [*RECOVERY, "epoch"])

    def summary(group: pd.DataFrame) -> dict:
        whole = group[np.isclose(group["epoch"], group["epoch"].round(), atol=1e-6)]
        times = {"step": events(group, margin), "epoch": events(whole, margin, "epoch")}
        dropped = ~times["step"]["regained"] | (times["step"]["step"] > 0)
        row = {"dropped": dropped.mean(), "never": (~times["step"]["regained"][dropped]).mean()}
        for name, back in times.items():
            values = back[name].where(back["regained"])[dropped]
            row |= {f"{name}s": values.tolist(), name: values.fillna(np.inf).quantile(interpolation="lower")}
        return row

    columns = "dropped never steps step epochs epoch"
    return per_condition(recovery, summary, columns, row=("seed", "step"))


def mean_base(recovery: pd.DataFrame) -> pd.Series:
    """Base accuracy of each variant, mean over seeds."""
    return recovery.groupby(["variant", "seed"])["base_accuracy"].first().groupby("variant").mean()


def courses(recovery: pd.DataFrame, by: str, confidence: float = 0.95) -> pd.DataFrame:
    """Mean accuracy over seeds at each measured step, with its interval: variant, ``by``, step, mean, low, high, n."""
    return over_seeds(recovery, ["variant", by, "step"], "accuracy", confidence, low=0, high=1)


def ends(recovery: pd.DataFrame, by: str, margin: float) -> pd.DataFrame:
    """Whether mean accuracies begin more than the margin below the mean base (dropped), and end within it (back).

    Index (variant, ``by``); start, end, dropped, back.
    """
    means = courses(recovery, by).sort_values("step", kind="stable").groupby(["variant", by], sort=False)["mean"]
    table = means.agg(start="first", end="last")
    least = table.index.get_level_values(0).map(mean_base(recovery)) - margin
    return table.assign(dropped=table["start"] < least, back=table["end"] >= least)


def back_within_an_epoch(recovery: pd.DataFrame, margin: float, confidence: float = 0.95) -> pd.DataFrame:
    """Of the networks that had dropped, the share that is back within one epoch, and by the last step.

    A row a variant, target and percentage, the variant "all" for all networks: dropped and back (counts), share, low
    and high (Wilson), back_at_last (count).
    """
    epoch, parts, rows = recovery.loc[np.isclose(recovery["epoch"], 1), "step"].max(), {}, []
    for (variant, *where), group in recovery.groupby(["variant", "target", "percent"], sort=False):
        came = events(group, margin)
        dropped = came[~came["regained"] | (came["step"] > 0)]
        for name in (variant, EVERY):
            parts.setdefault((name, *where), []).append(dropped)
    for condition, of in parts.items():
        dropped = pd.concat(of)
        once, last = (dropped["regained"] & (dropped["step"] <= epoch)).sum(), dropped["regained"].sum()
        rows.append((*condition, len(dropped), once, *wilson(once, len(dropped), confidence), last))
    columns = ["variant", "target", "percent", "dropped", "back", "share", "low", "high", "back_at_last"]
    return pd.DataFrame(rows, columns=columns)


def not_yet_back(recovery: pd.DataFrame, by: str, margin: float, confidence: float = 0.95) -> pd.DataFrame:
    """Share of networks not yet back from a step on, by `kaplan_meier`.

    Columns variant, ``by``, step, mean, low, high; n and back (networks, and those back before the last step).
    """
    parts = []
    for (variant, one), rows in recovery.groupby(["variant", by], sort=False):
        back = events(rows, margin)
        curve = kaplan_meier(back["step"], back["regained"], confidence)
        steps = pd.Index(sorted({0.0, *curve.index, float(rows["step"].max())}), name="step")
        curve = curve.reindex(steps, method="ffill").fillna({"share": 1.0}).rename(columns={"share": "mean"})
        whose = {"variant": variant, by: one, "n": len(back), "back": int(back["regained"].sum())}
        parts.append(curve.reset_index().assign(**whose))
    return pd.concat(parts, ignore_index=True)


def regain_times(regained: pd.DataFrame, unit: str) -> pd.DataFrame:
    """A table of `regain` with time (in "step" or "epoch"), state and shade.

    state is "kept" (none had dropped), "never" (none of the dropped came back), "few" (fewer than half did), "partly"
    (half or more did), "back", or "between" (back, but at the end of no whole epoch that was measured). shade is 0 for
    the shortest to 0.72 for the longest time on a logarithmic scale, 1 for never and few, nan without a time.
    """
    table = regained.reset_index().assign(time=lambda t: t[unit].where(np.isfinite(t[unit])))
    lowest, highest = table["time"].min(), table["time"].max()
    shade = 0.72 * np.log(table["time"] / lowest) / np.log(max(highest / lowest, 1.01))
    never, dropped, few = table["never"] >= 1, table["dropped"] > 0, np.isinf(table["step"])
    states = [~dropped, never, few, table["time"].isna(), table["never"] > 0]
    state = np.select(states, ["kept", "never", "few", "between", "partly"], "back")
    return table.assign(state=state, shade=shade.mask(dropped & few, 1.0))

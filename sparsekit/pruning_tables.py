"""Styled tables of the pruning study, as notebooks show them."""

import numpy as np
import pandas as pd
from pandas.io.formats.style import Styler

from sparsekit.looks import SCOPES, SCORES, look
from sparsekit.parameters import Parameters
from sparsekit.pruning_statistics import operating_points
from sparsekit.pruning_studies import CONTROLS
from sparsekit.scorecard import label
from sparsekit.style import VARIANTS, ordered


def operating(scores: pd.DataFrame, parameters: Parameters) -> Styler:
    """Ratios of size and of multiply-adds, and accuracy of base, score and random controls: mean ± deviation.

    Parameters
    ----------
    scores : DataFrame
        As ``studies.scores`` returns it.
    """
    scores = pd.concat(
        [scores[scores["variant"] == v].sort_values("percent") for v in ordered(scores["variant"], VARIANTS)]
    )
    columns, pairs = {}, dict.fromkeys([(parameters.score, "global"), *CONTROLS])
    for score, scope in pairs:
        own = scores[(scores["score"] == score) & (scores["scope"] == scope)]
        points = operating_points(own, parameters.confidence).droplevel("target")
        if not columns:
            base = own.groupby(["variant", "percent"], sort=False)["base_accuracy"]
            columns["size"] = points["compression"].map(_times)
            columns["multiply-adds"] = points["multiply_add_ratio"].map(_times)
            columns["base"] = _spread(base.mean(), base.std())
        name = look(SCORES, score).label + ("" if scope == "global" else f" {look(SCOPES, scope).label}")
        columns[name] = _spread(points["accuracy"], points["sd"])
    shown = pd.DataFrame(columns).style.format_index(label, level="variant").format_index("{:g} %", level="percent")
    return shown.set_properties(**{"white-space": "nowrap"}).set_caption("Size and multiply-adds: dense / pruned")


def _times(ratio: float) -> str:
    return f"{ratio:,.3g}×" if np.isfinite(ratio) else "–"


def _spread(mean: pd.Series, deviation: pd.Series) -> pd.Series:
    return mean.map("{:.3f}".format) + deviation.map(lambda sd: "" if np.isnan(sd) else f" ± {sd:.3f}")


def by_length(length: pd.DataFrame) -> Styler:
    """Accuracy by length of the string, one row per variant and network, mean over seeds.

    Parameters
    ----------
    length : DataFrame
        That of ``studies.memory``.
    """
    bins = length["first"].astype(str) + "–" + length["last"].astype(str)
    bins = pd.Categorical(bins, bins[length["first"].argsort()].unique(), ordered=True)
    table = length.assign(characters=bins).pivot_table(
        "accuracy", ["variant", "network"], "characters", sort=False, observed=True
    )
    shown = table.sort_index(axis="columns").style.format("{:.2f}", na_rep="–").format_index(label, level="variant")
    return shown.background_gradient("cividis", axis=None)

"""Styled tables of the study of recovery, as notebooks show them."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from pandas.io.formats.style import Styler

from sparsekit.looks import look
from sparsekit.recovery_answers import ALONE, LOOKS
from sparsekit.scorecard import label
from sparsekit.style import VARIANTS, number, ordered


def medians(times: pd.DataFrame) -> Styler:
    """Between which measured steps half of the networks come back, by percentage.

    Parameters
    ----------
    times : DataFrame
        As ``statistics.steps_to_regain`` returns it, of one score, scope, schedule and recovery.
    """
    table = times.apply(_between, axis=1).unstack("percent")
    table = table.reindex(times.index.droplevel("percent").unique()).sort_index(axis="columns")
    shown = table.style.format_index(label).format_index("{:g} %", axis="columns")
    note = "Steps between which half of the networks come back (interval, if any); beyond: after the last measured one"
    return shown.set_properties(**{"white-space": "nowrap"}).set_caption(note)


def _between(row: pd.Series) -> str:
    if np.isinf(row["median"]):
        told = "beyond"
    else:
        told = "at once" if row["median"] == 0 else f"{row['after']:,.0f}–{row['median']:,.0f}"
    if np.isnan(row["low"]) or row["low"] == row["high"]:
        return told
    return f"{told} ({row['low']:,.0f} to {'beyond' if np.isinf(row['high']) else format(row['high'], ',.0f')})"


def ahead(compared: Mapping[str, pd.DataFrame], confidence: float) -> Styler:
    """By how much other conditions are ahead of one, in points, with their intervals.

    Parameters
    ----------
    compared : mapping of str to DataFrame
        Tables that `seed_pairs.ahead` returns, of one target, by what they compare.
    """
    table = pd.concat(compared, names=["measure"]).droplevel("target")
    _, variant, percent, name = table.index.names
    if table.empty:
        return table.style.set_caption(ALONE[name].replace("`", "")).hide(axis="index").hide(axis="columns")
    table = table.assign(half=table["high"] - table["ahead"], clear=(table["low"] > 0) | (table["high"] < 0))
    rows = [
        (of, at, one)
        for of in compared
        for at in sorted(table.index.unique(percent))
        for one in ordered(table.index.unique(name), LOOKS[name])
    ]
    variants = ordered(table.index.unique(variant), VARIANTS)
    told = table.apply(_plus_minus, axis=1).unstack(variant).reindex(index=rows, columns=variants)
    clear = table["clear"].unstack(variant).reindex_like(told)
    shown = told.style.apply(lambda cells: np.where(clear[cells.name] == 1, "font-weight: bold", ""))
    shown = shown.format_index("{:g} %", level=percent).format_index(label, axis="columns")
    shown = shown.format_index(lambda one: look(LOOKS[name], one).label, level=name)
    note = f"Points, mean over seeds ± {100 * confidence:g} % interval; bold: zero lies outside"
    return shown.set_properties(**{"white-space": "nowrap"}).set_caption(note)


def _plus_minus(row: pd.Series) -> str:
    told = number(100 * row["ahead"], 1, sign=True)
    return told if np.isnan(row["half"]) else f"{told} ± {number(100 * row['half'], 1)}"

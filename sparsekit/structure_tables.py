"""Styled tables of the structure study, as `04_correlation_analysis` shows them."""

import pandas as pd
from pandas.io.formats.style import Styler

from sparsekit.cross_validation import ALL
from sparsekit.scorecard import label
from sparsekit.style import number, words_of


def clusters(collinearity: pd.DataFrame, shortlist: pd.DataFrame) -> Styler:
    """Properties that tell the same, a row per cluster.

    Parameters
    ----------
    collinearity, shortlist : DataFrame
        As :func:`sparsekit.control.collinearity` returns it, of all properties and of a shortlist that has at least one
        of each cluster: the one whose name it bears.
    """
    groups = collinearity.groupby("cluster", sort=False)
    members = {name: [p for p in of.index if p != name] for name, of in groups}
    inflation = {
        "inflation, of all": [_inflation(of["vif"]) for _, of in groups],
        "of the shortlist": [_inflation(shortlist.loc[[name], "vif"]) for name in members],
    }
    told = [", ".join(map(words_of, of)) or "–" for of in members.values()]
    table = pd.DataFrame({"cluster": map(words_of, members), "tells the same": told} | inflation)
    shown = _left(table.style.hide(axis="index"), ["cluster", "tells the same"])
    return shown.set_properties(subset=["tells the same"], **{"min-width": "14rem"})


def _inflation(values: pd.Series) -> str:
    known = values.dropna()
    if known.empty:
        return "–"
    low, high = (f"{v:,.3g}" if v < 1e6 else "∞" for v in (known.min(), known.max()))
    return low if low == high else f"{low} to {high}"


def gains(scores: pd.DataFrame) -> Styler:
    """What all properties add to the R² of each baseline, a row per baseline and a column per variant.

    Parameters
    ----------
    scores : DataFrame
        As :func:`sparsekit.cross_validation.nested_prediction` returns it.
    """
    own = scores.drop(index=ALL, level="features")
    told = [_span(row.gain, row.gain_low, row.gain_high) for row in own.itertuples()]
    table = pd.Series(told, own.index).unstack("variant", sort=False)
    return table.rename_axis(index=None, columns=None).style.format_index(label).format_index(label, axis="columns")


def permuted(test: pd.DataFrame) -> Styler:
    """Whether all properties together predict anything, a row per variant.

    Parameters
    ----------
    test : DataFrame
        As :func:`sparsekit.cross_validation.permutation_test` returns it.
    """
    table = pd.DataFrame(
        {
            "R², ridge regression": test["r2"].map(_number),
            "permuted: median": test["null_median"].map(_number),
            "permuted: 95 % below": test["null_high"].map(_number),
            "p": test["p_value"].map(lambda p: _number(p, 3)),
            "graphs": test["graphs"],
        }
    )
    return table.rename_axis(None).style.format_index(label)


def _span(value: float, low: float, high: float) -> str:
    return "–" if pd.isna(value) else f"{number(value, sign=True)} ({number(low)} to {number(high)})"


def _number(value: float, digits: int = 2) -> str:
    return "–" if pd.isna(value) else number(value, digits)


def _left(shown: Styler, columns: list[str]) -> Styler:
    heads = [{"selector": f"th.col{shown.columns.get_loc(name)}", "props": "text-align: left"} for name in columns]
    return shown.set_properties(subset=columns, **{"text-align": "left", "white-space": "normal"}).set_table_styles(
        heads
    )

"""What a mark tells of its table: rows in words for the alternative text, and the data under names for readers."""

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from sparsekit.figures.axis import Axis
from sparsekit.figures.style import NONE, VARIANTS, Looks, look
from sparsekit.figures.words import span


def data_of(
    table: pd.DataFrame, kind: str, title: str, x: Axis | None, y: Axis, panels: Looks, looks: Looks, *,
    groups: Looks = NONE, rows: Looks = NONE, columns: Looks = NONE, singles: pd.DataFrame | None = None,
) -> dict[str, Any]:  # fmt: skip
    """What was drawn, for `Picture`: the table with names for readers, how its values are written, and in brief."""
    if singles is not None and len(singles):
        own = [name for name in ("panel", "group", "row", "series", "x", "value", "seed") if name in singles]
        own = singles[own].rename(columns={"value": "mean"})
        own["seed"] = own["seed"].astype(str) if "seed" in own else "one"
        table = pd.concat([table.assign(seed="all"), own], ignore_index=True)
    value, measure = y.label or "value", {"Cells": "value", "Points": "y"}.get(kind, "mean")
    named = {
        "panel": "variant" if panels is VARIANTS else "panel", "group": "group", "row": "row", "column": "column",
        "series": "series", "seed": "seed", "x": x.label if x else "x", measure: value,
        "low": "low", "high": "high", "inner_low": "inner low", "inner_high": "inner high", "reported": "reported",
    }  # fmt: skip
    if "text" in table:
        named["text"] = "as shown"
    told = table[measure].notna() | ("text" in table)
    own = table.loc[told, [name for name in named if name in table]].copy()
    by = {"panel": panels, "group": groups, "row": rows, "column": columns, "series": looks, "x": looks}
    for name in set(by) & set(own):
        if own[name].map(lambda v: isinstance(v, str)).all():
            own[name] = [look(by[name], v).label.replace("\n", " ") if v else "" for v in own[name]]
    own = own.loc[:, [bool((own[name].notna() & (own[name] != "")).any()) for name in own]]
    forms = {named[name]: y.form for name in own if name not in (*by, "seed", "text")}
    if x:
        forms[x.label] = x.form
    own.columns = [named[name] for name in own]
    against = f" against {x.label}" if x else ""
    brief = f"{kind} of {value}{against}: {title[0].lower()}{title[1:]}." if y.label else f"{kind}: {title}."
    return {"table": own, "forms": forms, "brief": brief}


def in_words(row: Any, form: Callable[[float], str]) -> str:
    """The number of a row with its interval, the reported one, and the row's text, alone where it says all that."""
    low, high, said = (getattr(row, name, np.nan) for name in ("low", "high", "reported"))
    low, high = (low, high) if np.isfinite([low, high]).all() else (np.nan, np.nan)
    told = span(row.mean, low, high, form) if np.isfinite(row.mean) else "cannot be told"
    told += f", reported {form(said)}" if np.isfinite(row.mean) and np.isfinite(said) else ""
    text = getattr(row, "text", "")
    return text if re.search(rf"(?<!\d){re.escape(told)}", text) else ", ".join(filter(None, [told, text]))


def heading(panels: Looks, panel: str, series: Looks = NONE, one: str = "") -> str:
    return ", ".join(look(table, name).label for table, name in ((panels, panel), (series, one)) if name)


def row_label(row: Any, rows: Looks = NONE) -> str:
    return look(rows, row).label if rows else row if isinstance(row, str) else f"{row:g}"

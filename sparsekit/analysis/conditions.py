"""Conditions of pruned networks: what varies beside variant, target and percentage, and how to choose among it."""

from collections.abc import Iterator

import pandas as pd

from sparsekit.analysis.correlation import ROUNDING
from sparsekit.analysis.intervals import mean_interval
from sparsekit.analysis.tables import TableError, require
from sparsekit.registry import unknown

PUBLISHED = {"score": "magnitude", "scope": "global", "schedule": "one_shot", "recovery": "retrain"}
"""The columns that a condition adds, and the value of each in arXiv 2407.20601."""


def varying(table: pd.DataFrame) -> list[str]:
    """Those columns of a condition that hold more than one value; the rest say nothing and stay out of an index."""
    return [name for name in PUBLISHED if name in table and table[name].nunique(dropna=False) > 1]


def chosen(table: pd.DataFrame, **condition) -> pd.DataFrame:
    """Rows in which each column named has the value given; a condition's column that the table lacks is passed over.

    Raises
    ------
    TableError
        Where a value is not in its column.

    Examples
    --------
    >>> table = pd.DataFrame({"score": ["magnitude", "random"], "accuracy": [0.9, 0.6]})
    >>> chosen(table, score="random", schedule="one_shot")["accuracy"].item()
    0.6
    """
    for name, value in condition.items():
        if name in PUBLISHED and name not in table:
            continue
        require(table, [name])
        rows = table[table[name] == value]
        if rows.empty and len(table):
            raise TableError(unknown(f"{name} of this table", value, table[name].drop_duplicates()))
        table = rows
    return table


def one_condition(table: pd.DataFrame) -> pd.DataFrame:
    """Rows of one condition: of each column the published value, or the first where the table does not hold that."""
    for name, value in PUBLISHED.items():
        if name in table and len(table):
            table = chosen(table, **{name: value if (table[name] == value).any() else table[name].iloc[0]})
    return table


def single(table: pd.DataFrame) -> pd.DataFrame:
    """The table, if it holds one condition; otherwise a TableError says what to choose among."""
    for name in varying(table):
        raise TableError(
            f"column {name!r} holds {', '.join(map(str, table[name].drop_duplicates()))}: choose one, as in "
            f"conditions.chosen(table, {name}={table[name].iloc[0]!r})"
        )
    return table


def grouped(table: pd.DataFrame, *first: str, row: tuple[str, ...] = ("seed",)) -> Iterator[tuple[tuple, pd.DataFrame]]:
    """Each condition with its rows, ordered by the columns ``row``, of which no two rows may agree.

    A condition is a value of each column ``first`` and of each that is `varying`.

    Raises
    ------
    TableError
        Where two rows agree: a seed would count twice, and its interval be too narrow.
    """
    names = [*first, *varying(table)]
    twice = table[table.duplicated([*names, *row])]
    if len(twice):
        found = ", ".join(f"{name} {twice[name].iloc[0]}" for name in (*names, *row))
        raise TableError(f"two rows of {found}: leave in the table what makes one network a row")
    for condition, rows in table.groupby(names, sort=False, dropna=False):
        yield condition, rows.sort_values(list(row))


def indexed(table: pd.DataFrame, first: list[str], rows: dict[tuple, dict], columns: list[str]) -> pd.DataFrame:
    """A row per condition of `grouped`, under an index of its columns."""
    names = [*first, *varying(table)]
    keys = (
        pd.MultiIndex.from_tuples(list(rows), names=names)
        if rows
        else pd.MultiIndex.from_arrays([[] for _ in names], names=names)
    )
    return pd.DataFrame(list(rows.values()), index=keys, columns=columns)


def within(rows: pd.DataFrame, margin: float) -> pd.Series:
    """Whether each accuracy is no more than the margin below its base; nan never is."""
    # A whole number of strings can lie exactly on the margin; rounding must not decide then.
    return rows["accuracy"] >= rows["base_accuracy"] - margin - ROUNDING


def beside(table: pd.DataFrame, **reference) -> pd.DataFrame:
    """Each network next to the one of another condition: ``base_accuracy`` becomes the accuracy of that one.

    What compares pruned networks with their base then compares conditions, paired by seed: with random pruning
    (``score="random"``), or with dense training for as many steps (``recovery="dense"``).

    Parameters
    ----------
    table : DataFrame
        Columns variant, seed, target, percent, accuracy and those of the reference.
    **reference
        Column and value, such as ``score="random"``.

    Returns
    -------
    DataFrame
        The rows of every other condition that have a partner.
    """
    table = table.reset_index(drop=True)  # so that dropping rows by label drops no others
    other = chosen(table, **reference)
    on = [n for n in ("variant", "seed", "target", "percent", "step", *varying(table)) if n in table]
    on = [n for n in on if n not in reference]
    partners = other[[*on, "accuracy"]].rename(columns={"accuracy": "base_accuracy"})
    rest = table.drop(index=other.index).drop(columns="base_accuracy", errors="ignore")
    return rest.merge(partners, on=on, validate="many_to_one")


def after_recovery(pruning: pd.DataFrame, recovery: pd.DataFrame) -> pd.DataFrame:
    """The pruned networks at the last measured step of their recovery: ``accuracy`` is the accuracy then.

    Rows of ``recovery``, one per network, with the columns that only ``pruning`` has (weights, multiply-adds).
    """
    on = [n for n in ("variant", "seed", "target", "percent", *PUBLISHED) if n in pruning and n in recovery]
    whose = [n for n in ("variant", "seed", "target", "percent", *PUBLISHED) if n in recovery]
    last = recovery.sort_values("step").groupby(whose, sort=False, dropna=False).tail(1)
    extra = [n for n in pruning if n not in recovery]
    return last.sort_index().merge(pruning[[*on, *extra]], on=on, validate="many_to_one")


def ahead(networks: pd.DataFrame, value: str, confidence: float = 0.95, **reference) -> pd.DataFrame:
    """By how much networks are ahead of those of another condition, paired by seed; below 0 they are behind.

    Parameters
    ----------
    networks : DataFrame
        A row each: variant, seed, target, percent, the value, and the reference's column.
    value : str
        The column that is compared, such as "accuracy" or "area".
    **reference
        Column and value of the condition that all others are compared with, such as ``recovery="retrain"``.

    Returns
    -------
    DataFrame
        Index (variant, target, percent) and the reference's column; n (pairs), ahead (their mean) with its Student t
        interval low, high. No row where there is no other condition.
    """
    by = ["variant", "target", "percent", *reference]
    pairs = beside(networks.assign(accuracy=networks[value]), **reference)
    rows = []
    for condition, pair in pairs.groupby(by, sort=False):
        mean, low, high = mean_interval(pair["accuracy"] - pair["base_accuracy"], confidence)
        rows.append((*condition, len(pair), mean, low, high))
    return pd.DataFrame(rows, columns=[*by, "n", "ahead", "low", "high"]).set_index(by)


def at_the_end(recovery: pd.DataFrame) -> pd.DataFrame:
    """The rows of a table of recovery at each network's last measured step."""
    whose = [name for name in recovery if name not in ("step", "epoch", "accuracy", "base_accuracy")]
    return recovery.sort_values("step").drop_duplicates(whose, keep="last").sort_index()

"""Conditions of pruned networks: what varies beside variant, target and percentage, and how to choose among it."""

from collections.abc import Callable, Iterator, Sequence

import pandas as pd

from sparsekit.analysis.intervals import ROUNDING, over_seeds
from sparsekit.analysis.tables import CONDITION, PRUNED, TableError, indexed, require
from sparsekit.registry import unknown


def varying(table: pd.DataFrame) -> list[str]:
    """Those columns of `tables.CONDITION` that hold more than one value; the rest stay out of an index."""
    return [name for name in CONDITION if name in table and table[name].nunique(dropna=False) > 1]


def chosen(table: pd.DataFrame, **condition) -> pd.DataFrame:
    """Rows in which each column named has the value given; a condition's column that the table lacks is passed over.

    Raises
    ------
    TableError
        Where a value is not in its column; it says which are.

    Examples
    --------
    >>> table = pd.DataFrame({"score": ["magnitude", "random"], "accuracy": [0.9, 0.6]})
    >>> chosen(table, score="random", schedule="one_shot")["accuracy"].item()
    0.6
    """
    for name, value in condition.items():
        if name in CONDITION and name not in table:
            continue
        require(table, [name])
        rows = table[table[name] == value]
        if rows.empty and len(table):
            raise TableError(unknown(f"{name} of this table", value, table[name].drop_duplicates()))
        table = rows
    return table


def single(table: pd.DataFrame) -> pd.DataFrame:
    """The table, if it holds one condition.

    Raises
    ------
    TableError
        Where it holds several; it says what to choose among.
    """
    for name in varying(table):
        raise TableError(
            f"column {name!r} holds {', '.join(map(str, table[name].drop_duplicates()))}: choose one, as in "
            f"conditions.chosen(table, {name}={table[name].iloc[0]!r})"
        )
    return table


def grouped(table: pd.DataFrame, *first: str, row: tuple[str, ...] = ("seed",)) -> Iterator[tuple[tuple, pd.DataFrame]]:
    """Each condition, a value of each column ``first`` and of each that is `varying`, with its rows.

    They are in order of the columns ``row``. Of these no two rows may agree, which raises a TableError: a seed would
    count twice, and its interval be too narrow.
    """
    names = [*first, *varying(table)]
    twice = table[table.duplicated([*names, *row])]
    if len(twice):
        found = ", ".join(f"{name} {twice[name].iloc[0]}" for name in (*names, *row))
        raise TableError(f"two rows of {found}: leave in the table what makes one network a row")
    for condition, rows in table.groupby(names, sort=False, dropna=False):
        yield condition, rows.sort_values(list(row))


def per_condition(
    table: pd.DataFrame,
    summary: Callable[[pd.DataFrame], dict],
    columns: str,
    first: Sequence[str] = ("variant", "target", "percent"),
    row: tuple[str, ...] = ("seed",),
) -> pd.DataFrame:
    """A summary of each condition's rows, as `grouped` gives them, under an index of ``first`` and what is `varying`.

    ``columns`` are those of the summary, in order and between blanks, for a table without rows has them too.
    """
    rows = {condition: summary(of) for condition, of in grouped(table, *first, row=row)}
    return indexed(rows, [*first, *varying(table)], columns.split())


def within(rows: pd.DataFrame, margin: float) -> pd.Series:
    """Whether each accuracy is no more than the margin below its base; nan never is."""
    # A whole number of strings can lie exactly on the margin; rounding must not decide then.
    return rows["accuracy"] >= rows["base_accuracy"] - margin - ROUNDING


def beside(table: pd.DataFrame, **reference) -> pd.DataFrame:
    """Each network next to the one of another condition: ``base_accuracy`` becomes the accuracy of that one.

    What compares pruned networks with their base then compares conditions, paired by seed: with random pruning
    (``score="random"``), or with dense training for as many steps (``recovery="dense"``). Of `tables.PRUNING` or
    `tables.RECOVERY` come back the rows of every other condition that have a partner.
    """
    table = table.reset_index(drop=True)  # so that dropping rows by label drops no others
    other = chosen(table, **reference)
    on = [n for n in (*PRUNED, "step", *varying(table)) if n in table and n not in reference]
    partners = other[[*on, "accuracy"]].rename(columns={"accuracy": "base_accuracy"})
    rest = table.drop(index=other.index).drop(columns="base_accuracy", errors="ignore")
    return rest.merge(partners, on=on, validate="many_to_one")


def after_recovery(pruning: pd.DataFrame, recovery: pd.DataFrame) -> pd.DataFrame:
    """The pruned networks at the last measured step of their recovery: ``accuracy`` is the accuracy then.

    Rows of ``recovery``, one per network, with the columns that only ``pruning`` has (weights, multiply-adds).
    """
    extra = [name for name in pruning if name not in recovery]
    on = [name for name in (*PRUNED, *CONDITION) if name in pruning and name in recovery]
    return at_the_end(recovery).merge(pruning[[*on, *extra]], on=on, validate="many_to_one")


def ahead(networks: pd.DataFrame, value: str, confidence: float = 0.95, **reference) -> pd.DataFrame:
    """By how much networks are ahead of those of another condition, paired by seed; below 0 they are behind.

    One row a network; at which step it was measured makes no pair, as some train for longer than others.
    The table has `tables.PRUNED`, the value, such as "accuracy" or "area", and the column of the reference, the
    condition that all others are compared with, such as ``recovery="retrain"``.

    Index (variant, target, percent) and the reference's column; n (pairs), ahead (their mean), low, high (Student t).
    """
    by = ["variant", "target", "percent", *reference]
    networks = networks.assign(accuracy=networks[value]).drop(columns=["step", "epoch"], errors="ignore")
    pairs = beside(networks, **reference)
    means = over_seeds(pairs.assign(ahead=pairs["accuracy"] - pairs["base_accuracy"]), by, "ahead", confidence)
    return means.rename(columns={"mean": "ahead"}).set_index(by)[["n", "ahead", "low", "high"]]


def at_the_end(recovery: pd.DataFrame) -> pd.DataFrame:
    """The rows of a table of recovery at each network's last measured step."""
    whose = [name for name in (*PRUNED, *CONDITION) if name in recovery]
    return recovery.sort_values("step", kind="stable").drop_duplicates(whose, keep="last").sort_index()

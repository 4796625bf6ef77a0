"""What notebooks say beside their answers: readings of pictures, joined, and comparisons in a sentence."""

import re
from html import escape

import pandas as pd

from sparsekit.analysis.intervals import without_zero
from sparsekit.figures.picture import Picture
from sparsekit.figures.style import look, ordered
from sparsekit.figures.words import ALONE, LOOKS, counted, label, listed, number, percent
from sparsekit.variants import VARIANTS


def joined(*found: Picture | str) -> str:
    """What pictures' readings and further sentences say, as a folded list: the answer stands before it.

    >>> joined("`ih` < `hh`")  # doctest: +ELLIPSIS
    '<details><summary>What else this notebook found</summary><ul><li><code>ih</code> &lt; <code>hh</code>...
    """
    told = (escape(one if isinstance(one, str) else one.reading, quote=False) for one in found)
    items = "".join(f"<li>{text}</li>" for text in (re.sub("`([^`]+)`", r"<code>\1</code>", text) for text in told))
    return f"<details><summary>What else this notebook found</summary><ul>{items}</ul></details>"


def paired(ends: pd.DataFrame, opening: str, confidence: float) -> str:
    """Which conditions are shown to be ahead or behind, and in which variants; of the others, that it cannot be told.

    `ends` is `analysis.conditions.ahead` of accuracies and one target, `opening` says what is compared with what.
    """
    names = ends.index.names[3:]
    if ends.empty:
        return ALONE[names[-1]]
    at = f"{opening}, {listed(map('{:g} %'.format, sorted(set(ends.index.get_level_values('percent')))))} pruned"
    if (seeds := ends["n"].max()) == 1:
        return f"{at}: one seed, so how far this varies cannot be told."
    shown = ends[without_zero(ends)]
    if shown.empty:
        return f"{at}: none of {counted(len(ends), 'difference')} can be told from zero over {seeds} seeds."
    several = ends.index.get_level_values("percent").nunique() > 1
    told = []
    for (share, *condition), rows in shown.groupby(level=["percent", *names], sort=False):
        words = " ".join(look(LOOKS[name], one).label for name, one in zip(names, condition, strict=True))
        told.append(f"{words}{f' at {share:g} %' if several else ''} {_verdicts(rows)}")
    rest, chance = len(ends) - len(shown), number((1 - confidence) * len(ends), 1)
    others = f" The other {counted(rest, 'difference')} cannot be told from zero." if rest else ""
    return f"{at}: {'; '.join(told)}.{others} Of {len(ends)}, about {chance} would be told by chance."


def wrong_entries(layouts: pd.DataFrame) -> str:
    """How far the published mask rows are from the graphs: wrong entries, and edges without their weight."""
    published = layouts[layouts["gate_masks"] == "rows"].drop_duplicates(["variant", "generator", "original"])
    if published.empty:
        return 'They do not apply: only GRU and LSTM of `structure = "layered"` have two layouts of masks.'
    wrong, lost = percent(published["wrong"].mean()), percent(published["lost"].mean())
    text = f"In {(published['wrong'] > 0).sum()} of {len(published)} pairs of graph and variant they differ from the "
    text += f"graph: {wrong} of mask entries are wrong on average, and "
    return f"{text}{lost} of edges, counted in each gate, have no weight."


def _verdicts(rows: pd.DataFrame) -> str:
    """In which variants a condition is ahead, and in which behind, with the mean difference in points."""
    rows = rows.droplevel([name for name in rows.index.names if name != "variant"])
    rows, told = rows.loc[ordered(rows.index, VARIANTS)], []
    for word, clear in (("ahead", rows["low"] > 0), ("behind", rows["high"] < 0)):
        points = rows.loc[clear, "ahead"].items()
        if own := [f"{label(v)} ({number(100 * ahead, 1, sign=True)} points)" for v, ahead in points]:
            told.append(f"{word} in {listed(own)}")
    return ", ".join(told)

"""What notebooks say beside their answers: readings of pictures, joined, and comparisons in a sentence."""

import pandas as pd

from sparsekit.figures.picture import Picture
from sparsekit.figures.style import look, ordered
from sparsekit.figures.words import ALONE, LOOKS, counted, label, listed, number, percent
from sparsekit.variants import VARIANTS


def joined(*found: Picture | str) -> str:
    """What pictures' readings and further sentences say, as a list in Markdown."""
    return "\n".join(f"- {one if isinstance(one, str) else one.reading}" for one in found)


def paired(ends: pd.DataFrame, opening: str, confidence: float) -> str:
    """In which variants each condition is shown to be ahead or behind, and how many intervals leave out zero.

    `ends` is `analysis.conditions.ahead` of accuracies and one target, `opening` says what is compared with what.
    """
    names = ends.index.names[3:]
    if ends.empty:
        return ALONE[names[-1]]
    told = []
    for share, at in ends.groupby(level="percent"):
        found = []
        for condition, rows in at.groupby(level=names, sort=False):
            words = [look(LOOKS[name], one).label for name, one in zip(names, condition, strict=True)]
            found.append(f"{' '.join(words)} {_verdicts(rows)}")
        told.append(f"{share:g} % pruned, {'; '.join(found)}.")
    text = f"{opening}, in points: {' '.join(told)}"
    if (seeds := ends["n"].max()) == 1:
        return f"{text} One seed: how far this varies cannot be told."
    clear = ((ends["low"] > 0) | (ends["high"] < 0)).sum()
    text += f" Over {seeds} seeds {clear} of {counted(len(ends), 'interval')} {'leaves' if clear == 1 else 'leave'} "
    return f"{text}out zero; by chance alone about {number((1 - confidence) * len(ends), 1)} would."


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
    """In which variants the interval lies above zero, and below it; the others cannot be told."""
    rows = rows.droplevel([name for name in rows.index.names if name != "variant"])
    rows = rows.loc[ordered(rows.index, VARIANTS)]
    above, below, told = rows["low"] > 0, rows["high"] < 0, []
    for word, clear in (("ahead in", above), ("behind in", below)):
        points = rows.loc[clear, "ahead"].items()
        if own := [f"{label(v)} ({number(100 * ahead, 1, sign=True)})" for v, ahead in points]:
            told.append(f"{word} {listed(own)}")
    if len(others := rows.index[~above & ~below]):
        told.append(f"cannot tell in {listed(map(label, others)) if told else 'any variant'}")
    return ", ".join(told)

"""Figures of the area under recovery: how much accuracy pruning costs on the whole way back."""

import matplotlib as mpl
import pandas as pd

from sparsekit.conditions import chosen, single
from sparsekit.looks import PROTOCOLS, look
from sparsekit.panels import shown_over, weights_of
from sparsekit.pictures import Picture, drawn, label_panel, percent_axis, sample, small_multiples
from sparsekit.style import QUIET, RULE, TARGETS, VARIANTS, listed, number, ordered, percent
from sparsekit.style import look as named
from sparsekit.tables import require


@drawn
def accuracy_lost(areas: pd.DataFrame, confidence: float = 0.95) -> Picture:
    """Accuracy lost on the average of the way back against percentage, a panel per variant, a line per target.

    Parameters
    ----------
    areas : DataFrame
        As :func:`sparsekit.statistics.area_under_recovery` returns it, of one score, scope, schedule and recovery.
    """
    table = single(areas.reset_index())
    require(table, ["variant", "target", "percent", "n", "last", "lost", "lost_low", "lost_high"])
    variants, targets = ordered(table["variant"], VARIANTS), ordered(table["target"], TARGETS)
    over = f"over {table['last'].iloc[0]:,.0f} steps, log axis. {_means(table, confidence, 'bands')}"
    figure, panels = small_multiples(
        variants,
        165 if len(variants) > 1 else 240,
        "Accuracy lost on the average of the way back",
        key=[sample(named(TARGETS, target)) for target in targets],
        note=f"Base accuracy less area under recovery, {over}",
    )
    words, most = [], {}
    for name, axes in panels.items():
        axes.axhline(0, color=QUIET, linewidth=0.8, zorder=0.6)
        label = named(VARIANTS, name).label
        for target in targets:
            one, rows = named(TARGETS, target), table[(table["variant"] == name) & (table["target"] == target)]
            rows = rows.sort_values("percent")
            axes.fill_between(
                rows["percent"], rows["lost_low"], rows["lost_high"], color=one.colour, alpha=0.1, linewidth=0
            )
            axes.plot(
                "percent", "lost", data=rows, color=one.colour, marker=one.marker, linestyle=one.line, markersize=4
            )
            told = [f"{points(row.lost)} at {row.percent:g} %" for row in rows.itertuples()]
            words.append(f"{label}, {one.label}: {', '.join(told)}")
        worst = table[table["variant"] == name].sort_values("lost").iloc[-1]
        most[label] = f"{label} {points(worst['lost'])} ({weights_of(worst['target'])}, {worst['percent']:g} %)"
        axes.set_xlim(min(table["percent"].min(), 10) - 3, 103)
        label_panel(axes, "weights of the target pruned (%)", "lost")
        percent_axis(axes.yaxis)
    return Picture(
        figure,
        f"Lines: base accuracy less the area under recovery, in points, against percentage pruned. {'; '.join(words)}.",
        f"The most that is lost, averaged over the way back: {listed(most.values())}.",
    )


@drawn
def areas_by_protocol(areas: pd.DataFrame, amount: float, target: str = "both", confidence: float = 0.95) -> Picture:
    """Area under recovery of each protocol with its interval, a panel per variant.

    Parameters
    ----------
    areas : DataFrame
        As :func:`sparsekit.statistics.area_under_recovery` returns it, of one score, scope and schedule.
    amount : float
        The percentage pruned.

    Raises
    ------
    TableError
        Where the table has no rows of the percentage and target, or holds several scores, scopes or schedules.
    """
    own = chosen(areas.reset_index(), target=target, percent=amount)
    own = own if "recovery" in own else own.assign(recovery="retrain")
    single(own.drop(columns="recovery"))
    variants, protocols = ordered(own["variant"], VARIANTS), ordered(own["recovery"], PROTOCOLS)
    pruned = f"{amount:g} % of the {weights_of(target)} pruned"
    over = f"over {own['last'].iloc[0]:,.0f} steps, log axis. {_means(own, confidence, 'lines')}"
    figure, panels = small_multiples(
        variants,
        62 + 19 * len(protocols),
        f"Accuracy on the average of the way back, {pruned}",
        note=f"Area under recovery, {over}",
    )
    words, best = [], []
    for name, axes in panels.items():
        rows = own[own["variant"] == name].set_index("recovery")
        for y, protocol in enumerate(protocols):
            if protocol in rows.index:
                one, row = look(PROTOCOLS, protocol), rows.loc[protocol]
                axes.hlines(y, row["area_low"], row["area_high"], color=one.colour, linewidth=1.6)
                axes.scatter(row["area"], y, s=30, marker=one.marker, color=one.colour, zorder=3)
        axes.set_yticks(range(len(protocols)), [look(PROTOCOLS, protocol).label for protocol in protocols])
        axes.tick_params(axis="y", length=0)
        axes.set_ylim(len(protocols) - 0.5, -0.5)
        axes.grid(axis="x", color=RULE, linewidth=0.8)
        label_panel(axes, "area under recovery", "")
        percent_axis(axes.xaxis)
        axes.xaxis.set_major_locator(mpl.ticker.MaxNLocator(5))
        told = [f"{look(PROTOCOLS, protocol).label} {percent(area)}" for protocol, area in rows["area"].items()]
        words.append(f"{named(VARIANTS, name).label}: {', '.join(told)}")
        best.append(f"{named(VARIANTS, name).label} {look(PROTOCOLS, rows['area'].idxmax()).label}")
    return Picture(
        figure,
        f"Dots: area under recovery by protocol, {pruned}. {'; '.join(words)}.",
        f"With {pruned}, most accurate on the way, mean over seeds: {listed(best)}.",
    )


def points(share: float) -> str:
    """A difference of accuracies as people read it.

    >>> points(-0.0312)
    '−3.1 points'
    """
    return f"{number(100 * share, 1)} points"


def _means(areas: pd.DataFrame, confidence: float, interval: str) -> str:
    return shown_over(pd.DataFrame({"seed": range(areas["n"].max())}), confidence, interval=interval)

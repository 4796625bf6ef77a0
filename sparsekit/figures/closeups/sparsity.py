"""What one layer's hidden-to-hidden weights cost at one sparsity: bytes, multiply-adds and measured time."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from sparsekit.analysis.inference import median_times
from sparsekit.figures.closeups.parts import few_ticks, panels
from sparsekit.figures.picture import Picture, drawn
from sparsekit.figures.style import FAINT, FORMS, INK, PATH, QUIET, look
from sparsekit.figures.words import percent


@drawn
def sparsity(
    forms: Mapping[str, int], adds: Mapping[str, int], seconds: pd.DataFrame, even: Mapping[str, float],
    ends: tuple[float, float], *, title: str, chosen: str, at: float,
) -> Picture:  # fmt: skip
    """Bytes by form, multiply-adds of a step ("dense" and "kept"), and measured seconds by kernel and sparsity.

    The form pays from the sparsities ``even`` on ("bytes" and "time", inf for never), the latter with its interval.
    """
    times, named = median_times(seconds), look(FORMS, chosen).label
    said = {k: "never, in what was tried" if np.isinf(v) else f"from {percent(v, 0)} on" for k, v in even.items()}
    low, high = ("never" if np.isinf(end) else percent(end, 0) for end in ends)
    known = f" (interval {low} to {high})" * (not np.isnan(ends).any())
    note = f"{named} pays in bytes {said['bytes']}; CSR in time {said['time']}{known}."
    places = (70, 82, 150, 150), (290, 82, 110, 150), (500, 82, 182, 150)
    figure, (size, work, clock) = panels(282, title, note, *places)
    _bars(size, forms, chosen, "Kilobytes")
    _bars(work, adds, "kept", "Thousand multiply-adds")
    _times(clock, times, at)
    near = times.index[np.abs(times.index - at).argmin()]
    reading = (
        f"{named} takes {forms[chosen]:,} bytes, {percent(forms[chosen] / forms['dense'], 0)} of dense; "
        f"{adds['kept']:,} of {adds['dense']:,} multiply-adds are left; at {percent(near, 0)} dense took "
        f"{times['dense'][near]:.1f} and CSR {times['csr'][near]:.1f} microseconds here"
    )
    alt = f"{title}. {note} {reading}. Bytes: " + ", ".join(f"{name} {v:,}" for name, v in forms.items()) + "."
    return Picture(figure, alt, f"{reading}.", table=times.reset_index())


def _bars(axes: Axes, values: Mapping[str, int], strong: str, title: str) -> None:
    """Thousands by form, one of them strong."""
    colours = [PATH if name == strong else FAINT for name in values]
    heights = [value / 1000 for value in values.values()]
    axes.bar([look(FORMS, name).label for name in values], heights, color=colours, width=0.7)
    axes.set(title=title)
    few_ticks(axes, "y")
    axes.tick_params(axis="x", length=0)


def _times(axes: Axes, times: pd.DataFrame, at: float) -> None:
    """Median times of both kernels over sparsity."""
    for kernel, line, colour in (("dense", "-", QUIET), ("csr", "--", PATH)):
        style = {"color": colour, "marker": "o", "markersize": 3.5, "label": look(FORMS, kernel).label}
        axes.plot(times.index, times[kernel], line, **style)
    axes.axvline(at, color=INK, linewidth=1)
    axes.set(title="Microseconds, measured", xlabel="sparsity", ylim=(0, None))
    axes.xaxis.set_major_formatter(lambda value, _: percent(value, 0))
    few_ticks(axes, "x")
    axes.legend(frameon=False, fontsize=9)

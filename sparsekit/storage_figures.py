"""The figure of how few bytes keep a sparse weight matrix, and how its forms look."""

import numpy as np
import pandas as pd

from sparsekit.pictures import Picture, card, drawn, percent_axis, spread
from sparsekit.style import INK, Look, listed, percent, readable
from sparsekit.tables import require

FORMS = {
    "dense": Look("dense", INK, "o", "-"),
    "csr": Look("CSR", "#0072B2", "s", "-"),
    "csr_int64": Look("CSR, 64-bit indices", "#D17A00", "o", (0, (5, 1.5))),
    "bsr": Look("BSR, 2 × 2", "#008F68", "^", (0, (4, 1.2, 1, 1.2))),
    "bitmask": Look("bitmask", "#BF5F93", "D", (0, (1.5, 1.2))),
}


@drawn
def bytes_by_form(table: pd.DataFrame) -> Picture:
    """Bytes of one weight matrix in each form, as a share of the dense bytes, against sparsity.

    Parameters
    ----------
    table : DataFrame
        As :func:`sparsekit.costs.storage_by_sparsity` returns it.

    Raises
    ------
    TableError
        Where a column or the dense form is missing.
    """
    require(table, ["sparsity", "form", "bytes"])
    wide = table.pivot(index="sparsity", columns="form", values="bytes")
    require(wide, ["dense"])
    shares = wide.div(wide["dense"], axis=0)
    figure, ((axes,),) = card(
        310,
        "Bytes that keep a weight matrix, by form",
        note=f"{_size(wide['dense'].iloc[0])} when dense. Dots: from here on the sparse form is smaller.",
    )
    words, points = [], []
    for form in shares:
        label, colour, marker, line = form_look(form)
        axes.plot(shares.index, shares[form], color=colour, linestyle=line)
        if form == "dense":
            continue
        start = float(np.interp(-1, -shares[form], shares.index))
        axes.plot(start, 1, marker=marker, color=colour, markersize=7, linestyle="", markeredgecolor="white")
        points.append(f"{label} from {percent(start)} sparsity")
        at = shares[form].loc[shares.index >= 0.9].iloc[0]
        words.append(f"{label}: smaller from {percent(start)} sparsity, {percent(at)} of dense at 90 %")
    axes.set_xlim(0, 1)
    axes.set_ylim(0, min(2.1, 1.05 * shares.max().max()))
    ends = shares.iloc[(np.abs(shares.index - 0.25)).argmin()]
    for form, y in zip(map(form_look, ends.index), spread(ends, 0.16), strict=True):
        axes.text(0.26, y + 0.03, form.label, color=readable(form.colour), weight="bold", va="bottom")
    axes.set_xlabel("sparsity")
    axes.set_ylabel("share of the dense bytes")
    percent_axis(axes.xaxis)
    percent_axis(axes.yaxis)
    return Picture(
        figure, f"Lines: bytes by form. {'; '.join(words)}.", f"A sparse form takes fewer bytes: {listed(points)}."
    )


def form_look(name: str) -> Look:
    """Look of a form of weights; one registered later gets ink and its own name."""
    return FORMS.get(name, Look(name, INK, "v", ":"))


def _size(count: float) -> str:
    return f"{count / 1e6:.3g} MB" if count >= 1e6 else f"{count / 1e3:.3g} kB"

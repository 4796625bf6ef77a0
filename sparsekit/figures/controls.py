"""Controls under which a figure is drawn anew, and the plain figure where there are none."""

import os
from base64 import b64encode
from collections.abc import Callable, Sequence
from html import escape
from io import BytesIO
from typing import Any

import ipywidgets as widgets
import matplotlib as mpl
import numpy as np
from IPython.display import HTML, display
from matplotlib.backends.backend_agg import FigureCanvasAgg
from PIL import Image

from sparsekit.figures.picture import PIXELS_PER_INCH, Picture
from sparsekit.figures.style import RC
from sparsekit.figures.words import label

RUN = "Run this cell to move its controls."
GONE = f"""<style>
.jp-OutputArea-output.jupyter-widgets:not(:has(*)) {{ font-size: 0; color: inherit; }}
.jp-OutputArea-output.jupyter-widgets:not(:has(*))::after {{ content: "{RUN}"; font-size: 13px; }}
</style>"""
"""Of controls whose kernel has gone JupyterLab says that a model was not found; this says what to do about it."""
LIVE = 1.5  # image pixels per CSS pixel of a figure that a control moves


def explorer(draw: Callable[..., Picture], *buttons: widgets.Widget, **controls: widgets.Widget) -> Callable[[], None]:
    """Show the figure that `draw` makes of the controls' values, by their names, and draw it anew when one is moved.

    The figure is an output like any other: it stands in the saved notebook and in every report. The controls do not
    outlive the kernel, so a batch run (environment variable ``SPARSEKIT_BATCH``) shows none. Returns a function that
    draws it anew.
    """

    def drawn() -> Picture:
        return draw(**{name: control.value for name, control in controls.items()})

    if os.environ.get("SPARSEKIT_BATCH"):
        display(drawn())
        return lambda: None
    box = widgets.HBox([*controls.values(), *buttons], layout=widgets.Layout(flex_flow="row wrap"))
    display(HTML(GONE))
    # The words are for where nothing may run, as in a notebook from elsewhere.
    display(box._repr_mimebundle_() | {"text/plain": RUN}, raw=True)
    if os.environ.get("SERVER_SOFTWARE", "").startswith("voila"):  # whose pages hear of widgets only
        held = widgets.HTML(_quick(drawn()).data)
        display(held)
    else:
        shown = display(_quick(drawn()), display_id=True)
        held = None

    def redraw(change: Any = None) -> None:
        if held is None:
            shown.update(_quick(drawn()))
        else:
            held.value = _quick(drawn()).data

    for control in controls.values():
        control.observe(redraw, names="value")
    return redraw


def _quick(picture: Picture) -> HTML:
    """A figure with its words, as pixels: an SVG of many marks takes a browser longer than a slider may wait."""
    buffer, width = BytesIO(), round(picture.figure.get_figwidth() * PIXELS_PER_INCH)
    with mpl.rc_context(RC):
        picture.figure.set_dpi(LIVE * PIXELS_PER_INCH)
        canvas = FigureCanvasAgg(picture.figure)
        canvas.draw()
    # Without transparency, which none needs on white: a quarter less to pack, and to send.
    Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB").save(buffer, format="png", compress_level=1)
    source = f"data:image/png;base64,{b64encode(buffer.getvalue()).decode()}"
    style = "max-width:100%;background:#fff;border-radius:10px"
    image = f'<img width="{width}" style="{style}" alt="{escape(picture.alt)}" src="{source}">'
    return HTML(f'<figure style="margin:0">{image}<figcaption>{escape(picture.reading)}</figcaption></figure>')


def _name(value: Any) -> str:
    return label(value) if isinstance(value, str) else f"{value:g}"


def choice(
    names: Sequence, description: str, value: Any = None, form: Callable[[Any], str] = _name
) -> widgets.Dropdown:
    """A menu of names or numbers as people write them; the first is chosen where no value is given."""
    options = [(form(name), name) for name in names]
    return widgets.Dropdown(options=options, value=names[0] if value is None else value, description=description)

"""Looks: told apart with and without colour, by colour-blind readers too, and one for every registered name."""

import itertools

import matplotlib as mpl
import numpy as np
import pytest

from sparsekit.figures import style
from sparsekit.pruning import schedules, scores
from sparsekit.pruning.prune import SCOPES
from sparsekit.pruning.recovery import PROTOCOLS

# Machado, Oliveira and Fernandes 2009: full deuteranopia and protanopia on linear RGB.
BLINDNESS = {
    "none": np.eye(3),
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]],
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
}


def _lab(colour: str, matrix) -> np.ndarray:
    """CIELAB of a colour as somebody with that colour vision sees it."""
    rgb = np.array(mpl.colors.to_rgb(colour))
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    linear = np.clip(np.array(matrix) @ linear, 0, 1)
    xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]) @ linear
    f = np.cbrt(xyz / [0.9505, 1, 1.089])
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("blindness", BLINDNESS)
@pytest.mark.parametrize("table", [style.VARIANTS, style.TARGETS])
def test_colours_differ_for_colour_blind_readers(table, blindness):
    for one, two in itertools.combinations(table.values(), 2):
        distance = np.linalg.norm(_lab(one.colour, BLINDNESS[blindness]) - _lab(two.colour, BLINDNESS[blindness]))
        assert distance > 15, (one.label, two.label)


@pytest.mark.parametrize("table", [style.VARIANTS, style.TARGETS])
def test_lines_stand_out_and_differ_without_colour(table):
    assert len({one.marker for one in table.values()}) == len(table)
    assert len({str(one.line) for one in table.values()}) == len(table)
    for one in table.values():
        assert style.contrast(one.colour) >= 3
        assert style.contrast(style.readable(one.colour)) >= 4.5


def test_text_on_cells_is_readable():
    for colours in (style.SEQUENTIAL, style.DIVERGING):
        for at in np.linspace(0, 1, 41):
            face = mpl.colors.to_hex(colours(at))
            assert style.contrast(style.text_on(face), face) >= 4.5


@pytest.mark.parametrize("table", [style.SCORES, style.SCOPES, style.SCHEDULES, style.PROTOCOLS])
def test_looks_differ_with_and_without_colour(table):
    for one, two in itertools.combinations(table.values(), 2):
        for matrix in BLINDNESS.values():
            assert np.linalg.norm(_lab(one.colour, matrix) - _lab(two.colour, matrix)) > 15, (one.label, two.label)
    assert len({one.marker for one in table.values()}) == len({str(one.line) for one in table.values()}) == len(table)
    assert all(style.contrast(one.colour) >= 3 for one in table.values())


def test_every_registered_name_has_a_look():
    assert set(scores.SCORES) <= set(style.SCORES)
    assert set(SCOPES) == set(style.SCOPES)
    assert set(schedules.SCHEDULES) <= set(style.SCHEDULES)
    assert set(PROTOCOLS) <= set(style.PROTOCOLS)

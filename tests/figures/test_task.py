"""Figures of tasks: their words follow from the samples, whatever the task."""

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.patches import Rectangle

from sparsekit.analysis.tables import TableError
from sparsekit.figures import samples
from sparsekit.figures import task as figures_task
from sparsekit.figures.words import percent
from sparsekit.tasks import baselines
from sparsekit.tasks import definitions as tasks
from sparsekit.tasks.samples import Rows, Strings, Task
from tests import tables_of_figures as tables


def of_strings(train, test, name="csv"):
    """A task of (valid, invalid) strings."""
    return Task(
        name, *(Strings([*v, *i], np.array([1] * len(v) + [0] * len(i))) for v, i in (train, test)), apart=False
    )


def letters(picture):
    return "".join(t.get_text() for t in picture.figure.findobj(mpl.text.Text) if len(t.get_text()) == 1)


@pytest.mark.parametrize(
    ("name", "titles"),
    [
        ("reber", ["The Reber grammar as an automaton", "Some training strings", "Lengths of the training strings"]),
        ("embedded_reber", ["The embedded Reber grammar", "Some training strings", "Lengths of the training strings"]),
        ("digits", ["What has been seen after each step", "The average of each class"]),
    ],
)
def test_every_task_has_pictures(name, titles):
    pictures = figures_task.task_pictures(tasks.make(name, train_size=40, test_size=40))
    for picture, title in zip(pictures, titles, strict=True):
        assert picture.figure.texts[0].get_text().startswith(title)


def test_a_file_of_strings_has_no_grammar_to_draw():
    task = of_strings((["ab", "ba"], ["bb", "aab"]), (["abab"], ["bbb"]))
    assert [picture.figure.texts[0].get_text() for picture in figures_task.task_pictures(task)] == [
        "Some training strings",
        "Lengths of the training strings",
    ]


def test_sample_strings_mark_the_pairs_that_no_valid_string_has():
    task = of_strings((["abab", "ba"], ["abba"]), (["ab", "aa"], ["bb", "ba", "abb", "bba"]))
    picture = samples.sample_strings(task)
    assert letters(picture) == "ababbaabba"
    marked = [p for p in picture.figure.axes[0].patches if isinstance(p, Rectangle)]
    assert [(p.get_x(), p.get_width()) for p in marked] == [(0.5, 2)]  # bb in abba
    assert picture.reading.startswith("75 % of the invalid test strings and 50 % of the valid ones hold a pair")
    assert "right about 66.7 % of them." in picture.reading


def test_sample_strings_of_a_grammar_say_where_it_is_left():
    task = of_strings((["BTXSE"], ["BTXXE"]), (["BPVVE"], ["BXXSE", "BTXTE", "BTXSEE"]), "reber")
    picture = samples.sample_strings(task)
    box = [p for p in picture.figure.axes[0].patches if p.get_width() < 1]
    assert [round(p.get_x() + 0.46) for p in box] == [4]  # after BTXX comes T or V
    assert "left the grammar by character 4, 1 before the end" in picture.reading  # characters 2, 4, 6


def test_embedded_strings_are_given_away_by_no_pair():
    _, strings, lengths = figures_task.task_pictures(tasks.make("embedded_reber", train_size=400, test_size=100))
    assert strings.reading.startswith("0 % of the invalid test strings and 0 % of the valid ones")
    assert "1 before the end" in strings.reading
    assert lengths.reading.startswith("Lengths tell next to nothing")


def test_strings_longer_than_the_card_are_cut():
    picture = samples.sample_strings(of_strings((["a" * 200], ["b" * 10]), (["a"], ["b"])))
    assert letters(picture).count("a") == 60
    assert letters(picture).count("…") == 1


def test_lengths_are_shares_of_their_class():
    picture = figures_task.length_histogram(of_strings((["ab", "abab", "b" * 4, "a"], ["bb"]), (["b"], ["aa"])))
    assert "4 valid, mean 2.8: 1 25 %, 2 25 %, 3 0 %, 4 50 %" in picture.alt
    assert "1 invalid, mean 2.0: 1 0 %, 2 100 %, 3 0 %, 4 0 %" in picture.alt


def test_class_averages_name_the_nearest():
    rows = np.zeros((4, 2, 3), np.float32)
    rows[2:, 1] = 1
    part = Rows(rows, np.array([0, 0, 1, 1]))
    swapped = Rows(rows, np.array([0, 1, 1, 1]))
    assert (
        "right about 75 % of the test samples"
        in samples.class_averages(Task("mine", part, swapped, apart=False)).reading
    )


def test_rows_to_come_are_left_blank():
    task = tasks.make("digits", train_size=60, test_size=60)
    picture = samples.read_by_rows(task)
    seen = [np.ma.filled(axes.images[0].get_array(), np.nan) for axes in picture.figure.axes]
    assert [int(np.isfinite(image[:, 0]).sum()) for image in seen] == [*range(1, 9)] * 3
    named = [axes.get_ylabel() for axes in picture.figure.axes if axes.get_ylabel()]
    assert len(set(named)) == 3
    assert f"digits {', '.join(named)} as they are read" in picture.alt


def test_task_baselines_say_who_beats_chance_and_no_more():
    reading = figures_task.task_baselines(tables.task_baselines()).reading
    reber, embedded, digits = reading.removeprefix("The best without memory: ").split("; ")
    assert reber == "reber, automata: “bag of bigrams” 99.97 %"
    assert embedded == "embedded reber: none of 12 is shown to beat chance (50 %)"
    assert digits == "digits: “all pixels” 96 %."


def test_what_few_samples_can_show_is_chance():
    table = tables.task_baselines().query("task == 'embedded_reber'").reset_index(drop=True)
    table.loc[table["classifier"] == "bag of characters", "test_accuracy"] = 0.56
    assert "none of 12 is shown to beat" in figures_task.task_baselines(table.assign(samples=100)).reading
    assert "“bag of characters” 56 %" in figures_task.task_baselines(table.assign(samples=10_000)).reading


def test_a_table_without_tasks_is_told():
    with pytest.raises(TableError, match="unknown column 'task'"):
        figures_task.task_baselines(tables.baselines().reset_index())


def test_the_best_of_each_kind_stands_for_it_and_the_others_are_dots():
    picture = figures_task.task_baselines(tables.task_baselines())
    assert "reber, automata, last 4 characters: 93.8 %; reber, automata, bag of bigrams: 99.97 %" in picture.alt
    assert "first 4 characters" not in picture.alt
    axes = picture.figure.axes[0]
    (dots,) = (c for c in axes.collections if len(c.get_offsets()) > 1)
    assert len(dots.get_offsets()) == len(tables.task_baselines())


def test_bars_where_nothing_beats_the_majority():
    table = pd.DataFrame({"train_accuracy": 0.5, "test_accuracy": [0.5, 0.4]}, index=["majority", "length"])
    assert "nothing beats the majority class: 50 %" in figures_task.baseline_bars(table).reading


def test_lines_of_the_figure_of_training_leave_out_who_sees_everything():
    table = pd.DataFrame(
        {"majority": 0.1, "last row": 0.5, "mean row": 0.6, "all pixels": 0.96}, index=["test_accuracy"]
    )
    lines = baselines.lines(table.T.rename_axis("classifier"))
    base = tables.base(("gru",), 2)
    picture = figures_task.training_curves(base, lines)
    assert "GRU passes what “mean row” gives (60 %) by more than 2 points with each seed" in picture.reading
    last = base[base["epoch"] == 20].mean(numeric_only=True)
    assert f"the mean test accuracy is GRU {percent(last['test_accuracy'])};" in picture.reading
    for part, name in (("test", "test_accuracy"), ("training", "train_accuracy")):
        assert f" 20 {percent(last[name])}" in picture.alt.split(f"GRU, {part}: ")[1].split(";")[0]
    assert figures_task.training_curves(base, {}).reading.endswith(f"GRU {percent(last['test_accuracy'])}.")

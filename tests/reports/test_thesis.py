"""What the thesis reports, and what of it belongs beside a run."""

from sparsekit.experiments.parameters import Parameters
from sparsekit.reports.thesis import reported, safe_percentages, scale, scale_note


def test_what_belongs_to_another_task_is_left_out():
    assert safe_percentages(Parameters())
    for other in ({"task": "digits"}, {"invalid": "edit"}):
        assert not safe_percentages(Parameters(**other))


def test_scale_note():
    thesis = reported()["scale"]["values"]
    full = {
        n: thesis[n] for n in ("train_size", "test_size", "base_epochs", "retrain_epochs", "graphs", "graph_epochs")
    }
    full |= reported()["form"]["values"]
    parameters = Parameters(**full, percentages=list(range(10, 101, 10)))
    assert scale_note(parameters) == "At the thesis's scale or above."
    assert all(line["ours"] >= line["thesis"] for line in scale(parameters))
    assert scale_note(Parameters.load("thesis")) == "At the thesis's scale or above."
    assert "training strings 400 of 18,750" in scale_note(Parameters(train_size=400))
    other = scale_note(parameters.model_copy(update={"interface": 16, "readout": "last_valid"}))
    assert other.endswith("Not as published, which may alone make a figure differ: readout, interface.")

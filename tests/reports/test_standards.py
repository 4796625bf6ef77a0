"""Whether the page of standards says what the run's parameters say."""

import yaml
from bs4 import BeautifulSoup

from sparsekit.experiments.parameters import Parameters
from sparsekit.reports import standards
from sparsekit.reports.html import loads

FULL = {
    "seeds": 29, "percentages": [50, 75, 87.5, 93.75, 96.875], "scores": ["random", "sensitivity"],
    "scopes": ["global", "layer"], "vary": ["weights", "order", "strings"],
}  # fmt: skip


def told(**given) -> dict[str, str]:
    """The verdict of each item that a check tells, by the check's name."""
    table = standards.standards(Parameters(**given))
    text = (standards.TEMPLATES.parent / "standards.yaml").read_text(encoding="utf-8")
    checks = [item.get("check") for standard in yaml.safe_load(text) for item in standard["items"]]
    assert set(filter(None, checks)) == set(standards.CHECKS), "each check is used"
    assert set(table["verdict"]) <= {standards.MET, standards.PART, standards.NOT}
    assert table["why"].str.endswith(".").all()
    return {check: verdict for check, verdict in zip(checks, table["verdict"], strict=True) if check}


def test_all_items_are_there():
    counts = standards.standards(Parameters())["standard"].value_counts()
    assert counts["REFORMS (2024)"] == 32
    assert (counts > 5).all()


def test_a_run_of_one_network_meets_less_than_a_full_one():
    few, full = told(seeds=1, percentages=[90], scores=[]), told(**FULL)
    asked = ("runs", "pairs", "compressions", "baselines", "sources", "splits")
    assert [few[check] for check in asked] == ["not met", "not met", "not met", "in part", "in part", "not met"]
    assert {full[check] for check in asked} == {"met"}


def test_of_a_file_the_kit_does_not_know_where_it_comes_from(tmp_path):
    path = tmp_path / "<b>mine.csv"
    path.write_text("string,valid\nab,1\nba,0\n")
    p = Parameters(task="csv", csv_path=str(path))
    verdicts = told(**p.model_dump(exclude_unset=True))
    assert (verdicts["data"], verdicts["frame"]) == ("in part", "not met")
    standards.write(p, tmp_path, [])
    page = (tmp_path / "standards.html").read_text(encoding="utf-8")
    assert not loads(page)
    assert not BeautifulSoup(page, "html.parser").find("b")
    assert "&lt;b&gt;mine" in page

"""What a page computes in the reader's browser is what the kit computes, and it works there as a page should."""

import copy
import json
import shutil
import warnings

import nbformat
import numpy as np
import pytest
import torch
from bs4 import BeautifulSoup
from nbformat.v4 import new_notebook

from sparsekit.experiments.parameters import Parameters
from sparsekit.experiments.records import default_store
from sparsekit.experiments.units import base_networks
from sparsekit.networks.training import Encoded, Population, evaluate
from sparsekit.pruning import prune
from sparsekit.reports import explorable, html
from sparsekit.tasks import grammars
from sparsekit.variants import READOUTS, TARGETS, VARIANTS

SMALL = {"train_size": 240, "test_size": 90, "hidden_size": 10, "layers": 3, "embedding_size": 6, "seeds": 1}
SMALL |= {"base_epochs": 3, "learning_rate": 0.01, "batch_size_pruning": 16, "workers": 1}
PRUNED = [(0, "both"), (37, "both"), (61.5, "both"), (50, "i2h"), (83, "i2h"), (25, "h2h"), (97, "h2h"), (100, "both")]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """The pages of small trained networks, all variants and both readouts, and a folder of records to go with them."""
    folder, asked = tmp_path_factory.mktemp("explorable"), {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SPARSEKIT_RUNS", str(folder / "runs"))
        for readout in READOUTS:
            p = asked[readout] = Parameters(readout=readout, **SMALL)
            for unit in base_networks(p):
                default_store().write(unit, *unit.result(default_store(), "cpu"))
            (folder / readout).mkdir()
            assert len(explorable.write(p, folder / readout)) == len(VARIANTS)
    return folder, asked


@pytest.fixture
def records(trained, monkeypatch):
    monkeypatch.setenv("SPARSEKIT_RUNS", str(trained[0] / "runs"))


@pytest.fixture(scope="module")
def chromium():
    driver = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: no browser to ask")
    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if not path:
        pytest.skip("no Chromium on this machine: nothing to run the page's script in")
    with driver.sync_playwright() as play:
        browser = play.chromium.launch(executable_path=path)
        yield browser
        browser.close()


@pytest.fixture
def visit(chromium):
    """Open a page, wait until it has computed; in the end nothing may have been asked for or complained of."""
    noise, contexts = [], []

    def visit(file, hash="", **options):
        contexts.append(chromium.new_context(**options))
        page = contexts[-1].new_page()
        page.on("console", lambda message: noise.append(message.text))
        page.on("pageerror", lambda error: noise.append(str(error)))
        page.on("request", lambda request: noise.append(request.url) if not request.url.startswith("file:") else None)
        page.goto(file.as_uri() + hash)
        computed(page)
        return page

    yield visit
    for context in contexts:
        context.close()
    assert noise == []


def computed(page):
    page.wait_for_selector("body[data-ready=yes]")
    return page


def pruned(network, percent, target):
    """The network as the kit prunes it, and the mask."""
    twin = copy.deepcopy(network)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        mask = prune.magnitude(twin, percent / 100, target)
    return twin, mask


def in_page(page, percent, target):
    """The page's mask, by the kit's names of matrices."""
    found = page.evaluate(
        "([p, t]) => mask(p, t).map(({ih, hh}) => ({ih: ih && [...ih], hh: hh && [...hh]}))", [percent, target]
    )
    return {f"stages.{k}.weight_{name}": own[name] for k, own in enumerate(found) for name in own if own[name]}


def the_kits(network, string, steps):
    """Logits at the end of a string, padded up to so many steps."""
    inputs = torch.tensor([[ord(letter) for letter in string.ljust(steps, "\0")]])
    with torch.no_grad():
        return network(inputs)[0].tolist()


def base(p, variant):
    return next(unit for unit in base_networks(p) if unit.variant == variant)


@pytest.mark.usefixtures("records")
@pytest.mark.parametrize("readout", READOUTS)
@pytest.mark.parametrize("variant", VARIANTS)
def test_a_page_computes_what_the_kit_computes(trained, visit, variant, readout):
    folder, asked = trained
    unit = base(asked[readout], variant)
    network, test = unit.network(default_store()), unit.strings.make().test
    page = visit(folder / readout / html.explorable_page(variant))
    assert page.evaluate("data.strings") == test.strings
    depth = max(test.lengths) if readout == "last_padded" else 0
    for percent, target in PRUNED:
        twin, mask = pruned(network, percent, target)
        if percent:
            assert in_page(page, percent, target) == {n: m.int().flatten().tolist() for n, m in mask.items()}
        asked_of = "net = network(percent, target)"
        for string in [*test.strings[:4], test.strings[0][:5]]:
            given = [percent, target, string]
            found = page.evaluate(
                f"([percent, target, s]) => {{ const {asked_of}; return trace(net, s).map((at) => at.logits) }}", given
            )
            expected = [the_kits(twin, string[: k + 1], max(k + 1, depth)) for k in range(len(string))]
            assert np.abs(np.subtract(found, expected)).max() < 1e-5
        _, accuracy = evaluate(Population([twin]), Encoded(test), unit.recipe)
        assert page.evaluate("([percent, target]) => accuracy(percent, target)", [percent, target]) == accuracy[0]
    for target, hits in page.evaluate("data.curves").items():  # the kit's, which the page draws
        for k in (0, 9, 20):
            assert page.evaluate("([p, t]) => accuracy(p, t)", [5 * k, target]) == hits[k] / len(test)


@pytest.mark.usefixtures("records")
def test_logits_of_test_strings_are_read_where_the_run_reads_them(trained, visit):
    folder, asked = trained
    for readout, p in asked.items():
        unit = base(p, "gru")
        network, test = unit.network(default_store()), Encoded(unit.strings.make().test)
        page = visit(folder / readout / html.explorable_page("gru"))
        positions = torch.tensor(test.positions(unit.recipe))
        with torch.no_grad():
            expected = network(test.inputs, positions).numpy()
        every = "data.strings.map((string, k) => logits(network(0, 'both'), string, data.positions[k]))"
        assert np.abs(page.evaluate(every) - expected).max() < 1e-5


@pytest.mark.usefixtures("records")
def test_of_equal_weights_the_page_removes_the_same_ones(tmp_path, visit):
    p = Parameters(**SMALL | {"hidden_size": 5, "layers": 2, "embedding_size": 5, "variants": ["gru"]})
    (unit,) = base_networks(p)
    network = unit.network()
    with torch.no_grad():
        for weight in network.parameters():
            weight.copy_((weight * 8).round() / 8)  # eight values at most, so most weights tie
    default_store().write(unit, {"history": [{"test_accuracy": 0.5}]}, network.state_dict())
    explorable.write(p, tmp_path)
    page = visit(tmp_path / html.explorable_page("gru"))
    for percent in [0.5, 10, 12.5, 33, 50, 62.5, 99]:  # 150 and 300 weights: some percentages end in a half
        for target in TARGETS:
            _, mask = pruned(network, percent, target)
            assert in_page(page, percent, target) == {n: m.int().flatten().tolist() for n, m in mask.items()}


@pytest.mark.parametrize("task", ["reber", "embedded_reber"])
def test_the_first_violation_is_the_automatons(task, tmp_path, visit):
    p = Parameters(task=task, **SMALL | {"variants": ["rnn_tanh"]})
    unit = untrained(p)
    (file,) = explorable.write(p, tmp_path)
    page, rng = visit(file), np.random.default_rng(0)
    automaton = {"reber": grammars.TRANSITIONS, "embedded_reber": grammars.EMBEDDED}[task]
    strings = list(unit.strings.make().test.strings)
    strings += [s[: rng.integers(len(s))] for s in strings] + ["", "B", "E"]
    for string in strings[:60]:
        place = rng.integers(max(len(string), 1))
        strings.append(string[:place] + "BTPSXVEQ"[rng.integers(8)] + string[place + 1 :])
    expected = [grammars.first_violation(string, automaton) for string in strings]
    assert page.evaluate("(strings) => strings.map(violation)", strings) == expected
    assert {-1, 0} < set(expected)
    for string, place in list(zip(strings, expected, strict=True))[::40]:
        page.goto(f"{file.as_uri()}#s={string}")
        computed(page)
        said = page.inner_text("#rule")
        if place == -1:
            assert said == "valid"
        elif place == len(string):
            assert said == "invalid: it ends too early"
        else:
            assert said == f"invalid at letter {place + 1}, {string[place]}"
            assert page.locator("#verdicts .broken").all_text_contents() == [string[place], "✗"]


@pytest.mark.usefixtures("records")
def test_it_works_by_keyboard_and_says_what_it_shows(trained, visit):
    page = visit(trained[0] / "last_valid" / html.explorable_page("lstm"))
    page.focus("#string")
    page.keyboard.press("Control+A")
    page.keyboard.type("btxxé")  # small letters are taken for capitals; é is in no string
    assert page.input_value("#string") == "BTXX"
    assert "é" in page.inner_text("#refused").lower()
    page.keyboard.type("V")
    assert page.is_hidden("#refused")
    page.focus("#percent")
    page.keyboard.press("Home")
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    assert page.inner_text("#share") == "3 %"
    assert page.get_attribute("#percent", "aria-valuetext") == "3 % of all recurrent weights pruned"
    page.wait_for_selector("#spoken:has-text('BTXXV; 3 % of all')")
    spoken = page.text_content("#spoken")
    assert page.get_attribute("#spoken", "aria-live") == "polite"
    assert "Grammar: invalid: it ends too early." in spoken
    for share, words in (("0", "unpruned"), ("3", "Accuracy:")):
        accuracy = 100 * page.evaluate(f"accuracy({share}, 'both')")
        assert f"{words} {accuracy:.1f}".removesuffix(".0") in spoken
    assert "chance" in spoken
    # what is shown is in the address, and goes along to the other variants
    assert page.url.endswith("#s=BTXXV&p=3&t=both&l=3")
    beside = page.get_attribute(".variants a >> nth=0", "href")
    assert beside.endswith("/explorable_rnn_tanh.html#s=BTXXV&p=3&t=both&l=3")
    page.click("text=RNN-Tanh")
    computed(page)
    assert (page.input_value("#string"), page.inner_text("#share")) == ("BTXXV", "3 %")


@pytest.mark.usefixtures("records")
def test_an_address_with_nonsense_in_it_is_a_page_all_the_same(trained, visit):
    file = trained[0] / "last_valid" / html.explorable_page("gru")
    page = visit(file, "#s=<img src=x onerror=alert(1)>&p=1e9&t=__proto__&l=-3&x=%")
    assert page.inner_text("#share") == "100 %"
    assert page.input_value("#target") == "both"
    assert page.input_value("#layer") == "3"
    assert set(page.input_value("#string")) <= set(page.evaluate("data.alphabet"))
    page.fill("#string", "")
    assert computed(page).inner_text("#dense") == "no letter yet"


@pytest.mark.usefixtures("records")
@pytest.mark.parametrize("readout", READOUTS)
def test_the_copied_python_gives_the_page_s_own_numbers(trained, visit, readout, capsys):
    page = visit(trained[0] / readout / html.explorable_page("rnn_relu"), "#s=BTSXXTVVE&p=40&t=h2h&l=1")
    code = page.evaluate("code()")
    assert "import torch" in code
    assert "epochs=3" in code
    assert "graphs" not in code  # nothing that the network does not depend on
    given = {}
    exec(code, given)
    found = page.evaluate("trace(network(40, 'h2h'), 'BTSXXTVVE').at(-1).logits")
    assert np.abs(given["logits"][0].numpy() - found).max() < 1e-5


@pytest.mark.usefixtures("records")
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_need_not_scroll_sideways(trained, visit, scheme):
    options = {"viewport": {"width": 390, "height": 800}, "color_scheme": scheme}
    longest = "#s=" + "BT" + "S" * 45 + "XSE"
    page = visit(trained[0] / "last_valid" / html.explorable_page("gru"), longest, **options)
    assert page.evaluate("document.documentElement.scrollWidth") == 390


def of(file):
    soup = BeautifulSoup(file.read_text(encoding="utf-8"), "html.parser")
    return soup, json.loads(soup.find(id="data").string)


@pytest.mark.usefixtures("records")
def test_without_scripts_there_is_the_kits_own_table(trained):
    folder, asked = trained
    for readout, p in asked.items():
        unit = base(p, "gru")
        soup, carried = of(folder / readout / html.explorable_page("gru"))
        network, depth = unit.network(default_store()), carried["padded"]
        assert bool(depth) == (readout == "last_padded")
        rows = soup.select(".still tbody tr")
        assert [row.th.get_text().split() for row in rows] == [[f"{share}", "%"] for share in explorable.SHOWN]
        for share, row in zip(explorable.SHOWN, rows, strict=True):
            twin, _ = pruned(network, share, "both")
            *cells, accuracy = [cell.get_text() for cell in row.find_all("td")]
            example = carried["example"]
            logits = [the_kits(twin, example[: k + 1], max(k + 1, depth)) for k in range(len(example))]
            expected = 100 * torch.tensor(logits).softmax(-1)[:, 1]
            assert np.abs(np.array(cells, float) - expected.numpy()).max() <= 0.5 + 1e-4
            _, (right,) = evaluate(Population([twin]), Encoded(unit.strings.make().test), unit.recipe)
            assert accuracy.split() == [f"{100 * right:.1f}".removesuffix(".0"), "%"]
        assert soup.find("noscript").get_text(strip=True)
        assert soup.select(".automaton .taken")
        assert not soup.select(".still .live")


def untrained(p, **accuracies):
    """Records of base networks as if they were trained, with the accuracy given by seed."""
    for unit in base_networks(p):
        history = [{"test_accuracy": accuracies.get(f"seed_{unit.seed}", 0.5)}]
        default_store().write(unit, {"history": history}, unit.network().state_dict())
    return base_networks(p)[0]


def test_a_page_at_the_theses_size_stays_small_and_names_every_seed(tmp_path):
    p = Parameters(train_size=1000, test_size=500, seeds=2, hidden_size=50, layers=3, embedding_size=50)
    untrained(p, seed_0=0.994, seed_1=0.871)
    files = explorable.write(p, tmp_path)
    assert [file.name for file in files] == [html.explorable_page(variant) for variant in VARIANTS]
    assert max(file.stat().st_size for file in files) < 380_000, "with room for a longer alphabet below 400 kB"
    soup, carried = of(files[2])
    assert len(carried["strings"]) == explorable.STRINGS
    assert "GRU networks reach 99.4 %, 87.1 % on all 500 test strings" in " ".join(soup.main.get_text().split())


def test_pages_and_the_notebook_on_pruning_lead_to_each_other_where_they_are_there(tmp_path):
    p = Parameters(**SMALL | {"variants": ["gru", "lstm"]})
    untrained(p)
    notebook = tmp_path / "01_pruning.ipynb"
    nbformat.write(new_notebook(), notebook)
    html.render(notebook, notebook.with_suffix(".html"))
    assert "explorable" not in notebook.with_suffix(".html").read_text(encoding="utf-8")
    for file in explorable.write(p, tmp_path, [html.Page("01_pruning", "01 · Pruning")]):
        leads = {a["href"] for a in of(file)[0].select("a[href$='.html']")}
        assert leads == {"index.html", "01_pruning.html", "explorable_gru.html", "explorable_lstm.html"}
        assert [a.get_text(strip=True) for a in of(file)[0].select("nav.pages a[aria-current=page]")] == ["Try it"]
    html.render(notebook, notebook.with_suffix(".html"))
    soup = BeautifulSoup(notebook.with_suffix(".html").read_text(encoding="utf-8"), "html.parser")
    assert [a["href"] for a in soup.select("main a[href^=explorable]")] == [
        "explorable_gru.html",
        "explorable_lstm.html",
    ]


def test_strings_of_a_file_may_hold_anything_and_need_no_automaton(tmp_path, visit):
    letters = "</script><!--\"'&{}\\"
    rng = np.random.default_rng(0)
    strings = {"".join(rng.choice([*letters], 9)) for _ in range(80)} | {"</script>", "<!--{{7*7}}"}
    table = tmp_path / "strings.csv"
    quoted = ('"' + string.replace('"', '""') + '"' for string in sorted(strings))
    table.write_text("string,valid\n" + "".join(f"{text},{k % 2}\n" for k, text in enumerate(quoted)))
    p = Parameters(task="csv", csv_path=str(table), **SMALL | {"variants": ["gru"], "test_size": 40})
    unit = untrained(p)
    (file,) = explorable.write(p, tmp_path)
    soup, carried = of(file)
    assert carried["strings"] == unit.strings.make().test.strings[: explorable.STRINGS]
    assert carried["automaton"] is None
    assert not soup.select(".automaton, #rule")
    assert not explorable.links(p, tmp_path).thumbnail
    page = visit(file)
    page.fill("#string", "</script>")
    found = page.evaluate("trace(network(0, 'both'), '</' + 'script>').at(-1).logits")
    assert np.abs(np.subtract(found, the_kits(unit.network(), "</script>", 9))).max() < 1e-5


def test_without_strings_or_networks_there_is_no_page_and_a_word_on_why(tmp_path):
    stale = tmp_path / html.explorable_page("gru")
    stale.write_text("of an earlier run")
    assert explorable.write(Parameters(task="digits", **SMALL), tmp_path) == []
    assert not stale.exists()
    assert "rows of numbers" in explorable.links(Parameters(task="digits"), tmp_path).sentence
    p = Parameters(**SMALL | {"variants": ["gru"]})
    assert explorable.write(p, tmp_path) == []  # nothing is trained for it
    found = explorable.links(p, tmp_path)
    assert not found.pages
    assert "has not trained" in found.sentence
    (unit,) = base_networks(p)
    broken = {name: torch.full_like(w, torch.nan) for name, w in unit.network().state_dict().items()}
    default_store().write(unit, {"history": [{"test_accuracy": 0.5}]}, broken)
    assert explorable.write(p, tmp_path) == []


@pytest.mark.usefixtures("records")
def test_links_name_every_page_and_draw_the_automaton(trained):
    folder, asked = trained
    found = explorable.links(asked["last_valid"], folder / "last_valid")
    assert found.pages == tuple((label, html.explorable_page(variant)) for variant, label in VARIANTS.items())
    drawn = BeautifulSoup(found.thumbnail, "html.parser")
    edges = {(source, to) for source, edges in grammars.TRANSITIONS.items() for to in edges.values()}
    assert {tuple(map(int, edge["data-edge"].split())) for edge in drawn.select(".edge")} == edges
    assert not drawn.find_all(id=True)  # it may stand on a page beside others

# make report         run the parameter set `quick`, or SET=name, to reports/<set>/index.html
# make test           run the tests; those in a browser where there is one
# make test-browser   only these: report and JupyterLab in Chromium
# make test-kills     kill runs at 60 random moments, processes of all kinds
# make fuzz           ten thousand cases of input that is damaged or hostile
# make explore        the explorers of the run `quick`, or SET=name, as one page in the browser
# make lab            open the notebooks in JupyterLab
# make bench          measure speed beside the literal implementation
# make lint           check and format
# make pictures       the pictures of README, from the run `quick` that is there
# make docs           build the documentation site, docs/_build/html/index.html

SET ?= quick
PYTHON ?= python3
BIN := .venv/bin

.PHONY: report test test-browser test-kills fuzz lab bench explore lint pictures docs clean

report: .venv/notebooks
	$(BIN)/sparsekit run $(SET)

test: .venv/test
	$(BIN)/ruff check . && $(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/pytest -rs

test-browser: .venv/test
	$(BIN)/pytest -rs -n 0 tests/browser

test-kills: .venv/test
	SPARSEKIT_KILLS=60 $(BIN)/pytest -n 0 tests/test_kills.py

fuzz: .venv/test
	SPARSEKIT_FUZZ=500 $(BIN)/pytest tests/test_fuzz.py tests/test_attacks.py

lab: .venv/notebooks
	$(BIN)/jupyter lab notebooks

explore: .venv/explore report
	SPARSEKIT_SET=$(SET) $(BIN)/voila docs/explorers.ipynb

bench: .venv/test
	$(BIN)/python -m tests.bench

lint: .venv/test
	$(BIN)/ruff check --fix . && $(BIN)/ruff format .

pictures: .venv/test
	$(BIN)/python docs/pictures.py $(SET)

docs: .venv/docs
	$(BIN)/sphinx-build -q -W --keep-going -b html docs docs/_build/html

# An environment is made anew when what it should hold has changed.
.venv/notebooks: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit("sparsekit needs Python 3.11 or newer; this is " + sys.version.split()[0] + ". Name another: make PYTHON=python3.12 …" if sys.version_info < (3, 11) else 0)'
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[notebooks]'
	touch $@

.venv/test: .venv/notebooks
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[notebooks,test]'
	touch $@

.venv/explore: .venv/notebooks
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[notebooks,explore]'
	touch $@

.venv/docs: .venv/notebooks
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[notebooks,docs]'
	touch $@

clean:
	rm -rf .venv reports docs/_build docs/generated docs/notebooks docs/changelog.md

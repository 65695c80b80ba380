# taskdist_nb: `make help` lists what there is. Each target sets up .venv by itself; a second run is quick.
PYTHON ?= python3
VENV ?= .venv
JOBS ?= logical
PORT ?= 8000

BIN := $(VENV)/bin
READY := $(VENV)/.ready-dev
READY_DOCS := $(VENV)/.ready-docs
READY_BROWSER := $(VENV)/.ready-browser
READY_MUTATION := $(VENV)/.ready-mutation
# setuptools warns at each editable installation; it says nothing useful here. Python compiles what is imported, a small part of 17,000 files.
PIP_INSTALL := PYTHONWARNINGS=ignore $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile
CORE_TESTS := $(wildcard nbs/00_*.ipynb nbs/00b_seeds.ipynb nbs/0[1-5]*.ipynb nbs/06_*.ipynb nbs/06b_chance.ipynb nbs/08*.ipynb) \
  tests/test_properties.py tests/test_numerics.py tests/test_settings_act.py tests/test_models.py tests/test_published_turn.py
META := settings.ini setup.py pyproject.toml
MIN_PYTHON := $(shell sed -n 's/^min_python *= *//p' settings.ini)

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-browser lab hooks lint export docs docs-serve audit coverage mutate clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

setup: $(READY) ## set up the virtual environment in .venv (the others do it when needed)

# one turn and three walks of each path: two minutes on 2 cores
DEMO := --suite digits --known rotation --distances coupled,fine_tuning,task2vec,wasserstein \
	--set walks=3 coupling_iterations=1 entropic_epsilon=0

demo: $(READY) ## six tasks of handwritten digits, and digits turned by known angles; report.html in runs/digits
	$(BIN)/taskdist run $(DEMO) --out runs/digits

test: $(READY) ## run every cell of every notebook and the tests (JOBS=2 for two processes)
	$(BIN)/python -m pytest -n $(JOBS) --maxprocesses 8 --dist loadfile --durations 15

test-browser: $(READY_BROWSER) docs ## try the site and a widget in JupyterLab in a headless Chromium (skipped where there is none)
	$(BIN)/python -m pytest -n $(JOBS) --maxprocesses 2 --dist loadfile tests/browser

coverage: $(READY) ## which lines of the numerical core its notebooks and tests run (some ten minutes)
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest --exported $(CORE_TESTS)
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

mutate: $(READY_MUTATION) ## plant 300 faults in the numerical core, one at a time, and count those that its tests notice (over an hour)
	$(BIN)/python benchmarks/mutate.py

lab: $(READY) ## open JupyterLab on the notebooks
	$(BIN)/jupyter lab $(if $(filter 0,$(shell id -u)),--allow-root) nbs

hooks: $(READY) ## once a clone: git merges notebooks cell by cell, and looks at what is committed
	$(BIN)/nbdev_install_hooks
	$(BIN)/pre-commit install

lint: $(READY) ## what ruff says of notebooks and files
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

export: $(READY) ## after editing notebooks: format and clean them, then write taskdist_nb/, README.md and nbs/matplotlibrc from them
	$(BIN)/ruff check --quiet --fix .
	$(BIN)/ruff format --quiet .
	$(BIN)/nbdev_clean
	$(BIN)/python docs/still.py
	$(BIN)/nbdev_export
	$(BIN)/python docs/chapters_style.py
	$(BIN)/python docs/make_readme.py

docs: $(READY_DOCS) ## build the site from the notebooks into _docs/html/
	$(BIN)/python docs/build.py build/docs
	$(BIN)/sphinx-build -W --keep-going -q -c docs build/docs _docs/html
	@echo "Open _docs/html/index.html"

docs-serve: docs ## serve the site on this machine only, at http://127.0.0.1:8000 (PORT=8001 for another port)
	$(BIN)/python -m http.server --bind 127.0.0.1 --directory _docs/html $(PORT)

audit: $(READY) ## known holes of what is installed, and of the oldest releases that settings.ini allows (asks PyPI)
	@$(PYTHON) -m venv build/venv-audit
	@build/venv-audit/bin/python -m pip install --quiet --disable-pip-version-check pip-audit
	@$(BIN)/python -m pip list --format=freeze --exclude-editable --disable-pip-version-check >build/installed.txt
	@.ci/floors requirements dev_requirements docs_requirements browser_requirements >build/floors.txt
	build/venv-audit/bin/pip-audit --strict --no-deps --disable-pip -r build/installed.txt
	build/venv-audit/bin/pip-audit --strict --no-deps --disable-pip -r build/floors.txt

clean: ## remove what was built (not .venv, not runs/)
	rm -rf build dist _docs _proc *.egg-info .pytest_cache
	find . -path ./$(VENV) -prune -o \( -name __pycache__ -o -name .ipynb_checkpoints \) -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < tuple(map(int, "$(MIN_PYTHON)".split("."))))' || { \
	  echo "taskdist_nb needs Python $(MIN_PYTHON) or newer; $(PYTHON) is: $$($(PYTHON) --version 2>&1)." >&2; \
	  echo "Name another one: make PYTHON=/path/to/python" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
	  echo "$(PYTHON) could not make a virtual environment; on Debian and Ubuntu, install the package python3-venv." >&2; exit 1; }

$(READY): $(META) | $(BIN)/python
	@echo "Installing taskdist_nb and what it needs into $(VENV): a few minutes and some 6 GB the first time."
	@$(PIP_INSTALL) -e '.[dev]'
	@touch $@

$(READY_DOCS): $(READY)
	@$(PIP_INSTALL) -e '.[docs]'
	@touch $@

$(READY_MUTATION): $(READY)
	@$(PIP_INSTALL) -e '.[mutation]'
	@touch $@

$(READY_BROWSER): $(READY)
	@$(PIP_INSTALL) -e '.[browser]'
	@touch $@

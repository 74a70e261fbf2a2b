# `make quickstart` and `make test` are the two set-up commands; both make their own virtual environment.

PYTHON ?= python3
VENV ?= .venv
RECIPE ?= quickstart
BASE_SEED ?= 0

BIN := $(VENV)/bin
ROOMS := tasks training evals results
# Two torch processes on two cores spin against each other, ten times slower, unless each has one thread.
QUIET_THREADS := OMP_NUM_THREADS=1 KMP_BLOCKTIME=0 OMP_WAIT_POLICY=PASSIVE
OFFLINE := HF_HUB_OFFLINE=1 HF_DATASETS_OFFLINE=1 HF_HUB_DISABLE_TELEMETRY=1
# Without --no-compile half a minute goes into compiling modules that nothing imports.
PIP := $(BIN)/python -m pip --disable-pip-version-check

# Many images set it. Without cached bytecode every start of torch and TRL costs twenty seconds.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help quickstart test test-latest lint format check base certify wheel-check links clean

help: ## what can be made
	@grep -hE '^[a-z-]+:.*## ' Makefile | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

quickstart: $(VENV)/installed ## install, run the recipe (RECIPE=quickstart), write its report
	$(OFFLINE) $(BIN)/pentimento run $(RECIPE)

test: $(VENV)/installed-dev ## install what the tests need and run them
	$(OFFLINE) $(QUIET_THREADS) $(BIN)/python -m pytest --numprocesses=logical --dist=loadfile $(ARGS)

test-latest: ## the tests with the newest releases of inspect, TRL, PEFT and transformers, in an environment of their own
	$(PYTHON) -m venv $(VENV)-latest
	$(VENV)-latest/bin/python -m pip install --quiet --no-compile --constraint constraints.txt --editable '.[dev]'
	$(VENV)-latest/bin/python -m pip install --quiet --no-compile --upgrade inspect-ai trl peft transformers
	$(VENV)-latest/bin/python -m pip freeze | grep -iE '^(inspect.ai|trl|peft|transformers)=='
	$(OFFLINE) $(QUIET_THREADS) $(VENV)-latest/bin/python -m pytest --numprocesses=logical --dist=loadfile $(ARGS)

lint: $(VENV)/installed-dev ## ruff, mypy --strict, import-linter, inspect-evals-lint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy -p pentimento
	$(BIN)/lint-imports
	$(BIN)/inspect-evals-lint --all

format: $(VENV)/installed-dev ## let ruff write the files as `make lint` wants them
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

wheel-check: $(VENV)/installed-dev ## the wheel built from the sdist, installed elsewhere, runs a task
	$(OFFLINE) $(QUIET_THREADS) $(BIN)/python tests/wheel_check.py

check: lint test wheel-check ## everything that continuous integration checks

base: $(VENV)/installed ## make the embedded base again, tokenizer and weights (BASE_SEED=0)
	$(BIN)/pentimento base --base-seed $(BASE_SEED)

certify: $(VENV)/installed ## measure the embedded base's certificate again
	$(BIN)/pentimento certify

links: ## repair the links in src/ of a checkout that came without them
	for room in $(ROOMS); do rm -f src/pentimento/$$room && ln -s ../../$$room src/pentimento/$$room; done

clean: ## remove the virtual environment and caches; runs stay
	rm -rf $(VENV) $(VENV)-latest build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/installed: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(PIP) install --quiet --no-compile --constraint constraints.txt --editable .
	@touch $@

$(VENV)/installed-dev: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(PIP) install --quiet --no-compile --constraint constraints.txt --editable '.[dev]'
	@touch $@ $(VENV)/installed

# make run opens the cockpit, make test runs the tests; both make their own virtual environment first.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
DEV_STAMP := $(VENV)/.installed-dev

.PHONY: run test check screenshots bench chaos recovery simulate coverage mutants format clean

run: $(STAMP)
	@$(BIN)/cockpit $(ARGS)

test: $(DEV_STAMP)
	$(BIN)/python -m pytest $(ARGS)

check: $(DEV_STAMP)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

screenshots: $(DEV_STAMP)
	$(BIN)/python -m screenshots.make $(ARGS)

bench: $(DEV_STAMP)
	$(BIN)/python -m bench $(ARGS)

# The engine's hot modules as machine code beside their sources; needs a C compiler. `make slow` takes them away again.
fast: $(DEV_STAMP)
	$(BIN)/python -m bench.fast

slow:
	$(PYTHON) -m bench.fast --remove

chaos: $(DEV_STAMP)
	$(BIN)/python tests/campaign/chaos.py $(ARGS)

recovery: $(DEV_STAMP)
	$(BIN)/python tests/campaign/recover.py $(ARGS)

# Engine and exchange on a virtual clock, with faults from a seed: make simulate ARGS="--hours 100 --seed 1"
simulate: $(DEV_STAMP)
	$(BIN)/python -m tests.simulation $(or $(ARGS),--hours 20)

coverage: $(DEV_STAMP)
	COCKPIT_FUZZED_ORDERS=100000 $(BIN)/python -m pytest -n 0 tests/core/test_gate_fuzz.py
	$(BIN)/python -m coverage run -m pytest -n 0 --hypothesis-seed=1 tests/core tests/journal $(ARGS)
	$(BIN)/python -m coverage report

mutants: $(DEV_STAMP)
	$(BIN)/python tests/mutation/mutants.py $(ARGS)

format: $(DEV_STAMP)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

$(STAMP): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Cockpit needs Python 3.11 or newer; try: make run PYTHON=python3.12" >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing into $(VENV) (once) …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@

$(DEV_STAMP): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Cockpit needs Python 3.11 or newer; try: make test PYTHON=python3.12" >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing into $(VENV) (once) …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $(STAMP) $@

clean: slow
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache

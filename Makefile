# make setup | check | test | bench        everything in a virtual environment of its own
#   PYTHON=python3.12   which Python makes it        VENV=folder   where it lies
#   JOBS=1   how many processes run the tests (else one a core, at most four)

PYTHON ?= python3
JOBS ?= auto
VENV ?= .venv-dev
BIN = $(VENV)/bin
READY = $(VENV)/.ready
PATHS = src research tests benchmarks recipes
TORCH = 2.13.0

.PHONY: help setup check lint types layers format test bench constraints clean

help:
	@sed -n '1,2p' Makefile

setup: $(READY)

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Impasto needs Python 3.11 or later; try make PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)
	echo '*' > $(VENV)/.gitignore
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $@

check: lint types layers

lint: $(READY)
	$(BIN)/ruff check $(PATHS)
	$(BIN)/ruff format --check $(PATHS)

types: $(READY)
	$(BIN)/mypy

layers: $(READY)
	$(BIN)/lint-imports

format: $(READY)
	$(BIN)/ruff check --fix $(PATHS)
	$(BIN)/ruff format $(PATHS)

test: $(READY)
	$(BIN)/python -m pytest --numprocesses $(JOBS) --maxprocesses 4 --dist worksteal

bench: $(READY)
	for script in benchmarks/*.py; do $(BIN)/python "$$script" || exit 1; done

# The newest versions that pyproject.toml allows, beside the torch that is tested.
constraints:
	rm -rf build/constraints && $(PYTHON) -m venv build/constraints
	build/constraints/bin/python -m pip install --quiet 'torch==$(TORCH)' '.[dev,heic]'
	build/constraints/bin/python -m pip freeze --all > build/freeze.txt
	( sed -n '/^#/p' constraints.txt; grep -viE '^(pip|impasto)( |=)' build/freeze.txt \
	    | sed 's/+.*//' | sort -f ) > build/constraints.txt
	mv build/constraints.txt constraints.txt

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

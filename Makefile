# Two commands do everything: `make demo` and `make test`. Both make the virtual environment and
# install the pinned versions first, and skip that when nothing changed.

PYTHON ?= python3
VENV ?= .venv
EXTRAS ?= test
BIN := $(VENV)/bin
DB ?= demo.db

.PHONY: demo test lint leaderboard clean

demo: $(VENV)/.installed
	$(BIN)/fusebench run demo --db $(DB)

leaderboard: $(VENV)/.installed
	$(BIN)/fusebench leaderboard --db $(DB)

test: $(VENV)/.installed-$(EXTRAS)
	$(BIN)/python -m pytest -n auto --dist worksteal

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

$(BIN)/python:
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(None if v >= (3, 11) else \
	  "fusebench needs Python 3.11 or newer, this is %d.%d; try: make PYTHON=python3.12" % v[:2])'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: $(BIN)/python pyproject.toml constraints.txt
	$(BIN)/python -m pip install --constraint constraints.txt --editable .
	@touch $@

$(VENV)/.installed-%: $(BIN)/python pyproject.toml constraints.txt
	$(BIN)/python -m pip install --constraint constraints.txt --editable ".[$*]"
	@touch $@ $(VENV)/.installed

clean:
	rm -rf $(VENV) build dist demo.db demo.db-shm demo.db-wal

# `make run` and `make test` do everything on a fresh machine with python3 (3.11-3.13) and make.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.installed

.PHONY: run test lint screenshots clean

run: $(READY)
	$(BIN)/tern

test: $(READY) lint
	QT_QPA_PLATFORM=offscreen $(BIN)/pytest

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

screenshots: $(READY)
	QT_QPA_PLATFORM=offscreen $(BIN)/python packaging/screenshots.py

$(READY): pyproject.toml packaging/install.py
	$(PYTHON) packaging/install.py $(VENV)
	touch $@

clean:
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache

# `make run` and `make test` do everything on a fresh machine with python3 (3.11-3.13) and make.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.installed

.PHONY: run test soak lint sanitize screenshots translations icons package smoke deb clean

run: $(READY)
	$(BIN)/tern

# Two files at a time: many tests wait for a process of their own.
test: $(READY) lint
	QT_QPA_PLATFORM=offscreen $(BIN)/pytest --numprocesses 2 --dist loadfile

# Each fault again and again, thousands of spoilt folders, 500 turns: all counted, in minutes. And
# other examples of what holds for all.
soak: $(READY)
	QT_QPA_PLATFORM=offscreen $(BIN)/pytest -m 'soak or hypothesis' --hypothesis-profile exploring --timeout 3600

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# The compiled core's own tests, with the address and undefined-behaviour sanitizers.
sanitize:
	cmake -S . -B build/sanitize -DTERN_SANITIZE=ON -DTERN_PYTHON=OFF
	cmake --build build/sanitize --parallel 2
	ctest --test-dir build/sanitize --output-on-failure

# Pictures of every page, to look at, in build/screenshots/; those that the documents show are kept.
screenshots: $(READY)
	QT_QPA_PLATFORM=offscreen $(BIN)/python packaging/screenshots.py build/screenshots
	QT_QPA_PLATFORM=offscreen $(BIN)/python packaging/screenshots_pages.py build/screenshots
	cp $$(grep -oh 'screenshots/[a-z0-9-]*\.png' README.md docs/*.md | sed 's,^,build/,') assets/screenshots/

# Collects the window's texts into assets/locale/, and compiles what is translated there.
translations: $(READY)
	PYTHONPATH=. $(BIN)/python packaging/translations.py

# The program's icon in all sizes, into build/icons/.
icons: $(READY)
	$(BIN)/python packaging/icons.py build/icons

# A folder that runs without Python: dist/tern.
package: icons $(VENV)/.packager
	$(BIN)/python -m PyInstaller --noconfirm packaging/tern.spec

# Whether that folder chats by itself: an empty home, no network, no Python.
smoke:
	packaging/smoke.sh dist/tern/tern

# The same folder for Debian and Ubuntu: dist/tern-chat_*.deb.
deb:
	packaging/deb.sh

$(VENV)/.packager: $(READY)
	$(BIN)/python -m pip install --editable '.[package]'
	touch $@

$(READY): pyproject.toml packaging/install.py CMakeLists.txt $(wildcard engine/kernels/native/*.cpp engine/kernels/native/*.h)
	$(PYTHON) packaging/install.py $(VENV)
	touch $@

clean:
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache

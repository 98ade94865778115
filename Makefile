# `make demo` and `make test` set up everything they need, and are quick when run again.
# Needed beforehand: Python 3.10 or later with venv, and make.

PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/$(if $(filter Windows_NT,$(OS)),Scripts,bin)
# The versions that are installed; /dev/null for the newest.
CONSTRAINTS ?= constraints.txt
OUT    ?= demo
PAGE   := landscape/page/static
JSTESTS := tests/page_js
DENO   := DENO_NO_UPDATE_CHECK=1 $(BIN)/deno

.PHONY: demo docs gallery test test-fast check doctest stress format dist clean

demo: $(VENV)/installed
	$(BIN)/landscape demo
	$(BIN)/landscape train plain56 resnet56 --data digits --out $(OUT)/runs
	$(BIN)/landscape scan $(OUT)/runs/plain56/last.pt $(OUT)/runs/resnet56/last.pt \
	    --images 256 --points 25 --out $(OUT)
	$(BIN)/landscape plot $(OUT)/plain56.h5 $(OUT)/resnet56.h5 --out $(OUT)/surfaces.png
	$(BIN)/landscape plot $(OUT)/plain56.h5 $(OUT)/resnet56.h5 --kind contour \
	    --out $(OUT)/contours.png
	$(BIN)/landscape view $(OUT)/plain56.h5 $(OUT)/resnet56.h5 --html $(OUT)/landscape.html --open
	@echo "The figures, the page and the surfaces are in $(OUT)/: open $(OUT)/landscape.html"

test: $(VENV)/installed-dev $(VENV)/browser check
	$(BIN)/pytest -n auto --dist worksteal

# Without checks, the browser, and tests that take seconds.
test-fast: $(VENV)/installed-dev
	$(BIN)/pytest -n auto --dist worksteal -m "not browser and not slow"

doctest: $(VENV)/installed-dev
	$(BIN)/pytest tests/test_doctests.py

# The site, in build/docs; a warning or a broken reference is an error.
docs: $(VENV)/installed-dev
	$(BIN)/python -m sphinx -E -a -W --keep-going -n -q docs build/docs

# Run the examples, and write their pictures and pages into docs/gallery.
gallery: $(VENV)/installed-dev
	PYTHONPATH=. $(BIN)/python tools/gallery.py

# 100,000 damaged files with every reader, and kills at random moments: hours on two cores.
stress: $(VENV)/installed-dev
	PYTHONPATH=. $(BIN)/python tools/stress_files.py
	PYTHONPATH=. $(BIN)/python tools/stress_kills.py

check: $(VENV)/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python tools/wording.py
	$(BIN)/check-jsonschema -q --builtin-schema vendor.github-workflows .github/workflows/*.yml
	$(BIN)/zizmor --offline --quiet .github/workflows
	$(DENO) lint --quiet $(PAGE) $(JSTESTS)
	$(DENO) fmt --quiet --check $(PAGE)/*.js $(PAGE)/*.css $(JSTESTS)/*.js deno.json
	$(DENO) check --quiet $(PAGE)/*.js $(JSTESTS)/*.js

format: $(VENV)/installed-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(DENO) fmt --quiet $(PAGE)/*.js $(PAGE)/*.css $(JSTESTS)/*.js deno.json

# The source distribution and the wheel.
dist: $(VENV)/installed-dev
	$(BIN)/python -m build --no-isolation

clean:
	rm -rf $(VENV) demo build dist *.egg-info

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/installed: $(BIN)/python pyproject.toml $(CONSTRAINTS)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c $(CONSTRAINTS) -e .
	touch $@

$(VENV)/installed-dev: $(BIN)/python pyproject.toml $(CONSTRAINTS)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c $(CONSTRAINTS) -e ".[dev]"
	touch $@ $(VENV)/installed

# The page is tested in a real browser, the system's own; elsewhere its tests are skipped.
$(VENV)/browser: $(BIN)/python
	@command -v chromium || command -v chromium-browser || command -v google-chrome \
	    || { command -v apt-get && [ "$$(id -u)" = 0 ] && apt-get update -qq \
	         && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium; } \
	    || echo "no Chromium: install it to run the tests of the page"
	touch $@

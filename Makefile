# make demo        render a demo set, evaluate HaMeR and the controls on it, show where the report is
# make test        run the tests
# make test-full   run the slow tests too: networks at their released size, long searches for rare faults
# make check       lint, types, import contract
# make docs        build the documentation site in build/docs; a dead link or an undocumented public name fails
# make release     build sdist and wheel, install the wheel in an empty environment, run the demo there

PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
STUDIO := .label-studio/.ready

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c

# What pip does, a line per package, cut to the width of a terminal.
SHOW := sed -u -n -E 's/^ *((Downloading|Using cached|Building|Installing) .{0,60}).*/  \1/p'

.PHONY: demo test test-full check docs release

demo: $(READY)
	$(BIN)/hint demo

# Two processes share the cores; more threads in each would only wait for each other.
test: $(READY) $(STUDIO)
	OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses 2 --dist loadscope

test-full: $(READY) $(STUDIO)
	$(BIN)/python -m pytest -m 'full_size or slow' --numprocesses 2 --dist loadscope

check: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: $(READY)
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build

release: $(READY)
	$(BIN)/python tools/release.py

$(READY): pyproject.toml hint/requirements-nodeps.txt tests/requirements-nodeps.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10) and "hint needs Python 3.10 or newer; name one with make PYTHON=python3.11")'
	@echo 'Creating .venv with PyTorch and the other packages (about 6 GB, a few minutes; once)'
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --progress-bar off --upgrade pip | $(SHOW)
	@$(BIN)/python -m pip install --progress-bar off --editable '.[dev]' | $(SHOW)
	@$(BIN)/python -m pip install --progress-bar off --no-deps --requirement hint/requirements-nodeps.txt \
	  --requirement tests/requirements-nodeps.txt | $(SHOW)
	@echo 'Putting the two networks of MediaPipe Hands (Apache-2.0) into .venv/share/hint-toolkit'
	@$(BIN)/hint fetch mediapipe --accept-licence --out .venv/share/hint-toolkit
	@touch $@

# The server that the annotation tests talk to, in an environment of its own as `hint studio serve` makes it.
$(STUDIO): annotation/studio/install.py | $(READY)
	@echo 'Installing Label Studio into .label-studio for the tests (about 1 GB, two to four minutes; once)'
	@$(BIN)/python -c 'from pathlib import Path; from annotation.studio.install import install; install(Path(".label-studio"))'

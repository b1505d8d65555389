# make demo    render a demo set, evaluate HaMeR and the controls on it, show where the report is
# make test    run the tests
# make check   lint, types, import contract
# make docs    build the documentation site in build/docs; a dead link or an undocumented public name fails
# make release build sdist and wheel, install the wheel in an empty environment, run the demo there

PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready

.PHONY: demo test test-full check docs release

demo: $(READY)
	$(BIN)/hint demo

test: $(READY)
	$(BIN)/python -m pytest --numprocesses 2 --dist loadgroup

test-full: $(READY)
	$(BIN)/python -m pytest -m full_size

check: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: $(READY)
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build

release: $(READY)
	$(BIN)/python tools/release.py

$(READY): pyproject.toml requirements-nodeps.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10) and "hint needs Python 3.10 or newer; name one with make PYTHON=python3.11")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	$(BIN)/python -m pip install --quiet --no-deps --requirement requirements-nodeps.txt
	@touch $@

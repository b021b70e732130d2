# make quickstart | make test | make test-long | make setup | make lint | make format | make docs | make clean
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# The torch to install before all else, e.g. TORCH="torch==2.13.0 --index-url https://download.pytorch.org/whl/cu130"
TORCH ?=
DONE := $(VENV)/.done

.PHONY: setup quickstart test test-long lint format docs clean

setup: $(DONE)

$(DONE): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "medtune needs Python 3.11 or later; name one: make PYTHON=python3.12"; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
ifneq ($(TORCH),)
	$(BIN)/python -m pip install --quiet $(TORCH)
endif
	grep -v '^torch==' constraints.txt > $(VENV)/constraints.txt
	$(if $(TORCH),,grep '^torch==' constraints.txt >> $(VENV)/constraints.txt)
	$(BIN)/python -m pip install --quiet --constraint $(VENV)/constraints.txt --editable '.[dev]'
	@touch $(DONE)

quickstart: setup
	@if $(BIN)/medtune models get smollm2-135m; then \
	  echo "model: SmolLM2-135M-Instruct (recipe quickstart-smollm2)"; \
	  $(BIN)/medtune run quickstart-smollm2 --out runs/quickstart; \
	else \
	  echo "model: medtune-base, which is in the package (recipe quickstart), for SmolLM2-135M-Instruct could not be fetched"; \
	  $(BIN)/medtune run quickstart --out runs/quickstart; \
	fi

test: setup
	OMP_NUM_THREADS=1 $(BIN)/pytest --numprocesses 2

test-long: setup
	OMP_NUM_THREADS=1 $(BIN)/pytest --numprocesses 2 -m long

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: setup
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: setup
	$(BIN)/medtune recipes reference > docs/recipe-reference.md
	$(BIN)/python scripts/architecture.py
	$(BIN)/python scripts/schemas.py

clean:
	rm -rf $(VENV) runs build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis

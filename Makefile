# Everything a developer or an operator runs from a checkout. The virtual environment builds itself from the lock.
.DEFAULT_GOAL := help
SHELL := /bin/bash

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PYTEST_ARGS ?=
WORKERS ?= 3
COMPILE := uv pip compile --quiet --universal --generate-hashes --no-header --python-version 3.11 --no-emit-index-url --no-emit-find-links

export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help demo serve test check fmt golden bench chaos lock clean

help: ## Show this help
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-8s %s\n", $$1, $$2}'

$(VENV)/.installed: requirements/dev.txt pyproject.toml
	@echo "installing the locked dependencies into $(VENV)"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "terrakube-bridge needs Python 3.11 or newer: make PYTHON=python3.11 ...")'
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --quiet --require-hashes --requirement requirements/dev.txt
	@$(BIN)/pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

demo: $(VENV)/.installed ## A push, plans, a review, an apply and the merge, and Slack beside it, against stand-ins (STAY=1 keeps it running)
	@$(BIN)/terrakube-bridge demo $(if $(STAY),--stay)

serve: $(VENV)/.installed ## Run the bridge with .env and bridge.yaml of this folder
	@$(BIN)/terrakube-bridge serve

test: check ## What CI runs: linters, types, import direction, then every test (WORKERS=3 processes: they wait a third of the time)
	@$(BIN)/pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder $(PYTEST_ARGS)

check: $(VENV)/.installed ## Linters, types, import direction, spelling, packaging metadata
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/codespell
	@VALIDATE_PYPROJECT_NO_NETWORK=1 $(BIN)/validate-pyproject pyproject.toml

fmt: $(VENV)/.installed ## Format and fix what can be fixed
	@$(BIN)/ruff check --fix-only .
	@$(BIN)/ruff format .

golden: $(VENV)/.installed ## Rewrite the golden files; review the diff
	@$(BIN)/pytest -q --update-golden $(PYTEST_ARGS)

bench: $(VENV)/.installed ## Acknowledgement and following, as ratios measured in one run
	@$(BIN)/python -m tests.bench

chaos: $(VENV)/.installed ## Kill the bridge at every step of an apply, while people use Slack and at 200 random moments (PART=apply, PART=slack: only that)
	@$(BIN)/python -m tests.chaos $(if $(PART),--part $(PART))

lock: ## Compile the hashed lock files (needs uv)
	$(COMPILE) pyproject.toml -o requirements/runtime.txt
	$(COMPILE) pyproject.toml --group dev -o requirements/dev.txt
	echo 'hatchling>=1.27' | $(COMPILE) - -o requirements/build.txt

clean: ## Remove what was built here
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .import_linter_cache

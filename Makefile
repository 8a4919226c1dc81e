# `make help` lists the targets. PYTHON chooses the interpreter that .venv is made with.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed
# Parallel test processes: one a core, four at most.
WORKERS ?= $(shell $(PYTHON) -c 'import os; print(min(4, os.cpu_count() or 2))' 2>/dev/null || echo 2)

.DEFAULT_GOAL := help
.PHONY: help demo serve test check bench docs lock wheel clean

help: ## List the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

$(STAMP): requirements.lock pyproject.toml scripts/setup
	@PYTHON="$(PYTHON)" sh scripts/setup
	@touch $(STAMP)

demo: $(STAMP) ## Show the main job in a throw-away home: project, environment, training job, results
	@$(BIN)/modelyard demo

serve: $(STAMP) ## Start a server in ~/.modelyard (or MODELYARD_HOME) and keep it running
	@$(BIN)/modelyard serve

test: $(STAMP) ## Run the tests
	@$(BIN)/python -m pytest -n $(WORKERS) -q

check: $(STAMP) ## Run the linters: ruff, mypy, import-linter, the size budget
	@$(BIN)/ruff check src tests bench scripts
	@$(BIN)/ruff format --check src tests bench scripts
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache
	@$(BIN)/python -m pytest -q -p no:randomly tests/test_architecture.py

bench: $(STAMP) ## Run the measurements
	@$(BIN)/python -m bench

docs: $(STAMP) ## Write the generated reference pages
	@$(BIN)/python scripts/write_reference.py

lock: ## Resolve the dependencies anew into requirements.lock
	@sh scripts/lock

wheel: $(STAMP) ## Build the wheel and check that it installs and serves
	@scripts/check-wheel

clean: ## Remove .venv and what tools leave behind
	@rm -rf .venv dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis

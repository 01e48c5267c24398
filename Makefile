# Every verb makes what it needs: the virtual environment, then its packages, pinned and checked by hash.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready

.DEFAULT_GOAL := help
.PHONY: help demo test lint types check mutants lock clean

help: ## print these verbs
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-9s %s\n", $$1, $$2}' Makefile

$(READY): requirements/dev.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "oddsbridge needs Python 3.11 or newer; $$($(PYTHON) --version) is what \`$(PYTHON)\` is. Try: make PYTHON=python3.12 …"; exit 2; }
	@echo "setting up .venv (once, a minute or two)"
	@$(PYTHON) -m venv --clear .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

demo: $(READY) ## a real Kafka, a simulated OpticOdds and the daemon: kill it, and count what arrived
	@$(BIN)/oddsbridge demo

test: $(READY) ## all tests, against the embedded Kafka
	@$(BIN)/python -m pytest

lint: $(READY) ## style: ruff's rules and format
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

types: $(READY) ## mypy --strict
	@$(BIN)/mypy

check: lint types test ## all of it

mutants: $(READY) ## build wrong bridges and show that the tests notice each
	@$(BIN)/python -m tests.mutants

lock: $(READY) ## pin every dependency again, with hashes
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	@CUSTOM="--quiet --universal --python-version 3.11 --generate-hashes --custom-compile-command"; \
	$(BIN)/uv pip compile pyproject.toml --extra demo --extra dev $$CUSTOM "make lock" -o requirements/dev.txt --upgrade && \
	$(BIN)/uv pip compile pyproject.toml -c requirements/dev.txt $$CUSTOM "make lock" -o requirements/run.txt

clean: ## remove what the other verbs made
	@rm -rf .venv dist build .pytest_cache .mypy_cache .ruff_cache .hypothesis

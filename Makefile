# Every verb makes what it needs: the virtual environment, then its packages, pinned and checked by hash.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
DOCS := .venv/.docs
BENCH := .venv-bench/.ready

.DEFAULT_GOAL := help
.PHONY: help demo test lint types docs wheel check mutants bench bench-all profile lock clean

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

# The tests import `bridge` from the wheel, also in the processes that they start: it comes first on PYTHONPATH, and with
# PYTHONSAFEPATH no working directory comes before that. `.venv/bin/python -m pytest` runs them against the checkout.
test: $(READY) ## all tests, of the wheel that users install, against the embedded Kafka, in two processes
	@site=$$(mktemp -d) && trap 'rm -rf "$$site"' EXIT && \
	$(BIN)/python -m hatchling build -t wheel -d "$$site" >/dev/null && \
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-index --no-deps --target "$$site/installed" "$$site"/*.whl && \
	WHEEL_UNDER_TEST="$$site/installed" PYTHONPATH="$$site/installed:$(CURDIR)" PYTHONSAFEPATH=1 $(BIN)/python -m pytest -o pythonpath= -n 2 --dist loadfile

lint: $(READY) ## style: ruff's rules and format
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

types: $(READY) ## mypy --strict
	@$(BIN)/mypy

$(DOCS): requirements/docs.txt $(READY)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/docs.txt
	@touch $@

docs: $(DOCS) ## docs/ as a site, in build/site; a link that leads nowhere is an error
	@$(BIN)/properdocs build --quiet

wheel: $(READY) ## the wheel, in dist/
	@$(BIN)/python -m hatchling build -t wheel

check: lint types docs test ## all of it

mutants: $(READY) ## build wrong bridges and show that the tests notice each
	@$(BIN)/python -m tests.mutants

# What the baselines are written with has a place of its own: Quix Streams wants older versions of what the bridge uses.
$(BENCH): requirements/bench.txt
	@echo "setting up .venv-bench (once, half a minute)"
	@$(PYTHON) -m venv --clear .venv-bench
	@echo '*' >.venv-bench/.gitignore
	@.venv-bench/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/bench.txt
	@touch $@

bench: $(READY) $(BENCH) ## throughput and latency beside what else one would write; ten minutes
	@$(BIN)/python -m benchmarks bench

bench-all: bench ## and chunked bodies, memory, many streams, shards, kills; 40 minutes
	@$(BIN)/python -m benchmarks bench --framing chunked --only-throughput
	@$(BIN)/python -m benchmarks all

profile: $(READY) $(BENCH) ## where the bridge's time goes under load
	@$(BIN)/python -m benchmarks profile

lock: $(READY) ## pin every dependency again, with hashes
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	@CUSTOM="--quiet --universal --python-version 3.11 --generate-hashes --custom-compile-command"; \
	$(BIN)/uv pip compile pyproject.toml --extra demo --extra dev $$CUSTOM "make lock" -o requirements/dev.txt --upgrade && \
	$(BIN)/uv pip compile pyproject.toml -c requirements/dev.txt $$CUSTOM "make lock" -o requirements/run.txt && \
	$(BIN)/uv pip compile pyproject.toml -c requirements/dev.txt --extra docs $$CUSTOM "make lock" -o requirements/docs.txt && \
	$(BIN)/uv pip compile pyproject.toml --extra bench $$CUSTOM "make lock" -o requirements/bench.txt --upgrade && \
	echo "hatchling" | $(BIN)/uv pip compile - -c requirements/dev.txt $$CUSTOM "make lock" -o requirements/build.txt

clean: ## remove what the other verbs made
	@rm -rf .venv .venv-bench dist build .pytest_cache .mypy_cache .ruff_cache .hypothesis

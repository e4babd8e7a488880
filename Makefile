# The commands of this project. Each sets up what it needs; `make help` lists them.
PYTHON ?= python3
BIN := .venv/bin
MANAGE := $(BIN)/python manage.py
UPGRADE := $(if $(upgrade),--upgrade)
# Each process has its own PostgreSQL, Valkey and browser; tests of one file share what is costly to set up.
SIDE_BY_SIDE := --numprocesses auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder
COMPILE := UV_CUSTOM_COMPILE_COMMAND="make lock" $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes $(UPGRADE)

# Bytecode is kept beside the packages: without it every start compiles all of Django anew.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup run browser test check bench bench-metrics bench-alerts soak lock clean

help:  ## what the targets do
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 22

setup:  ## .venv with the locked packages
	@command -v $(PYTHON) >/dev/null || { echo "pqintel: $(PYTHON) is not installed; Python 3.11 or newer is needed." >&2; exit 1; }
	@$(PYTHON) -I pqintel/embedded/provision.py

run: setup  ## everything on this machine, with a demo that moves (PORT, PQ_HOME, PQ_DEMO=0)
	@exec $(BIN)/python -m pqintel.embedded.run

browser: setup  ## find or fetch the browser for tests
	@$(BIN)/python -m pqintel.embedded.browser

test: browser  ## the whole suite, side by side; ARGS="-k name" narrows it, -n 0 takes one process
	@exec $(BIN)/python -m pytest $(SIDE_BY_SIDE) $(ARGS)

check: setup  ## lint, types, import rules, templates, migrations, deployment, known vulnerabilities
	@exec .ci/check

bench: setup  ## figures beside their floors
	@exec $(BIN)/python -m tests.bench $(ARGS)

bench-metrics: setup  ## what growth costs: a thousand, a hundred thousand, a million subscriptions
	@exec $(BIN)/python -m tests.bench.scale $(ARGS)

bench-alerts: setup  ## what judging the alert rules of 2,000 workspaces costs
	@exec $(BIN)/python -m tests.bench.alerts $(ARGS)

soak: setup  ## the long tests: 20,000 random lives, 40 months beside previews, a whole year in every payload family
	@exec $(BIN)/python -m tests.soak $(ARGS)

lock: setup  ## requirements*.txt from requirements*.in (upgrade=1 takes newer releases)
	@echo "uv==0.13.9" | $(COMPILE) - -o requirements-uv.txt
	@$(COMPILE) requirements.in -o requirements.txt
	@$(COMPILE) requirements-dev.in -o requirements-dev.txt

clean:  ## remove what the targets made, except the data in PQ_HOME
	@rm -rf .venv .test .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache staticfiles
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

# `make help` lists the targets. Commands run as `python -m` from this folder, so that they run this
# checkout's code even where several checkouts share one virtualenv: make test VENV=/path/to/venv

VENV ?= .venv
PY := $(VENV)/bin/python
DEMO ?= demo
DEMO_ARGS ?=
PYTEST_ARGS ?=
export PYTHONDONTWRITEBYTECODE ?= 1
export RAY_USAGE_STATS_ENABLED ?= 0

.PHONY: help setup demo tools lint test check test-all test-s3 clean

help: ## what can be made
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-9s %s\n", $$1, $$2}' Makefile

setup: ## the virtualenv with everything in it; does nothing the second time
	@scripts/setup.sh "$(VENV)"

demo: setup ## the whole path on a corpus that the project draws, into ./demo
	@$(PY) -m jobs.demo --out "$(DEMO)" $(DEMO_ARGS)

tools:
	@if [ -x tests/install_tools.sh ]; then tests/install_tools.sh; fi

lint: setup ## format, lint and types
	$(PY) -m ruff format --check .
	$(PY) -m ruff check .
	$(PY) -m mypy

test: setup tools check ## everything that a change must pass, and the programs that tests drive

check: lint ## as test, without installing programs
	$(PY) -m pytest -m "not slow" $(PYTEST_ARGS)

test-all: setup tools lint ## as test, with the tests that take minutes
	$(PY) -m pytest $(PYTEST_ARGS)

test-s3: setup ## the tests that write to S3, on a real S3 server (Debian, root)
	TEST_REAL_S3=1 scripts/start_s3.sh run $(PY) -m pytest -m s3 $(PYTEST_ARGS)

clean: ## caches and leftovers of builds; the virtualenv and ./demo stay
	rm -rf .mypy_cache .ruff_cache .pytest_cache build *.egg-info
	find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +

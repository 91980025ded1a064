# `make help` lists the targets. Commands run as `python -m` from this folder, so that they run this
# checkout's code even where several checkouts share one virtualenv: make test VENV=/path/to/venv

VENV ?= .venv
PY := $(VENV)/bin/python
DEMO ?= demo
DEMO_ARGS ?=
PYTEST_ARGS ?=
# Two processes, one file of tests at a time each. With more threads per process they would wait for
# each other, as two Rays do on two cores: files that start one are run one after the other.
PARALLEL := OMP_NUM_THREADS=1 $(PY) -m pytest -n 2 --dist loadfile
# Bytecode is kept: each of the many processes of the tests would compile the modules again.
unexport PYTHONDONTWRITEBYTECODE
export RAY_USAGE_STATS_ENABLED ?= 0

.PHONY: help setup demo tools lint quick test check test-all test-s3 clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-9s %s\n", $$1, $$2}' Makefile

setup: ## make the virtualenv; does nothing the second time
	@scripts/setup.sh "$(VENV)"

demo: setup ## run the whole path on a corpus that the project draws, into ./demo
	@$(PY) -m jobs.demo --out "$(DEMO)" $(DEMO_ARGS)

tools:
	@if [ -x tests/install_tools.sh ]; then tests/install_tools.sh; fi

lint: setup ## check format, lint and types
	$(PY) -m ruff format --check .
	$(PY) -m ruff check .
	$(PY) -m mypy

quick: setup ## run the tests without Ray, browser, S3 and servers
	$(PARALLEL) -m quick $(PYTEST_ARGS) $(FILE)

ifdef FILE
test: setup tools ## run everything that a change must pass; FILE=tests/x runs one file or folder
	$(PY) -m pytest -m "not slow" $(PYTEST_ARGS) $(FILE)
else
test: setup tools check
endif

check: lint ## as test, without installing programs
	$(PARALLEL) -m "not slow and not ray" $(PYTEST_ARGS)
	OMP_NUM_THREADS=1 $(PY) -m pytest -m "ray and not slow" $(PYTEST_ARGS)

test-all: setup tools lint ## as test, with the tests that take minutes
	$(PY) -m pytest $(PYTEST_ARGS)

test-s3: setup ## run the tests that write to S3 on a real S3 server (Debian, root)
	TEST_REAL_S3=1 scripts/start_s3.sh run $(PY) -m pytest -m s3 $(PYTEST_ARGS)

clean: ## remove caches and leftovers of builds; the virtualenv and ./demo stay
	rm -rf .mypy_cache .ruff_cache .pytest_cache build *.egg-info
	find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +

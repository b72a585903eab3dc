# Everything runs from .venv, which need not be activated. `make` alone lists the targets.

VENV ?= .venv
BIN := $(VENV)/bin
CXX ?= g++
MPICXX ?= mpicxx
GPAW_CONFIG ?= $(CURDIR)/tools/gpaw_siteconfig.py

usable = command -v $(1) >/dev/null && $(1) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
CANDIDATES := python3.11 python3.12 python3.13 python3
PYTHON ?= $(firstword $(foreach p,$(CANDIDATES),$(shell $(call usable,$(p)) && echo $(p))) python3)

OMP_NUM_THREADS ?= 1
export OMP_NUM_THREADS
export PIP_DISABLE_PIP_VERSION_CHECK := 1

# $(call require,COMMAND,MESSAGE) stops with one line unless the command succeeds.
require = $(if $(shell { $(1); } >/dev/null 2>&1 && echo yes),,$(error $(2)))
python_has = $(PYTHON) -c '$(1)'

.PHONY: help install demo test slow site chaos gpaw-mpi sevennet chgnet clean

KILLS ?= 100
SEED ?= 0

help:
	@echo "make install  install everything into $(VENV)"
	@echo "make demo   install everything into $(VENV) and run the quickstart campaign (about ten minutes on two cores)"
	@echo "make test   install what is missing and run linters, type checks and the fast tests"
	@echo "make slow   the tests that take minutes: whole campaigns with real DFT, packaging"
	@echo "make site   build the documentation into site/, and stop at a link that leads nowhere"
	@echo "make gpaw-mpi  build a second GPAW, with MPI, for labels on several ranks; needs mpicxx"
	@echo "make sevennet, make chgnet  install a universal potential that teaches committees, beside the other packages"
	@echo "make chaos  campaigns whose processes, folders and labels break at random, until KILLS=$(KILLS) kills; SEED=$(SEED); prints a table"
	@echo "make clean  remove $(VENV) and what builds and tests leave; campaigns in runs/ stay"

install: $(VENV)/.installed sevennet

demo: install
	$(BIN)/alloop run configs/quickstart.yaml

# Files of tests run two at a time, in the order that tests/conftest.py gives them.
JOBS ?= 2
# Nothing left to run after a choice with ARGS, pytest's code 5, is no failure.
pytest = $(BIN)/python -m pytest -m "$(1)" -n $(JOBS) --dist loadfile --no-loadscope-reorder $(ARGS) || [ $$? = 5 ]

test: $(VENV)/.installed-dev sevennet
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(call pytest,not slow)

slow: $(VENV)/.installed-dev sevennet
	$(call pytest,slow)

site: $(VENV)/.installed-dev
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict

# The GPAW with MPI lies beside the serial one; this Python finds it first, and everything else in $(VENV).
gpaw-mpi: $(VENV)/gpaw-mpi/python

$(VENV)/gpaw-mpi/python: constraints.txt tools/gpaw_siteconfig.py | $(VENV)/.installed
	$(call require,command -v $(MPICXX),no MPI compiler $(MPICXX); install an MPI (Debian and Ubuntu: openmpi-bin libopenmpi-dev))
	rm -rf $(@D)
	GPAW_MPI=1 GPAW_CONFIG="$(GPAW_CONFIG)" CXX="$(MPICXX)" $(BIN)/python -m pip install --no-cache-dir --no-deps \
	  --target $(@D)/packages -c constraints.txt gpaw
	printf '#!/bin/sh\nPYTHONPATH="%s$${PYTHONPATH:+:$$PYTHONPATH}" exec "%s" "$$@"\n' \
	  "$(abspath $(@D))/packages" "$(abspath $(BIN))/python" > $@.new
	chmod +x $@.new && mv $@.new $@

# A teacher's packages would exclude others, so they lie in a folder of their own; a process of alloop's finds them
# first, and everything else in $(VENV). The folder gets its name when it is complete.
sevennet chgnet: %: $(VENV)/teachers/%/.installed

$(VENV)/teachers/%/.installed: tools/teachers/%.txt | $(VENV)/.installed
	rm -rf $(@D) $(@D).new
	$(BIN)/python -m pip install --no-deps --target $(@D).new -r $<
	@touch $(@D).new/.installed
	mv $(@D).new $(@D)

chaos: $(VENV)/.installed-dev
	$(BIN)/python -m tests.support.chaos --kills $(KILLS) --seed $(SEED)

$(BIN)/python:
	$(call require,$(call usable,$(PYTHON)),alloop needs Python 3.11 or newer and $(PYTHON) is not; name one: make PYTHON=/path/to/python3.11)
	$(call require,$(call python_has,import ensurepip$(comma) venv),$(PYTHON) cannot make environments; install its venv package (Debian and Ubuntu: python3-venv))
	$(PYTHON) -m venv $(VENV)

# GPAW is built without pip's cache, which would bring back a build from before libxc was installed.
$(VENV)/.installed: pyproject.toml setup.py constraints.txt tools/gpaw_siteconfig.py | $(BIN)/python
	$(call require,command -v $(CXX),no C++ compiler $(CXX)$(comma) which GPAW is built with; install g++)
	$(call require,$(call python_has,$(has_headers)),no Python headers for $(PYTHON)$(comma) which GPAW is built with; install its dev package (Debian and Ubuntu: python3-dev))
	$(call require,$(call python_has,$(new_sqlite)),the SQLite of $(PYTHON) is older than 3.38; name another Python: make PYTHON=/path/to/python3.11)
	GPAW_CONFIG="$(GPAW_CONFIG)" CXX="$(CXX)" $(BIN)/python -m pip install --no-cache-dir -c constraints.txt gpaw
	$(BIN)/python -m pip install -c constraints.txt -e .
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	$(BIN)/python -m pip install -c constraints.txt -e ".[dev]"
	@touch $@

comma := ,
has_headers = import os, sysconfig; assert os.path.exists(os.path.join(sysconfig.get_path("include"), "Python.h"))
new_sqlite = import sqlite3; assert sqlite3.sqlite_version_info >= (3, 38)

clean:
	rm -rf $(VENV) build dist site *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find alloop policies tests tools docs -name __pycache__ -type d -prune -exec rm -rf {} +

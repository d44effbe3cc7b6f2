# What a user tries and a developer runs, all in one environment, .venv. Paths are relative, so that
# the checkout may lie anywhere, spaces included.

PYTHON ?= python3
ARGS ?=
VENV := .venv
RUN := $(VENV)/bin/python
INSTALL := $(RUN) -m pip install --disable-pip-version-check -c constraints.txt

# The stamps stand for a finished install, so that a second run goes straight to work.
USER := $(VENV)/.installed
DEV := $(VENV)/.installed-dev
PAGE := $(VENV)/.installed-ui
CLUSTER := $(VENV)/.installed-cluster

.DEFAULT_GOAL := help
.PHONY: help demo cluster-demo ui test fuzz lint types layers reference man docs wheel clean

help: ## show this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1	\2/p' Makefile

demo: $(USER) ## make a film, scramble it, reconstruct it, say how well
	$(VENV)/bin/reelweave demo --overwrite $(ARGS)

cluster-demo: $(CLUSTER) ## ingest through a Chroma server and a Ray cluster on this machine, and kill a node on the way
	$(RUN) deploy/demo.py $(ARGS)

ui: $(PAGE) ## open the page on 127.0.0.1:7860; ARGS="--port 8000" passes options on
	$(VENV)/bin/reelweave ui $(ARGS)

# A file's tests stay on one worker: the clips they draw are made once a file. Files run in the order of tests/conftest.py,
# the longest first.
test: $(DEV) ## run the tests; ARGS="tests/solve" runs one package, "-n0 -k name" passes other options on to pytest
	$(RUN) -m pytest -n auto --dist loadfile --no-loadscope-reorder $(ARGS)

# The fuzz tests are few and long, so they are distributed one by one. Failing inputs are kept in .hypothesis/ and tried
# first the next time.
fuzz: $(DEV) ## try 10,000 damaged or hostile inputs; FUZZ_EXAMPLES=2000 says how many
	FUZZ_EXAMPLES=$${FUZZ_EXAMPLES:-10000} $(RUN) -m pytest -n auto --dist worksteal tests/fuzz $(ARGS)

lint: $(DEV) ## check the style and the spelling
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(VENV)/bin/codespell

# mypy does not follow an editable install that maps this folder, whatever its name, to the package.
types: $(DEV) ## check the types
	@mkdir -p $(VENV)/typed && ln -sfn ../.. $(VENV)/typed/reelweave
	cd $(VENV)/typed && ../bin/python -m mypy --config-file ../../pyproject.toml --cache-dir ../.mypy_cache -p reelweave

layers: $(DEV) ## check that imports run downwards
	$(VENV)/bin/lint-imports --no-cache

reference: $(DEV) ## write the reference, the man page and the JSON schemas anew from the code
	$(RUN) docs/generate.py

man: $(DEV) ## write the man page and show it
	$(RUN) docs/generate.py >/dev/null
	man ./docs/man/reelweave.1

docs: $(DEV) ## build the documentation site in build/site; fail on a broken link
	$(RUN) docs/make_site.py

wheel: $(DEV) ## build dist/*.whl and try it away from the checkout
	.ci/wheel $(RUN)

clean: ## remove what was built, the environment included
	rm -rf $(VENV) build dist .cache *.egg-info .hypothesis .pytest_cache .ruff_cache .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(USER): pyproject.toml constraints.txt | $(RUN)
	$(INSTALL) -e .
	@touch $@

$(DEV): pyproject.toml constraints.txt | $(RUN)
	$(INSTALL) -e '.[dev,cluster,edit,match,mcp,notebook,shots,ui]'
	@touch $@ $(USER) $(PAGE) $(CLUSTER)

$(PAGE): pyproject.toml constraints.txt | $(RUN)
	$(INSTALL) -e '.[ui]'
	@touch $@ $(USER)

$(CLUSTER): pyproject.toml constraints.txt | $(RUN)
	$(INSTALL) -e '.[cluster]'
	@touch $@ $(USER)

$(RUN):
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || { \
	  echo "Reelweave needs Python 3.11, 3.12 or 3.13, and $(PYTHON) is: $$($(PYTHON) --version 2>&1)" >&2; \
	  echo "Name one that is here: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

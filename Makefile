# Everything happens in $(VENV), made with $(PYTHON): `make test PYTHON=python3.13 VENV=.venv-3.13`.
# Each target installs what it needs first; the stamps make the second run quick.

PYTHON ?= python3
VENV ?= .venv
ARGS ?=

bin := $(VENV)/bin
pip := $(bin)/python -m pip --disable-pip-version-check install --quiet

.DEFAULT_GOAL := help
.NOTPARALLEL:
.DELETE_ON_ERROR:
.PHONY: help demo test check ruff mypy pyright rules interop bench docs format clean

help:  ## list the targets
	@sed -n 's/^\([a-z]*\):.*  ## /\1\t/p' $(MAKEFILE_LIST)

# A stamp in $(VENV) is named after the extra it says is installed ("base": the package alone).
$(VENV)/.venv:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed")'
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.base: $(VENV)/.venv pyproject.toml
	$(pip) --editable .
	@touch $@

$(VENV)/.%: $(VENV)/.venv pyproject.toml
	$(pip) --editable '.[$*]'
	@touch $@

demo: $(VENV)/.base  ## one mail from client machine to server machine, with the transcript
	$(bin)/python -m mailproto $(ARGS)

test: $(VENV)/.test  ## the whole test suite (without the real peers)
	$(bin)/python -m pytest $(ARGS)

check: ruff mypy pyright rules docs  ## style, types, import rules, documentation (-k: go on after a failure)

ruff: $(VENV)/.check
	$(bin)/ruff check .
	$(bin)/ruff format --check .

mypy: $(VENV)/.check
	$(bin)/mypy

pyright: $(VENV)/.check
	PYRIGHT_PYTHON_IGNORE_WARNINGS=1 $(bin)/pyright --pythonpath $(bin)/python

rules: $(VENV)/.test
	$(bin)/python -m pytest --quiet tests/laws/test_imports.py tests/laws/test_purity.py

interop: $(VENV)/.interop  ## the tests against real mail programs (see .ci/run for their packages)
	$(bin)/python -m pytest -m interop tests/interop $(ARGS)

bench: $(VENV)/.bench  ## the benchmarks, side by side with other libraries
	$(bin)/python -m benchmarks $(ARGS)

docs: $(VENV)/.docs  ## the documentation, into docs/_build/html
	$(bin)/python -m sphinx -n -W --keep-going -q -b html docs docs/_build/html

format: $(VENV)/.check  ## let ruff rewrite the code
	$(bin)/ruff check --fix .
	$(bin)/ruff format .

clean:  ## remove what the other targets made
	rm -rf $(VENV) build dist docs/_build docs/reference/generated
	rm -rf .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Every target makes the environment it needs by itself, in .venv; run `make help` for the list.
# Another Python: `make PYTHON=python3.12 test`.

PYTHON ?= python3
VENV := .venv
ifeq ($(OS),Windows_NT)
BIN := $(VENV)/Scripts
else
BIN := $(VENV)/bin
endif
RUN := $(BIN)/python

# The examples' own options: `make demo DEMO="--splits 10"`, `make lecture LECTURE="xor --quick"`;
# pytest's: `make test TESTS="-k matmul"`.
DEMO ?=
LECTURE ?=
TESTS ?=
BENCH ?=

.DEFAULT_GOAL := help
.PHONY: help demo lecture test full check lint types docs wheel bench clean
.DELETE_ON_ERROR:

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-7s %s\n", $$1, $$2 }' Makefile

demo: $(VENV)/.has-examples ## train a network on the handwritten digits, write the pictures to out/
	$(RUN) -m examples.digits $(DEMO)

lecture: $(VENV)/.has-examples ## the lecture's demonstrations at full size, pictures to out/lecture/ (minutes)
	$(RUN) -m examples.lecture $(LECTURE)

test: $(VENV)/.has-test ## the test suite: a few drawn examples for each property, the same ones each time
	$(RUN) -m pytest -n auto $(TESTS)

full: $(VENV)/.has-test ## the test suite with many freshly drawn examples and the slow tests (minutes)
	AUTOGRAD_PROFILE=deep $(RUN) -m pytest -n auto $(TESTS)

check: lint types docs wheel ## everything beside the tests

lint: $(VENV)/.has-dev ## style and likely bugs
	$(RUN) -m ruff check .

types: $(VENV)/.has-dev ## the type checker, strict, on the four packages
	$(RUN) -m mypy

docs: $(VENV)/.has-dev ## the documentation, a warning being an error, to docs/_build/html
	$(RUN) -m sphinx --builder html --fresh-env --nitpicky --fail-on-warning --keep-going \
		--quiet docs docs/_build/html

wheel: $(VENV)/.has-dev ## build sdist and wheel, try the wheel in an empty environment
	$(RUN) scripts/try_wheel.py

bench: $(VENV)/.has-peers ## the same work as PyTorch, JAX, HIPS autograd, MyGrad, micrograd (minutes)
	@mkdir -p out
	$(RUN) -m benchmarks --json out/benchmarks.json $(BENCH)

clean: ## remove what the targets above wrote, .venv included
	rm -rf $(VENV) out dist build docs/_build .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# One stamp for each extra of pyproject.toml; a change there installs anew. An unfinished environment
# (no pip in it yet) is made again; an old Python is refused before anything is made with it.
$(VENV)/.has-%: pyproject.toml
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || { \
		$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or later, please: make PYTHON=python3.12" \
			if sys.version_info < (3, 11) else 0)' && \
		$(PYTHON) -m venv --clear $(VENV); }
	$(RUN) -m pip install --quiet --disable-pip-version-check \
		--editable ".[$*]"
	@touch $@

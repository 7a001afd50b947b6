# `make demo`, `make check` and `make test` set everything up themselves; see README.md and tests/README.md.
#   check  the linters and every test that needs no server, browser or notebook: before each commit
#   lint   the linters and the types alone
#   test   every test, on two workers, the dearest files first
#   seconds  the same, and the seconds of each file are recorded, by which they are ordered
#   notebooks  runs the notebooks and writes them with their figures to build/notebooks; SOURCE=my-book/ takes your book
#   spark  PySpark (456 MB) into .venv, a Java and what else tests need of Debian: `make test` then tests Spark, too
#   audit  a software bill of materials and a scan for known advisories, into build/; needs a network
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.ready
TEST := $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder
NOTEBOOKS := $(wildcard notebooks/*.ipynb)
LOCK := --quiet --no-header --no-annotate --no-emit-index-url --generate-hashes --python-version 3.11

.PHONY: setup demo check test seconds lint serve bento bench notebooks lock spark audit clean
.DELETE_ON_ERROR:

setup: $(STAMP)

$(STAMP): requirements.lock requirements-dev.lock pyproject.toml
	@$(PYTHON) -c 'import sys, venv, ensurepip; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null || \
	  { echo "Python 3.11 with venv is needed: apt-get install python3.11-venv, or make PYTHON=/path/to/python3.11"; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	awk '/^[^ ]/ {uv = /^uv==/} uv' requirements-dev.lock > $(VENV)/uv.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement $(VENV)/uv.lock
	$(BIN)/uv pip sync --quiet --require-hashes --python $(BIN)/python requirements-dev.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	touch $(STAMP)

demo: setup
	$(BIN)/churn-risk demo

test: setup
	scripts/debian
	$(TEST)

seconds: setup
	scripts/debian
	$(TEST) --record-seconds

check: lint
	$(TEST) -m "not server"

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

serve: setup
	$(BIN)/churn-risk serve

bento: setup
	$(BIN)/python -m serving.run.bento

bench: setup
	$(BIN)/python -m benchmarks

notebooks: setup
	mkdir -p build/notebooks
	$(if $(SOURCE),CHURN_RISK_NOTEBOOK_SOURCE='$(if $(findstring ://,$(SOURCE)),$(SOURCE),$(abspath $(SOURCE)))') \
	  $(BIN)/jupyter execute --startup_timeout=600 --output='$(CURDIR)/build/notebooks/{notebook_name}' $(NOTEBOOKS)

lock: setup
	$(BIN)/uv pip compile $(LOCK) --extra training pyproject.toml -o requirements.lock
	$(BIN)/uv pip compile $(LOCK) --constraint requirements.lock pyproject.toml -o requirements-serving.lock
	$(BIN)/uv pip compile $(LOCK) --extra training --extra dev --constraint requirements.lock pyproject.toml -o requirements-dev.lock
	$(BIN)/python -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["project"]["optional-dependencies"]["spark"], "setuptools", sep="\n")' > $(VENV)/spark.in
	$(BIN)/uv pip compile $(LOCK) --constraint requirements-dev.lock $(VENV)/spark.in -o requirements-spark.lock
	$(BIN)/uv pip compile $(LOCK) --group audit -o requirements-audit.lock

# PySpark comes as source: setuptools, which builds it, is held to the lock's hashes as well, but not installed.
spark: setup
	scripts/debian java:default-jre-headless
	awk '/^[^ ]/ {kept = !/^setuptools==/} kept' requirements-spark.lock > $(VENV)/spark.lock
	$(BIN)/uv pip install --quiet --require-hashes --python $(BIN)/python --requirement $(VENV)/spark.lock \
	  --build-constraints requirements-spark.lock

audit: setup
	scripts/audit

clean:
	rm -rf .cache build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis

# `make help` says what there is. PYTHON= names another interpreter, PORT= moves the demo.
SHELL := /bin/sh
PORT ?= 8000
VENV := .venv
PY := $(VENV)/bin/python
# One kind of test after the other: those that wait for real processes have deadlines of their own.
PYTEST := $(PY) -m pytest -q --dist loadgroup
.DEFAULT_GOAL := help

# The first of these that runs and is new enough. A pyenv shim may be there and yet not run.
FIND_PYTHON = for p in $(PYTHON) python3.13 python3.14 python3.12 python3 python \
	$$HOME/.pyenv/versions/3.1[2-9]*/bin/python3; do \
	$$p -c 'import sys, venv; sys.exit(sys.version_info < (3, 12))' >/dev/null 2>&1 && { echo $$p; break; }; done

.PHONY: help
help: ## This list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

.PHONY: run
run: $(VENV)/run.stamp ## The demo on 127.0.0.1:8000 (PORT= moves it): sandbox, worker and web
	@$(PY) manage.py demo --port $(PORT)

.PHONY: test
test: $(VENV)/dev.stamp browser database ## All tests, the browser's and PostgreSQL's included
	@$(PYTEST) -n 2 -m "not browser and not storm"
	@$(PY) -m tests.on_postgres
	@$(PYTEST) -n 2 -m browser
	@$(PYTEST) -n 3 -m storm

.PHONY: unit
unit: $(VENV)/dev.stamp ## The quick tests alone
	@$(PYTEST) -n 2 -m "not browser and not storm"

.PHONY: unit-postgres
unit-postgres: $(VENV)/dev.stamp database ## Those of them that talk to the database, on PostgreSQL
	@$(PY) -m tests.on_postgres

.PHONY: faults
faults: $(VENV)/dev.stamp database ## The long storms: 30 minutes, 500 kills (FAULTS_ARGS="--minutes 5 --kills 50")
	@FAULTS=all $(PY) -m tests.faults $(FAULTS_ARGS)

.PHONY: mutations
mutations: $(VENV)/dev.stamp database ## Break each invariant on purpose; the harness must notice
	@$(PY) -m tests.faults.mutations

.PHONY: bench
bench: $(VENV)/dev.stamp database ## Measure up to a million numbers on both databases; writes docs/performance.md
	@$(PY) -m tests.bench $(BENCH_ARGS)

.PHONY: bench-quick
bench-quick: $(VENV)/dev.stamp ## The same in minutes: SQLite, up to 100,000 numbers
	@$(PY) -m tests.bench --quick $(BENCH_ARGS)

.PHONY: lint
lint: $(VENV)/dev.stamp ## Style, forgotten migrations, Django's own checks
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .
	@SECRET_KEY=lint DATABASE_URL=sqlite:///:memory: $(PY) manage.py makemigrations --check --dry-run
	@SECRET_KEY=lint DATABASE_URL=sqlite:///:memory: $(PY) manage.py check

.PHONY: format
format: $(VENV)/dev.stamp ## Put the code into its standard form
	@$(PY) -m ruff check --fix .
	@$(PY) -m ruff format .

.PHONY: screenshots
screenshots: $(VENV)/dev.stamp browser ## Take the README's pictures anew
	@mkdir -p docs && SCREENSHOTS=docs $(PY) -m pytest -q tests/browser/test_screenshots.py

.PHONY: pins
pins: ## Work out requirements*.txt anew, hashes included (needs uv)
	uv pip compile -q --universal --python-version 3.12 --generate-hashes --no-annotate --custom-compile-command "make pins" requirements.in -o requirements.txt
	uv pip compile -q --universal --python-version 3.12 --generate-hashes --no-annotate --custom-compile-command "make pins" requirements-dev.in -o requirements-dev.txt

.PHONY: audit
audit: ## Ask a public database for known holes in the pinned packages (needs uv and the internet)
	uvx pip-audit@2.10.1 --strict --disable-pip --require-hashes -r requirements.txt

.PHONY: sbom
sbom: $(VENV)/run.stamp ## Print the bill of materials: every pinned package with hashes and licence
	@SECRET_KEY=sbom DATABASE_URL=sqlite:///:memory: $(PY) manage.py sbom

.PHONY: clean
clean: ## Remove the environment and the demo's data
	rm -rf $(VENV) var .env

$(VENV)/bin/python:
	@python=$$($(FIND_PYTHON)); \
	if [ -z "$$python" ]; then \
		echo "Python 3.12 or newer, with venv, was not found. Install it (Debian: apt install python3 python3-venv)"; \
		echo "or name it: make PYTHON=/path/to/python3 $(MAKECMDGOALS)"; exit 1; fi; \
	echo "Using $$python"; $$python -m venv $(VENV)

$(VENV)/run.stamp: requirements.txt | $(VENV)/bin/python
	@echo "Installing the packages"
	@$(PY) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt
	@touch $@

$(VENV)/dev.stamp: requirements.txt requirements-dev.txt | $(VENV)/bin/python
	@echo "Installing the packages for tests"
	@$(PY) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	@touch $@ $(VENV)/run.stamp

# The browser tests drive Debian's Chromium; root gets it installed, others are told how.
.PHONY: browser
browser:
	@command -v chromium >/dev/null || { \
		if [ "$$(id -u)" = 0 ]; then echo "Installing Chromium"; \
			apt-get update -qq && apt-get install -y -qq chromium >/dev/null; \
		else echo "The browser tests need Chromium: sudo apt install chromium"; exit 1; fi; }

# Debian keeps PostgreSQL's server out of PATH. Without it half of the proof is missing: in CI that is an error.
.PHONY: database
database:
	@missing=; \
	ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || command -v initdb >/dev/null || missing=postgresql; \
	ls /usr/lib/*/faketime/libfaketime.so.1 >/dev/null 2>&1 || missing="$$missing faketime"; \
	if [ -z "$$missing" ]; then :; \
	elif [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then echo "Installing $$missing"; \
		apt-get update -qq && apt-get install -y -qq $$missing >/dev/null; \
	elif [ "$${CI:-false}" = true ]; then echo "These tests need: sudo apt install $$missing"; exit 1; \
	else echo "*** TESTS WILL BE SKIPPED that need: sudo apt install $$missing ***"; fi

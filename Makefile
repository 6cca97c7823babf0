# `make help` says what there is. PYTHON= names another interpreter, PORT= moves the demo.
SHELL := /bin/sh
PORT ?= 8000
VENV := .venv
PY := $(VENV)/bin/python
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
	@$(PY) -m pytest

.PHONY: unit
unit: $(VENV)/dev.stamp ## The quick tests alone
	@$(PY) -m pytest -m "not browser and not storm"

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
	@$(PY) -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

$(VENV)/dev.stamp: requirements.txt requirements-dev.txt | $(VENV)/bin/python
	@echo "Installing the packages for tests"
	@$(PY) -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@ $(VENV)/run.stamp

# The browser tests drive Debian's Chromium; root gets it installed, others are told how.
.PHONY: browser
browser:
	@command -v chromium >/dev/null || { \
		if [ "$$(id -u)" = 0 ]; then echo "Installing Chromium"; \
			apt-get update -qq && apt-get install -y -qq chromium >/dev/null; \
		else echo "The browser tests need Chromium: sudo apt install chromium"; exit 1; fi; }

.PHONY: database
database:
	@true

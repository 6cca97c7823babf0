# `make help` says what there is. PYTHON= names another interpreter, PORT= moves the demo.
SHELL := /bin/sh
PORT ?= 8000
VENV := .venv
PY := $(VENV)/bin/python
# One kind of test after the other: those that wait for real processes have deadlines of their own.
PYTEST := $(PY) -m pytest -q --dist loadgroup
.DEFAULT_GOAL := help
# Tests start hundreds of processes, and each would compile all of our code again.
unexport PYTHONDONTWRITEBYTECODE

# The first of these that runs and is new enough. A pyenv shim may be there and yet not run.
FIND_PYTHON = for p in $(PYTHON) python3.13 python3.14 python3.12 python3 python \
	$$HOME/.pyenv/versions/3.1[2-9]*/bin/python3; do \
	$$p -c 'import sys, venv; sys.exit(sys.version_info < (3, 12))' >/dev/null 2>&1 && { echo $$p; break; }; done

.PHONY: help
help: ## This list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

.PHONY: run
run: $(VENV)/run.stamp ## The demo on 127.0.0.1:8000 (PORT= and SANDBOX_PORT= move it, FRESH=1 begins again)
	@$(PY) manage.py demo --port $(PORT) $(if $(SANDBOX_PORT),--sandbox-port $(SANDBOX_PORT)) $(if $(FRESH),--fresh)

.PHONY: test
test: $(VENV)/dev.stamp browser database ## All tests, the browser's and PostgreSQL's included
	@$(PY) -m tests.support.suite

# The narrowest and the widest sans serif of Debian, and the one that most desktops use.
FONTS := "Liberation Sans Narrow" "Noto Sans" "DejaVu Sans"
.PHONY: looks
looks: $(VENV)/dev.stamp browser fonts ## Look at every page of the product in narrow, common and wide fonts
	@failed=; for font in $(FONTS); do echo "In $$font"; \
		LOOKS_FONT="$$font" $(PYTEST) -n 1 tests/browser/test_looks.py || failed=1; done; test -z "$$failed"

.PHONY: unit
unit: $(VENV)/dev.stamp ## The quick tests alone
	@$(PYTEST) -n 2 -m "not browser and not storm"

.PHONY: unit-postgres
unit-postgres: $(VENV)/dev.stamp database ## Those of them that talk to the database, on PostgreSQL
	@$(PY) -m tests.support.on_postgres

.PHONY: faults
faults: $(VENV)/dev.stamp database ## The long storms: 30 minutes, 500 kills (FAULTS_ARGS="--minutes 5 --kills 50")
	@FAULTS=all $(PY) -m tests.faults $(FAULTS_ARGS)

.PHONY: calls
calls: $(VENV)/dev.stamp database ## Read 100,000 calls of 1,000 lines under faults and kills, on both databases
	@CALLS=100000 CALLED=1000 $(PY) -m pytest -q -n 0 tests/faults/test_calls.py

.PHONY: contract
contract: $(VENV)/dev.stamp .venv-contract/stamp ## The sandbox against the API's documents, and its ancestor's client against it
	@CONTRACT_EXAMPLES=200 $(PYTEST) -n 2 tests/contract
	@$(PY) -m tests.contract.ancestor .venv-contract/bin/python

.PHONY: sso
sso: $(VENV)/dev.stamp browser ## Single sign-on at the certified provider oidc-provider, too (needs node and npm)
	@cd tests/sso && npm ci --silent --no-audit --no-fund
	@SSO=node $(PYTEST) tests/browser/test_single_sign_on.py

.PHONY: mutations
mutations: $(VENV)/dev.stamp database ## Break each invariant on purpose; the harness must notice
	@$(PY) -m tests.faults.mutations

.PHONY: mutations-security
mutations-security: $(VENV)/dev.stamp database ## Take out the check of each row of docs/security.md; its test must notice
	@$(PY) -m tests.security.mutations

.PHONY: fuzz
fuzz: $(VENV)/dev.stamp ## Read 100,000 files and 20,000 answers that chance has made (INTAKE_FILES=, INTAKE_ANSWERS=)
	@INTAKE_FILES=$${INTAKE_FILES:-100000} INTAKE_ANSWERS=$${INTAKE_ANSWERS:-20000} \
		$(PY) -m pytest -q -n 0 tests/intake tests/fluents -k chance

.PHONY: bench
bench: $(VENV)/dev.stamp database ## Measure up to a million numbers on both databases; writes docs/performance.md
	@$(PY) -m tests.bench $(BENCH_ARGS)

.PHONY: bench-quick
bench-quick: $(VENV)/dev.stamp ## The same in minutes: SQLite, up to 100,000 numbers
	@$(PY) -m tests.bench --quick $(BENCH_ARGS)

.PHONY: lint
lint: $(VENV)/dev.stamp ## Style, types, forgotten migrations, Django's own checks
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .
	@SECRET_KEY=lint DATABASE_URL=sqlite:///:memory: $(PY) -m mypy
	@SECRET_KEY=lint DATABASE_URL=sqlite:///:memory: $(PY) manage.py makemigrations --check --dry-run
	@SECRET_KEY=lint DATABASE_URL=sqlite:///:memory: $(PY) manage.py check

.PHONY: format
format: $(VENV)/dev.stamp ## Put the code into its standard form
	@$(PY) -m ruff check --fix .
	@$(PY) -m ruff format .

.PHONY: screenshots
screenshots: $(VENV)/dev.stamp browser ## Take the README's pictures anew
	@mkdir -p docs && SCREENSHOTS=docs $(PY) -m pytest -q tests/browser/test_screenshots.py

.PHONY: styles
styles: $(VENV)/dev.stamp ## Cut Tabler's stylesheet down to what the pages use (needs npm)
	@folder=$$(mktemp -d) && cd $$folder && npm pack --silent @tabler/core@$$(cat $(CURDIR)/static/vendor/tabler/VERSION) >/dev/null \
		&& tar xzf *.tgz && cd $(CURDIR) && $(PY) -m deploy.cut_tabler $$folder/package/dist/css/tabler.min.css static/vendor/tabler/tabler.css \
		&& rm -r $$folder

.PHONY: pins
pins: ## Work out requirements*.txt anew, hashes included (needs uv)
	uv pip compile -q --universal --python-version 3.12 --generate-hashes --no-annotate --custom-compile-command "make pins" requirements.in -o requirements.txt
	uv pip compile -q --universal --python-version 3.12 --generate-hashes --no-annotate --custom-compile-command "make pins" requirements-dev.in -o requirements-dev.txt
	uv pip compile -q --universal --python-version 3.12 --generate-hashes --no-annotate --custom-compile-command "make pins" tests/contract/requirements.in -o tests/contract/requirements.txt

.PHONY: audit
audit: $(VENV)/dev.stamp ## Look for known holes in the pinned packages (uv and the internet, or ADVISORIES=folder)
	@$(PY) -m deploy.audit

.PHONY: sbom
sbom: $(VENV)/run.stamp ## Print the bill of materials: every pinned package with hashes and licence
	@SECRET_KEY=sbom DATABASE_URL=sqlite:///:memory: $(PY) manage.py sbom

.PHONY: clean
clean: ## Remove the environment and the demo's data
	rm -rf $(VENV) .venv-contract var .env

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

.venv-contract/stamp: tests/contract/requirements.txt | $(VENV)/bin/python
	@echo "Installing the ancestor's client"
	@$(PY) -m venv .venv-contract
	@.venv-contract/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@

# The browser tests drive Debian's Chromium; root gets it installed, others are told how.
.PHONY: browser
browser:
	@command -v chromium >/dev/null || { \
		if [ "$$(id -u)" = 0 ]; then echo "Installing Chromium"; \
			apt-get update -qq && apt-get install -y -qq chromium >/dev/null; \
		else echo "The browser tests need Chromium: sudo apt install chromium"; exit 1; fi; }

.PHONY: fonts
fonts:
	@missing=; for font in $(FONTS); do fc-list "$$font" family | grep -q . || missing=1; done; \
	if [ -z "$$missing" ]; then :; \
	elif [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then echo "Installing fonts"; \
		apt-get update -qq && apt-get install -y -qq fontconfig fonts-liberation fonts-noto-core fonts-dejavu-core >/dev/null; \
	else echo "This needs: sudo apt install fontconfig fonts-liberation fonts-noto-core fonts-dejavu-core"; exit 1; fi

# Debian keeps PostgreSQL's server and nginx out of PATH. Without them half of the proof is missing: in CI that is an error.
.PHONY: database
database:
	@missing=; \
	ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || command -v initdb >/dev/null || missing=postgresql; \
	ls /usr/lib/*/faketime/libfaketime.so.1 >/dev/null 2>&1 || missing="$$missing faketime"; \
	PATH="$$PATH:/usr/sbin" command -v nginx >/dev/null || missing="$$missing nginx"; \
	command -v openssl >/dev/null || missing="$$missing openssl"; \
	if [ -z "$$missing" ]; then :; \
	elif [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then echo "Installing $$missing"; \
		apt-get update -qq && apt-get install -y -qq $$missing >/dev/null; \
	elif [ "$${CI:-false}" = true ]; then echo "These tests need: sudo apt install $$missing"; exit 1; \
	else echo "*** TESTS WILL BE SKIPPED that need: sudo apt install $$missing ***"; fi

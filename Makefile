# Each target works on a fresh clone: Python >= 3.11 and make are all it takes.
PYTHON ?= python3
PORT ?= 8000
VENV := .venv
BIN := $(VENV)/bin
# The libraries that `make bench` measures: django-flags, too, installs a package named `flags`.
PEERS := .venv-bench
# Demo operators have public passwords: on an SQLite file only, whatever the shell or .env names.
DEV_DATABASE := $(or $(filter sqlite:%,$(DATABASE_URL)),sqlite:///$(CURDIR)/db.sqlite3)
DEV := DEBUG=1 DATABASE_URL="$(DEV_DATABASE)" FLAG_CONSOLE_FEATURE_FLAGS_DB=$${FLAG_CONSOLE_FEATURE_FLAGS_DB:-1}
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: run test soak bench lint format requirements

run: $(VENV)/.runtime
	$(DEV) $(BIN)/python manage.py migrate --verbosity 0
	$(DEV) $(BIN)/python manage.py sync_roles
	$(DEV) $(BIN)/python manage.py sync_flags --env prod --env staging
	$(DEV) $(BIN)/python manage.py demo_operators
	@echo "The console: http://127.0.0.1:$(PORT)/console/flags (Ctrl-C stops it)"
	$(DEV) $(BIN)/python manage.py runserver --noreload 127.0.0.1:$(PORT)

test: $(VENV)/.dev
	$(BIN)/python -m tests.legs

# Kills, crashes, races and interleavings by the thousand, on both databases: the long forms.
soak: $(VENV)/.dev
	$(BIN)/python -m tests.legs soak

bench: $(VENV)/.dev $(PEERS)/.installed
	$(BIN)/python -m tests.bench

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/bandit --quiet --recursive --configfile pyproject.toml raxxconsole accounts audit flags promotions
	DEBUG=1 $(BIN)/mypy
	DEBUG=1 $(BIN)/python manage.py makemigrations --check --dry-run

format: $(VENV)/.dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# Pins for every platform and Python >= 3.11, with hashes and without any index address.
requirements: $(VENV)/.dev
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header requirements.in -o requirements.txt
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header -c requirements.txt requirements-dev.in -o requirements-dev.txt
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header -c requirements.txt requirements-bench.in -o requirements-bench.txt

$(VENV)/.runtime: requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.11 ...")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements.txt
	touch $@

$(VENV)/.dev: requirements-dev.txt $(VENV)/.runtime
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements-dev.txt
	touch $@

$(PEERS)/.installed: requirements-bench.txt $(VENV)/.runtime
	test -x $(PEERS)/bin/python || $(BIN)/python -m venv $(PEERS)
	$(PEERS)/bin/python -m pip install --quiet --require-hashes -r requirements-bench.txt
	touch $@

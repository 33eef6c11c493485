# Two commands matter: `make run` and `make test`. Each sets up everything it needs in .venv first.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
CONFIG ?= config.toml
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

.PHONY: run test test-all check bench lock docs

run: .venv/.run
	@test -f $(CONFIG) || $(BIN)/listener --config $(CONFIG) init --starter
	$(BIN)/listener --config $(CONFIG) up

# Two halves side by side, of about the same cost: it takes half the time on two cores.
TESTS := $(wildcard tests/test_*.py)
HALF := $(wildcard tests/test_[abs-z]*.py tests/test_c[a-k]*.py tests/test_cla*.py tests/test_cli.py tests/test_cli_[a-o]*.py)
REST := $(filter-out $(HALF),$(TESTS))

test: .venv/.dev .venv/.system check
	$(BIN)/coverage erase
	@$(BIN)/coverage run -m pytest -m "not slow" $(REST) & rest=$$!; \
	$(BIN)/coverage run -m pytest -m "not slow" $(HALF); half=$$?; \
	wait $$rest && exit $$half
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

test-all: .venv/.dev .venv/.system check
	$(BIN)/python -m pytest

check: .venv/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check --quiet .
	$(BIN)/mypy

bench: .venv/.dev
	$(BIN)/python -m bench.poll
	$(BIN)/python -m bench.store
	$(BIN)/python -m bench.classify
	$(BIN)/python -m bench.stream
	$(BIN)/python -m bench.stories

# What some tests want beside Python: a real database, a real IRC server. Without them those tests are skipped, and say so.
SYSTEM := postgres:postgresql ngircd:ngircd
HAS = PATH="$$PATH:/usr/sbin:$$(echo /usr/lib/postgresql/*/bin)" command -v
.venv/.system: .venv/.dev
	@for pair in $(SYSTEM); do \
	  $(HAS) $${pair%%:*} > /dev/null && continue; \
	  echo "Installing $${pair##*:} for the tests"; \
	  DEBIAN_FRONTEND=noninteractive timeout 120 apt-get install -y -qq $${pair##*:} > /dev/null 2>&1 \
	    || echo "$${pair##*:} could not be installed: its tests are skipped"; \
	done
	@touch $@

# Pin every package with its hashes; the files name no index, path or host.
lock:
	$(BIN)/pip-compile $(COMPILE) --extra build --extra second -o requirements.lock pyproject.toml
	$(BIN)/pip-compile $(COMPILE) --extra build --extra dev -o requirements-dev.lock pyproject.toml
COMPILE := --quiet --generate-hashes --strip-extras --allow-unsafe --no-header --no-annotate \
	--no-emit-index-url --no-emit-find-links --no-emit-trusted-host --no-emit-options

docs: .venv/.dev
	$(BIN)/python -m docs.generate

.venv/.run: requirements.lock pyproject.toml
	$(PYTHON) -m venv .venv
	@echo "Installing listener and what it needs into .venv"
	$(PIP) install --require-hashes -r requirements.lock
	$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@

.venv/.dev: requirements-dev.lock pyproject.toml
	$(PYTHON) -m venv .venv
	@echo "Installing listener, what it needs, and the tools of the tests into .venv"
	$(PIP) install --require-hashes -r requirements-dev.lock
	$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@ .venv/.run

# Every verb of the project. `make` alone lists them.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DOCUMENTS := tests/e2e/test_documents.py
CLIENT_TESTS := tests/clients
TOOLS := $(VENV)/clients
STORE_TESTS := tests/integration tests/property/test_consent_store.py tests/e2e/test_claims.py
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check

# Commands start in a third less time if Python can keep its compiled files.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help demo serve test test-docs test-redis test-clients test-all lint format types bench bench-serve bench-steps bench-quality bench-offers lock clean

help: ## List the verbs
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "recsvc needs Python 3.11 or newer; name one with make PYTHON=python3.12" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.demo: pyproject.toml | $(BIN)/python
	@echo "Installing the service and the trainer into $(VENV) …" >&2
	@$(PIP) --editable '.[demo]'
	@touch $@

$(VENV)/.dev: pyproject.toml | $(BIN)/python
	@echo "Installing everything for development into $(VENV) …" >&2
	@$(PIP) --editable '.[dev]'
	@touch $@ $(VENV)/.demo

demo: $(VENV)/.demo ## Train on Complete Journey and serve it (ARGS=--no-serve, ARGS='--port 9000', …)
	@$(BIN)/recsvc demo $(ARGS)

serve: $(VENV)/.demo ## Serve the trained models (ARGS='--port 9000 --workers 2', …)
	@$(BIN)/recsvc serve $(ARGS)

test: $(VENV)/.dev ## Run every test that needs Python and pip alone (ARGS='-k consent', …)
	@$(BIN)/python -m pytest --numprocesses 2 --dist worksteal --ignore $(DOCUMENTS) --ignore $(CLIENT_TESTS) $(ARGS)

test-docs: $(VENV)/.dev ## Run each command of the README and the docs, and compare its output
	@$(BIN)/python -m pytest $(DOCUMENTS) $(ARGS)

test-redis: $(VENV)/.dev ## Run the tests of the store against a redis-server from the PATH
	@command -v redis-server >/dev/null \
		|| { echo "test-redis needs redis-server on the PATH (apt-get install redis-server)" >&2; exit 1; }
	@$(BIN)/python -m pytest --numprocesses 2 --dist worksteal --redis $(STORE_TESTS) $(ARGS)

$(TOOLS)/.installed: $(CLIENT_TESTS)/package-lock.json $(CLIENT_TESTS)/requirements.txt | $(VENV)/.dev
	@echo "Installing the generators of clients into $(TOOLS) …" >&2
	@$(BIN)/python -m venv $(TOOLS)/python
	@$(TOOLS)/python/bin/python -m pip install --quiet --disable-pip-version-check \
		--requirement $(CLIENT_TESTS)/requirements.txt
	@cp $(CLIENT_TESTS)/package.json $(CLIENT_TESTS)/package-lock.json $(TOOLS)
	@PATH="$(abspath $(TOOLS))/python/bin:$$PATH" \
		npm ci --prefix $(TOOLS) --ignore-scripts --no-audit --no-fund --silent
	@touch $@

test-clients: $(TOOLS)/.installed ## Generate clients from the OpenAPI document, and compile and run them
	@RECSVC_CLIENT_TOOLS=$(TOOLS) $(BIN)/python -m pytest --numprocesses 2 $(CLIENT_TESTS) $(ARGS)

test-all: test test-docs test-redis test-clients ## Run every test, also those that need other programs

lint: $(VENV)/.dev ## Check style
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

format: $(VENV)/.dev ## Fix style
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

types: $(VENV)/.dev ## Check types
	@$(BIN)/mypy

bench: $(VENV)/.dev ## Measure each route inside one process
	@$(BIN)/python -m tests.bench.routes $(ARGS)

bench-serve: $(VENV)/.dev ## Measure the running service with a million customers (ARGS='--quick', '--json', …)
	@$(BIN)/python -m tests.bench.serve $(ARGS)

bench-steps: $(VENV)/.dev ## Measure the steps of one request
	@$(BIN)/python -m tests.bench.steps $(ARGS)

bench-quality: $(VENV)/.dev ## Measure the rankings on Complete Journey against every base model
	@$(BIN)/python -m tests.bench.quality $(ARGS)

bench-offers: $(VENV)/.dev ## Measure the ranking of offers on the coupons of Complete Journey
	@$(BIN)/python -m tests.bench.offers $(ARGS)

# Of the image: its Python, its platform, and what builds the package.
LOCK := $(BIN)/uv pip compile --quiet --upgrade --python-version 3.13 --python-platform linux \
	--generate-hashes --no-annotate --no-emit-index-url --custom-compile-command 'make lock'

lock: $(VENV)/.dev ## Renew the versions and hashes that the images install
	@echo 'setuptools>=77' | $(LOCK) pyproject.toml - --output-file requirements.lock
	@echo 'setuptools>=77' | $(LOCK) --extra train pyproject.toml - --constraint requirements.lock \
		--output-file requirements-train.lock

clean: ## Remove the files that other verbs made, except data folders
	rm -rf $(VENV) *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis

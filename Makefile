# Everything a developer runs. `make` alone lists it. Each target first makes .venv, when it is not there or outdated.

.DEFAULT_GOAL := help
.PHONY: help demo test lint bare format bench faults fuzz examples lock clean

BIN := .venv/bin
READY := .venv/.ready
NPM_CI := npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
LOCK := uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes --quiet --no-emit-find-links --no-header

help: ## List what can be made
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' Makefile

demo: $(READY) ## Start a whole DDMS with a simulated plant, no Docker needed; Ctrl-C ends it
	@$(BIN)/ddms demo

test: lint ## Lint, types, import contracts, all tests on a real database, coverage
	$(BIN)/python -m pytest --cov --numprocesses=4 --dist=worksteal --durations=10

lint: $(READY) ## Check format, rules, types and who imports whom; changes nothing
	@$(BIN)/python --version
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

bare: $(READY) ## Both commands of the README in bare Debians, as root and as a new user (BARE="demo --release trixie": less)
	@$(BIN)/python -m tests.support.bare $(BARE)

format: $(READY) ## Format the code and repair what can be repaired
	$(BIN)/ruff check --fix-only
	$(BIN)/ruff format

bench: $(READY) ## Measure against the peers (BENCH=live: that one); each prints a ratio
	@$(BIN)/python -m bench $(BENCH)

faults: $(READY) ## Kill collector and database at random (KILLS=20, FAULTS=40), count what is lost or doubled
	@$(BIN)/python -m bench.faults --kills $(or $(KILLS),20) --faults $(or $(FAULTS),0)

fuzz: ## Ask a running API (URL=…, TOKEN=…) what nobody thought of, 20,000 times; needs schemathesis and an API without worth
	@uv run --quiet --no-project --with schemathesis --with httpx2 python -m bench.fuzz --examples $(or $(EXAMPLES),20000)

examples: ## Install what examples/ and the tests of known clients need: ariadne-codegen and, where npm is, packages of npm
	@if uv --version >/dev/null 2>&1; then \
		uv venv --quiet --clear --python '>=3.11' examples/python/.venv && \
		uv pip install --quiet --python examples/python/.venv/bin/python --requirement examples/python/requirements.txt; \
	else \
		python3 -m venv --clear examples/python/.venv && \
		examples/python/.venv/bin/python -m pip install --quiet --disable-pip-version-check --requirement examples/python/requirements.txt; \
	fi
	@cd examples/python && .venv/bin/ariadne-codegen >/dev/null
	@if npm --version >/dev/null 2>&1; then \
		for folder in tests/clients examples/typescript; do $(NPM_CI) --prefix $$folder || exit 1; done && \
		npm --prefix examples/typescript run --silent generate >/dev/null; \
	else \
		echo 'npm is not here: the example in TypeScript and the tests of clients are left out'; \
	fi

lock: ## Choose new versions of all dependencies (needs uv)
	$(LOCK) --upgrade --all-extras --output-file requirements.lock
	$(LOCK) --constraints requirements.lock --extra plant --output-file requirements.runtime.lock
	for tool in uv pip; do echo $$tool | $(subst pyproject.toml,-,$(LOCK)) --upgrade --output-file bootstrap/$$tool.txt || exit 1; done

clean: ## Remove .venv, caches, builds and the demo's data
	rm -rf .venv .ddms examples/python/.venv examples/python/ddms_client examples/typescript/node_modules examples/typescript/generated tests/clients/node_modules build dist *.egg-info .coverage* .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# By bootstrap/venv.sh alone, which knows what an interrupted run left.
$(READY): pyproject.toml requirements.lock $(wildcard bootstrap/*)
	@sh bootstrap/venv.sh

# Everything a developer runs. `make` alone lists it. Each target first makes .venv, when it is not there or outdated.

.DEFAULT_GOAL := help
.PHONY: help demo test coverage lint bare format bench faults whole fuzz examples clients image audit sbom manifests airgap lock clean

# The tests start our programs a thousand times: without this, each start would compile them anew.
unexport PYTHONDONTWRITEBYTECODE

BIN := .venv/bin
READY := .venv/.ready
VERSION := $(shell sed -n 's/^version = "\(.*\)"$$/\1/p' pyproject.toml)
NPM_CI := npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
LOCK := uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes --quiet --no-emit-find-links --no-header

help: ## List what can be made
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' Makefile

demo: $(READY) ## Start a whole DDMS with a simulated plant, no Docker needed; Ctrl-C ends it
	@$(BIN)/ddms demo

test: lint ## Lint, types, import contracts, all tests on a real database, coverage (TESTS=tests/unit: those)
	$(BIN)/python -m pytest --cov $(if $(TESTS),--cov-fail-under=0 $(TESTS)) --numprocesses=4 --dist=worksteal --durations=10

coverage: $(READY) ## Add up what several runs of a part of the tests covered (.coverage.*), and hold it to the floor
	$(BIN)/python -m coverage combine
	$(BIN)/python -m coverage report

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

whole: $(READY) ## Primary and replica, NATS, 3 collectors, 2 APIs, nginx, Prometheus, here; each is killed (KILLS=300; STAY=1: none)
	@$(BIN)/python -m bench.whole --kills $(or $(KILLS),9) $(if $(STAY),--stay)

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

clients: $(READY) ## Build the clients, in build/: for Python a wheel and its source, for TypeScript a package of npm (needs npm)
	@mkdir -p build
	cd clients/python && ../../$(BIN)/python -m hatchling build --directory ../../build
	$(BIN)/python clients/typescript/generate.py
	cd clients/typescript && npm install --ignore-scripts --no-audit --no-fund --no-package-lock --loglevel=error && npm run --silent build && npm pack --silent --pack-destination ../../build

image: ## Build the image and hold it below 150 MB (needs Docker)
	docker build --tag ddms:$(VERSION) .
	@bytes=$$(docker image inspect --format '{{.Size}}' ddms:$(VERSION)) && echo "ddms:$(VERSION) has $$((bytes / 1000000)) MB" && test $$bytes -lt 150000000
	docker run --rm --read-only --user 10001:10001 --cap-drop ALL ddms:$(VERSION) --version

audit: ## Look for known holes in what is installed (needs uv and a network)
	uvx --quiet pip-audit==2.10.1 --strict --disable-pip --require-hashes --requirement requirements.runtime.lock

sbom: ## Write what is in a release, as CycloneDX, to build/ddms.cdx.json (needs uv)
	@mkdir -p build
	uvx --quiet --from cyclonedx-bom==7.5.0 cyclonedx-py requirements --pyproject pyproject.toml --output-reproducible --of JSON --output-file build/ddms.cdx.json requirements.runtime.lock

manifests: ## Write deploy/kubernetes/ddms.yaml from the chart (needs helm)
	@mkdir -p deploy/kubernetes
	helm template ddms deploy/helm/ddms --namespace ddms --kube-version 1.30 --set configMaps=false > deploy/kubernetes/ddms.yaml

airgap: ## Make one archive for places without a network, in build/ (PYTHON=python3.13: its wheels)
	@sh deploy/airgap.sh

lock: ## Choose new versions of all dependencies (needs uv)
	$(LOCK) --upgrade --all-extras --output-file requirements.lock
	$(LOCK) --constraints requirements.lock --extra plant --output-file requirements.runtime.lock
	for tool in uv pip; do echo $$tool | $(subst pyproject.toml,-,$(LOCK)) --upgrade --output-file bootstrap/$$tool.txt || exit 1; done

clean: ## Remove .venv, caches, builds and the demo's data
	rm -rf .venv .ddms examples/python/.venv examples/python/ddms_client examples/typescript/node_modules examples/typescript/generated tests/clients/node_modules clients/typescript/node_modules clients/typescript/dist build dist *.egg-info .coverage* .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# By bootstrap/venv.sh alone, which knows what an interrupted run left.
$(READY): pyproject.toml requirements.lock $(wildcard bootstrap/*)
	@sh bootstrap/venv.sh

# Semantic Signal. `make` alone says what there is. POSIX sh, and any GNU make from 3.81 on (that of macOS).

UV_VERSION := 0.13.9
BIN        := .venv/bin
PY         := $(BIN)/python
ARGS       ?=
# Tests wait for browsers, servers and children a third of their time.
WORKERS    ?= $(shell echo $$(( ($$(getconf _NPROCESSORS_ONLN) * 3 + 1) / 2 )))
export PYTHONUTF8 := 1
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# Images of Python set it, and then every process compiles its libraries anew: 3 s for ccxt alone.
unexport PYTHONDONTWRITEBYTECODE

UV = $(BIN)/uv --quiet --no-progress

# What a change of which makes setup do that part again; nothing changed, nothing done.
PYTHON_READY   := .venv/.ready
MODULES_READY  := frontend/node_modules/.ready
DIST           := frontend/dist/index.html
CDK_READY      := node_modules/.ready
DYNAMODB_READY := .venv/dynamodb-local/.ready
# DynamoDB Local, AWS's own, is published inside this package; its seal is checked.
DYNAMODB       := amplify-dynamodb-simulator@2.9.30
DYNAMODB_SEAL  := sha512-xTeeRLvzEfqyd5lh3bH4c0kHvSHHmmhD5ZDsHFKAQ5g2Zl6JqlFdutaQhCLHzxEp6Ry1o7TB6niIoXuQAnSewQ==
CDK             = JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION=20 npx --no-install cdk
DIST_SOURCES    = $(shell find frontend/src frontend/public frontend/index.html frontend/vite.config.ts \
                    frontend/tsconfig.json 2>/dev/null)
LOCKED_MODULES  = $(wildcard frontend/package.json frontend/package-lock.json frontend/*/package.json)

.DEFAULT_GOAL := help
.PHONY: help setup run test check bench memory layers synth deploy cost destroy types drift lock cover clean browser java worn learning shots docs

help: ## what there is
	@awk 'BEGIN {FS = ":.*## "} /^[a-z]+:.*## / {printf "  make %-7s %s\n", $$1, $$2}' Makefile

setup: $(PYTHON_READY) $(DIST) ## virtual environment, locked dependencies, dashboard; again only what changed
	@[ "$(MAKECMDGOALS)" != setup ] || echo "setup: ready; $(BIN)/semsig --help"

run: setup ## set up, then everything in one process on the simulated market (ARGS="--port 8001" …)
	@exec $(BIN)/semsig run $(ARGS)

test: setup browser java worn $(DYNAMODB_READY) ## set up, then all tests: Python, front end, browser (ARGS="-k replay" for pytest)
	@failed=0; [ -t 1 ] || export NO_COLOR=1; \
	echo "test: Python and browser"; $(PY) -m pytest -n $(WORKERS) --dist worksteal $(ARGS) || failed=1; \
	echo "test: front end"; (cd frontend && npm run --silent test) || failed=1; \
	exit $$failed

check: setup ## format, lint, types, import contracts, dead code, wire drift: what a commit must pass
	@echo "check: format";           $(BIN)/ruff format --check --quiet . || { echo "check: run $(BIN)/ruff format ." >&2; exit 1; }
	@echo "check: lint";             $(BIN)/ruff check --quiet .
	@echo "check: types";            $(BIN)/mypy --strict --no-error-summary
	@echo "check: import contracts"; $(BIN)/lint-imports --no-logo >.venv/imports.log 2>&1 || { cat .venv/imports.log; exit 1; }
	@echo "check: dead code";        $(BIN)/vulture
	@! $(BIN)/vulture --min-confidence 60 | grep -E 'unused (function|class|method)'
	@echo "check: wire drift";       $(MAKE) --no-print-directory drift
	@echo "check: TypeScript";       cd frontend && npm run --silent check
	@echo "check: all good"

shots: setup browser ## pictures of every page, both widths and themes → frontend/screenshots (URL=… of a running instance)
	@cd frontend && SEMSIG_URL="$(URL)" CHROMIUM="$$($(find_browser))" npm run --silent shots

docs: setup ## the manual as a site in build/site, without warnings, every link checked (ARGS=serve to write it, ARGS=pictures)
	@$(PY) -m manual $(ARGS)

bench: setup worn ## the benchmarks: a table here, and bench/results.json
	@$(PY) -m bench $(ARGS)

memory: setup ## which likeness finds moments like the present, measured on recorded bars (10 min) → docs/memory.md
	@$(UV) pip install --python $(PY) --target .venv/words --no-deps \
	  $$($(PY) -c 'from bench.sentences import PACKAGES; print(PACKAGES)')
	@PYTHONPATH=.venv/words $(PY) -m bench.retrieval

learning: setup ## does it learn? planted edges, chance, real years with memory and without (10 min) → docs/learning.md
	@$(PY) -m bench.learning

layers: $(PYTHON_READY) ## what the functions wear on AWS, only what changed (ARCH=x86_64 for another machine than arm64)
	@$(PY) -m infra.layers --arch $(or $(ARCH),arm64) $(ARGS)

types: $(PYTHON_READY) $(MODULES_READY) ## what the API says → frontend/openapi.json → frontend/src/wire.ts
	@mkdir -p frontend/src .venv/before
	@cp -p frontend/openapi.json frontend/src/wire.ts .venv/before/ 2>/dev/null || true
	@$(PY) -m semanticsignal.drivers.api >.venv/openapi.json && cp .venv/openapi.json frontend/openapi.json
	@cd frontend && npm run --silent wire >/dev/null
	@$(call unchanged,frontend/openapi.json) $(call unchanged,frontend/src/wire.ts)

drift: types
	@for file in frontend/openapi.json frontend/src/wire.ts; do \
	  cmp -s $$file .venv/before/$$(basename $$file) || \
	    { echo "check: $$file was behind the API; it is written anew: commit it" >&2; exit 1; }; \
	done

cover: setup ## the Python tests once more, with what they reach
	@$(BIN)/coverage erase; $(BIN)/coverage run -m pytest -q $(ARGS)
	@$(BIN)/coverage combine --quiet; $(BIN)/coverage report

lock: $(PYTHON_READY) ## pyproject.toml → requirements.lock (ARGS=--upgrade for the newest of everything)
	@$(UV) pip compile --universal --generate-hashes --python-version 3.11 --no-header --no-annotate $(ARGS) \
	  --group dev pyproject.toml -o requirements.lock >/dev/null

synth: setup $(CDK_READY) ## the CloudFormation templates in cdk.out, their KB and resources; no AWS account is asked
	@$(CDK) synth --quiet $(ARGS)
	@$(PY) -m infra.summary

deploy: ## layers, templates, then all stacks into the account of your AWS credentials (SEMSIG_CLOUD__… settings)
	@$(MAKE) --no-print-directory layers ARGS=
	@$(MAKE) --no-print-directory synth ARGS=
	@$(PY) -m infra.summary --deployable >/dev/null
	@$(CDK) deploy --all --app cdk.out $(ARGS)

cost: setup ## what a month on AWS costs, by the templates and infra/prices.toml → docs/cost.md
	@$(PY) -m infra.cost

destroy: setup $(CDK_READY) ## all stacks go, ledger and archive stay; MONEY=gone deletes these too, for good
	@$(PY) -m infra.farewell --site $(if $(filter gone,$(MONEY)),--gone) $(if $(filter --force -f,$(ARGS)),--force)
	@$(CDK) destroy --all --build true --force $(filter-out --force -f,$(ARGS))
	@$(PY) -m infra.farewell $(if $(filter gone,$(MONEY)),--gone)

clean: ## removes what setup and the tests made; .semsig/, your ledger, stays
	@rm -rf node_modules cdk.out build
	@rm -rf .venv frontend/node_modules frontend/*/node_modules frontend/dist .pytest_cache .mypy_cache .ruff_cache \
	  .import_linter_cache .hypothesis .coverage .coverage.* htmlcov layers/build
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

# --- how setup does it ---------------------------------------------------------------------------------------------

# The first interpreter that runs and is one we support. `python3` first: it is the one its owner chose.
define find_python
	for python in "$$PYTHON" python3 python3.13 python3.12 python3.11; do \
	  [ -n "$$python" ] && "$$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' \
	    >/dev/null 2>&1 && break; \
	  python=; \
	done
endef

define find_browser
	{ for browser in "$$CHROMIUM" chromium chromium-browser google-chrome google-chrome-stable \
	    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome" \
	    "/Applications/Chromium.app/Contents/MacOS/Chromium"; do \
	  [ -n "$$browser" ] && command -v "$$browser" && break; \
	done; }
endef

# A generated file that came out the same keeps its time, or setup would build the dashboard again.
unchanged = cmp -s $(1) .venv/before/$(notdir $(1)) && cp -p .venv/before/$(notdir $(1)) $(1) || true;

$(PYTHON_READY): requirements.lock pyproject.toml
	@$(find_python); \
	[ -n "$$python" ] || { echo "setup: needs Python 3.11, 3.12 or 3.13, was $$(python3 --version 2>&1 | head -n 1);" \
	  "install one, or name it: PYTHON=/path/to/python3 make setup" >&2; exit 1; }; \
	if ! $(PY) -c '' >/dev/null 2>&1 || ! $(PY) -m pip --version >/dev/null 2>&1; then \
	  "$$python" -c 'import ensurepip, venv' >/dev/null 2>&1 || { echo "setup: $$python cannot make a virtual environment," \
	    "was without ensurepip; on Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }; \
	  echo "setup: virtual environment, $$("$$python" --version); the first time takes a minute"; \
	  rm -rf .venv && "$$python" -m venv .venv; \
	fi
	@[ "$$($(BIN)/uv --version 2>/dev/null | cut -d' ' -f2)" = "$(UV_VERSION)" ] || $(PY) -m pip install -qq uv==$(UV_VERSION)
	@echo "setup: Python packages"
	@$(UV) pip sync --python $(PY) --require-hashes requirements.lock
	@# Two packages of the lock bring this one file, and installing side by side either may come last: it is the CDK's.
	@grep -q 'jsii_type="aws-cdk-lib\.' .venv/lib/python3*/site-packages/aws_cdk/cloud_assembly_schema/__init__.py || \
	  $(UV) pip sync --python $(PY) --require-hashes --reinstall-package aws-cdk-lib requirements.lock
	@$(UV) pip install --python $(PY) --no-deps --no-build-isolation -e .
	@touch $@

$(MODULES_READY): $(LOCKED_MODULES)
	@command -v npm >/dev/null 2>&1 && node -e 'process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)' 2>/dev/null || \
	  { echo "setup: needs Node.js 20 or newer with npm for the dashboard, was $$(node --version 2>/dev/null || echo none)" >&2; exit 1; }
	@echo "setup: dashboard packages"
	@cd frontend && npm ci --silent --no-audit --no-fund --no-update-notifier
	@touch $@

$(CDK_READY): package.json package-lock.json
	@echo "setup: CDK"
	@npm ci --silent --no-audit --no-fund --no-update-notifier
	@touch $@

$(DIST): $(MODULES_READY) $(DIST_SOURCES)
	@echo "setup: dashboard"
	@cd frontend && npm run --silent build -- --logLevel warn
	@touch $@

browser:
	@if $(find_browser) >/dev/null; then :; \
	elif command -v apt-get >/dev/null 2>&1 && [ "$$(id -u)" = 0 ]; then \
	  echo "setup: Chromium for the browser tests"; \
	  { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends chromium; } \
	    >.venv/browser.log 2>&1 </dev/null || { tail -n 5 .venv/browser.log >&2; exit 1; }; \
	else \
	  echo "setup: no Chromium or Google Chrome here, so the browser tests are left out;" \
	    "install one (Debian: apt-get install chromium; macOS: brew install --cask chromium)" >&2; \
	fi

java:
	@if command -v java >/dev/null 2>&1; then :; \
	elif command -v apt-get >/dev/null 2>&1 && [ "$$(id -u)" = 0 ]; then \
	  echo "setup: Java for DynamoDB Local"; \
	  { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends \
	    default-jre-headless; } >.venv/java.log 2>&1 </dev/null || { tail -n 5 .venv/java.log >&2; exit 1; }; \
	else \
	  echo "setup: no Java here, so the tests on DynamoDB Local are left out;" \
	    "install one (Debian: apt-get install default-jre-headless; macOS: brew install openjdk)" >&2; \
	fi

export SEALED := import base64, hashlib, sys; sha = hashlib.sha512(open(sys.argv[1], "rb").read()).digest(); \
  print("sha512-" + base64.b64encode(sha).decode())

$(DYNAMODB_READY): | $(PYTHON_READY)
	@echo "setup: DynamoDB Local"
	@rm -rf $(@D) && mkdir -p $(@D)
	@cd $(@D) && npm pack --silent $(DYNAMODB) >/dev/null && mv *.tgz packed.tgz && \
	  [ "$$(python3 -c "$$SEALED" packed.tgz)" = "$(DYNAMODB_SEAL)" ] || \
	  { echo "setup: $(DYNAMODB) is not what it was" >&2; exit 1; }
	@cd $(@D) && tar -xzf packed.tgz && rm packed.tgz && touch $(@F)

# No test downloads: what the functions wear is built for this machine before them, and only again what changed.
worn: $(PYTHON_READY)
	@$(PY) -m infra.layers --arch host --quiet || \
	  echo "setup: the layers were not built, so the tests of them are left out" >&2

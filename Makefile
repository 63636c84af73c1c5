# Every task of the project. `make help` lists them; CONTRIBUTING.md says when to run which.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV := .local/venv/bin
TOOLCHAIN := $(PYTHON) -m toolchain
# The k3s of the local cloud reads the program's pins, so it needs the virtual environment.
IN_VENV := $(VENV)/python
# Its tests are compiled as build.sh compiles it, so that Kubernetes is compiled once.
STANDIN := localcloud/k3s-standin
BEGAN := $(shell date +%s)
# Without its cache of compiled modules pytest rewrites the assertions of every test at each start.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: help
help: ## list the tasks
	@sed -nE 's/^([a-z-]+):[^#]*## (.*)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 22

.PHONY: demo
demo: ## a k3s cluster on this machine, through the real Pulumi engine, without an AWS account
	@$(TOOLCHAIN) prepare demo
	@$(IN_VENV) -m demo up --began $(BEGAN)

.PHONY: demo-destroy
demo-destroy: ## destroy the demo's cluster and stop the local cloud; only caches stay
	@if [ ! -d .local/demo ] && [ ! -d .local/cloud ]; then echo "there is no demo"; \
	else $(TOOLCHAIN) venv; $(IN_VENV) -m demo destroy; fi

.PHONY: env
env: ## print the line that puts the demo's pulumi, Python and environment into a shell
	@test -f .local/demo/env.sh || { echo "there is no demo yet: run make demo" >&2; exit 1; }
	@echo ". $(CURDIR)/.local/demo/env.sh"

.PHONY: emulation
emulation: ## let arm64 machines of the local cloud run arm64 programs; undo: python3 -m toolchain emulation stop
	@$(TOOLCHAIN) require emulation
	@$(TOOLCHAIN) emulation start
	@$(TOOLCHAIN) prepare emulation

.PHONY: test
test: ## everything: check, slow, the Go tests, then the tests on the local cloud
	@$(TOOLCHAIN) require test
	@$(MAKE) --no-print-directory check slow
	@trap '$(TOOLCHAIN) docker stop' EXIT; \
	$(TOOLCHAIN) prepare test; \
	(cd $(STANDIN) && export CGO_ENABLED=0 && go vet -trimpath ./... && go test -trimpath ./...); \
	$(IN_VENV) -m pytest -m localcloud -p no:randomly --no-loadscope-reorder --numprocesses=2 --durations=0 --durations-min=5
	@echo "make test took $$(( ($$(date +%s) - $(BEGAN) + 30) / 60 )) min on $$(nproc) processors"

.PHONY: bench
bench: ## measure starts, previews and changes of a cluster; writes bench/results.json
	@$(TOOLCHAIN) prepare bench
	@$(IN_VENV) -m bench

.PHONY: check
check: venv ## the fast part: lint, types, the tests that are not slow
	@$(MAKE) --no-print-directory --jobs=3 --output-sync=target lint types unit

.PHONY: lint
lint: venv ## ruff: style, imports, format
	@$(VENV)/ruff check --quiet && $(VENV)/ruff format --check --quiet

.PHONY: types
types: venv ## mypy, strict
	@$(VENV)/mypy

.PHONY: unit
unit: venv ## the fast tests of the program and its tools
	@$(IN_VENV) -m pytest -q -p no:logging --numprocesses=auto -m 'not slow and not localcloud' --ignore=tests/localcloud

.PHONY: slow
slow: venv ## the tests that start processes or servers, without Docker
	@$(IN_VENV) -m pytest -q --numprocesses=auto -m 'slow and not localcloud'

.PHONY: format
format: venv ## let ruff put imports and format right
	@$(VENV)/ruff check --fix --quiet && $(VENV)/ruff format

.PHONY: golden
golden: venv ## rewrite what is rendered and committed; fails when anything changed, so that the diff is read
	@$(IN_VENV) -m tests.golden.rewrite

.PHONY: requirements
requirements: venv ## pin anew, with hashes, what requirements*.in ask for; UV_OPTIONS=--upgrade takes newer ones
	@$(VENV)/uv pip compile --quiet $(UV_OPTIONS) requirements.in --output-file requirements.txt
	@$(VENV)/uv pip compile --quiet $(UV_OPTIONS) requirements-dev.in --output-file requirements-dev.txt
	@$(VENV)/uv pip compile --quiet $(UV_OPTIONS) policy/requirements.in --output-file policy/requirements.txt
	@$(MAKE) --no-print-directory sbom

.PHONY: sbom
sbom: venv ## write sbom.cdx.json, the program's own dependencies, anew from requirements.txt
	@$(TOOLCHAIN) sbom > /dev/null

.PHONY: doctor
doctor: ## list which tools are there and which are missing
	@$(TOOLCHAIN) doctor

.PHONY: clean
clean: ## remove every cache, .local/ too; refuses while a demo stands
	@if [ -d .local/demo/state ] || [ -f .local/cloud/endpoint.json ]; then \
		echo "a demo stands: make demo-destroy removes it" >&2; exit 1; fi
	@if [ -f .local/venv/requirements.sha256 ]; then \
		$(IN_VENV) -m bench --clean; $(IN_VENV) -m tests.localcloud.leftovers; fi
	@if [ -f .local/docker/started.json ]; then $(TOOLCHAIN) docker stop; fi
	@if [ -f .local/docker/started.json ]; then \
		echo "Docker, started from here, is in use: its log and record are in .local/" >&2; exit 1; fi
	@rm -rf .local .mypy_cache .ruff_cache .pytest_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

.PHONY: venv
venv:
	@$(TOOLCHAIN) venv

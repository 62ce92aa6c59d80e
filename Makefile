# The vocabulary of the project. `make help` lists the targets.
#
# Needed beforehand: rustup's stable toolchain, a C compiler, make. Everything else is set up here. The tests of the
# PostgreSQL store want PostgreSQL (apt-get install postgresql); where it is not there, they say that they are skipped.

SHELL       := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.SUFFIXES:

CARGO      ?= cargo
LISTEN     ?= 127.0.0.1:8080
TARGET_DIR := $(or $(CARGO_TARGET_DIR),target)
SWITCHYARD := $(TARGET_DIR)/debug/switchyard

# An adapter is a directory of plugins/ with a crate in it; the SDK is a library for them.
ADAPTERS := $(filter-out sdk,$(patsubst plugins/%/Cargo.toml,%,$(wildcard plugins/*/Cargo.toml)))
# Adapters that misbehave on purpose, for tests; never beside the real ones.
TEST_ADAPTERS := $(patsubst tests/%/Cargo.toml,%,$(wildcard tests/*-adapter/Cargo.toml))

COMPONENTS      := $(ADAPTERS:%=plugins/dist/%.wasm)
TEST_COMPONENTS := $(TEST_ADAPTERS:%=target/test-adapters/%.wasm)
# Adapters in other languages, which need those languages' tools. Nothing else is made of them, but for two tests.
EXAMPLES := $(patsubst plugins/examples/%/adapter.toml,%,$(wildcard plugins/examples/*/adapter.toml))
# What every component is made of, besides its own crate.
SHARED := Cargo.toml Cargo.lock $(wildcard wit/*.wit) $(shell find plugins/sdk -name '*.rs' -o -name Cargo.toml)

# The demo needs the programs only. The tests need everything, built once with one set of features.
BUILD := --bins
test test-adapters chaos takeover soak coverage: BUILD := --all-targets

NEXTEST := $(shell $(CARGO) nextest --version >/dev/null 2>&1 && echo yes)

.PHONY: help setup build plugins test-adapters examples examples-here examples-test demo test chaos takeover soak coverage check check-api deny lint-deploy bench bench-reload clean

help: ## List the targets
	@sed -nE 's/^([a-z-]+):.*## (.*)/\1\t\2/p' $(MAKEFILE_LIST) | while IFS=$$'\t' read -r name text; do \
	  printf '  make %-14s %s\n' "$$name" "$$text"; done

demo: plugins ## Run the gateway in front of simulated venues, show an order's life, and stay up
	@echo "==> demo: simulated venues and the gateway on http://$(LISTEN)"
	$(SWITCHYARD) demo --listen $(LISTEN)

test: plugins test-adapters examples-here ## Set up, build everything and run all tests
ifeq ($(NEXTEST),yes)
	@echo "==> test: all tests with cargo nextest, then the examples in the documentation"
	$(CARGO) nextest run --workspace
else
	@echo "==> test: all tests with cargo test (cargo nextest is not installed), then the examples in the documentation"
	$(CARGO) test --workspace --all-targets
endif
	$(CARGO) test --workspace --doc

check: ## Formatting, lints, licences and sources of dependencies, deployment files
	@echo "==> check: formatting"
	$(CARGO) fmt --all --check
	@echo "==> check: lints"
	$(CARGO) clippy --workspace --all-targets -- -D warnings
	@$(MAKE) --no-print-directory deny
	@$(MAKE) --no-print-directory lint-deploy

check-api: plugins ## Try every operation of the API out by its own description, as viewer, trader and operator
	@echo "==> check-api: SEED and CASES say what and how much (tests/spec/check-api.sh)"
	tests/spec/check-api.sh $(CASES)

deny: ## The part of check that is about dependencies (deny.toml)
	@if ! $(CARGO) deny --version >/dev/null 2>&1; then \
	  echo "==> deny: installing cargo-deny, once; this takes some minutes"; \
	  $(CARGO) install cargo-deny --locked; \
	fi
	@echo "==> deny: licences, bans and sources of dependencies"
	$(CARGO) deny check bans licenses sources
	@if timeout 60 $(CARGO) deny fetch db >/dev/null 2>&1; then \
	  echo "==> deny: known vulnerabilities"; \
	  $(CARGO) deny check advisories --disable-fetch; \
	else \
	  echo "==> deny: NOT CHECKED for known vulnerabilities: the advisory database cannot be fetched from here"; \
	fi

lint-deploy: ## The part of check that is about containers, AWS and Kubernetes (monitoring/deploy)
	@monitoring/deploy/lint.sh $(TARGET_DIR)/lint-deploy

setup: ## Make sure that something here builds WebAssembly
	@command -v cc >/dev/null || { echo "error: no C compiler (cc): install gcc" >&2; exit 1; }
	@plugins/wasm-toolchain.sh $(TARGET_DIR)

build: setup
	@echo "==> build: cargo build --workspace $(BUILD)"
	@$(CARGO) build --workspace $(BUILD)

plugins: $(COMPONENTS) ## Build all adapters into plugins/dist

test-adapters: $(TEST_COMPONENTS) ## Build the adapters that only tests use into target/test-adapters

# The builder comes first but its age says nothing about a component, so it is order-only.
.SECONDEXPANSION:
$(COMPONENTS): plugins/dist/%.wasm: $$(shell find plugins/$$*/src plugins/$$*/Cargo.toml -type f) $(SHARED) | build
	@echo "==> plugins: $*"
	$(SWITCHYARD) plugin build plugins/$* --out plugins/dist

$(TEST_COMPONENTS): target/test-adapters/%.wasm: $$(shell find tests/$$*/src tests/$$*/Cargo.toml -type f) $(SHARED) | build
	@echo "==> test-adapters: $*"
	$(SWITCHYARD) plugin build tests/$* --out target/test-adapters

examples: $(EXAMPLES:%=target/example-adapters/%.wasm) ## Build the adapters in Python and JavaScript into target/example-adapters

# Without a language's tools the rule above says so and fails; the tests of that adapter say that they were skipped.
examples-here:
	@for name in $(EXAMPLES); do \
	  said=$$($(MAKE) --no-print-directory BUILD="$(BUILD)" "target/example-adapters/$$name.wasm" 2>&1) || { \
	    grep 'adapters cannot be built here' <<<"$$said" || { echo "$$said" >&2; exit 1; }; \
	    echo "==> examples: SKIPPED $$name"; \
	  }; \
	done

target/example-adapters/%.wasm: $$(shell find plugins/examples/$$*/src plugins/examples/$$*/adapter.toml -type f -not -name '*.pyc') $(wildcard wit/*.wit) | build
	@echo "==> examples: $*"
	$(SWITCHYARD) plugin build plugins/examples/$* --out target/example-adapters

examples-test: examples ## Test the examples natively, each in its language, and judge their components
	@echo "==> examples-test: kraken, in Python"
	@tools="$${XDG_CACHE_HOME:-$$HOME/.cache}/switchyard/tools/componentize-py-0.25.1/bin/componentize-py"; \
	cd plugins/examples/kraken && rm -rf build/bindings && "$$tools" -d build/wit -w venue bindings build/bindings && \
	PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=src:build/bindings python3 -m unittest discover -s tests -t .
	@echo "==> examples-test: deribit, in JavaScript"
	cd plugins/examples/deribit && node --import ./tests/host.mjs --test tests/
	@for name in $(EXAMPLES); do \
	  echo "==> examples-test: $$name, by the conformance kit"; \
	  $(SWITCHYARD) plugin check target/example-adapters/$$name.wasm --cases plugins/examples/$$name/cases || exit 1; \
	done

chaos: plugins ## Kill the gateway hundreds of times under traffic; measure what one venue's outage costs another's callers
	@echo "==> chaos: CHAOS_SEED, CHAOS_RUNS and CHAOS_KILLS say how long (tests/chaos/tests/crash.rs)"
	$(CARGO) test --workspace --test crash --test outage -- --ignored --nocapture

takeover: plugins ## Kill and stop the active of two gateways on one PostgreSQL under traffic; measure how long the other takes
	@echo "==> takeover: CHAOS_SEED, CHAOS_RUNS and CHAOS_KILLS say how long (tests/chaos/tests/takeover.rs)"
	$(CARGO) test --workspace --test takeover -- --ignored --nocapture

soak: plugins ## Send the gateway what nobody should for SOAK_ROUNDS rounds; its memory stays what it was
	@echo "==> soak: SOAK_ROUNDS says how long (tests/end-to-end/tests/gateway/bad_input.rs)"
	$(CARGO) test --workspace --test gateway -- --ignored --nocapture soak

coverage: plugins test-adapters ## Lines of host, runtime and adapters that the tests reach; fails below 85 %
	@CARGO="$(CARGO)" tests/coverage.sh

bench: plugins ## Measure: an adapter's calls in the sandbox and natively
	$(CARGO) bench -p switchyard-benchmarks

bench-reload: plugins ## Measure: an adapter replaced 100 times under load, 20 times by a broken one; then 1,000 times
	@echo "==> bench-reload: RELOAD_RATE, RELOAD_CALLERS, RELOAD_SWAPS and RELOAD_MORE say how much (tests/chaos/tests/reload.rs)"
	$(CARGO) build --release --workspace --bins
	$(CARGO) test --release --workspace --test reload -- --ignored --nocapture --test-threads=1

clean: ## Remove everything built
	$(CARGO) clean
	rm -rf plugins/dist

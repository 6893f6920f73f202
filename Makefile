# Short names for the chores. meson, ninja and ./check do the work; CONTRIBUTING.md says when to take which.
#   make JOBS=2 ...            how many compilers at once (default: as ninja thinks)
#   make fuzz NAME=json SECONDS=600
BUILD = build
ASAN = build-asan
FUZZ = build-fuzz
JOBS =
NAME =
SECONDS = 30

NINJA = ninja $(addprefix -j,$(JOBS))
PYTHON = /usr/bin/python3

.PHONY: all unit check asan fuzz lint bench conformance docs install clean help
all: $(BUILD)/build.ninja ## build both programs (release) into build/
	$(NINJA) -C $(BUILD)

unit: $(BUILD)/build.ninja ## build and run the unit and contract tests (under a minute)
	$(NINJA) -C $(BUILD)
	meson test -C $(BUILD) --no-rebuild --print-errorlogs

check: ## everything a change must pass: packages, compilers, sanitizers, all tests, fuzzers
	./check

asan: $(ASAN)/build.ninja ## the unit and contract tests with ASan and UBSan, in build-asan/
	$(NINJA) -C $(ASAN)
	meson test -C $(ASAN) --no-rebuild --print-errorlogs

fuzz: $(FUZZ)/build.ninja ## each fuzz target for SECONDS=30, or the one of NAME=
	$(NINJA) -C $(FUZZ)
	@for target in $(FUZZ)/tests/fuzz/fuzz_$(or $(NAME),*); do \
	    [ -f "$$target" ] || continue; \
	    name=$${target##*/fuzz_}; \
	    echo "== $$name"; \
	    mkdir -p "$(FUZZ)/found/$$name"; \
	    "$$target" -max_total_time=$(SECONDS) -timeout=10 -artifact_prefix=$(FUZZ)/found/ \
	        "$(FUZZ)/found/$$name" "tests/fuzz/corpus/$$name" 2>&1 | tail -n 3; \
	    [ $${PIPESTATUS[0]} = 0 ] || exit 1; \
	    done_one=yes; \
	done; [ "$$done_one" = yes ] || { echo "there is no fuzz target $(NAME)" >&2; exit 1; }

lint: ## clang-format, shellcheck, the floor plan (layers) and the shape of the code
	git ls-files '*.c' '*.h' | xargs clang-format --dry-run -Werror
	shellcheck -S warning check quickstart tools/next_release .ci/run src/client/command/completion/cairn.bash
	$(PYTHON) tools/layers
	$(PYTHON) tools/shape

bench: $(BUILD)/build.ninja ## cairn-ca and Pebble on this machine, one table (minutes; see docs/benchmarks.md)
	$(NINJA) -C $(BUILD)
	$(PYTHON) bench/run_issue.py

conformance: ## write CONFORMANCE.md: what of ACME is met, by which test, and what is open
	$(PYTHON) tools/conformance

docs: $(BUILD)/build.ninja ## the manual pages, in build/docs/
	$(NINJA) -C $(BUILD) docs/cairn.1 docs/cairn-ca.8 docs/cairn-ca.yaml.5

install: all ## install programs, manual pages and systemd units below /usr/local (DESTDIR= is heeded)
	meson install -C $(BUILD) --no-rebuild

clean: ## remove all build folders
	rm -rf build build-asan build-clang build-fuzz

help: ## show this
	@sed -n 's/^\([a-z]*\):.*## /  make \1\t/p' Makefile | expand -t 18

SHELL = /bin/bash

$(BUILD)/build.ninja:
	meson setup $(BUILD)

$(ASAN)/build.ninja:
	meson setup $(ASAN) -Dtests=enabled -Db_sanitize=address,undefined -Db_lundef=false

$(FUZZ)/build.ninja:
	CC=clang meson setup $(FUZZ) -Dfuzz=true -Db_sanitize=address,undefined -Db_lundef=false

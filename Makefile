# A few verbs; `make help` lists them. `make demo` and `make test` need only Python 3.11 or later and make.
.DEFAULT_GOAL := help
MAKEFLAGS += --no-builtin-rules
SHELL := /bin/sh

# The first Python on PATH that is new enough; PYTHON=... to choose another.
PYTHON ?= $(shell for p in python3 python3.15 python3.14 python3.13 python3.12 python3.11; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo "$$p"; break; }; done)
# The environment of all verbs; VENV=... to choose another folder. VENV_PIP names a requirements file with the pip that a
# new environment begins with, in place of the one that Python brings: requirements/pip.txt has the oldest promised.
VENV := .venv
VENV_PIP :=
export VENV
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check --no-input
# Exactly what a file of requirements/ names. pip neither resolves anything nor builds anything, which would fetch build
# tools, so whatever was published since changes nothing.
INSTALL := $(PIP) install --no-deps --only-binary :all: --require-hashes
# Tests wait for registries, indexes and builds a fifth of their time, so there are two workers more than processors.
PYTEST_XDIST_AUTO_NUM_WORKERS ?= $(shell echo $$(( $$(getconf _NPROCESSORS_ONLN) + 2 )))
export PYTEST_XDIST_AUTO_NUM_WORKERS
# Arguments for pytest or for the command that a verb runs: make pytest ARGS="-k marker -n 0"
ARGS ?=

.PHONY: help
help: ## list these verbs
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1|\2/p' $(MAKEFILE_LIST) | while IFS='|' read -r verb text; do \
		printf '  make %-14s %s\n' "$$verb" "$$text"; done

.PHONY: demo
demo: $(VENV)/.run ## show the main job on a registry of its own, on loopback
	@PATH="$(CURDIR)/.tools/bin:$$PATH" $(BIN)/imagesetter demo $(ARGS)

.PHONY: test
test: ## everything that CI runs: lint, types and all tests
	@$(MAKE) --no-print-directory --jobs=2 lint .compiled-tests
	@$(MAKE) --no-print-directory pytest

# The tests as pytest compiles them, for all its workers, which would compile them all each. It is done on the processor
# that `lint` leaves free; what is wrong with a test is said by `pytest`.
.compiled-tests: $(VENV)/.dev
	@env -u PYTHONDONTWRITEBYTECODE $(BIN)/python -m pytest -q --collect-only >/dev/null 2>&1 || true

# Bytecode is kept, of the package and of the tests: otherwise each worker and each start of the command compiles it anew.
.PHONY: pytest
pytest: $(VENV)/.dev ## the tests alone; ARGS="tests/policy -k semver" picks some
	env -u PYTHONDONTWRITEBYTECODE $(BIN)/python -m pytest -q -n auto --maxprocesses=4 --dist=loadfile --no-loadscope-reorder $(ARGS)

.PHONY: lint
lint: $(VENV)/.dev ## ruff, its formatter as a check, and strict types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check --quiet .
	$(BIN)/mypy

.PHONY: format
format: $(VENV)/.dev ## format the code and mend what ruff can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

.PHONY: tools
tools: ## install the real tools that end-to-end tests drive (apt-get, go install)
	@.ci/tools

.PHONY: test-matrix
test-matrix: $(VENV)/.release ## the tests on Python 3.11 to 3.15 and the lowest dependencies, then `make installs`
	@.ci/matrix $(ARGS)

.PHONY: installs
installs: $(VENV)/.release ## pip and uv install wheel and sdist on each Python, pre-commit its hooks, and all is used
	@.ci/installs $(ARGS)

.PHONY: resolve
resolve: $(VENV)/.dev ## the wheel and its pins have wheels for each Python and platform that the README promises
	@.ci/resolve $(ARGS)

.PHONY: bench
bench: $(VENV)/.dev ## measure and write the benchmark page; QUICK=1 for a short run
	$(BIN)/python -m benchmarks $(ARGS)

.PHONY: fuzz
fuzz: $(VENV)/.dev ## hostile bytes for every reader; ARGS="policy --runs 100000 --seed 7" for one of them
	$(BIN)/python -m fuzz $(ARGS)

.PHONY: docs
docs: $(VENV)/.docs ## build the manual into build/site and open it in Chromium; broken links are errors
	$(BIN)/mkdocs build --quiet --strict --site-dir build/site
	$(BIN)/python .ci/site.py build/site

.PHONY: image
image: ## build the container image with docker, podman or buildah
	@.ci/image $(ARGS)

.PHONY: release
release: $(VENV)/.release ## wheel, sdist and SBOM into dist/, from a clean tree, twice, with equal hashes
	@.ci/release

.PHONY: audit
audit: $(VENV)/.release ## licenses of what we depend on, and known vulnerabilities
	@.ci/audit

.PHONY: requirements
requirements: $(VENV)/.dev ## pin the dependencies anew; ARGS=--upgrade for the newest, ARGS=--check to look only
	@.ci/requirements $(ARGS)

.PHONY: clean
clean: ## remove what these verbs made, but not .tools
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage
	find fn tests -name __pycache__ -type d -prune -exec rm -rf {} +

# One environment, filled as far as a verb needs it. Each stamp is as new as the requirements it was made from.
$(BIN)/python:
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo "make: no Python 3.11 or later; set PYTHON=/path/to/python3" >&2; exit 1; }
	@"$(PYTHON)" -c 'import ensurepip, venv' 2>/dev/null || { \
		echo "make: $(PYTHON) cannot make environments; on Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }
	@echo "make: $(VENV) with $$("$(PYTHON)" --version)"
	@"$(PYTHON)" -m venv $(VENV)
	@[ -z "$(VENV_PIP)" ] || $(INSTALL) -r "$(VENV_PIP)"

define fill
	@echo "make: $(VENV) gets $<"
	@$(INSTALL) -r $<
endef

# All that is installed has what it needs. What pins of the past left behind may have not.
define check
	@report=$$($(BIN)/python -m pip --disable-pip-version-check check) || { echo "$$report" >&2; \
		echo "make: the packages in $(VENV) do not fit together; remove the folder and try again" >&2; exit 1; }
	@touch $@
endef

$(VENV)/.run: requirements/runtime.txt requirements/build.txt pyproject.toml | $(BIN)/python
	$(fill)
	@$(INSTALL) -r requirements/build.txt
	@$(PIP) install --no-deps --no-build-isolation --editable .
	$(check)

$(VENV)/.dev: requirements/dev.txt $(VENV)/.run
	$(fill)
	$(check)

$(VENV)/.docs: requirements/docs.txt $(VENV)/.dev
	$(fill)
	$(check)

$(VENV)/.release: requirements/release.txt $(VENV)/.dev
	$(fill)
	$(check)

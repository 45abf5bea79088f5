# Needs GNU make (3.81 is enough) and Python 3.11 or newer. `make help` lists the targets.
#
# Every variable below can come from the environment or the command line, for example
#   make run ARGS="--config.file=my.yml"     make test WORKERS=4     make run PYTHON=python3.13
#   make image ENGINE=podman PYTHON_IMAGE=mirror.example/python:3.12-slim

VENV ?= .venv
PYTHON ?=
ARGS ?=
PROOF ?=
WORKERS ?= 2
EXAMPLES ?= 500
ENGINE ?=
IMAGE ?=
PYTHON_IMAGE ?=
SBOM ?= sbom.cdx.json
SOURCE ?= pypi

BIN := $(VENV)/bin
INSTALL := $(BIN)/python -m pip install -qq --disable-pip-version-check --no-input
COMPILE = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
  --no-emit-index-url --no-emit-find-links --no-annotate --custom-compile-command "make lock" \
  $(if $(UPGRADE),--upgrade)

# All targets share one venv, so they run one after the other even under -j.
.NOTPARALLEL:
.DELETE_ON_ERROR:
.PHONY: help run test check lint fmt house picture tools fuzz image prove systems systems-files dashboards console-screens slack-screens bench bench-quick sbom advisories lock clean

help: ## list the targets
	@sed -n 's/^\([a-z]*\):[^#]*## /  \1	/p' Makefile

run: $(VENV)/.installed ## start the service (ARGS="..." are flags of `incident-manager serve`)
	@exec $(BIN)/incident-manager serve --config.file=deploy/incident-manager.yml $(ARGS)

test: lint tools ## lint and run every test, the fast ones first
	@echo "Testing units and store ..."
	@$(BIN)/pytest -n $(WORKERS) tests/unit tests/store
	@echo "Testing scenarios ..."
	@$(BIN)/pytest -n $(WORKERS) tests/scenarios
	@echo "Testing the whole system ..."
	@$(BIN)/pytest -n $(WORKERS) tests/system

check: lint ## lint and run the unit tests but the slow ones, before a commit
	@$(BIN)/pytest -q -n $(WORKERS) -m "not slow" tests/unit

lint: $(VENV)/.installed-dev ## check style, types and the direction of imports
	@echo "Checking style, types and imports ..."
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --quiet --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

fmt: $(VENV)/.installed-dev ## format the code and mend what can be mended by itself
	@$(BIN)/ruff check --quiet --fix-only .
	@$(BIN)/ruff format --quiet .

tools: $(VENV)/.installed-dev ## install the real programs that tests drive (Debian, as root)
	@sh .ci/install-tools $(BIN)/python

fuzz: $(VENV)/.installed-dev ## send odd requests through every door, new ones each time (EXAMPLES=500 a door)
	@FUZZ_EXAMPLES=$(EXAMPLES) $(BIN)/pytest -q -p no:cacheprovider tests/scenarios/test_fuzz.py

image: ## build the image, start it once and ask whether it is healthy (docker, podman or buildah)
	@ENGINE="$(ENGINE)" IMAGE="$(IMAGE)" PYTHON_IMAGE="$(PYTHON_IMAGE)" .ci/image

prove: $(VENV)/.installed-dev ## show the proofs as name, figure, bound (PROOF=name runs one)
	@sh .ci/install-tools $(BIN)/python || echo "Proofs that need them will fail."
	@$(BIN)/python -m benchmarks.prove $(PROOF)

house: $(VENV)/.installed-dev ## count what keeps the code one to live in: rooms, lengths, contracts
	@$(BIN)/python -m benchmarks.house

picture: $(VENV)/.installed-dev ## draw the rooms into docs/architecture.md, the actions into docs/api.md
	@$(BIN)/python -m benchmarks.picture
	@$(BIN)/python -m benchmarks.action_table

systems-files: $(VENV)/.installed-dev ## write rules, their tests, runbooks and docs/systems.md from systems/
	@$(BIN)/python -m systems

systems: ## show every alert of the systems rising, falling and swinging, from Prometheus to an incident (36 min)
	@$(MAKE) --no-print-directory prove PROOF=systems

dashboards: $(VENV)/.installed-dev ## write the Grafana dashboards, and one archive of all
	@$(BIN)/python -m dashboards

console-screens: $(VENV)/.installed-dev ## draw the pages of the console into docs/console
	@sh .ci/install-tools $(BIN)/python
	@$(BIN)/python -m benchmarks.console_screens

slack-screens: $(VENV)/.installed-dev ## draw what is sent to Slack into docs/slack
	@sh .ci/install-tools $(BIN)/python
	@fc-list 2>/dev/null | grep -qi "color emoji" || echo "For colours: apt install fonts-noto-color-emoji"
	@$(BIN)/python -m benchmarks.slack_screens

bench: $(VENV)/.installed-dev ## measure what everything costs, beside a floor or a peer (ARGS="-o FILE" for JSON)
	@sh .ci/install-tools $(BIN)/python || echo "What is measured beside Alertmanager will fail."
	@$(BIN)/python -m benchmarks.bench $(ARGS)

bench-quick: ## the same, with fewer and shorter rounds
	@$(MAKE) --no-print-directory bench ARGS="--quick $(ARGS)"

# In a venv of their own: neither they nor what they need is a part of the project.
AUDIT := $(VENV)-audit
$(AUDIT)/.installed:
	@"$(or $(wildcard $(BIN)/python),python3)" -m venv $(AUDIT)
	@$(AUDIT)/bin/python -m pip install -qq --disable-pip-version-check --no-input 'cyclonedx-bom>=7,<8' 'pip-audit>=2.10,<3'
	@touch $@

sbom: $(AUDIT)/.installed ## write what a release is made of (SBOM=sbom.cdx.json, CycloneDX)
	@PYTHONWARNINGS=ignore $(AUDIT)/bin/cyclonedx-py requirements requirements.lock --pyproject pyproject.toml --output-reproducible -o "$(SBOM)"
	@echo "$(SBOM) is written."

advisories: $(AUDIT)/.installed ## ask which locked packages have known weaknesses (SOURCE=pypi, or osv)
	@for lock in requirements.lock requirements-build.lock requirements-dev.lock; do \
	  echo "$$lock ..."; \
	  $(AUDIT)/bin/pip-audit --disable-pip --require-hashes --strict --progress-spinner off -s $(SOURCE) -r $$lock || exit 1; \
	done

lock: $(VENV)/.created ## resolve the dependencies anew (UPGRADE=1 takes the newest)
	@echo "Resolving the locks ..."
	@$(INSTALL) uv
	@$(COMPILE) pyproject.toml --extra embedded -o requirements.lock >/dev/null
	@printf 'editables\nhatchling\n' | $(COMPILE) - -o requirements-build.lock >/dev/null
	@$(COMPILE) pyproject.toml --extra dev --extra embedded --extra otel -c requirements.lock -c requirements-build.lock \
	  -o requirements-dev.lock >/dev/null

clean: ## remove the venv and all caches; incidents (data/) stay
	@rm -rf $(VENV) $(AUDIT) sbom.cdx.json build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	@find routing receiver tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/.created:
	@python=; \
	for found in $(if $(PYTHON),"$(PYTHON)",python3 python3.14 python3.13 python3.12 python3.11); do \
	  if "$$found" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	    python=$$found; break; \
	  fi; \
	done; \
	if [ -z "$$python" ]; then \
	  echo "No Python 3.11 or newer $(if $(PYTHON),at $(PYTHON),on the PATH). Install it, or name it: make run PYTHON=/path/to/python3" >&2; \
	  exit 1; \
	fi; \
	if ! "$$python" -c 'import ensurepip, venv'; then \
	  echo "$$python cannot make a venv. Debian and Ubuntu keep that apart: apt install python3-venv" >&2; \
	  echo "(for a Python that is not the default one: python3.X-venv, with its version)" >&2; \
	  exit 1; \
	fi; \
	echo "Creating $(VENV) ..."; \
	"$$python" -m venv "$(VENV)"
	@touch $@

# The project itself is installed with the locked build packages and no dependencies, so that
# nothing comes in without its hash.
$(VENV)/.installed: $(VENV)/.created requirements.lock requirements-build.lock pyproject.toml
	@echo "Installing packages into $(VENV) ..."
	@$(INSTALL) --require-hashes -r requirements-build.lock -r requirements.lock
	@$(INSTALL) --no-build-isolation --no-deps -e .
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed requirements-dev.lock
	@echo "Installing development packages into $(VENV) ..."
	@$(INSTALL) --require-hashes -r requirements-dev.lock
	@touch $@

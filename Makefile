# Every target makes or mends .venv by itself; `make rehearse` is where to begin. Works with GNU make 3.81 (macOS).
.DEFAULT_GOAL := help
.PHONY: help rehearse test test-whole test-clients lint types layers format docs wheel bench clean lock runtime clients venv

VENV    := .venv
RUN     := $(VENV)/bin
STAMP   := $(VENV)/.installed
CLIENTS := .clients
PYTHON  ?= $(shell for p in python3 python3.13 python3.12 python3.11 python3.10; do \
             $$p -c 'import sys; sys.exit(not (3, 10) <= sys.version_info < (3, 14))' 2>/dev/null && echo $$p && break; done)
WORKERS ?= auto
PYTEST  := $(RUN)/python -m pytest -q -n $(WORKERS) --dist=loadgroup
PIP     := $(RUN)/python -m pip --disable-pip-version-check --quiet

help:
	@echo "make rehearse   migrate the example workspace in the sandbox, with live progress"
	@echo "make test       the suite, in parallel, but for the slowest; TESTS=tests/plan for a part, WORKERS=0 for one process"
	@echo "make test-whole     the rest of the suite: whole migrations by the command, with Prefect servers, killed again and again"
	@echo "make test-clients   the rest of the suite: with Azure CLI, which it installs into .clients"
	@echo "make clients    install Azure CLI, at the release that the tests of other clients use, into .clients"
	@echo "make lint | types | layers | format"
	@echo "make docs       renew the generated pages and run what the pages show"
	@echo "make wheel      build dist/*.whl"
	@echo "make bench      what vnetferry costs on this machine"
	@echo "make lock       renew the files of exact versions after a change of pyproject.toml; UPGRADE=1 takes newer releases"
	@echo "make clean      remove everything that make has made"

rehearse: $(STAMP) runtime
	@$(RUN)/vnetferry rehearse $(ARGS)

test: $(STAMP) runtime
	@$(PYTEST) -m "not az and not whole" $(TESTS)

test-whole: $(STAMP) runtime
	@$(PYTEST) -m whole $(TESTS)

test-clients: $(STAMP) runtime clients
	@$(PYTEST) -m az $(TESTS)

lint: $(STAMP)
	@$(RUN)/ruff check
	@$(RUN)/ruff format --check

types: $(STAMP)
	@$(RUN)/mypy

layers: $(STAMP)
	@$(RUN)/lint-imports --no-logo

format: $(STAMP)
	@$(RUN)/ruff check --fix-only --quiet
	@$(RUN)/ruff format

docs: $(STAMP) runtime
	@$(RUN)/python -m vnetferry.sandbox.coverage
	@$(RUN)/python -m pytest -q tests/docs

wheel: $(STAMP)
	@$(RUN)/python -m build --wheel --no-isolation --outdir dist

bench: $(STAMP) runtime
	@for b in bench/*.py; do $(RUN)/python $$b || exit; done

runtime: $(STAMP)
	@$(RUN)/python -m vnetferry.sandbox.scoring.runtime

# Azure CLI is apart from vnetferry's own environment because its pins conflict with Prefect's. Its modules are
# compiled when they are first imported: there are far more of them than the tests ever use.
clients: $(CLIENTS)/.installed

$(CLIENTS)/.installed: tests/clients/az-requirements.txt | $(STAMP)
	@echo "Installing what $< names into $(CLIENTS) (a minute)"
	@rm -rf $(CLIENTS)
	@$(RUN)/python -m venv $(CLIENTS)
	@$(CLIENTS)/bin/python -m pip --disable-pip-version-check --quiet install --no-compile --require-hashes -r $<
	@touch $@

venv: $(STAMP)

# A failed installation leaves no stamp, so the next make begins it again.
$(STAMP): requirements.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "vnetferry needs Python 3.10 to 3.13 and found none: install one, or name it with make PYTHON=/path/to/python3." >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 10) <= sys.version_info < (3, 14))' || { echo "$(PYTHON) is not Python 3.10 to 3.13: name another with make PYTHON=/path/to/python3." >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "$(PYTHON) cannot make virtual environments: on Debian and Ubuntu, apt-get install python3-venv mends it." >&2; exit 1; }
	@echo "Installing what requirements.lock names into $(VENV) (a few minutes the first time)"
	@$(RUN)/python -c '' 2>/dev/null || { rm -rf $(VENV); $(PYTHON) -m venv $(VENV); }
	@$(PIP) install --require-hashes -r requirements.lock
	@$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@

# pip compares hashes only with what is pinned under the very name that is asked for, and one package asks for
# `sqlalchemy`, another for `sqlalchemy[asyncio]`: a line with extras is therefore preceded by its twin without them.
define ADD_BARE_TWINS
function flush() { if (block ~ /^[a-z0-9._-]+\[/) { bare = block; sub(/\[[^]]*\]/, "", bare); printf "%s", bare } \
                   printf "%s", block; block = "" } \
/^[^ #]/ { flush() } { block = block $$0 "\n" } END { flush() }
endef

# $(call COMPILE,input,lock file,what the first line says of it)
define COMPILE
cp $(2) "$$tools/lock" 2>/dev/null || : > "$$tools/lock"; \
"$$tools/bin/uv" pip compile --quiet --universal --python-version 3.10 --generate-hashes --no-header \
  --no-strip-extras --no-emit-index-url --no-emit-find-links $(if $(UPGRADE),--upgrade) -o "$$tools/lock" $(1) && \
{ echo '# Made by `make lock` from $(3)'; grep -v '^# Made by' "$$tools/lock" | awk '$(ADD_BARE_TWINS)'; } > "$$tools/new" && \
if grep -nE '://|^-' "$$tools/new"; then echo "The new lock names an index, which it must not: $(2) is as it was." >&2; exit 1; fi && \
cp "$$tools/new" $(2)
endef

lock:
	@tools=$$(mktemp -d) && trap 'rm -rf "$$tools"' EXIT && $(PYTHON) -m venv "$$tools" && \
	  "$$tools/bin/python" -m pip --disable-pip-version-check --quiet install 'uv>=0.9' && \
	  $(call COMPILE,--group dev pyproject.toml,requirements.lock,pyproject.toml: what vnetferry and its checks are built and tested with.) && \
	  $(call COMPILE,tests/clients/az-requirements.in,tests/clients/az-requirements.txt,az-requirements.in: Azure CLI as the tests use it.)

clean:
	rm -rf $(VENV) .runtime $(CLIENTS) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache rehearsal
	find src flows tasks tests bench examples -name __pycache__ -type d -prune -exec rm -rf {} +

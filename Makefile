# Every task of this repository. Two commands set up a fresh machine: `git clone …` and `make demo`.
PYTHON ?= python3
BIN := .venv/bin

.DEFAULT_GOAL := help
.PHONY: help demo serve test check format pages bench lab mutate lock clean runtime dev

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' Makefile

demo: runtime ## Try it: the server, a sample app and a sample API, and what to click (ARGS=…)
	@$(BIN)/grantway demo $(ARGS)

serve: runtime ## Run the server for development on this machine (ARGS=…)
	@$(BIN)/grantway serve --dev $(ARGS)

test: dev ## Install and start what the tests need, then run them all, or one path (T=tests/protocol)
	@$(BIN)/python scripts/test_services.py
	@$(BIN)/python -m pytest $(if $(T),$(T),--numprocesses=auto --dist=worksteal) $(ARGS)

check: dev ## Format, lint, types, imports: what every change must pass
	@$(BIN)/ruff format --check --quiet --output-format=concise . || { echo "Next: make format"; exit 1; }
	@$(BIN)/ruff check --quiet --output-format=concise .
	@$(BIN)/mypy --no-error-summary
	@$(BIN)/lint-imports --no-cache
	@echo "check: all good"

format: dev ## Format the code and mend what can be mended
	@$(BIN)/ruff check --fix --exit-zero --quiet .
	@$(BIN)/ruff format .

pages: dev ## Remake the pages of docs/reference from the code
	@$(BIN)/python -m scripts.made_pages

bench: dev ## Measure the server under load, on both databases (ARGS=…)
	@$(BIN)/python -m bench $(ARGS)

lab: dev ## Break things on purpose and count what was lost; writes docs/reliability.md (ARGS="RX1 --full")
	@$(BIN)/python -m lab $(ARGS)

mutate: dev ## Break the code on purpose and see that a test notices (ARGS=…)
	@$(BIN)/python scripts/mutate.py $(ARGS)

lock: dev ## Remake the constraint files from pyproject.toml (ARGS=--upgrade for the newest)
	@scripts/lock.sh $(ARGS)

clean: ## Remove everything that was made here
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build dist tests/npm/node_modules
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

runtime dev:
	@$(PYTHON) scripts/bootstrap.py $@

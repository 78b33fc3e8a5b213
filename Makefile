# Every command works on a fresh machine: the environment is made when it is first needed.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test test-slow docs lint bench clean

demo: $(VENV)/.demo
	@$(BIN)/lading deploy manifests/salary.yaml

test: $(VENV)/.test
	$(BIN)/python -m pytest -n auto -m "not slow"

test-slow: $(VENV)/.test
	$(BIN)/python -m pytest -n auto -m slow

docs: $(VENV)/.test
	$(BIN)/python docs/reference.py

lint: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(VENV)/.test
	$(BIN)/python -m tests.benchmarks

clean:
	rm -rf $(VENV) build dist *.egg-info .lading

$(VENV)/.demo: setup.py pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --editable '.[sklearn,local]'
	@touch $@

$(VENV)/.test: setup.py pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --editable '.[sklearn,pandas,local,azureml,test,lint]'
	@touch $@ $(VENV)/.demo

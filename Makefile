# Every command works on a fresh machine: the environment is made when it is first needed.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# One more than there are processors: a test waits as much as it works.
WORKERS := $(shell expr $$(getconf _NPROCESSORS_ONLN) + 1)
# Without files of bytecode each process of the tests would compile all that it imports.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: demo test test-slow test-torture docs lint bench torture clean

demo: $(VENV)/.demo
	@$(BIN)/lading deploy manifests/salary.yaml

test: $(VENV)/.test
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile -m "not slow and not torture"

test-slow: $(VENV)/.test
	$(BIN)/python -m pytest -n $(WORKERS) -m slow

test-torture: $(VENV)/.test
	$(BIN)/python -m pytest -n $(WORKERS) -m torture

docs: $(VENV)/.test
	$(BIN)/python docs/reference.py

lint: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(VENV)/.test
	$(BIN)/python -m tests.benchmarks

torture: $(VENV)/.test
	$(BIN)/python -m tests.torture

clean:
	rm -rf $(VENV) build dist *.egg-info .lading

$(VENV)/.demo: setup.py pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --editable '.[sklearn,local]'
	@touch $@

# uv, if it is there, takes a third of the time. The tests compile what they import, a quarter of all.
TEST_PARTS := --quiet --editable '.[sklearn,pandas,local,azureml,mlflow,docker,iotedge,test,lint]'

$(VENV)/.test: setup.py pyproject.toml
	$(PYTHON) -m venv $(VENV)
	@echo "installing what the tests need"
	@uv pip install --python $(BIN)/python $(TEST_PARTS) 2>/dev/null || $(BIN)/pip install --no-compile $(TEST_PARTS)
	@touch $@ $(VENV)/.demo

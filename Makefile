# Every command works on a fresh machine: the environment is made when it is first needed.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV := $(BIN)/uv
# A file of constraints for the environment of the tests, which else has the newest versions that fit together.
CONSTRAINTS ?=
# One more than there are processors: a test waits as much as it works.
WORKERS := $(shell expr $$(getconf _NPROCESSORS_ONLN) + 1)
# Without files of bytecode each process of the tests would compile all that it imports.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: demo test test-slow test-torture test-lowest test-newest constraints docs lint bench torture clean

demo: $(VENV)/.demo
	@$(BIN)/lading deploy manifests/salary.yaml

test: $(VENV)/.test
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile -m "not slow and not torture"

test-slow: $(VENV)/.test
	$(BIN)/python -m pytest -n $(WORKERS) -m slow

test-torture: $(VENV)/.test
	$(BIN)/python -m pytest -n $(WORKERS) -m torture

# The tests with the lowest and with the newest versions that pyproject.toml allows, but for those of the torture
# itself, whose tools need newer versions than the product.
test-lowest test-newest: test-%: .venv-%/.test
	.venv-$*/bin/python -m pytest -n $(WORKERS) --dist loadfile -m "not slow and not torture" --ignore tests/torture

COMPILE := $(UV) pip compile --quiet --upgrade --python-version 3.11 --all-extras pyproject.toml \
	--custom-compile-command "make constraints"

constraints: $(VENV)/.test
	$(COMPILE) --resolution lowest-direct --override constraints/lowest-overrides.txt --output-file constraints/lowest.txt
	$(COMPILE) --override constraints/newest-overrides.txt --output-file constraints/newest.txt
	$(COMPILE) --output-file constraints/tests.txt

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
	rm -rf $(VENV) $(VENV)-* build dist *.egg-info .lading

$(VENV)/.demo: setup.py pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet $(CONSTRAINTS:%=--constraint %) --editable '.[sklearn,local]'
	@touch $@

# uv takes a third of the time of pip, but it does not read pip's settings, such as the address of another index.
TEST_PARTS := --quiet $(CONSTRAINTS:%=--constraint %) --editable '.[sklearn,pandas,local,azureml,mlflow,docker,iotedge,test,lint]'

$(VENV)/.test: setup.py pyproject.toml
	$(PYTHON) -m venv $(VENV)
	@echo "installing what the tests need"
	@$(BIN)/pip install --quiet uv
	@$(UV) pip install --python $(BIN)/python $(TEST_PARTS) 2>/dev/null || $(BIN)/pip install --no-compile $(TEST_PARTS)
	@touch $@ $(VENV)/.demo

# The files of constraints are whole lists: what they override is not resolved again.
.venv-%/.test: constraints/%.txt $(VENV)/.test
	$(UV) venv --quiet --clear --seed --python 3.11 .venv-$*
	$(UV) pip install --quiet --python .venv-$* --no-deps --requirement constraints/$*.txt --editable .
	@touch $@

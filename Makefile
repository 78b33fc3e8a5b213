# Every command works on a fresh machine: the environment is made when it is first needed.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV := $(BIN)/uv
# A file of constraints for the environment of the tests, which else has the newest versions that fit together.
CONSTRAINTS ?=
# How many cases of each parametrized test, and how many tests of each class and file, the slow tests and those with
# other versions take: see tests/sampled.py.
SHARE ?= 1
# Where the tests with other versions are.
ROOMS ?= tests
# One more than there are processors: a test waits as much as it works.
WORKERS := $(shell expr $$(getconf _NPROCESSORS_ONLN) + 1)
# Without files of bytecode each process of the tests would compile all that it imports.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: demo check test test-unit test-slow test-torture test-kubernetes test-lowest test-newest constraints known docs site lint news release-check bench torture clean

# Only this file knows that `lading` is not on the path of the reader's shell.
demo: $(VENV)/.demo
	@$(BIN)/lading deploy manifests/salary.yaml
	@echo
	@echo "send a request:    $(BIN)/lading score manifests/salary.yaml -d '{\"data\": [[21]]}'"
	@echo "stop the service:  $(BIN)/lading delete manifests/salary.yaml"
	@echo "list the commands: $(BIN)/lading --help"

# The inner loop. mypy keeps what it knows in .mypy_cache, and then checks only changed modules and those that import them.
check: $(VENV)/.test
	@$(MAKE) --no-print-directory --keep-going --jobs 2 lint test-unit

test: $(VENV)/.test
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile -m "not slow and not torture and not kubernetes"

# A test that starts a process or opens a socket is skipped at that point: see tests/unit.py.
test-unit: $(VENV)/.test
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --unit -q -r fE -m "not slow and not torture and not kubernetes"

test-slow: $(VENV)/.test
	$(BIN)/python -m pytest -n $(WORKERS) -m slow --share $(SHARE)

test-torture: $(VENV)/.test
	$(BIN)/python -m pytest -n $(WORKERS) -m torture

# LADING_TEST_KUBECONFIG names the kubeconfig of a cluster whose nodes have the images of the engine at DOCKER_HOST.
# With minikube: `minikube start --container-runtime=docker`, `eval $(minikube docker-env)`, and then
# `make test-kubernetes LADING_TEST_KUBECONFIG=$HOME/.kube/config`. The nodes of kind have another engine, so they lack the images.
test-kubernetes: $(VENV)/.test
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadscope -m kubernetes --share $(SHARE)

# The tests with the lowest and with the newest versions that pyproject.toml allows. The tools of the torture need newer
# versions than the product. The store and the emulators use no library whose version could matter.
# azureml-core imports Python's distutils, and skops then imports setuptools, which wants its own copy.
test-lowest test-newest: test-%: .venv-%/.test
	SETUPTOOLS_USE_DISTUTILS=stdlib .venv-$*/bin/python -m pytest -n $(WORKERS) --dist loadfile -m "not slow and not torture and not kubernetes" --share $(SHARE) \
		--ignore tests/torture --ignore tests/core/store --ignore tests/emulators $(ROOMS)

COMPILE := $(UV) pip compile --quiet --upgrade --python-version 3.11 --all-extras pyproject.toml \
	--custom-compile-command "make constraints"

constraints: $(VENV)/.test
	$(COMPILE) --resolution lowest-direct --override constraints/lowest-overrides.txt --output-file constraints/lowest.txt
	$(COMPILE) --override constraints/newest-overrides.txt --output-file constraints/newest.txt
	$(COMPILE) --output-file constraints/tests.txt
	$(UV) pip compile --quiet --upgrade --python-version 3.11 --group site \
		--custom-compile-command "make constraints" --output-file constraints/site.txt

# The names that a harmless model may import, from the lowest, a middle and the newest versions of the libraries.
KNOWN := tests/plugins/sklearn/known_names.py
KNOWN_lowest := scikit-learn==1.4.2 numpy==1.26.4 scipy==1.13.* pandas==2.2.2 xgboost==2.0.* lightgbm==4.3.* catboost imbalanced-learn==0.12.*
KNOWN_middle := scikit-learn==1.6.* numpy==2.0.* scipy==1.14.* pandas==2.3.* xgboost==2.1.* lightgbm==4.5.* imbalanced-learn==0.13.*
KNOWN_newest := scikit-learn numpy scipy pandas pyarrow xgboost lightgbm catboost imbalanced-learn

known:
	rm -rf build/known && mkdir -p build/known
	$(foreach set,lowest middle newest,$(UV) run --quiet --isolated --no-project --python 3.11 \
		$(foreach one,$(KNOWN_$(set)),--with "$(one)") python $(KNOWN) list > build/known/$(set) &&) true
	python3 $(KNOWN) merge build/known/lowest build/known/middle build/known/newest > plugins/lading_sklearn/known.txt

docs: $(VENV)/.test
	$(BIN)/python docs/reference.py
	$(BIN)/python docs/picture.py

# A warning is a failure: a broken link, or a page that the navigation lacks. The pages are in build/site.
site: .venv-site/.site
	NO_MKDOCS_2_WARNING=1 .venv-site/bin/mkdocs build

lint: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml examples/pipelines/github-actions.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.azure-pipelines --data-transform azure-pipelines \
		--regex-variant nonunicode examples/pipelines/azure-pipelines.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.github-issue-forms .github/ISSUE_TEMPLATE/bug.yml .github/ISSUE_TEMPLATE/idea.yml
	@$(BIN)/towncrier build --draft --version next >/dev/null

# The part of CHANGELOG.md that the files in changes/ will give; it changes nothing.
news: $(VENV)/.test
	$(BIN)/towncrier build --draft --version "$$($(BIN)/lading --version | cut -d' ' -f3)"

# What is uploaded is built, and used as a stranger would use it; see RELEASING.md.
release-check: $(VENV)/.test news
	rm -rf dist
	$(UV) build --quiet --out-dir dist
	$(UV) tool run twine check --strict dist/*
	for built in dist/*; do $(MAKE) --no-print-directory tried-$$built || exit; done
	$(MAKE) --no-print-directory constraints
	git diff --exit-code --stat constraints

# The salary model with a built distribution, in an empty environment and an empty folder.
tried-dist/%:
	rm -rf build/release && mkdir -p build/release && cp -R manifests data build/release
	$(UV) venv --quiet build/release/venv
	$(UV) pip install --quiet --python build/release/venv "dist/$*[sklearn,local]"
	cd build/release && export LADING_STORE=.lading && venv/bin/lading deploy manifests/salary.yaml && \
		venv/bin/lading delete manifests/salary.yaml

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
TEST_PARTS := --quiet $(CONSTRAINTS:%=--constraint %) --editable '.[sklearn,pandas,parquet,sql,skops,local,azureml,azureml-v2,mlflow,plots,docker,iotedge,kubernetes,otel,test,lint]'

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

# Without Mermaid on the site, a browser would load it from another host.
MERMAID := 11.17.2
.venv-site/.site: constraints/site.txt Makefile
	@command -v npm >/dev/null || { echo "npm is missing, and it downloads the script that draws diagrams: install Node.js"; exit 1; }
	$(PYTHON) -m venv .venv-site
	.venv-site/bin/pip install --quiet --requirement constraints/site.txt
	npm pack --silent --pack-destination .venv-site mermaid@$(MERMAID) >/dev/null
	tar -xzOf .venv-site/mermaid-$(MERMAID).tgz package/dist/mermaid.min.js >.venv-site/mermaid.min.js
	rm .venv-site/mermaid-$(MERMAID).tgz
	@touch $@

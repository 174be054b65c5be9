# Everything runs in .venv, which is made on first need: `make demo` or `make test` on a fresh clone is enough.

PYTHON ?=
BASE ?=
UPGRADE ?=
LITSERVE ?=
SAMPLES ?=
PYTEST_FLAGS ?=

BIN := .venv/bin
PIP_INSTALL = $(BIN)/python -m pip install --disable-pip-version-check -c requirements.lock
# Labelling platforms that are tested whole: tests/integrations/NAME, whose requirements.txt is its lock.
PLATFORMS := cvat fiftyone page label_studio
NO_DEPS_fiftyone := --no-deps  # its requirements.in says why
# The extras in requirements.lock, with those that they include: all but fiftyone, which has a lock of its own.
LOCKED := cvat dev gpu
# Plain scripts, which mypy's `packages` in pyproject.toml do not cover.
SCRIPTS := protos/generate.py protos/breaking.py clients/generate_sync.py

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:
.PHONY: help demo test test-integrations lint format stubs sync-client bench bench-serving bench-scale storm test-crash docker-check lock clean

help: ## list the targets
	@echo 'make TARGET [PYTHON=python3.12]'
	@echo
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-18s %s\n", $$1, $$2 }' Makefile

demo: .venv/.demo ## label, propagate and flag real images, and write a report page
	$(BIN)/vicinal demo

test: lint docker-check ## everything that must hold: lint, then the tests
	$(BIN)/python -m pytest $(PYTEST_FLAGS)

test-integrations: $(PLATFORMS:%=test-integrations-%) ## the labelling platforms, each in an environment of its own

test-integrations-%: .integrations/%/.ready
	.integrations/$*/bin/python -m pytest tests/integrations/$* $(PYTEST_FLAGS)

# Label Studio alone is in that environment: it wants other versions of what the project needs.
test-integrations-label_studio: .integrations/label_studio/.ready .venv/.dev
	LABEL_STUDIO=$(CURDIR)/.integrations/label_studio/bin/label-studio \
	  $(BIN)/python -m pytest tests/integrations/label_studio $(PYTEST_FLAGS)

lint: .venv/.dev ## style, types, and that what is generated is up to date
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/mypy $(SCRIPTS)
	$(BIN)/python protos/generate.py --check
	$(BIN)/python clients/generate_sync.py --check
	$(BIN)/buf lint protos
	$(BIN)/python protos/breaking.py $(if $(BASE),--base $(BASE))

format: .venv/.dev ## rewrite the code as lint wants it
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

stubs: .venv/.dev ## regenerate the stubs from the .proto files
	$(BIN)/python protos/generate.py

sync-client: .venv/.dev ## regenerate the synchronous client from the asynchronous one
	$(BIN)/python clients/generate_sync.py

bench: .venv/.dev ## time propagation against scipy and scikit-learn on one graph
	$(BIN)/python tests/benchmarks/propagation.py

bench-serving: .venv/.dev ## time the embedding service against a bare ONNX Runtime loop (LITSERVE=PYTHON: and LitServe)
	$(BIN)/python tests/benchmarks/serving.py $(if $(LITSERVE),--litserve $(LITSERVE))

bench-scale: .venv/.dev ## measure a large dataset through the whole service, beside hnswlib alone (SAMPLES=1000000)
	$(BIN)/python tests/benchmarks/scale.py --samples $(or $(SAMPLES),20000)

storm: .venv/.dev ## ten minutes of good, corrupt, huge and cancelled requests to the embedding service
	$(BIN)/python tests/benchmarks/storm.py

test-crash: .venv/.dev ## kill the service and the store 50 times each under load
	VICINAL_CRASH_ROUNDS=50 $(BIN)/python -m pytest -m crash --timeout=3600 $(PYTEST_FLAGS)

docker-check: .venv/.dev ## check the Dockerfiles and the compose file (nothing is built: that needs an engine)
	$(BIN)/hadolint docker/graph.Dockerfile docker/embed.Dockerfile
	$(BIN)/docker-compose -f docker/compose.yaml --profile cpu config --quiet
	$(BIN)/docker-compose -f docker/compose.yaml --profile gpu config --quiet
	@echo 'docker/: Dockerfiles and compose file are valid; the images were not built'

lock: .venv/.dev ## pin what is new in pyproject.toml (UPGRADE=1: the newest of everything)
	$(BIN)/python -m pip install --disable-pip-version-check --quiet uv
	UV_CUSTOM_COMPILE_COMMAND='make lock' $(BIN)/uv pip compile pyproject.toml $(LOCKED:%=--extra %) --universal \
	  --python-version 3.11 --no-emit-index-url --annotation-style line --quiet \
	  $(if $(UPGRADE),--upgrade) --output-file requirements.lock
	UV_CUSTOM_COMPILE_COMMAND='make lock' $(BIN)/uv pip compile tests/integrations/fiftyone/requirements.in --universal \
	  --python-version 3.11 --no-emit-index-url --no-emit-package fiftyone-db --annotation-style line --quiet \
	  $(if $(UPGRADE),--upgrade) --output-file tests/integrations/fiftyone/requirements.txt

clean: ## remove caches and builds; .venv stays
	rm -rf build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name .venv -prune -o -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@python=$$(.ci/check-machine '$(PYTHON)') && echo "making .venv with $$python" && "$$python" -m venv .venv


.integrations/%/.ready: tests/integrations/%/requirements.txt pyproject.toml | $(BIN)/python
	@echo 'installing what tests/integrations/$* needs into .integrations/$* (once)'
	$(BIN)/python -m venv .integrations/$*
	.integrations/$*/bin/python -m pip install --disable-pip-version-check --quiet $(NO_DEPS_$*) -r $<
	@touch $@

.PRECIOUS: .integrations/%/.ready

.venv/.demo: pyproject.toml requirements.lock | $(BIN)/python
	@echo 'installing vicinal into .venv (once; a minute or two)'
	$(PIP_INSTALL) -e '.[demo]'
	@touch $@

.venv/.dev: pyproject.toml requirements.lock | $(BIN)/python
	@echo 'installing vicinal and its development tools into .venv (once; two or three minutes)'
	$(PIP_INSTALL) -e '.[dev]'
	@touch .venv/.demo $@

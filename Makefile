# Every target makes its own virtual environment, so that a bare Debian with python3 and g++ is enough.
#   make test PYTHON=python3.12 VENV=.venv-312

PYTHON ?= python3
VENV ?= .venv
ARGS ?=
CUDA ?= 13

BIN := $(VENV)/bin
PIP_INSTALL := $(BIN)/python -m pip --disable-pip-version-check install --quiet -c tests/constraints.txt

# A stamp is made again when what it was built from has changed. Python files need none: the install is editable.
BUILT_FROM := pyproject.toml tests/constraints.txt $(filter-out %.py %.pyi,$(wildcard segbench/kernels/*.*))

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test lint bench fuzz fuzz-native gpu leaderboards clean

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):[^#]*## /  make \1|/p' Makefile | awk -F'|' '{ printf "%-14s %s\n", $$1, $$2 }'

demo: $(VENV)/.package ## make a small data set, run models on it and write a leaderboard
	$(BIN)/segbench demo $(ARGS)

test: $(VENV)/.test ## run every test; ARGS="-k rle -x" goes to pytest
	$(BIN)/python -m pytest $(ARGS)

lint: $(VENV)/.dev ## ruff and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(VENV)/.test ## time and memory beside the reference tools; ARGS="--only pq", "--readme", "--growth" or "--uncertainty"
	$(BIN)/python tests/benchmarks/run.py $(ARGS)

fuzz: $(VENV)/.test ## random cases beside the reference tools; ARGS="--cases 20000"
	PYTHONPATH=tests $(BIN)/python -m fuzz $(ARGS)

fuzz-native: $(VENV)/.test ## random bytes for the C++ kernels (clang, libFuzzer, sanitizers); ARGS="--seconds 600"
	PYTHONPATH=tests $(BIN)/python -m fuzz.native $(ARGS)

gpu: $(VENV)/.test ## all that needs an NVIDIA GPU: cases, compute-sanitizer, times; CUDA=12 for older drivers
	$(PIP_INSTALL) 'cupy-cuda$(CUDA)x[ctk]>=14' torchvision
	$(BIN)/python -m tests.gpu $(ARGS)

leaderboards: $(VENV)/.package ## make the boards in leaderboards/ anew
	$(BIN)/segbench demo --out build/demo
	rm -rf leaderboards/demo
	mkdir leaderboards/demo
	cp -r build/demo/results leaderboards/demo/
	$(BIN)/python -c 'from pathlib import Path; from segbench.demo import tour; \
	    tour.board_of(*map(Path, ("build/demo", "build/demo/results", "leaderboards/demo")), tour.COMMITTED_MB)'
	find leaderboards/demo/results -name 'predictions*' -prune -exec rm -rf {} +
	$(BIN)/python tests/benchmarks/speed_page.py
	$(BIN)/python tests/boards_index.py

clean: ## remove what the targets made, the virtual environment too
	rm -rf $(VENV) build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find segbench tests -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/.package: $(BUILT_FROM) | $(VENV)/pyvenv.cfg
	@echo "Installing segbench into $(VENV)"
	$(PIP_INSTALL) -e .
	@touch $@

$(VENV)/.dev: $(BUILT_FROM) | $(VENV)/pyvenv.cfg
	@echo "Installing segbench and its development tools into $(VENV): some minutes the first time"
	$(PIP_INSTALL) -e '.[dev]'
	@touch $(VENV)/.package $@

# CUDA's compilers as wheels of their own: kernels compile for every GPU without one. Only Linux has them.
NVRTC := $(if $(filter Linux,$(shell uname -s)),nvidia-cuda-nvrtc-cu12 nvidia-cuda-nvrtc)

# Models of these packages are tested in a process of their own: torchmetrics would use a torchvision wherever it found one.
VISION := torchvision timm segmentation-models-pytorch ultralytics ultralytics-thop psutil

# Readers of what segbench writes, likewise; where one does not install, its tests are skipped.
READERS := labelme2coco sahi shapely label-studio-sdk datumaro ijson ujson lxml nltk pyjwt requests urllib3 certifi appdirs \
  orjson json-stream json-stream-rs-tokenizer imagesize

# The reference scorers. Two of them ask for packages (a desktop OpenCV, "typing") that what the tests call does not need.
$(VENV)/.test: $(VENV)/.dev
	$(PIP_INSTALL) torch torchmetrics pyquaternion transformers onnx onnxruntime webdataset nibabel s3fs 'dask[distributed]'
	$(PIP_INSTALL) --no-deps panopticapi-lite cityscapesscripts tidecv opencv-python-headless
	$(if $(NVRTC),$(PIP_INSTALL) --no-deps $(NVRTC))
	$(PIP_INSTALL) --no-deps --upgrade --target build/vision $(VISION)
	-$(PIP_INSTALL) --no-deps --upgrade --target build/readers $(READERS)
	@touch $@

# Debian keeps what makes a virtual environment, and what compiles against Python, apart from python3.
DEB = $$($(PYTHON) -c 'import sys; print("python%d.%d" % sys.version_info[:2])')

$(VENV)/pyvenv.cfg:
	@command -v $(PYTHON) >/dev/null || { echo "error: no $(PYTHON) here: install python3 or set PYTHON=" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "error: segbench needs Python 3.11 or later, and $(PYTHON) is older: set PYTHON=" >&2; exit 1; }
	@missing=; \
	$(PYTHON) -c 'import ensurepip' 2>/dev/null || missing="$$missing $(DEB)-venv"; \
	$(PYTHON) -c 'import os, sysconfig; os.stat(sysconfig.get_path("include") + "/Python.h")' 2>/dev/null \
	  || missing="$$missing $(DEB)-dev"; \
	command -v c++ >/dev/null || missing="$$missing g++"; \
	if [ -z "$$missing" ]; then exit 0; fi; \
	if [ "$$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then \
	  echo "error: missing:$$missing. On Debian or Ubuntu: sudo apt-get install$$missing" >&2; exit 1; \
	fi; \
	echo "Installing with apt-get:$$missing"; \
	apt-get -qq update; \
	log=$$(DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends $$missing 2>&1) \
	  || { echo "$$log" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

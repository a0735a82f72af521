# Every target makes the environment if it is missing and needs only make and Python 3.11 or newer.
SHELL := /bin/sh
.DEFAULT_GOAL := help
.PHONY: help demo photo test slow check docs bench train format constraints clean

PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt
SOURCES := agent configs evals graphs iconworld prompts sld tools tests
DEMO := runs/demo
PHOTO := runs/photo
PROMPT ?= two red cars and a blue cup

help:
	@echo "make demo    correct a picture with the embedded models; report in $(DEMO)/report.html"
	@echo "make photo   edit a real photograph three ways with small networks (80 to 120 MB are fetched once); reports in $(PHOTO)"
	@echo "make test    run the tests"
	@echo "make slow    run the long tests too: kills, browsers, another processor's arithmetic, the built wheel"
	@echo "make check   format, lint, types, import contract"
	@echo "make docs    build the manual into build/site, links checked"
	@echo "make bench   measure: LMD benchmark and speed, on the embedded models"
	@echo "make train   train the embedded models again (hours on a CPU)"
	@echo "make format  format the code"

# The versions are those that were tested (constraints.txt). torch goes first and alone: a range that admits its CPU
# build keeps gigabytes of CUDA packages away.
$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed: make PYTHON=python3.12 ..."; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(INSTALL) "torch>=2.9,<2.14"
	$(INSTALL) -e ".[dev]"
	@touch $(READY)

# From the words alone: set out in boxes first, as by default, there would be little to correct.
demo: $(READY)
	@rm -rf $(DEMO)
	@$(BIN)/sld generate "$(PROMPT)" --preset iconworld --set generator.layout=false --seed 5 --out $(DEMO)

photo: $(READY)
	@rm -rf $(PHOTO)
	@$(BIN)/sld weights get photo
	@$(BIN)/python -m evals.photo_demo $(PHOTO)

test: $(READY)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n auto --dist loadfile

slow: $(READY)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n auto --dist loadfile -m "not gpu"

check: $(READY)
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: $(READY)
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet
	@echo "build/site/index.html"

format: $(READY)
	$(BIN)/ruff format $(SOURCES)
	$(BIN)/ruff check --fix $(SOURCES)

bench: $(READY)
	$(BIN)/sld eval bench

train: $(READY)
	$(BIN)/python -m iconworld.train all

# After upgrading what is in .venv: write down what the tests then pass with.
constraints: $(READY)
	$(BIN)/python -m pip freeze --exclude-editable | grep -Ev "^(torch|torchvision|triton|nvidia-|cuda-)" > constraints.txt

clean:
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache build dist

# Two commands do everything on a fresh machine with Python 3.11+, make and a package index: `make demo`, `make test`.
PYTHON ?= python3
BIN := .venv/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint .ci/constraints.txt

.PHONY: demo test test-training lint bench train-detector train-embedder clean

demo: .venv/.installed
	$(BIN)/canteen demo $(ARGS)

test: .venv/.installed-dev
	$(BIN)/python -m pytest $(ARGS)

# Apart from the others because they need the packages for training, which are large.
test-training: .venv/.installed-train
	$(BIN)/python -m pytest --override-ini addopts='-ra --strict-markers --import-mode=importlib' tests/training $(ARGS)

lint: .venv/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: .venv/.installed-dev
	$(BIN)/python -m tests.bench $(ARGS)

# On a CPU a quarter to a third of the time went into the kernel's memory management without these.
TRAINING_MEMORY := MALLOC_MMAP_MAX_=0 MALLOC_TRIM_THRESHOLD_=34359738368 MALLOC_TOP_PAD_=268435456 \
	KMP_BLOCKTIME=0 OMP_WAIT_POLICY=PASSIVE

train-detector: .venv/.installed-train
	$(TRAINING_MEMORY) $(BIN)/python -m recognition.training.detector $(ARGS)

train-embedder: .venv/.installed-train
	$(TRAINING_MEMORY) $(BIN)/python -m recognition.training.embedder $(ARGS)

.venv/.installed: pyproject.toml .ci/constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.11 ...")'
	$(PYTHON) -m venv .venv
	$(INSTALL) --editable .
	@touch $@

.venv/.installed-dev: .venv/.installed
	$(INSTALL) --editable '.[dev]'
	@touch $@

.venv/.installed-train: .venv/.installed-dev
	$(INSTALL) --editable '.[train]'
	@touch $@

clean:
	rm -rf .venv var

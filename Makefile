# Two commands do everything on a fresh machine with Python >= 3.11:
#   make demo   train the reference model on the embedded people, evaluate it, draw pictures
#   make test   every check: lint, types, architecture, tests
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: setup demo test test-slow lint docs wheels clean

setup: $(VENV)/.done

$(VENV)/.done: pyproject.toml $(wildcard plugins/*/pyproject.toml)
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "posegen needs Python 3.11 or newer")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev,docs]' \
		-e plugins/posegen-people -e plugins/posegen-patn -e plugins/posegen-unet \
		-e plugins/posegen-warp -e plugins/posegen-stlpips -e plugins/posegen-movenet
	# Without mediapipe and rtmlib, which want other versions of numpy and OpenCV than the tests.
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps \
		-e plugins/posegen-mediapipe -e plugins/posegen-rtmlib
	touch $@

demo: setup
	rm -rf demo
	$(BIN)/posegen train --model patn --preset demo --out demo
	$(BIN)/posegen eval demo --metrics ssim,psnr,l1,mask-l1 --limit 400 --grid demo/people.png
	$(BIN)/posegen report demo --out demo/report.html
	@echo "Pictures of people that the model has never seen: demo/people.png, demo/report.html"

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test: lint
	OMP_NUM_THREADS=1 $(BIN)/pytest -q -n 2

test-slow: setup
	$(BIN)/pytest -q -m slow

docs: setup
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

# What scripts/gpu_check.py needs beside PyTorch, for a machine without a network; there:
# pip install --no-index --no-deps .whl/*
WHEELS_FOR ?= 3.12
wheels: setup
	rm -rf .whl
	$(BIN)/python -m pip wheel --quiet --no-deps -w .whl . plugins/posegen-people plugins/posegen-patn
	$(BIN)/python -m pip download --quiet -d .whl --only-binary=:all: --python-version $(WHEELS_FOR) \
		--platform manylinux_2_17_x86_64 pydantic pluggy safetensors pytest

clean:
	rm -rf demo runs site .pytest_cache .mypy_cache .ruff_cache

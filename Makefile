# Three commands do everything on a fresh machine with Python >= 3.11:
#   make demo   a clip by the weights in the box; then PATN, trained from scratch and scored
#   make studio a page in the browser: drag a skeleton, see the person move
#   make test   every check: lint, types, architecture, tests
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: setup demo studio test test-slow lint docs wheels clean

setup: $(VENV)/.done

$(VENV)/.done: pyproject.toml $(wildcard plugins/*/pyproject.toml)
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "posegen needs Python 3.11 or newer")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev,docs]' \
		-e plugins/posegen-people -e plugins/posegen-patn -e plugins/posegen-unet \
		-e plugins/posegen-warp -e plugins/posegen-stlpips -e plugins/posegen-movenet \
		-e plugins/posegen-flow-matching -e plugins/posegen-weights-people \
		-e plugins/posegen-patn-masked
	# Without mediapipe and rtmlib, which want other versions of numpy and OpenCV than the tests,
	# and without diffusers, which only tests of posegen-diffusers need; they are skipped.
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps \
		-e plugins/posegen-mediapipe -e plugins/posegen-rtmlib -e plugins/posegen-diffusers
	touch $@

# First what the weights in the box do with a person whom they never saw, in seconds; then PATN
# from scratch. Stopped half-way it goes on; `make clean` starts over.
SHIPPED := people-limbs-128x64
DEMO_METRICS := ssim,psnr,l1,mask-l1,st-lpips,sharpness
demo: setup
	mkdir -p demo
	$(BIN)/posegen data sample people --set 'data.image_size=[128,64]' --out demo/person
	$(BIN)/posegen animate demo/person/source.png --source-pose demo/person/source.json \
		--motion walk --show-pose --out demo/walk.webp
	$(BIN)/posegen eval $(SHIPPED) --data people --set 'data.image_size=[128,64]' --limit 100 \
		--metrics $(DEMO_METRICS) --grid demo/$(SHIPPED).png --out demo/$(SHIPPED)
	@echo "People whom no weights have ever seen: demo/walk.webp, demo/$(SHIPPED).png. Next: PATN from scratch."
	$(BIN)/posegen train $(if $(wildcard demo/patn/config.toml),--resume,--model patn --preset demo) --out demo/patn
	$(BIN)/posegen eval demo/patn --metrics $(DEMO_METRICS) --limit 400 --grid demo/patn.png
	$(BIN)/posegen report demo/patn --out demo/report.html
	@echo "PATN after minutes: demo/patn.png; all of it: demo/report.html"

studio: setup
	$(BIN)/posegen studio --open $(if $(RUN),$(RUN))

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

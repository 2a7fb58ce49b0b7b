# make demo   the paper's question on the embedded synthetic corpus, from nothing to a report
# make test   the whole test suite
# make check  what CI runs: formatter, linter, types, tests
# Each first installs into .venv, with Python 3.11 or 3.12: make PYTHON=python3.12 names another one.
SIZE ?= small
RUNS ?= runs
PYTHON ?= python3
VENV ?= .venv
RUN := $(VENV)/bin/python

DEMO := $(RUNS)/demo$(if $(filter-out small,$(SIZE)),-$(SIZE))
PROBE_HOURS := $(if $(filter tiny,$(SIZE)),0.05,0.27)
TEC := $(DEMO)/$(if $(filter tiny,$(SIZE)),rows/quantized-g4v8,ctc)
MFSN := $(if $(filter tiny,$(SIZE)),tiny.toml --fold probe-s01,reduced.toml --set fit.max_epochs=5 --jobs 2)
ROWS := $(if $(filter tiny,$(SIZE)),,--set data.crop_seconds=3.5 --set data.shard_seconds=3.5)

.PHONY: demo test check clean-demo

demo: $(VENV)/installed
	@echo "== 1 of 5: pre-training the six rows of Table 4 (SIZE=$(SIZE))"
	@$(RUN) pretrain/grid.py --rows configs/table4 --config configs/size/$(SIZE).toml $(ROWS) --out $(DEMO)/rows
	@echo "== 2 of 5: probing them"
	@$(RUN) probe/run.py --encoder $(DEMO)/rows/* --corpus synthetic:part=probe,hours=$(PROBE_HOURS) --protocol session $(if $(filter tiny,$(SIZE)),--no-attributes) --out $(DEMO)/probe
	@echo "== 3 of 5: fine-tuning a quantized row on transcripts$(if $(filter tiny,$(SIZE)), (left out at this size))"
	@$(if $(filter tiny,$(SIZE)),true,$(RUN) pretrain/finetune.py --encoder $(DEMO)/rows/quantized-g4v8 --config configs/finetune/small.toml --set training.updates=300 --corpus synthetic:hours=0.5,seed=0,part=pretrain --out $(TEC))
	@echo "== 4 of 5: MFSN and its ablation"
	@$(RUN) mfsn/run.py ablate --tec $(TEC) --sec-quantized $(DEMO)/rows/quantized-g4v8 --sec-continuous $(DEMO)/rows/continuous-k4 --corpus synthetic:part=probe,hours=$(PROBE_HOURS) --protocol session --config configs/mfsn/$(MFSN) --out $(DEMO)/mfsn
	@echo "== 5 of 5: writing the report"
	@$(RUN) reports/run.py --runs '$(DEMO)/rows/*' '$(DEMO)/probe' '$(TEC)' '$(DEMO)/mfsn' --out $(DEMO)/report

test: $(VENV)/installed
	$(RUN) -m pytest

check: $(VENV)/installed
	$(RUN) -m ruff format --check .
	$(RUN) -m ruff check .
	$(RUN) -m mypy
	$(RUN) -m pytest

clean-demo:
	rm -rf $(DEMO)

$(VENV)/installed: pyproject.toml constraints.txt
	@.ci/install '$(PYTHON)' '$(VENV)'
	@touch $@

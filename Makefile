# make demo   the paper's question on the embedded synthetic corpus, from nothing to a report
# make test   the whole test suite
# make check  what CI runs: formatter, linter, types, tests
# Each first installs into .venv, with Python 3.11 or 3.12: make PYTHON=python3.12 names another one.
# JOBS=N      processes that share the demo's work (2); they share the cores among them, and a row of
#             this width is trained faster on one core than on several
SIZE ?= small
RUNS ?= runs
PYTHON ?= python3
VENV ?= .venv
JOBS ?= 2
RUN := $(VENV)/bin/python

DEMO := $(RUNS)/demo$(if $(filter-out small,$(SIZE)),-$(SIZE))
ROWS := $(DEMO)/rows
PROBE := synthetic:part=probe,hours=$(if $(filter tiny,$(SIZE)),0.05,0.27)
TEC := $(if $(filter tiny,$(SIZE)),$(ROWS)/quantized-g4v8-seed0,$(DEMO)/tec)
MFSN := $(if $(filter tiny,$(SIZE)),tiny.toml --fold probe-s01,reduced.toml --set fit.max_epochs=5 --jobs $(JOBS))
TABLE4 := $(if $(filter tiny,$(SIZE)),--no-attributes,--set encoder.conv_dim=64 --set training.updates=350 --set data.crop_seconds=3.5 --set data.shard_seconds=3.5)

# At this width a second thread mostly waits for the first.
ifeq ($(SIZE),tiny)
export OMP_NUM_THREADS ?= 1
endif

.PHONY: demo test check clean-demo

demo: $(VENV)/installed
	@echo "== 1 of 4: pre-training and probing the six rows of Table 4, $(JOBS) at a time (SIZE=$(SIZE))"
	@$(RUN) probe/table4.py --runs $(DEMO) --config configs/size/$(SIZE).toml --corpus $(PROBE) --protocol session $(TABLE4) --jobs $(JOBS)
	@echo "== 2 of 4: fine-tuning a quantized row on transcripts$(if $(filter tiny,$(SIZE)), (left out at this size))"
	@$(if $(filter tiny,$(SIZE)),true,$(RUN) pretrain/finetune.py --encoder $(ROWS)/quantized-g4v8-seed0 --config configs/finetune/small.toml --set training.updates=300 --corpus synthetic:hours=0.5,seed=0,part=pretrain --out $(TEC))
	@echo "== 3 of 4: MFSN and its ablation"
	@$(RUN) mfsn/run.py ablate --tec $(TEC) --sec-quantized $(ROWS)/quantized-g4v8-seed0 --sec-continuous $(ROWS)/continuous-k4-seed0 --corpus $(PROBE) --protocol session --config configs/mfsn/$(MFSN) --out $(DEMO)/ablation
	@echo "== 4 of 4: writing the report"
	@$(RUN) reports/run.py --runs '$(ROWS)/*-seed0' '$(DEMO)/probe/session-linear' '$(TEC)' '$(DEMO)/ablation' --out $(DEMO)/report

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

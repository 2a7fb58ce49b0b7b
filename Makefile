# make demo   the project's question on the embedded synthetic corpus, from nothing to a report
# make demo-table4   the six rows of the paper's Table 4 alone, for as long as the demo
# make test   the whole test suite
# make test-fast   its quick part
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
# What the rows of the study (configs/study/demo.toml) are trained with, but for the number of updates. In
# fp32: at this width bf16 is no faster, even where its products are.
NARROW := $(if $(filter tiny,$(SIZE)),--no-attributes,--precision fp32 --set training.precision=fp32 --set encoder.conv_dim=64 --set data.crop_seconds=3.5 --set data.shard_seconds=3.5 --set held_out.speakers=6 --set held_out.per_speaker=8 --set held_out.every=150)
UPDATES = $(if $(filter small,$(SIZE)),--set training.updates=$(1))
TABLE4 = $(RUN) probe/table4.py --runs $(2) --config configs/size/$(SIZE).toml --corpus $(PROBE) --protocol session $(NARROW) $(call UPDATES,$(1)) --jobs $(JOBS)
STUDY := $(if $(filter small,$(SIZE)),$(DEMO)/study)

# A process a core; tests that share a fixture of their file stay in one of them.
TESTS := OMP_NUM_THREADS=1 $(RUN) -m pytest -n logical --maxprocesses 8 --dist loadfile

# At this width a second thread mostly waits for the first.
ifeq ($(SIZE),tiny)
export OMP_NUM_THREADS ?= 1
endif

.PHONY: demo demo-table4 test test-fast check clean-demo

demo: $(VENV)/installed
	@echo "== 1 of 5: rows in which one thing changes, $(JOBS) at a time (SIZE=$(SIZE))$(if $(STUDY),, (left out at this size))"
	@$(if $(STUDY),$(RUN) probe/table4.py --study configs/study/demo.toml --runs $(STUDY) --corpus $(PROBE) --jobs $(JOBS),true)
	@echo "== 2 of 5: pre-training and probing the six rows of Table 4, $(JOBS) at a time"
	@$(call TABLE4,150,$(DEMO))
	@echo "== 3 of 5: fine-tuning a quantized row on transcripts$(if $(filter tiny,$(SIZE)), (left out at this size))"
	@$(if $(filter tiny,$(SIZE)),true,$(RUN) pretrain/finetune.py --encoder $(ROWS)/quantized-g4v8-seed0 --config configs/finetune/small.toml --set training.updates=300 --set training.precision=fp32 --corpus synthetic:hours=0.5,seed=0,part=pretrain --out $(TEC))
	@echo "== 4 of 5: MFSN and its ablation"
	@$(RUN) mfsn/run.py ablate --tec $(TEC) --sec-quantized $(ROWS)/quantized-g4v8-seed0 --sec-continuous $(ROWS)/continuous-k4-seed0 --corpus $(PROBE) --protocol session --config configs/mfsn/$(MFSN) --out $(DEMO)/ablation
	@echo "== 5 of 5: writing the report"
	@$(RUN) reports/run.py --runs $(if $(STUDY),'$(STUDY)/study' '$(STUDY)/rows/*-seed0') '$(ROWS)/*-seed0' '$(DEMO)/probe/session-linear' '$(TEC)' '$(DEMO)/ablation' --out $(DEMO)/report

demo-table4: $(VENV)/installed
	@$(call TABLE4,700,$(DEMO)-table4)
	@$(RUN) reports/run.py --runs '$(DEMO)-table4/rows/*-seed0' '$(DEMO)-table4/probe/session-linear' --out $(DEMO)-table4/report

test: $(VENV)/installed
	$(TESTS)

test-fast: $(VENV)/installed
	$(TESTS) -m 'not slow and not real_speech'

check: $(VENV)/installed
	$(RUN) -m ruff format --check .
	$(RUN) -m ruff check .
	$(RUN) -m mypy
	$(TESTS)

clean-demo:
	rm -rf $(DEMO) $(DEMO)-table4

$(VENV)/installed: pyproject.toml constraints.txt
	@.ci/install '$(PYTHON)' '$(VENV)'
	@touch $@

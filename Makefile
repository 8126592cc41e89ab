# One build configuration serves the tools, the tests and the demo.
SWIFT_FLAGS = --configuration release --explicit-target-dependency-import-check error

.PHONY: help setup build test demo demo-images demo-speech bench dist asan lint format clean

help:
	@echo 'make dataset-NAME [RAW=DIR] [STORE=DIR] [RETRIEVER=DIR] [PRESET=NAME] [INPUTS="key=value …"] [HUB=URL] [OUTPUT=DIR]'
	@echo '             [EVALUATION=no]'
	@echo '             set up, build, and make a dataset by its recipe, datasets/NAME/recipe.yaml'
	@echo 'make dataset-sample-NAME   the same on the sample beside the recipe'
	@echo 'make demo    set up, build, and run the whole pipeline on real data (demo/report.html)'
	@echo 'make demo-images   the same with images that words find: DINOv2 before MiniLM (demo-images/report.html)'
	@echo 'make demo-speech   the same with recordings: Whisper before MiniLM (demo-speech/report.html)'
	@echo 'make test    set up, build, and run all tests'
	@echo 'make build   set up and build the tools into .build/release'
	@echo 'make bench   set up, build, and measure against the peers (docs/benchmarks.md)'
	@echo 'make dist    set up, build, and pack the tools for machines without Swift (dist/)'
	@echo 'make asan    damaged files of every kind through the readers, under AddressSanitizer'
	@echo 'make lint    check the formatting; make format mends it'
	@echo 'make clean   remove what was built, the demo and the benchmarks included'

setup:
	@scripts/setup.sh

build: setup
	swift build $(SWIFT_FLAGS)

test: setup
	swift build $(SWIFT_FLAGS) --build-tests
	swift test $(SWIFT_FLAGS) --skip-build

demo: build
	@scripts/demo.sh

demo-images: build
	@scripts/demo-images.sh

demo-speech: build
	@scripts/demo-speech.sh

bench: build
	@Benchmarks/run.sh

dist: build
	@scripts/dist.sh

asan: setup
	@scripts/asan.sh
# Of two rules that fit make takes the one with the shorter stem, so that a sample is no dataset named sample-….
retriever = $(or $(RETRIEVER),.deps/models/all-MiniLM-L6-v2)
usage = $(if $(PRESET),--preset "$(PRESET)") $(foreach input,$(INPUTS),--inputs "$(input)") \
  $(if $(EVALUATION),$(if $(filter no,$(EVALUATION)),--no-evaluation,$(error EVALUATION is no, or is not given)))
folders = $(if $(STORE),--store "$(STORE)") $(if $(OUTPUT),--output "$(OUTPUT)")

dataset-sample-%: build
	.build/release/tvt-dataset run $* --sample --retriever "$(retriever)" $(usage) $(folders)

dataset-%: build
	.build/release/tvt-dataset run $* $(if $(RAW),--raw "$(RAW)") $(if $(RETRIEVER),--retriever "$(RETRIEVER)") \
	  $(usage) $(if $(HUB),--hub "$(HUB)") $(folders)

lint:
	swift format lint --strict --recursive --parallel Package.swift Sources Tests

format:
	swift format --in-place --recursive --parallel Package.swift Sources Tests

clean:
	rm -rf .build .build-asan dist demo demo-images demo-speech

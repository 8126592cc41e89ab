# One build configuration serves the tools, the tests and the demo.
SWIFT_FLAGS = --configuration release --explicit-target-dependency-import-check error

.PHONY: setup build test demo bench lint clean

setup:
	@scripts/setup.sh

build: setup
	swift build $(SWIFT_FLAGS)

test: setup
	swift build $(SWIFT_FLAGS) --build-tests
	swift test $(SWIFT_FLAGS) --skip-build

lint:
	swift format lint --strict --recursive --parallel Package.swift Sources Tests

clean:
	rm -rf .build demo

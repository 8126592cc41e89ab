#!/usr/bin/env bash
# Builds tvt-bench and fills $TVT_STORE with synthetic datasets of 31,102 and 10,000,000 documents, each once.
# usage: Benchmarks/store_setup.sh [DOCUMENTS…]
set -euo pipefail
cd "$(dirname "$0")/.."
export TVT_STORE=${TVT_STORE:-.build/bench/store}
TVT_BENCH=1 swift build -c release --explicit-target-dependency-import-check error --product tvt-bench >&2
for documents in "${@:-31102 10000000}"; do
  for count in $documents; do
    if ! .build/release/tvt-store show "synthetic-$count" >/dev/null 2>&1; then
      .build/release/tvt-bench store-fill --as "synthetic-$count" --documents "$count" >&2
    fi
  done
done

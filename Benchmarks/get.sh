#!/usr/bin/env bash
# Starts tvt-store 50 times to get one document by id each; prints the mean milliseconds of process time of one.
# usage: Benchmarks/get.sh DATASET   (made by store_setup.sh)
set -euo pipefail
cd "$(dirname "$0")/.."
export TVT_STORE=${TVT_STORE:-.build/bench/store}
gets=50
times=$({ time for ((i = 0; i < gets; i++)); do
  .build/release/tvt-store get "$1" --docid "doc-$((i * 577))" >/dev/null
done; } 2>&1)
awk -v gets=$gets '/^(user|sys)/ { split($2, t, /[ms]/); total += t[1] * 60 + t[2] }
  END { printf "%.2f ms of process time\n", total * 1000 / gets }' <<<"$times"

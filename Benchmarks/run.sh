#!/usr/bin/env bash
# Measures tvt against its peers on the same work and writes docs/benchmarks.md.
# The peers are Python packages, installed once into .build/peers; their inputs are made once in .build/bench.
# usage: Benchmarks/run.sh [--runs N] [--only NAME[,NAME…]]
set -euo pipefail
cd "$(dirname "$0")/.."

peers=.build/peers
if [ ! -e "$peers/.complete" ] || [ Benchmarks/requirements.txt -nt "$peers/.complete" ]; then
  echo "bench: installing the peers into $peers" >&2
  python3 -m venv "$peers" || { echo "bench: python3-venv is missing (apt install python3-venv)" >&2; exit 73; }
  "$peers/bin/pip" install --quiet --disable-pip-version-check -r Benchmarks/requirements.txt
  touch "$peers/.complete"
fi
export PATH=$PWD/$peers/bin:$PATH TVT_STORE=.build/bench/store

python3 Benchmarks/bench.py "$@" --output docs/benchmarks.md

#!/usr/bin/env bash
# Measures tvt against its peers on the same work and writes docs/benchmarks.md.
# The peers are Python packages, installed once into .build/peers; their inputs are made once in .build/bench.
# usage: Benchmarks/run.sh [--runs N] [--only NAME[,NAME…]]
set -euo pipefail
cd "$(dirname "$0")/.."

# Installs the packages of a list into a virtual environment, once.
install() {
  local list=Benchmarks/$1 folder=.build/$2
  if [ ! -e "$folder/.complete" ] || [ "$list" -nt "$folder/.complete" ]; then
    echo "bench: installing the peers into $folder" >&2
    python3 -m venv "$folder" || { echo "bench: python3-venv is missing (apt install python3-venv)" >&2; exit 73; }
    "$folder/bin/pip" install --quiet --disable-pip-version-check -r "$list"
    touch "$folder/.complete"
  fi
}
install requirements.txt peers
export PATH=$PWD/.build/peers/bin:$PATH TVT_STORE=.build/bench/store

# store, media, table, sources, adapters, examples, tokenizers, families, int8, inputs, vision and growth are sections of their own; `--only` with their names runs nothing else.
sections=.build/bench/sections
mkdir -p "$sections"
only=
for ((i = 1; i < $#; i++)); do
  if [ "${!i}" = --only ]; then
    j=$((i + 1))
    only=${!j}
  fi
done
case ",$only," in
  ,, | *,store,* | *,media,* | *,examples,* | *,tokenizers,* | *,inputs,* | *,growth,*)
    TVT_BENCH=1 swift build --configuration release --explicit-target-dependency-import-check error --product tvt-bench
    ;;
esac
# section NAME SCRIPT [REQUIREMENTS [FOLDER]]: measures unless others are wanted; some peers do not go together with those of the rest.
section() {
  case ",$only," in ,, | *,"$1",*) ;; *) return 0 ;; esac
  [ -z "${3:-}" ] || install "$3" "${4:-peers-store}"
  python3 "Benchmarks/$2" --output "$sections/$1.md"
}
section store store.py requirements-store.txt
section media media.py requirements-store.txt
section table table.py requirements-store.txt
section sources sources.py requirements-store.txt
section adapters adapters.py
section examples examples.py
section tokenizers token_ids.py
section families families.py
section int8 int8.py
section inputs inputs.py requirements-inputs.txt peers-inputs
section vision vision_encoding.py requirements-inputs.txt peers-inputs
section growth scale.py

python3 Benchmarks/bench.py "$@" --output docs/benchmarks.md

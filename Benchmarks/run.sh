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

# store, media, table, adapters, sources, examples and growth are sections of their own; `--only` with their names runs nothing else.
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
  ,, | *,store,* | *,media,* | *,examples,* | *,growth,*)
    TVT_BENCH=1 swift build --configuration release --explicit-target-dependency-import-check error --product tvt-bench
    ;;
esac
case ",$only," in
  ,, | *,store,*)
    # Its peers do not go together with the versions that the others need.
    install requirements-store.txt peers-store
    python3 Benchmarks/store.py --output "$sections/store.md"
    ;;
esac
case ",$only," in
  ,, | *,media,*)
    install requirements-store.txt peers-store
    python3 Benchmarks/media.py --output "$sections/media.md"
    ;;
esac
case ",$only," in
  ,, | *,table,*)
    install requirements-store.txt peers-store
    python3 Benchmarks/table.py --output "$sections/table.md"
    ;;
esac
case ",$only," in ,, | *,adapters,*) python3 Benchmarks/adapters.py --output "$sections/adapters.md" ;; esac
case ",$only," in
  ,, | *,sources,*)
    install requirements-store.txt peers-store
    python3 Benchmarks/sources.py --output "$sections/sources.md"
    ;;
esac
case ",$only," in ,, | *,examples,*) python3 Benchmarks/examples.py --output "$sections/examples.md" ;; esac
case ",$only," in ,, | *,growth,*) python3 Benchmarks/scale.py --output "$sections/growth.md" ;; esac

python3 Benchmarks/bench.py "$@" --output docs/benchmarks.md

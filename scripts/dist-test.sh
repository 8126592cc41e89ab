#!/usr/bin/env bash
# Unpacks what `make dist` made into fresh root folders of Debian and Ubuntu without Swift, and runs the tools there.
#
#   scripts/dist-test.sh [SUITE…]     default: bookworm trixie noble, as far as a mirror has them
#
# As root, with debootstrap. Mirrors: for Debian that of this machine's apt, or TVT_DEBIAN_MIRROR; for Ubuntu
# TVT_UBUNTU_MIRROR, with TVT_UBUNTU_KEYRING (the file of the package ubuntu-keyring). With TVT_LIBTORCH, or the libtorch of scripts/setup.sh, texts are encoded as well. Root folders are kept in
# ${XDG_CACHE_HOME:-~/.cache}/tvt/roots.
set -euo pipefail
cd "$(dirname "$0")/.."
[ "$(id -u)" -eq 0 ] || { echo "dist-test: a chroot needs root" >&2; exit 77; }
packed=$(ls -t dist/tvt-*-linux-x86_64.tar.zst | head -n 1)
name=$(basename "$packed" .tar.zst)
libtorch=${TVT_LIBTORCH:-.deps/wheels/torch}
model=.deps/models/all-MiniLM-L6-v2
cache=${XDG_CACHE_HOME:-$HOME/.cache}/tvt/roots
mkdir -p "$cache"
suites=("$@")
((${#suites[@]})) || suites=(bookworm trixie noble)

# mirror_of SUITE: nothing where none is known.
mirror_of() {
  local mirror
  case $1 in
  noble) mirror=${TVT_UBUNTU_MIRROR:-} ;;
  *) mirror=${TVT_DEBIAN_MIRROR:-$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Codename: bookworm' |
    head -n 1)} ;;
  esac
  echo "$mirror"
}

# make_root SUITE: a root folder with no more than the suite's base and the C++ runtime.
make_root() {
  local root=$cache/$1 mirror
  [ -e "$root/.complete" ] && return
  mirror=$(mirror_of "$1")
  [ -n "$mirror" ] || { echo "no mirror is known"; return 1; }
  command -v debootstrap >/dev/null || { echo "debootstrap is missing"; return 1; }
  rm -rf "$root"
  local script=()
  # One script makes all suites of Ubuntu; debootstrap has no link of its name for those that are newer than it.
  [ "$1" != noble ] || script=(/usr/share/debootstrap/scripts/gutsy)
  if ! debootstrap --variant=minbase --include=libstdc++6,python3-minimal \
    ${script:+--keyring="${TVT_UBUNTU_KEYRING:-/usr/share/keyrings/ubuntu-archive-keyring.gpg}"} "$1" "$root" "$mirror" "${script[@]}" \
    >"$cache/$1.log" 2>&1; then
    tail -n 1 "$cache/$1.log"
    return 1
  fi
  touch "$root/.complete"
}

# check WHAT COMMAND…: in the root folder.
check() {
  local what=$1
  shift
  if chroot "$root" /usr/bin/env -i PATH=/opt/tvt/bin:/usr/bin:/bin HOME=/tmp/home "$@" >"$work/output" 2>&1; then
    echo "  ok      $what"
  else
    echo "  FAILED  $what"
    sed 's/^/          /' "$work/output" | tail -n 8
    failures=$((failures + 1))
  fi
}

work=$(mktemp -d)
mounted=()
clean() {
  for folder in "${mounted[@]}"; do umount "$folder" || true; done
  rm -rf "$work"
}
trap clean EXIT
failures=0
tested=0

printf '%s\n' '{"docid": "a", "title": "Moss", "text": "Moss grows where it is damp."}' \
  '{"docid": "b", "text": "Trains leave every hour."}' >"$work/documents.jsonl"
printf '%s\n' '{"query_id": "1", "query_text": "where does moss grow", "positive_document_ids": ["a"]}' >"$work/queries.jsonl"

for suite in "${suites[@]}"; do
  if ! reason=$(make_root "$suite"); then
    echo "$suite: left out: $reason"
    continue
  fi
  tested=$((tested + 1))
  root=$cache/$suite
  rm -rf "$root/opt/tvt" "$root/tmp/home"
  mkdir -p "$root/opt/tvt" "$root/tmp/home"
  tar --extract --zstd --file "$packed" --directory "$root/opt/tvt" --strip-components=1
  cp "$work"/*.jsonl "$root/tmp/home/"
  # The loader finds out through it where a program lies, and so its libraries.
  mount -t proc proc "$root/proc" && mounted+=("$root/proc")
  echo "$suite: $(. "$root/etc/os-release" && echo "$PRETTY_NAME"), $(chroot "$root" ldd --version | head -n 1)"
  [ ! -e "$root/opt/swift" ] && ! chroot "$root" sh -c 'command -v swift' >/dev/null ||
    { echo "dist-test: $root has a Swift" >&2; exit 70; }
  for tool in tvt-store tvt-convert tvt-dataset tvt-search tvt-mine tvt-eval; do check "$tool --help" "$tool" --help; done
  check "tvt-store init" tvt-store init --store /tmp/home/store
  check "tvt-convert" tvt-convert v2 --corpus /tmp/home/documents.jsonl --queries /tmp/home/queries.jsonl \
    --dataset small --store /tmp/home/store
  check "tvt-store stats" tvt-store stats small --store /tmp/home/store
  check "tvt-encode says that libtorch is missing" sh -c '! tvt-encode --help 2>/tmp/home/said && grep -q TVT_LIBTORCH /tmp/home/said'
  if [ -e "$libtorch/lib/libtorch_cpu.so" ] && [ -e "$model" ]; then
    mkdir -p "$root/mnt/site" "$root/mnt/model"
    # The folder above: libtorch looks for the CUDA runtime beside itself.
    mount --bind "$(dirname "$(readlink --canonicalize "$libtorch")")" "$root/mnt/site" && mounted+=("$root/mnt/site")
    mount --bind "$(readlink --canonicalize "$model")" "$root/mnt/model" && mounted+=("$root/mnt/model")
    for side in corpus queries; do
      check "tvt-encode $side" env TVT_LIBTORCH=/mnt/site/"$(basename "$libtorch")" tvt-encode "$side" small \
        --model /mnt/model --output "/tmp/home/$side" --store /tmp/home/store
    done
    check "tvt-search" sh -c 'cd /tmp/home && tvt-search --queries queries --corpus corpus --format tevatron --output run &&
      head -n 1 run | grep -q "^1.a"'
    check "tvt-train --help" env TVT_LIBTORCH=/mnt/site/"$(basename "$libtorch")" tvt-train --help
  else
    echo "  left out  tvt-encode: $libtorch or $model is not there"
  fi
done
((tested)) || { echo "dist-test: no suite could be tested" >&2; exit 77; }
exit $((failures > 0))

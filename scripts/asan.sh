#!/usr/bin/env bash
# Runs the damaged files of Tests/Hostile under AddressSanitizer, in a build of its own (.build-asan, debug).
#
#   scripts/asan.sh [CASES]    so many cases of each kind, 150 by default as in the tests
#
# What is instrumented: our Swift and C, of our build. Debian's libraries and Arrow are not, but all of their allocations
# and copies go through AddressSanitizer's. Leaks are not looked for: Swift's runtime keeps what it has made once.
set -euo pipefail
cd "$(dirname "$0")/.."
cases=${1:-150}
build=(--configuration debug --scratch-path .build-asan --sanitize=address)
swift build "${build[@]}" --product tvt-hostile >&2
swift build "${build[@]}" --product CArrowPlugin >&2
hostile=.build-asan/debug/tvt-hostile
folder=$(mktemp --directory)
trap 'rm -rf "$folder"' EXIT
export ASAN_OPTIONS=detect_leaks=0:allocator_may_return_null=1:malloc_context_size=20 TMPDIR=$folder
mkdir "$folder/material"
"$hostile" material "$PWD" "$folder/material"
status=0
for kind in jpeg png webp gif video wav mp3 ogg zip tar parquet jsonl csv json; do
  rm -rf "$folder/work"
  mkdir "$folder/work"
  if "$hostile" "$kind" 0 "$cases" "$folder/material" "$folder/work" >"$folder/output" 2>"$folder/errors"; then
    tail -n 1 "$folder/output" | sed "s/^done:/$kind:/"
  else
    status=1
    echo "$kind: FAILED at case $(tail -n 1 "$folder/output")"
    head -n 40 "$folder/errors"
  fi
done
exit "$status"

# Sourced by the demos, in the repository's folder, after bin (of the tools) and out (of the demo) are set.

mkdir -p "$out/.done"
bold=$(tput bold 2>/dev/null || true)
plain=$(tput sgr0 2>/dev/null || true)

# step NAME COMMAND…: shows the command, runs it, remembers that this very command is done.
step() {
  local name=$1
  shift
  if [ "$(cat "$out/.done/$name" 2>/dev/null)" = "$*" ]; then
    echo "✓ $name (done before)"
    return
  fi
  echo
  echo "${bold}▶ $name${plain}"
  echo "  ${*/#$bin\//}"
  local start=$SECONDS
  "$@" || { local status=$?; echo "$(basename "$0" .sh): step '$name' failed with exit status $status" >&2; exit $status; }
  printf '%s' "$*" >"$out/.done/$name"
  echo "  ($((SECONDS - start)) s)"
}

# save FILE COMMAND…: the command's standard output, under its name only when complete.
save() {
  local file=$1
  shift
  "$@" >"$file.tmp"
  mv "$file.tmp" "$file"
}

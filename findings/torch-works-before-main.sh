# torch 2.13.0: a program that is only linked to libtorch computes for a quarter of a second before its main() begins
#
# Each operation of libtorch_cpu registers itself by a constructor of the library, so that the price of several thousand of them is
# paid by every start of a program that has the library among those it needs: for --help, for arguments that are refused, and
# where nothing is computed. The loader binds functions lazily and has no way to bring a library so. A program that should start
# at once has to open it with dlopen when it first computes.
#
# Seen (an empty main, medians of 9 starts):
#   alone                     1 ms of processor time
#   linked to libtorch_cpu  298 ms of processor time
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m pip install --quiet --disable-pip-version-check --no-compile --target "$folder/py" torch==2.13.0
echo 'int main() {}' >"$folder/empty.cpp"
c++ -O2 -o "$folder/alone" "$folder/empty.cpp"
lib=$folder/py/torch/lib
c++ -O2 -o "$folder/linked" "$folder/empty.cpp" -L"$lib" -Wl,--no-as-needed -ltorch_cpu -Wl,-rpath,"$lib" \
  -Wl,--allow-shlib-undefined
cat >"$folder/starts.py" <<'P'
import os, statistics, sys

def start(program):
    process = os.posix_spawn(program, [program], os.environ)
    _, status, usage = os.wait4(process, 0)
    assert status == 0, status
    return 1000 * (usage.ru_utime + usage.ru_stime)

medians = {}
for name in ["alone", "linked"]:
    # The first start brings the files into memory.
    starts = [start(f"{sys.argv[1]}/{name}") for _ in range(10)][1:]
    medians[name] = statistics.median(starts)
    print(f"{name + (' to libtorch_cpu' if name == 'linked' else ''):22} {medians[name]:4.0f} ms of processor time")
assert medians["linked"] > 20 * medians["alone"], "libtorch begins at once now"
P
python3 "$folder/starts.py" "$folder"

# torch 2.13.0: an OpenBLAS that is loaded first computes its matrix products, while torch.__config__ says MKL
#
# libtorch_cpu exports the Fortran names of the MKL inside it (sgemm_ and others) and calls them through the symbol table. A library
# with the same names that stands before it in the search order serves it: by LD_PRELOAD, by dlopen with RTLD_GLOBAL, or in a
# program that is linked against both. Nothing tells of it: products have other bits, and threads are those of the other
# library, which torch.set_num_threads does not reach.
#
# Seen (a product of 300 × 300, one thread; distance from float64):
#   alone           torch says MKL   67404a79ef19   2.9e-05
#   OpenBLAS first  torch says MKL   978472135ebb   5.5e-05
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
(cd "$folder" && apt-get download --quiet --quiet libopenblas0-pthread=0.3.21+ds-4 libgfortran5=12.2.0-14+deb12u1 \
  libquadmath0=12.2.0-14+deb12u1 && for package in *.deb; do dpkg-deb --extract "$package" root; done)
libraries=$folder/root/usr/lib/x86_64-linux-gnu
python3 -m pip install --quiet --disable-pip-version-check --no-compile --target "$folder/py" torch==2.13.0 numpy==2.4.6
cat >"$folder/product.py" <<'P'
import ctypes, hashlib, sys
import numpy

if sys.argv[1:]:
    ctypes.CDLL(sys.argv[1], mode=ctypes.RTLD_GLOBAL)
import torch

torch.set_num_threads(1)
a, b = torch.randn(2, 300, 300, generator=torch.Generator().manual_seed(0))
product = a @ b
digest = hashlib.sha256(product.numpy().tobytes()).hexdigest()[:12]
says = "MKL" if "Intel(R) oneAPI Math Kernel Library" in torch.__config__.show() else "something else"
print(f"torch says {says}   {digest}   {(product - a.double() @ b.double()).abs().max():.1e}")
P
run() { LD_LIBRARY_PATH=$libraries:$libraries/openblas-pthread PYTHONPATH=$folder/py python3 "$folder/product.py" "$@"; }
alone=$(run)
first=$(run "$libraries/openblas-pthread/libopenblas.so.0")
echo "alone           $alone"
echo "OpenBLAS first  $first"
case $alone$first in *"something else"*) exit 1 ;; esac
[ "$alone" != "$first" ]

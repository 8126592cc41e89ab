// Nothing to call: the library is found as libtorch_cuda.so by a tool that is asked for --device cuda.

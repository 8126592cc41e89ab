// Nothing to include: the library is found as libnccl.so.2 by a tool that is asked for --device cuda.

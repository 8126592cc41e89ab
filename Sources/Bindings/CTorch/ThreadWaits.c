// How threads of OpenMP wait for each other, in whatever computes with tensors.
#include <stdlib.h>

/// Lets waiting threads sleep soon instead of spinning for milliseconds, unless the environment says how they wait.
///
/// On cores that others use too, threads that spin for one that cannot run made a training step take ten times as long; on
/// free cores nothing changes. libgomp reads this from the environment when it is loaded, which it is with libtorch: after
/// the program has begun, and this has run in it, before it has other threads.
__attribute__((constructor)) static void shortenWaits(void) {
    if (!getenv("OMP_WAIT_POLICY")) setenv("GOMP_SPINCOUNT", "10000", 0);
}

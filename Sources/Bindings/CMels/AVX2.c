#include "Plan.h"

#if CMELS_HAS_AVX2
// Without fused products, which would round otherwise than the portable ones.
#define CMELS_TARGET target("avx2"),
#define CMELS_NAMED(name) name##AVX2
#include "Kernel.h"
#endif

// Loops over libtorch's own threads, and the choice between kernels for this processor.
#pragma once
#include <cstdint>
#include <type_traits>

#if defined(__x86_64__)
/// Compiles one function for processors with AVX2, whatever the rest of the file is compiled for.
#define CTORCH_AVX2 __attribute__((target("avx2,fma,bmi,bmi2,f16c")))
#define CTORCH_HAS_AVX2 1
/// The first of two functions where the processor and `TVT_CPU_KERNELS` allow AVX2, else the second.
#define CTORCH_CHOOSE(wide, narrow) (ctorch::kernels() != ctorch::Kernels::portable ? wide : narrow)
#else
#define CTORCH_HAS_AVX2 0
#define CTORCH_CHOOSE(wide, narrow) narrow
#endif
/// A body that is compiled anew inside each function for one kind of processor.
#define CTORCH_BODY static inline __attribute__((always_inline))
/// The iterations of the loop that follows touch the same element at most: an output may be an input.
#define CTORCH_ELEMENTWISE _Pragma("clang loop vectorize(assume_safety)")

namespace ctorch {

/// What the kernels of this door may use. `TVT_CPU_KERNELS=portable` or `avx2` in the environment lowers it.
enum class Kernels { portable, avx2, vnni };
Kernels kernels();

/// How many threads libtorch's operations use.
int64_t threadCount();

void parallelLoop(
    int64_t begin, int64_t end, int64_t grain, void (*body)(void *context, int64_t begin, int64_t end), void *context);

/// Calls `body(begin, end)` for pieces of a range, each of `grain` iterations or more, on the threads that libtorch's
/// own operations use. `body` must not throw.
///
/// `at::parallel_for` is a plain loop in every file that is compiled without OpenMP's flag, and that flag asks for
/// another runtime than the one that libtorch's threads belong to.
template <class Body>
void parallelFor(int64_t begin, int64_t end, int64_t grain, Body &&body) {
    parallelLoop(
        begin, end, grain,
        [](void *context, int64_t first, int64_t last) {
            (*static_cast<std::remove_reference_t<Body> *>(context))(first, last);
        },
        const_cast<void *>(static_cast<const void *>(&body)));
}

}  // namespace ctorch

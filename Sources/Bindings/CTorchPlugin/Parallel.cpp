// The threads of libtorch's OpenMP runtime, by its stable C entry points.
#include "Parallel.hpp"

#include "CTorchPlugin.h"

#include <ATen/Parallel.h>
#include <c10/util/ParallelGuard.h>

#include <dlfcn.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>

namespace ctorch {

namespace {

/// What GCC compiles `#pragma omp parallel` to; LLVM's and Intel's runtimes have it as well.
struct Runtime {
    void (*parallel)(void (*body)(void *), void *context, unsigned threadCount, unsigned flags);
    int (*threadIndex)(void);
    int (*threadCount)(void);

    Runtime() {
        // libtorch_cpu is linked, and its runtime with it.
        parallel = reinterpret_cast<decltype(parallel)>(dlsym(RTLD_DEFAULT, "GOMP_parallel"));
        threadIndex = reinterpret_cast<decltype(threadIndex)>(dlsym(RTLD_DEFAULT, "omp_get_thread_num"));
        threadCount = reinterpret_cast<decltype(threadCount)>(dlsym(RTLD_DEFAULT, "omp_get_num_threads"));
    }

    bool isThere() const { return parallel && threadIndex && threadCount; }
};

const Runtime &runtime() {
    static const Runtime runtime;
    return runtime;
}

struct Loop {
    int64_t begin, end, grain;
    void (*body)(void *context, int64_t begin, int64_t end);
    void *context;
};

void piece(void *pointer) {
    const Loop &loop = *static_cast<const Loop *>(pointer);
    const int64_t count = loop.end - loop.begin;
    const int64_t pieces = std::min<int64_t>(runtime().threadCount(), (count + loop.grain - 1) / loop.grain);
    const int64_t length = (count + pieces - 1) / pieces;
    const int64_t begin = loop.begin + runtime().threadIndex() * length;
    if (begin < loop.end) loop.body(loop.context, begin, std::min(loop.end, begin + length));
}

}  // namespace

void parallelLoop(
    int64_t begin, int64_t end, int64_t grain, void (*body)(void *context, int64_t begin, int64_t end), void *context) {
    if (begin >= end) return;
    if (end - begin <= grain || at::in_parallel_region() || at::get_num_threads() == 1 || !runtime().isThere()) {
        body(context, begin, end);
        return;
    }
    Loop loop{begin, end, grain, body, context};
    // 0: as many threads as at::set_num_threads asked for; the runtime keeps its team only if the number stays.
    runtime().parallel(piece, &loop, 0, 0);
}

int64_t threadCount() { return at::get_num_threads(); }

Kernels kernels() {
    static const Kernels best = [] {
        Kernels found = Kernels::portable;
#if CTORCH_HAS_AVX2
        __builtin_cpu_init();
        if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c"))
            found = Kernels::avx2;
        if (found == Kernels::avx2 && __builtin_cpu_supports("avx512vnni") && __builtin_cpu_supports("avx512vl"))
            found = Kernels::vnni;
#endif
        const char *limit = std::getenv("TVT_CPU_KERNELS");
        if (limit && !std::strcmp(limit, "portable")) return Kernels::portable;
        if (limit && !std::strcmp(limit, "avx2")) return std::min(found, Kernels::avx2);
        return found;
    }();
    return best;
}

}  // namespace ctorch

void ctorch_on_one_thread(void (*body)(void *context), void *context) {
    // MKL asks nobody but itself how many threads there may be.
    using SetThreads = int (*)(int);
    static const SetThreads setThreads =
        reinterpret_cast<SetThreads>(dlsym(RTLD_DEFAULT, "MKL_Set_Num_Threads_Local"));
    const int before = setThreads ? setThreads(1) : 0;
    {
        const c10::ParallelGuard guard(true);
        body(context);
    }
    if (setThreads) setThreads(before);
}

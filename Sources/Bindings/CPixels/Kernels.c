#include "Kernels.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static pthread_once_t once = PTHREAD_ONCE_INIT;
static cpixels_kernels best = CPIXELS_PORTABLE;

static void choose(void) {
#if CPIXELS_HAS_AVX2
    const char *limit = getenv("TVT_CPU_KERNELS");
    if (limit && strcmp(limit, "portable") == 0) return;
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx2")) best = CPIXELS_AVX2;
#endif
}

cpixels_kernels cpixels_best(void) {
    pthread_once(&once, choose);
    return best;
}

void cpixels_scale_rows(
    cpixels_kernels kernels, const cpixels_weights *weights, size_t channelCount,
    const uint8_t *const sources[CPIXELS_ROWS], uint8_t *const targets[CPIXELS_ROWS]) {
#if CPIXELS_HAS_AVX2
    if (kernels == CPIXELS_AVX2) {
        scaleRowsAVX2(weights, channelCount, sources, targets);
        return;
    }
#endif
    (void)kernels;
    scaleRowsPortable(weights, channelCount, sources, targets);
}

void cpixels_combine_rows(
    cpixels_kernels kernels, const cpixels_weights *weights, size_t target, const uint8_t *source, size_t stride,
    uint8_t *out, size_t count) {
#if CPIXELS_HAS_AVX2
    if (kernels == CPIXELS_AVX2) {
        combineRowsAVX2(weights, target, source, stride, out, count);
        return;
    }
#endif
    (void)kernels;
    combineRowsPortable(weights, target, source, stride, out, count);
}

void cpixels_write_planes(
    cpixels_kernels kernels, const cpixels_normalisation *normalisation, const uint8_t *pixels, size_t pixelStride,
    size_t width, size_t height, const cpixels_planes *planes) {
    void (*write)(
        const cpixels_normalisation *, const uint8_t *pixels, size_t width, float *row, const cpixels_planes *) =
        writeRowPortable;
#if CPIXELS_HAS_AVX2
    if (kernels == CPIXELS_AVX2) write = writeRowAVX2;
#endif
    (void)kernels;
    for (size_t y = 0; y < height; y++) {
        write(normalisation, pixels + y * pixelStride, width, planes->first + y * planes->rowStride, planes);
    }
}

void cpixels_stream(cpixels_kernels kernels, const float *numbers, size_t count, float *target) {
#if CPIXELS_HAS_AVX2
    if (kernels == CPIXELS_AVX2 && (uintptr_t)target % 16 == 0) {
        streamAVX2(numbers, count, target);
        return;
    }
#endif
    (void)kernels;
    memcpy(target, numbers, count * sizeof *target);
}

void cpixels_normalise(
    cpixels_kernels kernels, const cpixels_normalisation *normalisation, const uint8_t *pixels, size_t count,
    float *numbers) {
#if CPIXELS_HAS_AVX2
    if (kernels == CPIXELS_AVX2) {
        normaliseAVX2(normalisation, pixels, count, numbers);
        return;
    }
#endif
    (void)kernels;
    normalisePortable(normalisation, pixels, count, numbers);
}

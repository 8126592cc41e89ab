#include "Plan.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static pthread_once_t once = PTHREAD_ONCE_INIT;
static cmels_kernels best = CMELS_PORTABLE;

static void choose(void) {
#if CMELS_HAS_AVX2
    const char *limit = getenv("TVT_CPU_KERNELS");
    if (limit && strcmp(limit, "portable") == 0) return;
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx2")) best = CMELS_AVX2;
#endif
}

cmels_kernels cmels_best(void) {
    pthread_once(&once, choose);
    return best;
}

/// `exp(-2πi·numerator / denominator)`
static Factor root(size_t numerator, size_t denominator) {
    double angle = -2 * M_PI * (double)(numerator % denominator) / (double)denominator;
    return (Factor){(float)cos(angle), (float)sin(angle)};
}

/// The next radix of a transform of so many numbers: 4 where it can be, otherwise the least prime factor.
static size_t nextRadix(size_t count) {
    if (count % 4 == 0) return 4;
    for (size_t factor = 2; factor * factor <= count; factor++) {
        if (count % factor == 0) return factor;
    }
    return count;
}

static bool hasFunction(size_t radix) { return radix <= 5; }

/// Factors of all passes together.
static size_t factorCount(size_t half) {
    size_t sum = 0;
    for (size_t count = half; count > 1;) {
        size_t radix = nextRadix(count);
        count /= radix;
        sum += count * (radix - 1) + (hasFunction(radix) ? 0 : radix);
    }
    return sum;
}

static void makePasses(cmels_plan *plan) {
    Factor *next = plan->factors;
    for (size_t count = plan->half; count > 1;) {
        size_t radix = nextRadix(count), rest = count / radix;
        Pass *pass = &plan->passes[plan->passCount++];
        *pass = (Pass){.radix = radix, .rest = rest, .turns = next};
        for (size_t group = 0; group < rest; group++) {
            for (size_t result = 1; result < radix; result++) *next++ = root(group * result, count);
        }
        if (!hasFunction(radix)) {
            pass->roots = next;
            for (size_t power = 0; power < radix; power++) *next++ = root(power, radix);
        }
        count = rest;
    }
}

static void makeFilters(cmels_plan *plan, const float *filters) {
    size_t bins = plan->half + 1;
    memcpy(plan->weights, filters, plan->melCount * bins * sizeof *filters);
    for (size_t mel = 0; mel < plan->melCount; mel++) {
        const float *row = plan->weights + mel * bins;
        size_t first = 0, end = bins;
        while (first < bins && row[first] == 0) first++;
        while (end > first && row[end - 1] == 0) end--;
        plan->filters[mel] = (Filter){.first = first, .count = end - first, .weights = row + first};
    }
}

/// Memory for vectors.
static void *aligned(size_t count, size_t size) { return aligned_alloc(64, (count * size + 63) / 64 * 64); }

cmels_plan *cmels_make(size_t length, const float *window, const float *filters, size_t melCount) {
    cmels_plan *plan = calloc(1, sizeof *plan);
    if (!plan) return NULL;
    size_t half = length / 2;
    plan->length = length;
    plan->half = half;
    plan->melCount = melCount;
    plan->window = malloc(length * sizeof *plan->window);
    plan->ends = malloc((half / 2 + 1) * sizeof *plan->ends);
    plan->filters = malloc(melCount * sizeof *plan->filters);
    plan->factors = malloc((factorCount(half) + 1) * sizeof *plan->factors);
    plan->weights = malloc(melCount * (half + 1) * sizeof *plan->weights);
    plan->power = aligned(half + 1, sizeof *plan->power);
    for (int side = 0; side < 2; side++) plan->pairs[side] = aligned(half, sizeof *plan->pairs[side]);
    if (!plan->window || !plan->ends || !plan->filters || !plan->factors || !plan->weights || !plan->power
        || !plan->pairs[0] || !plan->pairs[1]) {
        cmels_free(plan);
        return NULL;
    }
    for (size_t index = 0; index < length; index++) plan->window[index] = window[index] / 2;
    for (size_t index = 0; index <= half / 2; index++) plan->ends[index] = root(index, length);
    makePasses(plan);
    makeFilters(plan, filters);
    return plan;
}

void cmels_free(cmels_plan *plan) {
    if (!plan) return;
    free(plan->window);
    free(plan->ends);
    free(plan->filters);
    free(plan->factors);
    free(plan->weights);
    free(plan->power);
    for (int side = 0; side < 2; side++) free(plan->pairs[side]);
    free(plan);
}

bool cmels_compute(
    cmels_kernels kernels, cmels_plan *plan, const float *signal, size_t hop, size_t frameCount, size_t keptCount,
    float *mels, size_t stride, float *largest) {
#if CMELS_HAS_AVX2
    if (kernels == CMELS_AVX2) return computeAVX2(plan, signal, hop, frameCount, keptCount, mels, stride, largest);
#endif
    (void)kernels;
    return computePortable(plan, signal, hop, frameCount, keptCount, mels, stride, largest);
}

void cmels_logarithms(
    cmels_kernels kernels, float *numbers, size_t count, float smallest, float scale, float shift) {
#if CMELS_HAS_AVX2
    if (kernels == CMELS_AVX2) {
        logarithmsAVX2(numbers, count, smallest, scale, shift);
        return;
    }
#endif
    (void)kernels;
    logarithmsPortable(numbers, count, smallest, scale, shift);
}

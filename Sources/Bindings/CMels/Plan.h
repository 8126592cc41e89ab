// What the kernels of each kind of processor share. All give the same numbers.
#pragma once

#include "CMels.h"

#if defined(__x86_64__)
#define CMELS_HAS_AVX2 1
#else
#define CMELS_HAS_AVX2 0
#endif

/// One number of each of the pieces that are computed at a time.
typedef float Lanes __attribute__((vector_size(4 * CMELS_LANES)));

/// A complex number of each.
typedef struct {
    Lanes real, imaginary;
} Pair;

/// A complex number that is the same for all.
typedef struct {
    float real, imaginary;
} Factor;

/// A pass of the transform: `rest` groups of `radix` numbers, whose results are turned by factors.
typedef struct {
    size_t radix, rest;
    /// `[rest, radix - 1]`: of the first result of each group it is 1.
    const Factor *turns;
    /// Of `radix` that has no function of its own: its roots of unity.
    const Factor *roots;
} Pass;

enum { CMELS_PASSES = 32 };

/// A filter: `count` weights from `first` on.
typedef struct {
    size_t first, count;
    const float *weights;
} Filter;

struct cmels_plan {
    /// Numbers of a piece, and half as many, which are complex numbers of two each.
    size_t length, half;
    /// Half of the window, so that sums of two numbers are means.
    float *window;
    size_t passCount;
    Pass passes[CMELS_PASSES];
    /// `exp(-2πi·k / length)` for k up to half / 2.
    Factor *ends;
    size_t melCount;
    Filter *filters;
    /// Two of `half` numbers, for results of passes in turn.
    Pair *pairs[2];
    /// Of `half` + 1 numbers.
    Lanes *power;
    /// Factors of all passes and weights of all filters.
    Factor *factors;
    float *weights;
};

bool computePortable(
    cmels_plan *plan, const float *signal, size_t hop, size_t frameCount, size_t keptCount, float *mels, size_t stride,
    float *largest);
void logarithmsPortable(float *numbers, size_t count, float smallest, float scale, float shift);

#if CMELS_HAS_AVX2
bool computeAVX2(
    cmels_plan *plan, const float *signal, size_t hop, size_t frameCount, size_t keptCount, float *mels, size_t stride,
    float *largest);
void logarithmsAVX2(float *numbers, size_t count, float smallest, float scale, float shift);
#endif

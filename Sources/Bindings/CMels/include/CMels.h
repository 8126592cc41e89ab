// Kernels over sounds: the spectra of a signal's pieces, gathered into mels, and their logarithms.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// What a kernel may use; results do not depend on it.
typedef enum { CMELS_PORTABLE = 0, CMELS_AVX2 = 1 } cmels_kernels;

/// The best of this processor. `TVT_CPU_KERNELS=portable` in the environment lowers it.
cmels_kernels cmels_best(void);

/// Pieces that are computed at a time.
enum { CMELS_LANES = 8 };

/// Tables for pieces of one length, and memory for what lies between the steps: for one thread at a time.
typedef struct cmels_plan cmels_plan;

/// - length: of a piece and its window, even and above 0.
/// - filters: `[melCount, length / 2 + 1]`; of each, what lies between its first and its last weight is multiplied.
/// - Returns: NULL where there is not enough memory.
cmels_plan *cmels_make(size_t length, const float *window, const float *filters, size_t melCount);
void cmels_free(cmels_plan *plan);

/// Mels of the power spectra of pieces: `Σ filter[bin] · |rfft(signal[i · hop …] · window)[bin]|²`.
///
/// - signal: reaches to the end of the last piece, and to that of the CMELS_LANES-th where there are fewer.
/// - frameCount: pieces, 1 or more.
/// - keptCount: those that are written, the first ones; the others only count for the largest.
/// - mels: a row for each filter, `stride` numbers apart.
/// - largest: of all frames; untouched where there are numbers that are not finite.
/// - Returns: whether all are finite.
/// - Complexity: O(frames · length · the sum of its prime factors).
bool cmels_compute(
    cmels_kernels kernels, cmels_plan *plan, const float *signal, size_t hop, size_t frameCount, size_t keptCount,
    float *mels, size_t stride, float *largest);

/// `log10(max(x, smallest)) · scale + shift`, in place, within some 1e-7 of the result's largest term.
///
/// - smallest: not below 2^-126; all numbers are finite.
void cmels_logarithms(
    cmels_kernels kernels, float *numbers, size_t count, float smallest, float scale, float shift);

#ifdef __cplusplus
}
#endif

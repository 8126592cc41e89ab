// Kernels over pixels of 8 bits a channel: both passes of a resampling in whole numbers, and what makes them floats.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// What a kernel may use; results do not depend on it.
typedef enum { CPIXELS_PORTABLE = 0, CPIXELS_AVX2 = 1 } cpixels_kernels;

/// The best of this processor. `TVT_CPU_KERNELS=portable` in the environment lowers it.
cpixels_kernels cpixels_best(void);

/// Rows that a pass along rows makes at a time; bytes that it may read behind each, and write behind each.
enum { CPIXELS_ROWS = 4, CPIXELS_OVERREAD = 16, CPIXELS_OVERWRITE = 1 };

/// Bits of a weight in its lower part, where it has two.
enum { CPIXELS_LOW_BITS = 11 };

/// Which source pixels make up each target pixel along one side of a picture: whole weights, divided by 2^places.
typedef struct {
    /// The first source pixel of each target pixel.
    const int32_t *firsts;
    size_t targetCount;
    /// Weights of a target pixel.
    size_t tapCount;
    /// As many, rounded up to a multiple of 4: from one target pixel's weights to the next's. Those behind are 0.
    size_t stride;
    /// The weights, or their lowest CPIXELS_LOW_BITS bits.
    const int16_t *low;
    /// The weights' other bits; NULL where `low` has all.
    const int16_t *high;
    /// 1 … 30; sums of absolute products are below 2^31.
    int32_t places;
} cpixels_weights;

/// Scales CPIXELS_ROWS rows along: `(2^(places − 1) + Σ weight · byte) >> places`, clamped to a byte.
///
/// - channelCount: 3 or 4, interleaved.
/// - targets: with CPIXELS_OVERWRITE bytes behind the last pixel, which are written where there are 3 channels.
void cpixels_scale_rows(
    cpixels_kernels kernels, const cpixels_weights *weights, size_t channelCount,
    const uint8_t *const sources[CPIXELS_ROWS], uint8_t *const targets[CPIXELS_ROWS]);

/// Combines the rows of the span of one target row in the same way.
///
/// - source: the first of `tapCount` rows, `stride` bytes apart.
/// - count: bytes of a row.
void cpixels_combine_rows(
    cpixels_kernels kernels, const cpixels_weights *weights, size_t target, const uint8_t *source, size_t stride,
    uint8_t *out, size_t count);

/// What becomes of a byte of red, green and blue in float32: `(x − shift) / divisor`, or `x · factor`.
typedef struct {
    bool isShifted;
    float shifts[3];
    /// Divisors, or factors.
    float scales[3];
} cpixels_normalisation;

/// Where planes of floats are written: rows of `width` numbers, `rowStride` apart, planes `planeStride` apart, and all of it
/// as often as there are copies, `copyStride` apart.
typedef struct {
    float *first;
    size_t rowStride, planeStride, copyStride, copyCount;
} cpixels_planes;

/// Writes a rectangle of red, green and blue as three planes of floats.
///
/// - pixels: rows of 3 · width bytes, `pixelStride` bytes apart.
void cpixels_write_planes(
    cpixels_kernels kernels, const cpixels_normalisation *normalisation, const uint8_t *pixels, size_t pixelStride,
    size_t width, size_t height, const cpixels_planes *planes);

/// Copies numbers past the processor's caches, for more than these hold: memory is then written without being read before.
///
/// - target: at a multiple of 16 bytes, or it is copied as memcpy does.
void cpixels_stream(cpixels_kernels kernels, const float *numbers, size_t count, float *target);

/// Writes `count` bytes of red, green and blue in turn as floats, a multiple of 3.
void cpixels_normalise(
    cpixels_kernels kernels, const cpixels_normalisation *normalisation, const uint8_t *pixels, size_t count,
    float *numbers);

#ifdef __cplusplus
}
#endif

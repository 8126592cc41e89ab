#include "Kernels.h"

#include <string.h>

/// Four channels of a pixel; of three channels the fourth is the next pixel's first, and is not looked at.
typedef int32_t Lanes __attribute__((vector_size(16)));
typedef uint8_t Bytes __attribute__((vector_size(4)));

static inline Lanes pixelAt(const uint8_t *pixel) {
    Bytes bytes;
    memcpy(&bytes, pixel, sizeof bytes);
    return __builtin_convertvector(bytes, Lanes);
}

void scaleRowsPortable(
    const cpixels_weights *weights, size_t channelCount, const uint8_t *const sources[CPIXELS_ROWS],
    uint8_t *const targets[CPIXELS_ROWS]) {
    for (size_t target = 0; target < weights->targetCount; target++) {
        size_t offset = (size_t)weights->firsts[target] * channelCount;
        Lanes sums[CPIXELS_ROWS] = {{0}};
        for (size_t tap = 0; tap < weights->tapCount; tap++, offset += channelCount) {
            int32_t weight = weightAt(weights, target * weights->stride + tap);
            for (size_t row = 0; row < CPIXELS_ROWS; row++) sums[row] += pixelAt(sources[row] + offset) * weight;
        }
        for (size_t row = 0; row < CPIXELS_ROWS; row++) {
            for (size_t channel = 0; channel < channelCount; channel++) {
                targets[row][target * channelCount + channel] = byteOf(sums[row][channel], weights->places);
            }
        }
    }
}

/// As many columns as have their sums in registers.
enum { COLUMNS = 16 };

/// COLUMNS columns, or fewer; inlined where their number is known.
static inline __attribute__((always_inline)) void combineColumns(
    const cpixels_weights *weights, size_t target, const uint8_t *source, size_t stride, uint8_t *out, size_t count) {
    int32_t sums[COLUMNS] = {0};
    for (size_t tap = 0; tap < weights->tapCount; tap++) {
        int32_t weight = weightAt(weights, target * weights->stride + tap);
        const uint8_t *row = source + tap * stride;
        for (size_t column = 0; column < count; column++) sums[column] += weight * row[column];
    }
    for (size_t column = 0; column < count; column++) out[column] = byteOf(sums[column], weights->places);
}

void combineRowsPortable(
    const cpixels_weights *weights, size_t target, const uint8_t *source, size_t stride, uint8_t *out, size_t count) {
    size_t start = 0;
    for (; start + COLUMNS <= count; start += COLUMNS) {
        combineColumns(weights, target, source + start, stride, out + start, COLUMNS);
    }
    combineColumns(weights, target, source + start, stride, out + start, count - start);
}

void writeRowPortable(
    const cpixels_normalisation *normalisation, const uint8_t *pixels, size_t width, float *row,
    const cpixels_planes *planes) {
    for (size_t x = 0; x < width; x++) {
        for (size_t channel = 0; channel < 3; channel++) {
            float value = normalised(normalisation, pixels[3 * x + channel], channel);
            float *target = row + channel * planes->planeStride + x;
            for (size_t copy = 0; copy < planes->copyCount; copy++) target[copy * planes->copyStride] = value;
        }
    }
}

void normalisePortable(
    const cpixels_normalisation *normalisation, const uint8_t *pixels, size_t count, float *numbers) {
    for (size_t index = 0; index < count; index++) {
        numbers[index] = normalised(normalisation, pixels[index], index % 3);
    }
}

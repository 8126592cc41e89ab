#include "Kernels.h"

void scaleRowsPortable(
    const cpixels_weights *weights, size_t channelCount, const uint8_t *const sources[CPIXELS_ROWS],
    uint8_t *const targets[CPIXELS_ROWS]) {
    for (size_t target = 0; target < weights->targetCount; target++) {
        size_t first = (size_t)weights->firsts[target] * channelCount;
        for (size_t row = 0; row < CPIXELS_ROWS; row++) {
            for (size_t channel = 0; channel < channelCount; channel++) {
                int32_t sum = 0;
                for (size_t tap = 0; tap < weights->tapCount; tap++) {
                    sum += weightAt(weights, target * weights->stride + tap)
                        * sources[row][first + tap * channelCount + channel];
                }
                targets[row][target * channelCount + channel] = byteOf(sum, weights->places);
            }
        }
    }
}

void combineRowsPortable(
    const cpixels_weights *weights, size_t target, const uint8_t *source, size_t stride, uint8_t *out, size_t count) {
    // As many sums as registers hold.
    enum { lanes = 16 };
    for (size_t start = 0; start < count; start += lanes) {
        size_t width = count - start < lanes ? count - start : lanes;
        int32_t sums[lanes] = {0};
        for (size_t tap = 0; tap < weights->tapCount; tap++) {
            int32_t weight = weightAt(weights, target * weights->stride + tap);
            const uint8_t *row = source + tap * stride + start;
            for (size_t lane = 0; lane < width; lane++) sums[lane] += weight * row[lane];
        }
        for (size_t lane = 0; lane < width; lane++) out[start + lane] = byteOf(sums[lane], weights->places);
    }
}

void writeRowPortable(
    const cpixels_normalisation *normalisation, const uint8_t *pixels, size_t width, float *row, size_t planeStride) {
    for (size_t x = 0; x < width; x++) {
        for (size_t channel = 0; channel < 3; channel++) {
            row[channel * planeStride + x] = normalised(normalisation, pixels[3 * x + channel], channel);
        }
    }
}

void normalisePortable(
    const cpixels_normalisation *normalisation, const uint8_t *pixels, size_t count, float *numbers) {
    for (size_t index = 0; index < count; index++) {
        numbers[index] = normalised(normalisation, pixels[index], index % 3);
    }
}

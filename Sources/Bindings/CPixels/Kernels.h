// The kernels of each kind of processor. All give the same bytes.
#pragma once

#include "CPixels.h"

#if defined(__x86_64__)
#define CPIXELS_HAS_AVX2 1
#else
#define CPIXELS_HAS_AVX2 0
#endif

/// A sum of products as a byte.
static inline uint8_t byteOf(int32_t sum, int32_t places) {
    int32_t shifted = (sum + (1 << (places - 1))) >> places;
    return (uint8_t)(shifted < 0 ? 0 : shifted > 255 ? 255 : shifted);
}

static inline int32_t weightAt(const cpixels_weights *weights, size_t index) {
    return weights->high ? weights->high[index] * (1 << CPIXELS_LOW_BITS) + weights->low[index] : weights->low[index];
}

static inline float normalised(const cpixels_normalisation *normalisation, uint8_t byte, size_t channel) {
    float x = (float)byte, scale = normalisation->scales[channel];
    return normalisation->isShifted ? (x - normalisation->shifts[channel]) / scale : x * scale;
}

void scaleRowsPortable(
    const cpixels_weights *weights, size_t channelCount, const uint8_t *const sources[CPIXELS_ROWS],
    uint8_t *const targets[CPIXELS_ROWS]);
void combineRowsPortable(
    const cpixels_weights *weights, size_t target, const uint8_t *source, size_t stride, uint8_t *out, size_t count);
void writeRowPortable(
    const cpixels_normalisation *normalisation, const uint8_t *pixels, size_t width, float *row,
    const cpixels_planes *planes);
void normalisePortable(
    const cpixels_normalisation *normalisation, const uint8_t *pixels, size_t count, float *numbers);

#if CPIXELS_HAS_AVX2
void scaleRowsAVX2(
    const cpixels_weights *weights, size_t channelCount, const uint8_t *const sources[CPIXELS_ROWS],
    uint8_t *const targets[CPIXELS_ROWS]);
void combineRowsAVX2(
    const cpixels_weights *weights, size_t target, const uint8_t *source, size_t stride, uint8_t *out, size_t count);
void writeRowAVX2(
    const cpixels_normalisation *normalisation, const uint8_t *pixels, size_t width, float *row,
    const cpixels_planes *planes);
void streamAVX2(const float *numbers, size_t count, float *target);
void normaliseAVX2(const cpixels_normalisation *normalisation, const uint8_t *pixels, size_t count, float *numbers);
#endif

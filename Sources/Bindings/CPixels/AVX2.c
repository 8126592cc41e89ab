#include "Kernels.h"

#if CPIXELS_HAS_AVX2

#include <immintrin.h>
#include <string.h>

#define AVX2 __attribute__((target("avx2")))
/// Compiled anew inside each function, for what is known there.
#define BODY static inline __attribute__((always_inline, target("avx2")))

// MARK: - Along rows

/// Four weights twice: the first two for the lower half's products of neighbours, the others for the upper's.
BODY __m256i fourWeights(const int16_t *weights) {
    int64_t four;
    memcpy(&four, weights, sizeof four);
    const __m256i order = _mm256_setr_epi8(
        0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 4, 5, 6, 7, 4, 5, 6, 7, 4, 5, 6, 7, 4, 5, 6, 7);
    return _mm256_shuffle_epi8(_mm256_set1_epi64x(four), order);
}

/// Four pixels as 16 bits: in the lower half each channel of the first two side by side, in the upper of the others.
BODY __m256i fourPixels(const uint8_t *pixels, __m256i order) {
    return _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)pixels)), order);
}

/// Sums of the products of a target pixel's weights, in each row; halves are apart.
BODY void sumPixels(
    const int16_t *weights, size_t stride, size_t channelCount, const uint8_t *const sources[CPIXELS_ROWS],
    size_t offset, __m256i order, __m256i sums[CPIXELS_ROWS]) {
    for (size_t tap = 0; tap < stride; tap += 4, offset += 4 * channelCount) {
        const __m256i four = fourWeights(weights + tap);
        for (int row = 0; row < CPIXELS_ROWS; row++) {
            const __m256i products = _mm256_madd_epi16(fourPixels(sources[row] + offset, order), four);
            sums[row] = tap == 0 ? products : _mm256_add_epi32(sums[row], products);
        }
    }
}

/// The same of both parts of weights.
BODY void sumWeights(
    const int16_t *low, const int16_t *high, bool hasHigh, size_t stride, size_t channelCount,
    const uint8_t *const sources[CPIXELS_ROWS], size_t target, size_t first, __m256i order,
    __m256i sums[CPIXELS_ROWS]) {
    sumPixels(low + target * stride, stride, channelCount, sources, first * channelCount, order, sums);
    if (!hasHigh) return;
    __m256i highSums[CPIXELS_ROWS];
    sumPixels(high + target * stride, stride, channelCount, sources, first * channelCount, order, highSums);
    for (int row = 0; row < CPIXELS_ROWS; row++) {
        sums[row] = _mm256_add_epi32(sums[row], _mm256_slli_epi32(highSums[row], CPIXELS_LOW_BITS));
    }
}

/// Sums of two target pixels as bytes, four of each row: the first one's rows in the lower half, the other's in the upper.
BODY __m256i bytesOf(
    const __m256i one[CPIXELS_ROWS], const __m256i other[CPIXELS_ROWS], __m256i half, __m128i places) {
    __m256i sums[CPIXELS_ROWS];
    for (int row = 0; row < CPIXELS_ROWS; row++) {
        const __m256i both = _mm256_add_epi32(
            _mm256_permute2x128_si256(one[row], other[row], 0x20), _mm256_permute2x128_si256(one[row], other[row], 0x31));
        sums[row] = _mm256_sra_epi32(_mm256_add_epi32(both, half), places);
    }
    return _mm256_packus_epi16(_mm256_packs_epi32(sums[0], sums[1]), _mm256_packs_epi32(sums[2], sums[3]));
}

/// Of three channels a fourth byte is written, and the next pixel covers it.
BODY void storePixels(__m128i bytes, uint8_t *const targets[CPIXELS_ROWS], size_t offset) {
    const int32_t pixel0 = _mm_cvtsi128_si32(bytes), pixel1 = _mm_extract_epi32(bytes, 1),
                  pixel2 = _mm_extract_epi32(bytes, 2), pixel3 = _mm_extract_epi32(bytes, 3);
    memcpy(targets[0] + offset, &pixel0, 4), memcpy(targets[1] + offset, &pixel1, 4);
    memcpy(targets[2] + offset, &pixel2, 4), memcpy(targets[3] + offset, &pixel3, 4);
}

BODY void scaleRows(
    const cpixels_weights *weights, size_t channelCount, bool hasHigh, const uint8_t *const givenSources[CPIXELS_ROWS],
    uint8_t *const givenTargets[CPIXELS_ROWS]) {
    const __m256i order = channelCount == 3
        ? _mm256_setr_epi8(
            0, -1, 3, -1, 1, -1, 4, -1, 2, -1, 5, -1, -1, -1, -1, -1, 6, -1, 9, -1, 7, -1, 10, -1, 8, -1, 11, -1, -1,
            -1, -1, -1)
        : _mm256_setr_epi8(
            0, -1, 4, -1, 1, -1, 5, -1, 2, -1, 6, -1, 3, -1, 7, -1, 8, -1, 12, -1, 9, -1, 13, -1, 10, -1, 14, -1, 11,
            -1, 15, -1);
    const __m256i half = _mm256_set1_epi32(1 << (weights->places - 1));
    const __m128i places = _mm_cvtsi32_si128(weights->places);
    // What is written may not change them.
    const uint8_t *const sources[CPIXELS_ROWS] = {givenSources[0], givenSources[1], givenSources[2], givenSources[3]};
    uint8_t *const targets[CPIXELS_ROWS] = {givenTargets[0], givenTargets[1], givenTargets[2], givenTargets[3]};
    const size_t count = weights->targetCount, stride = weights->stride;
    const int32_t *const firsts = weights->firsts;
    const int16_t *const low = weights->low, *const high = weights->high;
    for (size_t target = 0; target < count; target += 2) {
        // The last one alone is computed twice.
        const size_t next = target + 1 < count ? target + 1 : target;
        __m256i one[CPIXELS_ROWS], other[CPIXELS_ROWS];
        sumWeights(low, high, hasHigh, stride, channelCount, sources, target, (size_t)firsts[target], order, one);
        sumWeights(low, high, hasHigh, stride, channelCount, sources, next, (size_t)firsts[next], order, other);
        const __m256i bytes = bytesOf(one, other, half, places);
        storePixels(_mm256_castsi256_si128(bytes), targets, target * channelCount);
        if (next > target) storePixels(_mm256_extracti128_si256(bytes, 1), targets, next * channelCount);
    }
}

AVX2 void scaleRowsAVX2(
    const cpixels_weights *weights, size_t channelCount, const uint8_t *const sources[CPIXELS_ROWS],
    uint8_t *const targets[CPIXELS_ROWS]) {
    if (channelCount == 3) {
        if (weights->high) {
            scaleRows(weights, 3, true, sources, targets);
        } else {
            scaleRows(weights, 3, false, sources, targets);
        }
    } else if (weights->high) {
        scaleRows(weights, 4, true, sources, targets);
    } else {
        scaleRows(weights, 4, false, sources, targets);
    }
}

// MARK: - Down columns

/// Two weights in all lanes.
BODY __m256i twoWeights(const int16_t *weights) {
    int32_t two;
    memcpy(&two, weights, sizeof two);
    return _mm256_set1_epi32(two);
}

BODY __m256i load(const uint8_t *bytes) { return _mm256_loadu_si256((const __m256i *)bytes); }

/// 32 columns.
BODY void combineColumns(
    const int16_t *low, const int16_t *high, size_t tapCount, int32_t places, const uint8_t *source, size_t stride,
    uint8_t *out) {
    const __m256i zero = _mm256_setzero_si256();
    __m256i sums[4] = {zero, zero, zero, zero}, highSums[4] = {zero, zero, zero, zero};
    for (size_t tap = 0; tap < tapCount; tap += 2) {
        const uint8_t *rows = source + tap * stride;
        // Behind the last row the weight is 0.
        const __m256i one = load(rows), other = load(tap + 1 < tapCount ? rows + stride : rows);
        const __m256i lower = _mm256_unpacklo_epi8(one, other), upper = _mm256_unpackhi_epi8(one, other);
        const __m256i pairs[4] = {
            _mm256_unpacklo_epi8(lower, zero), _mm256_unpackhi_epi8(lower, zero), _mm256_unpacklo_epi8(upper, zero),
            _mm256_unpackhi_epi8(upper, zero)};
        const __m256i lowWeights = twoWeights(low + tap);
        for (int part = 0; part < 4; part++) {
            sums[part] = _mm256_add_epi32(sums[part], _mm256_madd_epi16(pairs[part], lowWeights));
        }
        if (!high) continue;
        const __m256i highWeights = twoWeights(high + tap);
        for (int part = 0; part < 4; part++) {
            highSums[part] = _mm256_add_epi32(highSums[part], _mm256_madd_epi16(pairs[part], highWeights));
        }
    }
    const __m256i half = _mm256_set1_epi32(1 << (places - 1));
    const __m128i shift = _mm_cvtsi32_si128(places);
    for (int part = 0; part < 4; part++) {
        if (high) sums[part] = _mm256_add_epi32(sums[part], _mm256_slli_epi32(highSums[part], CPIXELS_LOW_BITS));
        sums[part] = _mm256_sra_epi32(_mm256_add_epi32(sums[part], half), shift);
    }
    // What was taken apart within halves goes together within them.
    _mm256_storeu_si256(
        (__m256i *)out,
        _mm256_packus_epi16(_mm256_packs_epi32(sums[0], sums[1]), _mm256_packs_epi32(sums[2], sums[3])));
}

AVX2 void combineRowsAVX2(
    const cpixels_weights *weights, size_t target, const uint8_t *source, size_t stride, uint8_t *out, size_t count) {
    if (count < 32) {
        combineRowsPortable(weights, target, source, stride, out, count);
        return;
    }
    const int16_t *low = weights->low + target * weights->stride;
    const int16_t *high = weights->high ? weights->high + target * weights->stride : NULL;
    for (size_t column = 0; column < count; column += 32) {
        // The last ones are computed from the end, some of them twice.
        const size_t start = column + 32 <= count ? column : count - 32;
        if (high) {
            combineColumns(low, high, weights->tapCount, weights->places, source + start, stride, out + start);
        } else {
            combineColumns(low, NULL, weights->tapCount, weights->places, source + start, stride, out + start);
        }
    }
}

// MARK: - Floats

/// Eight bytes as numbers.
BODY __m256 normalised8(__m128i bytes, bool isShifted, __m256 shift, __m256 scale) {
    const __m256 x = _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(bytes));
    return isShifted ? _mm256_div_ps(_mm256_sub_ps(x, shift), scale) : _mm256_mul_ps(x, scale);
}

/// One channel of eight pixels, of which there are 16 bytes from the first and 16 from the ninth byte on.
BODY __m128i channelOf(__m128i first, __m128i last, int channel) {
    const char c = (char)channel;
    // The first five (or six) pixels' bytes are in the first 16; in the last 16 a byte stands 8 earlier.
    const __m128i firstOrder = _mm_setr_epi8(
        c, (char)(c + 3), (char)(c + 6), (char)(c + 9), (char)(c + 12), c == 0 ? 15 : -1, -1, -1, -1, -1, -1, -1, -1, -1,
        -1, -1);
    const __m128i lastOrder = _mm_setr_epi8(
        -1, -1, -1, -1, -1, c == 0 ? -1 : (char)(c + 7), (char)(c + 10), (char)(c + 13), -1, -1, -1, -1, -1, -1, -1, -1);
    return _mm_or_si128(_mm_shuffle_epi8(first, firstOrder), _mm_shuffle_epi8(last, lastOrder));
}

BODY void writeRow(
    const cpixels_normalisation *normalisation, bool isShifted, const uint8_t *pixels, size_t width, float *row,
    const cpixels_planes *planes) {
    const __m256 shifts[3] = {
        _mm256_set1_ps(normalisation->shifts[0]), _mm256_set1_ps(normalisation->shifts[1]),
        _mm256_set1_ps(normalisation->shifts[2])};
    const __m256 scales[3] = {
        _mm256_set1_ps(normalisation->scales[0]), _mm256_set1_ps(normalisation->scales[1]),
        _mm256_set1_ps(normalisation->scales[2])};
    for (size_t x = 0; x < width; x += 8) {
        // The last ones are computed from the end, some of them twice.
        const size_t start = x + 8 <= width ? x : width - 8;
        const __m128i first = _mm_loadu_si128((const __m128i *)(pixels + 3 * start));
        const __m128i last = _mm_loadu_si128((const __m128i *)(pixels + 3 * start + 8));
        const __m256 red = normalised8(channelOf(first, last, 0), isShifted, shifts[0], scales[0]);
        const __m256 green = normalised8(channelOf(first, last, 1), isShifted, shifts[1], scales[1]);
        const __m256 blue = normalised8(channelOf(first, last, 2), isShifted, shifts[2], scales[2]);
        float *target = row + start;
        for (size_t copy = 0; copy < planes->copyCount; copy++, target += planes->copyStride) {
            _mm256_storeu_ps(target, red);
            _mm256_storeu_ps(target + planes->planeStride, green);
            _mm256_storeu_ps(target + 2 * planes->planeStride, blue);
        }
    }
}

AVX2 void writeRowAVX2(
    const cpixels_normalisation *normalisation, const uint8_t *pixels, size_t width, float *row,
    const cpixels_planes *planes) {
    if (width < 8) {
        writeRowPortable(normalisation, pixels, width, row, planes);
    } else if (normalisation->isShifted) {
        writeRow(normalisation, true, pixels, width, row, planes);
    } else {
        writeRow(normalisation, false, pixels, width, row, planes);
    }
}

AVX2 void streamAVX2(const float *numbers, size_t count, float *target) {
    size_t index = 0;
    for (; index + 4 <= count; index += 4) _mm_stream_ps(target + index, _mm_loadu_ps(numbers + index));
    for (; index < count; index++) target[index] = numbers[index];
    // Whichever thread is told of them next sees them.
    _mm_sfence();
}

BODY size_t normalise(
    const cpixels_normalisation *normalisation, bool isShifted, const uint8_t *pixels, size_t count, float *numbers) {
    // The channels come again after three times eight numbers.
    float shifts[24], scales[24];
    for (size_t index = 0; index < 24; index++) {
        shifts[index] = normalisation->shifts[index % 3];
        scales[index] = normalisation->scales[index % 3];
    }
    size_t start = 0;
    for (; start + 24 <= count; start += 24) {
        for (size_t part = 0; part < 24; part += 8) {
            const __m128i bytes = _mm_loadl_epi64((const __m128i *)(pixels + start + part));
            _mm256_storeu_ps(
                numbers + start + part,
                normalised8(bytes, isShifted, _mm256_loadu_ps(shifts + part), _mm256_loadu_ps(scales + part)));
        }
    }
    return start;
}

AVX2 void normaliseAVX2(
    const cpixels_normalisation *normalisation, const uint8_t *pixels, size_t count, float *numbers) {
    const size_t done = normalisation->isShifted ? normalise(normalisation, true, pixels, count, numbers)
                                                 : normalise(normalisation, false, pixels, count, numbers);
    normalisePortable(normalisation, pixels + done, count - done, numbers + done);
}

#endif

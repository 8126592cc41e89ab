// Bytes of activations times 8-bit weights, summed in 32 bits.
//
// AVX2 multiplies bytes with vpmaddubsw, which adds the products of neighbours in 16 bits and saturates, and widens to
// 32 bits with a second multiplication, vpmaddwd. The weights are such that neither two nor four products exceed 16
// bits (`Matrix`): nothing saturates, and one vpmaddwd serves two vpmaddubsw. Measured on Zen 3 in the cache, in
// 10⁹ multiplications a second: 116, against 95 with a vpmaddwd for each, 77 for activations of 16 bits (vpmaddwd
// alone) and 51 for float32. Whole products of MiniLM's shapes, with the rounding of activations: 66 to 86, against 59
// to 71 by FBGEMM, 48 to 76 by oneDNN (both with one range for all rows) and 39 to 43 by oneDNN in float32.
#include "QuantizedKernels.hpp"

#include "Functions.hpp"

#include <algorithm>
#include <atomic>
#include <cstring>

#if CTORCH_HAS_AVX2
#include <immintrin.h>
#endif

namespace ctorch::quantized {

namespace {

constexpr int64_t panelWidth = Matrix::panelWidth;
/// Rows of a tile.
constexpr int64_t tileRows = 8;
/// Bytes of activations that stay in the second cache while all panels pass.
constexpr int64_t chunkBytes = 128 * 1024;

// Activations

struct Steps {
    /// The value of step 0, and the size of a step.
    float low, size;
};

/// Rounds a row to bytes. A row with a NaN or an infinity gets steps of NaN, and so do all products with it.
CTORCH_BODY Steps quantizeRow(const float *x, int64_t count, uint8_t *bytes) {
    // The same bytes on every processor, whether it fuses multiplication and addition or not.
#pragma clang fp contract(off)
    float lows[16], highs[16], poison[16];
    for (int lane = 0; lane < 16; ++lane) lows[lane] = highs[lane] = x[0], poison[lane] = 0;
    int64_t i = 0;
    for (; i + 16 <= count; i += 16)
        for (int lane = 0; lane < 16; ++lane) {
            const float value = x[i + lane];
            lows[lane] = value < lows[lane] ? value : lows[lane];
            highs[lane] = value > highs[lane] ? value : highs[lane];
            poison[lane] += value * 0;
        }
    for (; i < count; ++i) {
        lows[0] = x[i] < lows[0] ? x[i] : lows[0];
        highs[0] = x[i] > highs[0] ? x[i] : highs[0];
        poison[0] += x[i] * 0;
    }
    float low = lows[0], high = highs[0], poisoned = poison[0];
    for (int lane = 1; lane < 16; ++lane) {
        low = std::min(low, lows[lane]);
        high = std::max(high, highs[lane]);
        poisoned += poison[lane];
    }
    const float size = (high - low) / 255;
    const float inverse = size > 0 ? 1 / size : 0;
    CTORCH_ELEMENTWISE
    for (int64_t j = 0; j < count; ++j) {
        // Adding 1.5·2²³ rounds to an integer, which then stands in the low bits.
        const float shifted = (x[j] - low) * inverse + 12582912.0f;
        bytes[j] = static_cast<uint8_t>(std::bit_cast<int32_t>(shifted));
    }
    return Steps{low + poisoned, size + poisoned};
}

// Sums: sums[r·16 + c] = Σ a[r][k]·w[k][c] for a tile of `Rows` rows and half a panel.

template <int Rows>
struct PortableTile {
    static void run(const uint8_t *a, int64_t stride, const Matrix::Block *w, int64_t blockCount, int32_t *sums) {
        for (int row = 0; row < Rows; ++row) {
            int32_t *sum = sums + row * panelWidth;
            std::memset(sum, 0, 8 * sizeof(int32_t));
            for (int64_t block = 0; block < blockCount; ++block)
                for (int i = 0; i < 64; ++i)
                    sum[i % 32 / 4] += int32_t{a[row * stride + block * 8 + i / 32 * 4 + i % 4]} * w[block].weights[i];
        }
    }
};

#if CTORCH_HAS_AVX2
/// Four bytes in all lanes.
CTORCH_AVX2 inline __m256i fourBytes(const uint8_t *bytes) {
    int32_t four;
    std::memcpy(&four, bytes, sizeof four);
    return _mm256_set1_epi32(four);
}

template <int Rows>
struct AVX2Tile {
    CTORCH_AVX2 static void run(
        const uint8_t *a, int64_t stride, const Matrix::Block *w, int64_t blockCount, int32_t *sums) {
        const __m256i ones = _mm256_set1_epi16(1);
        __m256i sum[Rows];
        for (int row = 0; row < Rows; ++row) sum[row] = _mm256_setzero_si256();
        for (int64_t block = 0; block < blockCount; ++block) {
            const __m256i *columns = reinterpret_cast<const __m256i *>(w[block].weights);
            const __m256i first = _mm256_load_si256(columns), second = _mm256_load_si256(columns + 1);
            // Over rows the loop is unrolled: their sums then have registers of their own.
#pragma clang loop unroll(full)
            for (int row = 0; row < Rows; ++row) {
                const uint8_t *bytes = a + row * stride + block * 8;
                const __m256i quads = _mm256_add_epi16(
                    _mm256_maddubs_epi16(fourBytes(bytes), first), _mm256_maddubs_epi16(fourBytes(bytes + 4), second));
                sum[row] = _mm256_add_epi32(sum[row], _mm256_madd_epi16(quads, ones));
            }
        }
        for (int row = 0; row < Rows; ++row)
            _mm256_store_si256(reinterpret_cast<__m256i *>(sums + row * panelWidth), sum[row]);
    }
};

/// The same with the one instruction that newer processors have for it.
template <int Rows>
struct VNNITile {
    __attribute__((target("avx2,fma,bmi,bmi2,f16c,avx512f,avx512vl,avx512vnni"))) static void run(
        const uint8_t *a, int64_t stride, const Matrix::Block *w, int64_t blockCount, int32_t *sums) {
        __m256i sum[Rows];
        for (int row = 0; row < Rows; ++row) sum[row] = _mm256_setzero_si256();
        for (int64_t block = 0; block < blockCount; ++block) {
            const __m256i *columns = reinterpret_cast<const __m256i *>(w[block].weights);
            const __m256i first = _mm256_load_si256(columns), second = _mm256_load_si256(columns + 1);
#pragma clang loop unroll(full)
            for (int row = 0; row < Rows; ++row) {
                const uint8_t *bytes = a + row * stride + block * 8;
                sum[row] = _mm256_dpbusd_epi32(sum[row], fourBytes(bytes), first);
                sum[row] = _mm256_dpbusd_epi32(sum[row], fourBytes(bytes + 4), second);
            }
        }
        for (int row = 0; row < Rows; ++row)
            _mm256_store_si256(reinterpret_cast<__m256i *>(sums + row * panelWidth), sum[row]);
    }
};
#endif

// What sums stand for, with the bias and through the activation

struct Identity {
    CTORCH_BODY float of(float x) { return x; }
};

struct Results {
    /// `[rowCount, 16]`
    const int32_t *sums;
    const Steps *steps;
    int64_t rowCount;
    /// Of the panel's 16 rows of the matrix.
    const float *scales, *weightSums;
    /// Of `width` of them; may be null.
    const float *bias;
    int64_t width;
    float *output;
    int64_t outputStride;
};

template <class Activation>
CTORCH_BODY void finish(const Results &results) {
    float scales[panelWidth], weightSums[panelWidth], shifts[panelWidth];
    for (int column = 0; column < panelWidth; ++column) {
        scales[column] = results.scales[column];
        weightSums[column] = results.weightSums[column];
        shifts[column] = results.bias && column < results.width ? results.bias[column] : 0;
    }
    for (int64_t row = 0; row < results.rowCount; ++row) {
        const Steps steps = results.steps[row];
        const int32_t *sums = results.sums + row * panelWidth;
        float values[panelWidth];
        for (int column = 0; column < panelWidth; ++column)
            values[column] = Activation::of(
                static_cast<float>(sums[column]) * (steps.size * scales[column]) +
                (steps.low * weightSums[column] + shifts[column]));
        if (results.width == panelWidth)
            std::memcpy(results.output + row * results.outputStride, values, sizeof values);
        else
            std::memcpy(
                results.output + row * results.outputStride, values,
                static_cast<size_t>(results.width) * sizeof(float));
    }
}

// Each function for each kind of processor

using Tile = void (*)(const uint8_t *, int64_t, const Matrix::Block *, int64_t, int32_t *);
using Quantize = Steps (*)(const float *, int64_t, uint8_t *);
using Finish = void (*)(const Results &);

Steps quantizeRowPortable(const float *x, int64_t count, uint8_t *bytes) { return quantizeRow(x, count, bytes); }

template <class Activation>
void finishPortable(const Results &results) {
    finish<Activation>(results);
}

#if CTORCH_HAS_AVX2
CTORCH_AVX2 Steps quantizeRowAVX2(const float *x, int64_t count, uint8_t *bytes) {
    return quantizeRow(x, count, bytes);
}

template <class Activation>
CTORCH_AVX2 void finishAVX2(const Results &results) {
    finish<Activation>(results);
}
#endif

struct Functions {
    /// `tiles[r − 1]` takes r rows.
    Tile tiles[tileRows];
    Quantize quantizeRow;
};

template <template <int> class Kind>
constexpr Functions functions(Quantize quantizeRow) {
    return Functions{
        {Kind<1>::run, Kind<2>::run, Kind<3>::run, Kind<4>::run, Kind<5>::run, Kind<6>::run, Kind<7>::run,
         Kind<8>::run},
        quantizeRow};
}

const Functions &functionsHere() {
    static constexpr Functions portable = functions<PortableTile>(quantizeRowPortable);
#if CTORCH_HAS_AVX2
    static constexpr Functions avx2 = functions<AVX2Tile>(quantizeRowAVX2);
    static constexpr Functions vnni = functions<VNNITile>(quantizeRowAVX2);
    if (kernels() == Kernels::vnni) return vnni;
    if (kernels() == Kernels::avx2) return avx2;
#endif
    return portable;
}

template <class Activation>
Finish finishWith() {
#if CTORCH_HAS_AVX2
    if (kernels() != Kernels::portable) return finishAVX2<Activation>;
#endif
    return finishPortable<Activation>;
}

Finish finishHere(Activation activation) {
    switch (activation) {
    case Activation::none: return finishWith<Identity>();
    case Activation::silu: return finishWith<Silu>();
    case Activation::geluErf: return finishWith<GeluErf>();
    case Activation::geluTanh: return finishWith<GeluTanh>();
    case Activation::relu: return finishWith<Relu>();
    }
    return nullptr;
}

// A product in chunks of rows

/// Memory of one thread, kept between calls.
struct Scratch {
    std::vector<uint8_t> activations;
    std::vector<Steps> steps;
    std::vector<int32_t> sums;

    int32_t *alignedSums(int64_t rowCount) {
        sums.resize(static_cast<size_t>(rowCount * panelWidth + 16));
        return reinterpret_cast<int32_t *>((reinterpret_cast<uintptr_t>(sums.data()) + 63) / 64 * 64);
    }
};

/// Rows `firstRow ..< firstRow + rowCount` times panels `firstPanel ..< lastPanel`.
void multiplyChunk(
    const Product &product, const Functions &functions, Finish finish, int64_t firstRow,
    int64_t rowCount, int64_t firstPanel, int64_t lastPanel) {
    static thread_local Scratch scratch;
    const Matrix &matrix = *product.matrix;
    const int64_t blockCount = matrix.blockCount(), stride = blockCount * 8;
    scratch.activations.resize(static_cast<size_t>(rowCount * stride));
    scratch.steps.resize(static_cast<size_t>(rowCount));
    int32_t *sums = scratch.alignedSums(rowCount);
    for (int64_t row = 0; row < rowCount; ++row) {
        uint8_t *bytes = scratch.activations.data() + row * stride;
        scratch.steps[static_cast<size_t>(row)] = functions.quantizeRow(
            product.input + (firstRow + row) * product.inputStride, matrix.inputCount, bytes);
        std::memset(bytes + matrix.inputCount, 0, static_cast<size_t>(stride - matrix.inputCount));
    }
    for (int64_t panel = firstPanel; panel < lastPanel; ++panel) {
        for (int64_t half = 0; half < 2; ++half) {
            const Matrix::Block *weights = matrix.blocks.data() + (panel * 2 + half) * blockCount;
            for (int64_t row = 0; row < rowCount; row += tileRows)
                functions.tiles[std::min(tileRows, rowCount - row) - 1](
                    scratch.activations.data() + row * stride, stride, weights, blockCount,
                    sums + row * panelWidth + half * 8);
        }
        const int64_t first = panel * panelWidth;
        finish(Results{
            sums, scratch.steps.data(), rowCount, matrix.scales.data() + first, matrix.sums.data() + first,
            product.bias ? product.bias + first : nullptr, std::min(panelWidth, matrix.outputCount - first),
            product.output + firstRow * matrix.outputCount + first, matrix.outputCount});
    }
}

// The matrix

/// Rounds a row of weights, taken in blocks of 8, by a scale; returns the squared error.
///
/// Where a quad's sum is too large, what was rounded up most goes down by one, again and again.
float roundWeights(const float *weights, int64_t blockCount, float scale, int8_t *integers) {
    const float inverse = scale > 0 ? 1 / scale : 0;
    float error = 0;
    for (int64_t block = 0; block < blockCount; ++block) {
        float exact[8];
        int whole[8];
        for (int i = 0; i < 8; ++i) {
            exact[i] = weights[block * 8 + i] * inverse;
            whole[i] = static_cast<int>(std::clamp(std::nearbyint(exact[i]), -127.0f, 127.0f));
        }
        for (int quad = 0; quad < 2; ++quad)
            for (const int sign : {1, -1}) {
                const int members[4] = {2 * quad, 2 * quad + 1, 2 * quad + 4, 2 * quad + 5};
                int sum = 0;
                for (const int i : members) sum += std::max(sign * whole[i], 0);
                for (; sum > 128; --sum) {
                    int most = -1;
                    for (const int i : members)
                        if (sign * whole[i] > 0 &&
                            (most < 0 || sign * (whole[i] - exact[i]) > sign * (whole[most] - exact[most])))
                            most = i;
                    whole[most] -= sign;
                }
            }
        for (int i = 0; i < 8; ++i) {
            const float difference = (static_cast<float>(whole[i]) - exact[i]) * scale;
            error += difference * difference;
            integers[block * 8 + i] = static_cast<int8_t>(whole[i]);
        }
    }
    return error;
}

/// The scale at which nothing has to give way: of the largest weight, or of the largest quad.
float roomyScale(const float *weights, int64_t blockCount) {
    float peak = 0, quadPeak = 0;
    for (int64_t block = 0; block < blockCount; ++block) {
        float positive[2] = {}, negative[2] = {};
        for (int i = 0; i < 8; ++i) {
            const float weight = weights[block * 8 + i];
            peak = std::max(peak, std::fabs(weight));
            (weight > 0 ? positive : negative)[i % 4 / 2] += std::fabs(weight);
        }
        for (const float sum : {positive[0], positive[1], negative[0], negative[1]}) quadPeak = std::max(quadPeak, sum);
    }
    return std::max(peak / 127, quadPeak / 128);
}

}  // namespace

Matrix::Matrix(const float *weight, int64_t outputCount, int64_t inputCount)
    : outputCount(outputCount), inputCount(inputCount) {
    const int64_t rowLength = blockCount() * 8;
    blocks.resize(static_cast<size_t>(panelCount() * 2 * blockCount()));
    scales.resize(static_cast<size_t>(panelCount() * panelWidth));
    sums.resize(scales.size());
    // Rows of the last panel that are not there stay 0.
    parallelFor(0, outputCount, 8, [&](int64_t begin, int64_t end) {
        std::vector<float> row(static_cast<size_t>(rowLength));
        std::vector<int8_t> integers(row.size()), best(row.size());
        for (int64_t output = begin; output < end; ++output) {
            std::copy_n(weight + output * inputCount, inputCount, row.data());
            const float roomy = roomyScale(row.data(), blockCount());
            float scale = 0, error = 0;
            for (const float share : {1.0f, 0.92f, 0.84f, 0.76f, 0.68f, 0.6f}) {
                const float tried = roundWeights(row.data(), blockCount(), roomy * share, integers.data());
                if (scale > 0 && tried >= error) continue;
                error = tried;
                scale = roomy * share;
                best.swap(integers);
            }
            Block *rows = blocks.data() + output / 8 * blockCount();
            int sum = 0;
            for (int64_t i = 0; i < rowLength; ++i) {
                const int8_t integer = best[static_cast<size_t>(i)];
                rows[i / 8].weights[i % 8 / 4 * 32 + output % 8 * 4 + i % 4] = integer;
                sum += integer;
            }
            scales[static_cast<size_t>(output)] = scale;
            sums[static_cast<size_t>(output)] = scale * static_cast<float>(sum);
        }
    });
}

void multiply(const Product &product) {
    const Matrix &matrix = *product.matrix;
    if (product.rowCount == 0 || matrix.outputCount == 0) return;
    const int64_t threads = threadCount();
    // As many rows as stay in the cache, whole tiles of them, and two chunks or more for each thread, which takes the
    // next when it is done: threads share their cores with others.
    int64_t rows = chunkBytes / std::max<int64_t>(8 * matrix.blockCount(), 1);
    rows = std::min(rows, (product.rowCount + 2 * threads - 1) / (2 * threads));
    rows = std::max(tileRows, (rows + tileRows - 1) / tileRows * tileRows);
    const int64_t rowChunks = (product.rowCount + rows - 1) / rows;
    // Few rows: threads share the panels, and each rounds the rows for itself.
    const int64_t panelChunks =
        rowChunks >= threads ? 1 : std::min(matrix.panelCount(), (2 * threads + rowChunks - 1) / rowChunks);
    const Functions &functions = functionsHere();
    const Finish finish = finishHere(product.activation);
    std::atomic<int64_t> next{0};
    parallelFor(0, threads, 1, [&](int64_t, int64_t) {
        for (int64_t task; (task = next.fetch_add(1)) < rowChunks * panelChunks;) {
            const int64_t firstRow = task / panelChunks * rows, part = task % panelChunks;
            multiplyChunk(
                product, functions, finish, firstRow, std::min(rows, product.rowCount - firstRow),
                part * matrix.panelCount() / panelChunks, (part + 1) * matrix.panelCount() / panelChunks);
        }
    });
}

}  // namespace ctorch::quantized

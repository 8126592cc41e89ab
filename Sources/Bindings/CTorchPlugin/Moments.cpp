// AdamW over moments that are kept in fewer bits than they are computed in: widened, changed and rounded block by block,
// in one pass over the CPU's memory. Elsewhere the same by libtorch's operations, a piece at a time.
#include "Counter.hpp"
#include "Handle.hpp"
#include "Parallel.hpp"
#include "Rows.hpp"

#include <c10/core/GradMode.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

using ctorch::counterWord;
using ctorch::counterWords;
using ctorch::floats;
using ctorch::guarded;
using ctorch::parallelFor;
using ctorch::shifted;

namespace {

/// Numbers that are changed at once, and that share a scale where they are kept in 8 bits.
constexpr int64_t blockSize = 256;
/// Blocks that make a piece of work worth a thread.
constexpr int64_t blockGrain = 32;
/// Numbers that operations widen at once.
constexpr int64_t pieceSize = 1 << 20;

/// A step's settings as the loops use them.
struct Update {
    float beta1, rest1, beta2, rest2, decay, stepSize, secondCorrection, epsilon;

    explicit Update(const CTorchAdamW &options)
        : beta1(static_cast<float>(options.beta1)), rest1(static_cast<float>(1 - options.beta1)),
          beta2(static_cast<float>(options.beta2)), rest2(static_cast<float>(1 - options.beta2)),
          decay(static_cast<float>(1 - options.learningRate * options.weightDecay)),
          stepSize(static_cast<float>(
              options.learningRate / (1 - std::pow(options.beta1, static_cast<double>(options.step))))),
          secondCorrection(
              static_cast<float>(std::sqrt(1 - std::pow(options.beta2, static_cast<double>(options.step))))),
          epsilon(static_cast<float>(options.epsilon)) {}
};

/// AdamW over one block, of moments in float32. The same bits on every processor.
CTORCH_BODY void changeBlock(const Update &u, float *p, const float *g, float *m, float *v, int64_t count) {
#pragma clang fp contract(off)
    CTORCH_ELEMENTWISE
    for (int64_t i = 0; i < count; ++i) {
        m[i] = m[i] * u.beta1 + g[i] * u.rest1;
        v[i] = v[i] * u.beta2 + g[i] * g[i] * u.rest2;
        p[i] = p[i] * u.decay -
               u.stepSize * (m[i] / (__builtin_elementwise_sqrt(v[i]) / u.secondCorrection + u.epsilon));
    }
}

// bfloat16, rounded stochastically: up with the probability of what lies above the lower neighbour, so that the mean is the
// number itself. Sixteen random bits are added to those that are cut off. Nearest rounding would stop a second moment whose
// change of a step is below half a unit, 1/512 of it, as β₂ = 0.999 makes it.
// Source of the rounding: Gupta, Agrawal, Gopalakrishnan and Narayanan 2015, "Deep learning with limited numerical precision".

struct Rounded {
    Update update;
    float *p;
    const float *g;
    uint16_t *first, *second;
    int64_t count;
    uint64_t seed;
    /// The number of pairs of numbers before these: each has a word of the counter, 32 bits a number, 16 a moment.
    int64_t firstPair;
};

CTORCH_BODY void changeRoundedBlocks(const Rounded &state, int64_t begin, int64_t end) {
    alignas(64) float m[blockSize], v[blockSize];
    alignas(64) uint32_t bits[blockSize];
    for (int64_t block = begin; block < end; ++block) {
        const int64_t start = block * blockSize, count = std::min(blockSize, state.count - start);
        uint16_t *first = state.first + start, *second = state.second + start;
        CTORCH_ELEMENTWISE
        for (int64_t i = 0; i < count; ++i) {
            m[i] = std::bit_cast<float>(uint32_t{first[i]} << 16);
            v[i] = std::bit_cast<float>(uint32_t{second[i]} << 16);
        }
        changeBlock(state.update, state.p + start, state.g + start, m, v, count);
        for (int64_t pair = 0; pair < blockSize / 2; ++pair) {
            const uint64_t word = counterWord(state.seed, state.firstPair + start / 2 + pair);
            bits[2 * pair] = static_cast<uint32_t>(word);
            bits[2 * pair + 1] = static_cast<uint32_t>(word >> 32);
        }
        CTORCH_ELEMENTWISE
        for (int64_t i = 0; i < count; ++i) {
            first[i] = static_cast<uint16_t>((std::bit_cast<uint32_t>(m[i]) + (bits[i] & 0xFFFF)) >> 16);
            second[i] = static_cast<uint16_t>((std::bit_cast<uint32_t>(v[i]) + (bits[i] >> 16)) >> 16);
        }
    }
}

// 8 bits: the nearest of 256 values times the largest magnitude of the block; but a second moment above 0 never becomes 0. A
// first moment is kept to 1/1,800,000 of its block's largest, a gradient's root mean square to 1/1,800: where the latter
// were 0, a step without a gradient would divide the former by ε. Rows of embeddings that a batch lacks have such steps.

/// The dynamic data type: decades down to 10⁻⁷, each of half as many values as the one above it, evenly spaced, and 0 and 1.
///
/// Source: Dettmers, Lewis, Shleifer and Zettlemoyer 2022, "8-bit optimizers via block-wise quantization", section 2.
struct DynamicType {
    float values[256];
    /// Between a value and the next; after the last, infinity.
    float bounds[256];
    /// By the upper half of a float32's bits: the code of the least number that begins with them. No two bounds begin alike,
    /// so that one comparison more gives the code of any number.
    uint8_t leastCodes[1 << 16];

    explicit DynamicType(bool isSigned) {
        int count = 0;
        values[count++] = 0;
        values[count++] = 1;
        double decade = 1e-6;
        for (int steps = isSigned ? 1 : 2; steps <= (isSigned ? 64 : 128); steps *= 2, decade *= 10)
            for (int step = 0; step < steps; ++step) {
                const float value = static_cast<float>(decade * (0.1 + 0.9 * (step + 0.5) / steps));
                values[count++] = value;
                if (isSigned) values[count++] = -value;
            }
        std::sort(values, values + count);
        for (int code = 0; code < 255; ++code) bounds[code] = (values[code] + values[code + 1]) / 2;
        bounds[255] = std::numeric_limits<float>::infinity();
        for (uint32_t upper = 0; upper < 1 << 16; ++upper) {
            // Of negative numbers the one with the largest magnitude.
            const float least = std::bit_cast<float>(upper << 16 | (upper >> 15 ? 0xFFFF : 0));
            leastCodes[upper] = static_cast<uint8_t>(std::lower_bound(bounds, bounds + 255, least) - bounds);
        }
    }

    uint8_t code(float value) const {
        const uint8_t least = leastCodes[std::bit_cast<uint32_t>(value) >> 16];
        return static_cast<uint8_t>(least + (value > bounds[least]));
    }
};

const DynamicType &signedType() {
    static const DynamicType type(true);
    return type;
}

const DynamicType &unsignedType() {
    static const DynamicType type(false);
    return type;
}

struct Quantized {
    Update update;
    float *p;
    const float *g;
    uint8_t *first, *second;
    float *firstScales, *secondScales;
    int64_t count;
    const DynamicType *signedValues, *unsignedValues;
};

CTORCH_BODY float largestMagnitude(const float *x, int64_t count) {
    // As many as two vectors hold: the compiler does not reorder the comparisons of one.
    float largest[16] = {};
    int64_t i = 0;
    for (; i + 16 <= count; i += 16)
        for (int lane = 0; lane < 16; ++lane) {
            const float magnitude = __builtin_elementwise_abs(x[i + lane]);
            largest[lane] = magnitude > largest[lane] ? magnitude : largest[lane];
        }
    for (; i < count; ++i) largest[0] = std::max(largest[0], __builtin_elementwise_abs(x[i]));
    return *std::max_element(largest, largest + 16);
}

CTORCH_BODY void divide(float *x, float scale, int64_t count) {
    const float divisor = scale > 0 ? scale : 1;
    for (int64_t i = 0; i < count; ++i) x[i] /= divisor;
}

CTORCH_BODY void changeQuantizedBlocks(const Quantized &state, int64_t begin, int64_t end) {
    alignas(64) float m[blockSize], v[blockSize];
    const DynamicType &signedValues = *state.signedValues, &unsignedValues = *state.unsignedValues;
    for (int64_t block = begin; block < end; ++block) {
        const int64_t start = block * blockSize, count = std::min(blockSize, state.count - start);
        uint8_t *first = state.first + start, *second = state.second + start;
        float &firstScale = state.firstScales[block], &secondScale = state.secondScales[block];
        for (int64_t i = 0; i < count; ++i) {
            m[i] = signedValues.values[first[i]] * firstScale;
            v[i] = unsignedValues.values[second[i]] * secondScale;
        }
        changeBlock(state.update, state.p + start, state.g + start, m, v, count);
        firstScale = largestMagnitude(m, count);
        secondScale = largestMagnitude(v, count);
        divide(m, firstScale, count);
        divide(v, secondScale, count);
        for (int64_t i = 0; i < count; ++i) {
            first[i] = signedValues.code(m[i]);
            const uint8_t code = unsignedValues.code(v[i]);
            second[i] = static_cast<uint8_t>(code + (code == 0 && v[i] > 0));
        }
    }
}

#if CTORCH_HAS_AVX2
CTORCH_AVX2 void changeRoundedAVX2(const Rounded &state, int64_t begin, int64_t end) {
    changeRoundedBlocks(state, begin, end);
}
CTORCH_AVX2 void changeQuantizedAVX2(const Quantized &state, int64_t begin, int64_t end) {
    changeQuantizedBlocks(state, begin, end);
}
#endif
void changeRoundedPortable(const Rounded &state, int64_t begin, int64_t end) { changeRoundedBlocks(state, begin, end); }
void changeQuantizedPortable(const Quantized &state, int64_t begin, int64_t end) {
    changeQuantizedBlocks(state, begin, end);
}

int64_t blockCount(int64_t count) { return (count + blockSize - 1) / blockSize; }

// By operations.

/// AdamW over a piece of a parameter and its widened moments.
void change(const Update &u, at::Tensor p, const at::Tensor &g, const at::Tensor &m, const at::Tensor &v) {
    m.mul_(u.beta1).add_(g, u.rest1);
    v.mul_(u.beta2).addcmul_(g, g, u.rest2);
    p.mul_(u.decay).addcdiv_(m, v.sqrt().div_(u.secondCorrection).add_(u.epsilon), -u.stepSize);
}

/// `moment`, bfloat16, ← `values`, rounded by the lower 16 bits of int64 `bits`.
void roundInto(const at::Tensor &moment, const at::Tensor &values, const at::Tensor &bits) {
    const at::Tensor sums = values.view(at::kInt).add(bits.bitwise_and(0xFFFF).to(at::kInt));
    moment.copy_(sums.__rshift__(16).to(at::kShort).view(at::kBFloat16));
}

at::Tensor onDevice(const float *numbers, int64_t count, at::Device device) {
    return at::from_blob(const_cast<float *>(numbers), {count}, at::kFloat).to(device, /*non_blocking=*/false, /*copy=*/true);
}

at::Tensor widened(const at::Tensor &codes, const at::Tensor &scales, const at::Tensor &values) {
    return values.index_select(0, codes.to(at::kInt)).mul_(scales.repeat_interleave(blockSize).narrow(0, 0, codes.size(0)));
}

/// - `least`: the code that numbers above 0 get at least.
void quantizeInto(
    const at::Tensor &codes, const at::Tensor &scales, const at::Tensor &values, const at::Tensor &bounds, int64_t least) {
    const int64_t count = codes.size(0), padding = scales.size(0) * blockSize - count;
    const at::Tensor blocks = at::constant_pad_nd(values, {0, padding}, 0).view({-1, blockSize});
    const at::Tensor largest = blocks.abs().amax(1, /*keepdim=*/true);
    scales.copy_(largest.flatten());
    const at::Tensor scaled = blocks.div(at::where(largest.gt(0), largest, 1)).flatten().narrow(0, 0, count);
    codes.copy_(at::bucketize(scaled, bounds, /*out_int32=*/true).maximum(scaled.gt(0).to(at::kInt).mul(least)));
}

// Arguments.

/// Memory of a parameter and its gradient: dense copies where they are not, of which that of the parameter is copied back.
class Numbers {
  public:
    at::Tensor p, g;

    Numbers(CTorchTensor *parameter, const CTorchTensor *gradient)
        : p(parameter->value.detach().contiguous()), g(gradient->value.detach().contiguous()), parameter(parameter->value) {
        TORCH_CHECK(
            p.scalar_type() == at::kFloat && g.scalar_type() == at::kFloat && p.sizes() == g.sizes() &&
                p.device() == g.device(),
            "a gradient of ", g.scalar_type(), g.sizes(), " does not fit a parameter of ", p.scalar_type(), p.sizes(),
            "; both must be float32");
    }

    void finish() {
        if (p.is_same(parameter) || p.data_ptr() == parameter.data_ptr())
            parameter.unsafeGetTensorImpl()->bump_version();
        else
            parameter.copy_(p);
    }

    void check(const CTorchTensor *tensor, at::ScalarType type, int64_t count) const {
        const at::Tensor &value = tensor->value;
        TORCH_CHECK(
            value.scalar_type() == type && value.numel() == count && value.is_contiguous() && value.device() == p.device(),
            "a moment of ", value.scalar_type(), value.sizes(), " does not fit ", p.numel(), " numbers; ", count, " of ",
            type, " were expected");
    }

  private:
    at::Tensor parameter;
};

}  // namespace

CTorchStatus ctorch_adamw_bf16_(CTorchTensor *parameter, const CTorchTensor *gradient, CTorchTensor *firstMoment, CTorchTensor *secondMoment, CTorchAdamW options, uint64_t seed, int64_t start, bool byOperations, CTorchError *error) {
    return guarded(error, [&] {
        c10::NoGradGuard noGradients;
        Numbers numbers(parameter, gradient);
        const int64_t count = numbers.p.numel();
        numbers.check(firstMoment, at::kBFloat16, count);
        numbers.check(secondMoment, at::kBFloat16, count);
        TORCH_CHECK(start >= 0 && start % 2 == 0, "a part of a parameter begins at an even element, not ", start);
        const Update update(options);
        if (numbers.p.is_cpu() && !byOperations) {
            const Rounded state{
                update, numbers.p.mutable_data_ptr<float>(), floats(numbers.g),
                static_cast<uint16_t *>(firstMoment->value.mutable_data_ptr()),
                static_cast<uint16_t *>(secondMoment->value.mutable_data_ptr()), count, seed, start / 2};
            const auto kernel = CTORCH_CHOOSE(changeRoundedAVX2, changeRoundedPortable);
            parallelFor(
                0, blockCount(count), blockGrain, [&](int64_t begin, int64_t end) { kernel(state, begin, end); });
        } else {
            const at::Tensor p = numbers.p.view(-1), g = numbers.g.view(-1);
            const at::Tensor first = firstMoment->value.view(-1), second = secondMoment->value.view(-1);
            for (int64_t begin = 0; begin < count; begin += pieceSize) {
                const int64_t length = std::min(pieceSize, count - begin);
                const auto piece = [&](const at::Tensor &tensor) { return tensor.narrow(0, begin, length); };
                const at::Tensor m = piece(first).to(at::kFloat), v = piece(second).to(at::kFloat);
                change(update, piece(p), piece(g), m, v);
                const at::Tensor words = counterWords(seed, (start + begin) / 2, (length + 1) / 2, p.device());
                const at::Tensor bits = at::stack({words.bitwise_and(0xFFFFFFFF), shifted(words, 32)}, 1).flatten();
                roundInto(piece(first), m, bits.narrow(0, 0, length));
                roundInto(piece(second), v, shifted(bits.narrow(0, 0, length), 16));
            }
        }
        numbers.finish();
    });
}

CTorchStatus ctorch_adamw_8bit_(CTorchTensor *parameter, const CTorchTensor *gradient, CTorchTensor *firstMoment, CTorchTensor *firstScales, CTorchTensor *secondMoment, CTorchTensor *secondScales, CTorchAdamW options, bool byOperations, CTorchError *error) {
    return guarded(error, [&] {
        c10::NoGradGuard noGradients;
        Numbers numbers(parameter, gradient);
        const int64_t count = numbers.p.numel();
        numbers.check(firstMoment, at::kByte, count);
        numbers.check(secondMoment, at::kByte, count);
        numbers.check(firstScales, at::kFloat, blockCount(count));
        numbers.check(secondScales, at::kFloat, blockCount(count));
        const Update update(options);
        const DynamicType &signedValues = signedType(), &unsignedValues = unsignedType();
        if (numbers.p.is_cpu() && !byOperations) {
            const Quantized state{
                update, numbers.p.mutable_data_ptr<float>(), floats(numbers.g),
                static_cast<uint8_t *>(firstMoment->value.mutable_data_ptr()),
                static_cast<uint8_t *>(secondMoment->value.mutable_data_ptr()),
                static_cast<float *>(firstScales->value.mutable_data_ptr()),
                static_cast<float *>(secondScales->value.mutable_data_ptr()), count, &signedValues, &unsignedValues};
            const auto kernel = CTORCH_CHOOSE(changeQuantizedAVX2, changeQuantizedPortable);
            parallelFor(
                0, blockCount(count), blockGrain, [&](int64_t begin, int64_t end) { kernel(state, begin, end); });
        } else {
            const at::Device device = numbers.p.device();
            const at::Tensor p = numbers.p.view(-1), g = numbers.g.view(-1);
            const at::Tensor first = firstMoment->value.view(-1), second = secondMoment->value.view(-1);
            const at::Tensor ofFirst = onDevice(signedValues.values, 256, device);
            const at::Tensor ofSecond = onDevice(unsignedValues.values, 256, device);
            const at::Tensor firstBounds = onDevice(signedValues.bounds, 255, device);
            const at::Tensor secondBounds = onDevice(unsignedValues.bounds, 255, device);
            for (int64_t begin = 0; begin < count; begin += pieceSize) {
                const int64_t length = std::min(pieceSize, count - begin);
                const auto piece = [&](const at::Tensor &tensor) { return tensor.narrow(0, begin, length); };
                const auto scales = [&](CTorchTensor *tensor) {
                    return tensor->value.narrow(0, begin / blockSize, blockCount(length));
                };
                const at::Tensor m = widened(piece(first), scales(firstScales), ofFirst);
                const at::Tensor v = widened(piece(second), scales(secondScales), ofSecond);
                change(update, piece(p), piece(g), m, v);
                quantizeInto(piece(first), scales(firstScales), m, firstBounds, 0);
                quantizeInto(piece(second), scales(secondScales), v, secondBounds, 1);
            }
        }
        numbers.finish();
    });
}

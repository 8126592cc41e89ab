// Random words that are a function of a seed and a counter alone, by a loop or by tensor operations.
#pragma once
#include <ATen/Functions.h>

#include <cstdint>

namespace ctorch {

constexpr uint64_t counterIncrement = 0x9E3779B97F4A7C15u;
constexpr uint64_t firstCounterFactor = 0xBF58476D1CE4E5B9u;
constexpr uint64_t secondCounterFactor = 0x94D049BB133111EBu;

/// The word of a counter value: the output function of SplitMix64 (Steele, Lea, Flood 2014).
inline __attribute__((always_inline)) uint64_t counterWord(uint64_t seed, int64_t counter) {
    uint64_t word = seed + static_cast<uint64_t>(counter + 1) * counterIncrement;
    word = (word ^ (word >> 30)) * firstCounterFactor;
    word = (word ^ (word >> 27)) * secondCounterFactor;
    return word ^ (word >> 31);
}

/// `tensor >> bits` of unsigned words in int64, whose own shift keeps the sign.
inline at::Tensor shifted(const at::Tensor &words, int64_t bits) {
    return words.__rshift__(bits).bitwise_and((int64_t{1} << (64 - bits)) - 1);
}

/// The words of `count` counter values from `first`, in int64, whose products wrap as unsigned ones do.
inline at::Tensor counterWords(uint64_t seed, int64_t first, int64_t count, at::Device device) {
    const auto scalar = [](uint64_t value) { return at::Scalar(static_cast<int64_t>(value)); };
    at::Tensor words = at::arange(first + 1, first + count + 1, at::TensorOptions().dtype(at::kLong).device(device));
    words = words.mul(scalar(counterIncrement)).add(scalar(seed));
    words = words.bitwise_xor(shifted(words, 30)).mul(scalar(firstCounterFactor));
    words = words.bitwise_xor(shifted(words, 27)).mul(scalar(secondCounterFactor));
    return words.bitwise_xor(shifted(words, 31));
}

}  // namespace ctorch

// Products of float32 rows with a matrix of 8-bit integers. Knows nothing of tensors.
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

namespace ctorch::quantized {

/// A matrix `[O, I]` as integers −127 … 127 with one scale for each row.
///
/// Of each 8 columns, 0, 1, 4, 5 and 2, 3, 6, 7 are a quad. Neither the positive nor the negative integers of a quad add
/// up to more than 128 in magnitude, so its product with four bytes fits 16 bits. The scale of a row is the one with the
/// least squared error of those tried.
struct Matrix {
    /// 8 rows × 8 columns, as the kernels read them: 4 columns of each row, then the other 4 of each.
    struct alignas(64) Block {
        int8_t weights[64];
    };

    int64_t outputCount, inputCount;
    /// For each 8 rows their blocks; rows and columns that fill the last ones up are 0.
    std::vector<Block> blocks;
    /// What an integer of each row stands for, and the sum of the row's values.
    std::vector<float> scales, sums;

    Matrix(const float *weight, int64_t outputCount, int64_t inputCount);

    /// Rows of the matrix that a thread takes at once, and the most columns whose sum surely fits 32 bits.
    static constexpr int64_t panelWidth = 16, largestInputCount = 65536;

    int64_t panelCount() const { return (outputCount + panelWidth - 1) / panelWidth; }
    int64_t blockCount() const { return (inputCount + 7) / 8; }
    size_t byteCount() const {
        return blocks.size() * sizeof(Block) + (scales.size() + sums.size()) * sizeof(float);
    }
};

enum class Activation { none, silu, geluErf, geluTanh, relu };

/// `activation(input · matrixᵀ + bias)`; each row of the input is rounded to 256 steps between its extremes.
struct Product {
    const Matrix *matrix;
    /// Rows of `inputCount` floats, `inputStride` apart.
    const float *input;
    int64_t rowCount, inputStride;
    /// `outputCount` floats, or null.
    const float *bias;
    Activation activation;
    /// `[rowCount, outputCount]`, dense.
    float *output;
};

/// Computes a product on libtorch's threads. Sums are exact, so the result depends neither on their number nor, but
/// for the last bits of what follows the sums, on the processor.
void multiply(const Product &product);

}  // namespace ctorch::quantized

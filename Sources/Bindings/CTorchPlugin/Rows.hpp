// Rows of a tensor of any layout.
#pragma once
#include "Parallel.hpp"

#include <ATen/core/Tensor.h>
#include <c10/util/SmallVector.h>

#include <algorithm>

namespace ctorch {

/// The last dimension's rows of a CPU tensor whose last stride is 1: how many, how long, and where each begins.
struct Rows {
    int64_t count = 1;
    int64_t length;
    /// Of the leading dimensions, those that are back to back taken together.
    c10::SmallVector<int64_t, 4> sizes, strides;

    explicit Rows(const at::Tensor &tensor) : length(tensor.size(-1)) {
        for (int64_t dimension = 0; dimension + 1 < tensor.dim(); ++dimension) {
            const int64_t size = tensor.size(dimension), stride = tensor.stride(dimension);
            count *= size;
            if (size == 1) continue;
            if (!sizes.empty() && strides.back() == size * stride) {
                sizes.back() *= size;
                strides.back() = stride;
            } else {
                sizes.push_back(size);
                strides.push_back(stride);
            }
        }
    }

    /// The offset in elements of a row's first element.
    int64_t offset(int64_t row) const {
        int64_t offset = 0;
        for (size_t dimension = sizes.size(); dimension-- > 1;) {
            offset += row % sizes[dimension] * strides[dimension];
            row /= sizes[dimension];
        }
        return sizes.empty() ? 0 : offset + row * strides[0];
    }
};

/// The tensor itself if its rows are dense, else a copy whose are.
inline at::Tensor withDenseRows(const at::Tensor &tensor) {
    return tensor.size(-1) == 1 || tensor.stride(-1) == 1 ? tensor : tensor.contiguous();
}

/// The first element of a float32 tensor. Clang and the compiler of libtorch name `const_data_ptr<float>` differently.
inline const float *floats(const at::Tensor &tensor) { return static_cast<const float *>(tensor.const_data_ptr()); }

/// Rows that make a piece of work worth a thread.
inline int64_t rowGrain(int64_t length) { return std::max<int64_t>(1, 16384 / std::max<int64_t>(length, 1)); }

}  // namespace ctorch

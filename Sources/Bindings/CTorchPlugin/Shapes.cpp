// Views, joining and indexing.
#include "Handle.hpp"

#include <ATen/core/Tensor.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/embedding.h>
#include <ATen/ops/stack.h>

using ctorch::guarded;
using ctorch::list;
using ctorch::make;
using ctorch::shape;

CTorchStatus ctorch_reshape(const CTorchTensor *tensor, const int64_t *sizes, int32_t count, CTorchTensor **out, CTorchError *error) {
    return make(out, error, [&] { return tensor->value.reshape(shape(sizes, count)); });
}

CTorchStatus ctorch_view(const CTorchTensor *tensor, const int64_t *sizes, int32_t count, CTorchTensor **out, CTorchError *error) {
    return make(out, error, [&] { return tensor->value.view(shape(sizes, count)); });
}

CTorchStatus ctorch_expand(const CTorchTensor *tensor, const int64_t *sizes, int32_t count, CTorchTensor **out, CTorchError *error) {
    return make(out, error, [&] { return tensor->value.expand(shape(sizes, count)); });
}

CTorchStatus ctorch_transpose(const CTorchTensor *tensor, int64_t a, int64_t b, CTorchTensor **out, CTorchError *error) {
    return make(out, error, [&] { return tensor->value.transpose(a, b); });
}

CTorchStatus ctorch_narrow(const CTorchTensor *tensor, int64_t dimension, int64_t start, int64_t length, CTorchTensor **out, CTorchError *error) {
    return make(out, error, [&] { return tensor->value.narrow(dimension, start, length); });
}

CTorchStatus ctorch_slice(const CTorchTensor *tensor, int64_t dimension, int64_t start, int64_t end, int64_t step, CTorchTensor **out, CTorchError *error) {
    return make(out, error, [&] { return tensor->value.slice(dimension, start, end, step); });
}

CTorchStatus ctorch_select(const CTorchTensor *tensor, int64_t dimension, int64_t index, CTorchTensor **out, CTorchError *error) {
    return make(out, error, [&] { return tensor->value.select(dimension, index); });
}

CTorchStatus ctorch_unsqueeze(const CTorchTensor *tensor, int64_t dimension, CTorchTensor **out, CTorchError *error) {
    return make(out, error, [&] { return tensor->value.unsqueeze(dimension); });
}

CTorchStatus ctorch_squeeze(const CTorchTensor *tensor, int64_t dimension, CTorchTensor **out, CTorchError *error) {
    return make(out, error, [&] { return tensor->value.squeeze(dimension); });
}

CTorchStatus ctorch_contiguous(const CTorchTensor *tensor, CTorchTensor **out, CTorchError *error) {
    return make(out, error, [&] { return tensor->value.contiguous(); });
}

CTorchStatus ctorch_cat(const CTorchTensor *const *tensors, int32_t count, int64_t dimension, CTorchTensor **out, CTorchError *error) {
    return make(out, error, [&] { return at::cat(list(tensors, count), dimension); });
}

CTorchStatus ctorch_stack(const CTorchTensor *const *tensors, int32_t count, int64_t dimension, CTorchTensor **out, CTorchError *error) {
    return make(out, error, [&] { return at::stack(list(tensors, count), dimension); });
}

CTorchStatus ctorch_split(const CTorchTensor *tensor, const int64_t *lengths, int32_t count, int64_t dimension, CTorchTensor **out, CTorchError *error) {
    return guarded(error, [&] {
        auto parts = tensor->value.split_with_sizes(shape(lengths, count), dimension);
        for (int32_t i = 0; i < count; ++i) out[i] = ctorch::wrap(std::move(parts[static_cast<size_t>(i)]));
    });
}

CTorchStatus ctorch_index_select(const CTorchTensor *tensor, int64_t dimension, const CTorchTensor *index, CTorchTensor **out, CTorchError *error) {
    return make(out, error, [&] { return tensor->value.index_select(dimension, index->value); });
}

CTorchStatus ctorch_embedding(const CTorchTensor *weight, const CTorchTensor *index, int64_t padding, CTorchTensor **out, CTorchError *error) {
    return make(out, error, [&] { return at::embedding(weight->value, index->value, padding); });
}

CTorchStatus ctorch_scatter(const CTorchTensor *tensor, int64_t dimension, const CTorchTensor *index, const CTorchTensor *source, CTorchTensor **out, CTorchError *error) {
    return make(out, error, [&] { return tensor->value.scatter(dimension, index->value, source->value); });
}

CTorchStatus ctorch_index_copy(const CTorchTensor *tensor, int64_t dimension, const CTorchTensor *index, const CTorchTensor *source, CTorchTensor **out, CTorchError *error) {
    return make(out, error, [&] { return tensor->value.index_copy(dimension, index->value, source->value); });
}

CTorchStatus ctorch_masked_fill(const CTorchTensor *tensor, const CTorchTensor *mask, double value, CTorchTensor **out, CTorchError *error) {
    return make(out, error, [&] { return tensor->value.masked_fill(mask->value, value); });
}

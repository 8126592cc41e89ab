// Matrix products, convolution and layer norm.
#include "Handle.hpp"

#include <ATen/core/Tensor.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/ops/conv1d.h>
#include <ATen/ops/layer_norm.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/matmul.h>

using ctorch::make;

CTorchStatus ctorch_matmul(const CTorchTensor *a, const CTorchTensor *b, CTorchTensor **out, CTorchError *error) {
    return make(out, error, [&] { return at::matmul(a->value, b->value); });
}

CTorchStatus ctorch_linear(const CTorchTensor *input, const CTorchTensor *weight, const CTorchTensor *bias, CTorchTensor **out, CTorchError *error) {
    return make(out, error, [&] {
        return at::linear(input->value, weight->value, bias ? std::optional(bias->value) : std::nullopt);
    });
}

CTorchStatus ctorch_convolution_1d(const CTorchTensor *input, const CTorchTensor *weight, const CTorchTensor *bias, int64_t stride, int64_t padding, CTorchTensor **out, CTorchError *error) {
    return make(out, error, [&] {
        return at::conv1d(
            input->value, weight->value, bias ? std::optional(bias->value) : std::nullopt, {stride}, at::IntArrayRef{padding});
    });
}

CTorchStatus ctorch_layer_norm(const CTorchTensor *input, const CTorchTensor *weight, const CTorchTensor *bias, double epsilon, CTorchTensor **out, CTorchError *error) {
    return make(out, error, [&] {
        return at::layer_norm(
            input->value, weight->value.sizes(), weight->value, bias ? std::optional(bias->value) : std::nullopt, epsilon);
    });
}

// libtorch registers the fused oneDNN layers with the dispatcher only, so they are looked up by name, once.

CTorchStatus ctorch_prepack(const CTorchTensor *weight, int64_t rowCount, CTorchTensor **out, CTorchError *error) {
    return make(out, error, [&] {
        static const auto reorder =
            c10::Dispatcher::singleton()
                .findSchemaOrThrow("mkldnn::_reorder_linear_weight", "")
                .typed<at::Tensor(const at::Tensor &, std::optional<c10::SymInt>)>();
        return reorder.call(weight->value, c10::SymInt(rowCount));
    });
}

CTorchStatus ctorch_prepacked_linear(const CTorchTensor *input, const CTorchTensor *weight, const CTorchTensor *bias, bool gelu, CTorchTensor **out, CTorchError *error) {
    return make(out, error, [&] {
        using Signature = at::Tensor(
            const at::Tensor &, const at::Tensor &, const std::optional<at::Tensor> &, std::string_view,
            c10::List<std::optional<at::Scalar>>, std::optional<std::string_view>);
        static const auto linear =
            c10::Dispatcher::singleton().findSchemaOrThrow("mkldnn::_linear_pointwise", "").typed<Signature>();
        static const c10::List<std::optional<at::Scalar>> none;
        return linear.call(
            input->value, weight->value, bias ? std::optional(bias->value) : std::nullopt, gelu ? "gelu" : "none", none,
            gelu ? std::optional<std::string_view>("none") : std::nullopt);
    });
}

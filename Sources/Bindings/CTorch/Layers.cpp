// Matrix products, normalisation and attention.
#include "Handle.hpp"

#include <ATen/Functions.h>
#include <ATen/core/dispatch/Dispatcher.h>

using ctorch::make;

CTorchStatus ctorch_matmul(const CTorchTensor *a, const CTorchTensor *b, CTorchTensor **out, CTorchError *error) {
    return make(out, error, [&] { return at::matmul(a->value, b->value); });
}

CTorchStatus ctorch_linear(const CTorchTensor *input, const CTorchTensor *weight, const CTorchTensor *bias, CTorchTensor **out, CTorchError *error) {
    return make(out, error, [&] {
        return at::linear(input->value, weight->value, bias ? std::optional(bias->value) : std::nullopt);
    });
}

CTorchStatus ctorch_layer_norm(const CTorchTensor *input, const CTorchTensor *weight, const CTorchTensor *bias, double epsilon, CTorchTensor **out, CTorchError *error) {
    return make(out, error, [&] {
        return at::layer_norm(
            input->value, weight->value.sizes(), weight->value, bias ? std::optional(bias->value) : std::nullopt, epsilon);
    });
}

CTorchStatus ctorch_attention(const CTorchTensor *query, const CTorchTensor *key, const CTorchTensor *value, bool causal, double scale, CTorchTensor **out, CTorchError *error) {
    return make(out, error, [&] {
        return at::scaled_dot_product_attention(
            query->value, key->value, value->value, std::nullopt, 0.0, causal,
            scale > 0 ? std::optional(scale) : std::nullopt);
    });
}

CTorchStatus ctorch_packed_attention(const CTorchTensor *query, const CTorchTensor *key, const CTorchTensor *value, const CTorchTensor *cumulative, int64_t longest, bool causal, double scale, CTorchTensor **out, CTorchError *error) {
    return make(out, error, [&] {
        auto results = at::_flash_attention_forward(
            query->value, key->value, value->value, cumulative->value, cumulative->value, longest, longest,
            /*dropout_p=*/0.0, causal, /*return_debug_mask=*/false,
            scale > 0 ? std::optional(scale) : std::nullopt);
        return std::get<0>(results);
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

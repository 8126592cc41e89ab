// Weights of 8 bits on the CPU, behind a handle of their own.
#include "Handle.hpp"
#include "QuantizedKernels.hpp"
#include "Rows.hpp"

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/isfinite.h>

using ctorch::guarded;
using ctorch::make;

struct CTorchQuantizedWeight {
    ctorch::quantized::Matrix matrix;
};

CTorchStatus ctorch_quantize(const CTorchTensor *weight, CTorchQuantizedWeight **out, CTorchError *error) {
    return guarded(error, [&] {
        using ctorch::quantized::Matrix;
        const at::Tensor &w = weight->value;
        TORCH_CHECK(w.is_cpu() && w.dim() == 2, "weights of 8 bits are made of [O, I] on the CPU, not of ", w.sizes());
        TORCH_CHECK(
            w.size(1) > 0 && w.size(1) <= Matrix::largestInputCount, "a sum of ", w.size(1), " products may exceed 32 bits");
        const at::Tensor dense = w.detach().to(at::kFloat).contiguous();
        TORCH_CHECK(at::isfinite(dense).all().item<bool>(), "a weight is not finite");
        *out = new CTorchQuantizedWeight{Matrix(ctorch::floats(dense), dense.size(0), dense.size(1))};
    });
}

void ctorch_free_quantized(CTorchQuantizedWeight *weight) { delete weight; }

int64_t ctorch_quantized_byte_count(const CTorchQuantizedWeight *weight) {
    return static_cast<int64_t>(weight->matrix.byteCount());
}

CTorchStatus ctorch_quantized_linear(const CTorchTensor *input, const CTorchQuantizedWeight *weight, const CTorchTensor *bias, CTorchActivation activation, CTorchTensor **out, CTorchError *error) {
    return make(out, error, [&] {
        using ctorch::quantized::Activation;
        const ctorch::quantized::Matrix &matrix = weight->matrix;
        const at::Tensor &x = input->value;
        TORCH_CHECK(
            x.is_cpu() && x.scalar_type() == at::kFloat && x.dim() > 0 && x.size(-1) == matrix.inputCount,
            "a weight of ", matrix.outputCount, " × ", matrix.inputCount, " takes float32 […, ", matrix.inputCount,
            "] on the CPU, not ", x.scalar_type(), x.sizes());
        at::Tensor shift;
        if (bias) {
            shift = bias->value.detach().to(at::kFloat).contiguous();
            TORCH_CHECK(
                shift.is_cpu() && shift.dim() == 1 && shift.size(0) == matrix.outputCount, "a bias of shape ",
                shift.sizes(), " does not fit ", matrix.outputCount, " outputs");
        }
        // The kernel's rows are one stride apart.
        at::Tensor rows = ctorch::withDenseRows(x.detach());
        if (ctorch::Rows(rows).sizes.size() > 1) rows = rows.contiguous();
        const ctorch::Rows layout(rows);
        auto sizes = x.sizes().vec();
        sizes.back() = matrix.outputCount;
        at::Tensor y = at::empty(sizes, x.options());
        ctorch::quantized::multiply(ctorch::quantized::Product{
            &matrix, ctorch::floats(rows), layout.count,
            layout.strides.empty() ? matrix.inputCount : layout.strides[0],
            bias ? ctorch::floats(shift) : nullptr,
            [&] {
                switch (activation) {
                case CTORCH_ACTIVATION_NONE: return Activation::none;
                case CTORCH_ACTIVATION_SILU: return Activation::silu;
                case CTORCH_ACTIVATION_GELU_ERF: return Activation::geluErf;
                case CTORCH_ACTIVATION_GELU_TANH: return Activation::geluTanh;
                case CTORCH_ACTIVATION_RELU: return Activation::relu;
                }
                TORCH_CHECK(false, "unknown activation ", static_cast<int>(activation));
            }(),
            y.mutable_data_ptr<float>()});
        return y;
    });
}

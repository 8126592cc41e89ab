// Elementwise operations, reductions, softmax.
#include "Handle.hpp"

#include <ATen/core/Tensor.h>
#include <ATen/ops/cross_entropy_loss.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/linalg_eigh.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/silu.h>

using ctorch::guarded;
using ctorch::make;

CTorchStatus ctorch_unary(const CTorchTensor *tensor, CTorchUnary operation, CTorchTensor **out, CTorchError *error) {
    return make(out, error, [&]() -> at::Tensor {
        const at::Tensor &x = tensor->value;
        switch (operation) {
        case CTORCH_NEG: return x.neg();
        case CTORCH_LOG: return x.log();
        case CTORCH_RSQRT: return x.rsqrt();
        case CTORCH_ABS: return x.abs();
        case CTORCH_TANH: return x.tanh();
        case CTORCH_SIGMOID: return x.sigmoid();
        case CTORCH_RELU: return x.relu();
        case CTORCH_SILU: return at::silu(x);
        case CTORCH_GELU_ERF: return at::gelu(x);
        case CTORCH_GELU_TANH: return at::gelu(x, "tanh");
        }
        TORCH_CHECK(false, "unknown unary operation ", static_cast<int>(operation));
    });
}

namespace {

template <class Right>
at::Tensor binary(const at::Tensor &a, const Right &b, CTorchBinary operation) {
    switch (operation) {
    case CTORCH_ADD: return a.add(b);
    case CTORCH_SUBTRACT: return a.sub(b);
    case CTORCH_MULTIPLY: return a.mul(b);
    case CTORCH_DIVIDE: return a.div(b);
    case CTORCH_EQUAL: return a.eq(b);
    case CTORCH_NOT_EQUAL: return a.ne(b);
    case CTORCH_GREATER: return a.gt(b);
    default: break;
    }
    if constexpr (std::is_same_v<Right, at::Tensor>) {
        if (operation == CTORCH_LOGICAL_OR) return a.logical_or(b);
    } else {
        switch (operation) {
        case CTORCH_MAXIMUM: return a.clamp_min(b);
        case CTORCH_MINIMUM: return a.clamp_max(b);
        default: break;
        }
    }
    TORCH_CHECK(false, "operation ", static_cast<int>(operation), " is not defined for these operands");
}

template <class Right>
void binaryInPlace(at::Tensor &a, const Right &b, CTorchBinary operation) {
    switch (operation) {
    case CTORCH_ADD: a.add_(b); return;
    case CTORCH_SUBTRACT: a.sub_(b); return;
    case CTORCH_MULTIPLY: a.mul_(b); return;
    case CTORCH_DIVIDE: a.div_(b); return;
    default: TORCH_CHECK(false, "operation ", static_cast<int>(operation), " is not defined in place");
    }
}

}  // namespace

CTorchStatus ctorch_binary(const CTorchTensor *a, const CTorchTensor *b, CTorchBinary operation, CTorchTensor **out, CTorchError *error) {
    return make(out, error, [&] { return binary(a->value, b->value, operation); });
}

CTorchStatus ctorch_binary_scalar(const CTorchTensor *a, double b, CTorchBinary operation, CTorchTensor **out, CTorchError *error) {
    return make(out, error, [&] { return binary(a->value, at::Scalar(b), operation); });
}

CTorchStatus ctorch_binary_(CTorchTensor *a, const CTorchTensor *b, CTorchBinary operation, CTorchError *error) {
    return guarded(error, [&] { binaryInPlace(a->value, b->value, operation); });
}

CTorchStatus ctorch_binary_scalar_(CTorchTensor *a, double b, CTorchBinary operation, CTorchError *error) {
    return guarded(error, [&] { binaryInPlace(a->value, at::Scalar(b), operation); });
}

CTorchStatus ctorch_reduce(const CTorchTensor *tensor, int64_t dimension, bool keep, CTorchReduction operation, CTorchTensor **out, CTorchError *error) {
    return make(out, error, [&]() -> at::Tensor {
        const at::Tensor &x = tensor->value;
        switch (operation) {
        case CTORCH_SUM: return x.sum(dimension, keep);
        case CTORCH_MEAN: return x.mean(dimension, keep);
        case CTORCH_MAX: return x.amax(dimension, keep);
        case CTORCH_LOGSUMEXP: return x.logsumexp(dimension, keep);
        case CTORCH_NORM: return at::linalg_vector_norm(x, 2, dimension, keep);
        }
        TORCH_CHECK(false, "unknown reduction ", static_cast<int>(operation));
    });
}

CTorchStatus ctorch_reduce_all(const CTorchTensor *tensor, CTorchReduction operation, CTorchTensor **out, CTorchError *error) {
    return make(out, error, [&]() -> at::Tensor {
        const at::Tensor &x = tensor->value;
        switch (operation) {
        case CTORCH_SUM: return x.sum();
        case CTORCH_MEAN: return x.mean();
        case CTORCH_MAX: return x.max();
        case CTORCH_LOGSUMEXP: return x.reshape({-1}).logsumexp(0);
        case CTORCH_NORM: return at::linalg_vector_norm(x);
        }
        TORCH_CHECK(false, "unknown reduction ", static_cast<int>(operation));
    });
}

CTorchStatus ctorch_softmax(const CTorchTensor *tensor, int64_t dimension, CTorchTensor **out, CTorchError *error) {
    return make(out, error, [&] { return tensor->value.softmax(dimension); });
}

CTorchStatus ctorch_eigenvectors(const CTorchTensor *symmetric, CTorchTensor **out, CTorchError *error) {
    return make(out, error, [&] { return std::get<1>(at::linalg_eigh(symmetric->value)); });
}

CTorchStatus ctorch_normalize(const CTorchTensor *tensor, int64_t dimension, double epsilon, CTorchTensor **out, CTorchError *error) {
    return make(out, error, [&] {
        const at::Tensor norm = at::linalg_vector_norm(tensor->value, 2, dimension, true);
        return tensor->value.div(norm.clamp_min(epsilon));
    });
}

CTorchStatus ctorch_cross_entropy(const CTorchTensor *logits, const CTorchTensor *targets, CTorchTensor **out, CTorchError *error) {
    return make(out, error, [&] { return at::cross_entropy_loss(logits->value, targets->value); });
}

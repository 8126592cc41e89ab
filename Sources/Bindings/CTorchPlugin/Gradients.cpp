// Gradients and optimiser steps.
#include "Handle.hpp"

#include <ATen/core/Tensor.h>
#include <ATen/ops/_foreach_norm.h>
#include <ATen/ops/_fused_adamw.h>
#include <ATen/ops/full.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/stack.h>
#include <c10/core/GradMode.h>
#include <torch/csrc/autograd/autograd.h>

using ctorch::guarded;
using ctorch::list;
using ctorch::make;

CTorchStatus ctorch_set_requires_gradient(CTorchTensor *tensor, bool value, CTorchError *error) {
    return guarded(error, [&] { tensor->value.set_requires_grad(value); });
}

CTorchStatus ctorch_detach(const CTorchTensor *tensor, CTorchTensor **out, CTorchError *error) {
    return make(out, error, [&] { return tensor->value.detach(); });
}

CTorchStatus ctorch_gradients(const CTorchTensor *const *outputs, const CTorchTensor *const *outputGradients, int32_t outputCount, const CTorchTensor *const *inputs, int32_t inputCount, bool keepGraph, bool allowUnused, CTorchTensor **out, CTorchError *error) {
    return guarded(error, [&] {
        auto gradients = torch::autograd::grad(
            list(outputs, outputCount), list(inputs, inputCount), list(outputGradients, outputCount), keepGraph,
            /*create_graph=*/false, allowUnused);
        for (int32_t i = 0; i < inputCount; ++i) {
            at::Tensor &gradient = gradients[static_cast<size_t>(i)];
            out[i] = gradient.defined() ? ctorch::wrap(std::move(gradient)) : nullptr;
        }
    });
}

CTorchStatus ctorch_adamw_(CTorchTensor *const *parameters, const CTorchTensor *const *gradients, CTorchTensor *const *firstMoments, CTorchTensor *const *secondMoments, int32_t count, int64_t step, double learningRate, double beta1, double beta2, double weightDecay, double epsilon, CTorchError *error) {
    return guarded(error, [&] {
        if (count == 0) return;
        c10::NoGradGuard noGradients;
        auto values = list(parameters, count);
        // Only read, so one stands for all: each would be a launch of its own on a GPU.
        const std::vector<at::Tensor> steps(
            values.size(), at::full({}, static_cast<double>(step), values[0].options().dtype(at::kFloat)));
        auto first = list(firstMoments, count);
        auto second = list(secondMoments, count);
        at::_fused_adamw_(
            values, list(gradients, count), first, second, {}, steps, learningRate, beta1, beta2, weightDecay, epsilon,
            /*amsgrad=*/false, /*maximize=*/false);
    });
}

CTorchStatus ctorch_global_norm(const CTorchTensor *const *tensors, int32_t count, double *out, CTorchError *error) {
    return guarded(error, [&] {
        *out = 0;
        if (count == 0) return;
        c10::NoGradGuard noGradients;
        const auto norms = at::_foreach_norm(list(tensors, count), 2, at::kFloat);
        *out = at::linalg_vector_norm(at::stack(norms).to(at::kDouble)).item<double>();
    });
}

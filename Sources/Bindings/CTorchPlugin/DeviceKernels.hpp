// Kernels of our own on CUDA devices.
#pragma once
#include "CTorchPlugin.h"

#include <ATen/core/Tensor.h>

namespace ctorch::gpu {

/// Whether a tensor is of a device and a type that have kernels: float32, bfloat16 and float16 on CUDA, where NVRTC can be
/// loaded. `TVT_GPU_KERNELS=composed` in the environment says no.
bool hasKernels(const at::Tensor &tensor);

/// `x` with elements zeroed and the rest scaled, by the mask that `ctorch_dropout_mask` describes; dense.
at::Tensor dropped(const at::Tensor &x, uint32_t threshold, float kept, uint64_t seed);

/// `[T, H, E]`, as the CPU's kernel turns it; dense. The tables are float32 and dense.
at::Tensor rotated(const at::Tensor &x, const at::Tensor &cosines, const at::Tensor &sines, float sign);

/// `activation(gate) · up`, the activation rounded first; dense.
at::Tensor gated(const at::Tensor &gate, const at::Tensor &up, CTorchActivation activation);

/// The gradients of `gate` and `up`; dense.
std::pair<at::Tensor, at::Tensor> gatedGradients(
    const at::Tensor &gradient, const at::Tensor &gate, const at::Tensor &up, CTorchActivation activation);

}  // namespace ctorch::gpu

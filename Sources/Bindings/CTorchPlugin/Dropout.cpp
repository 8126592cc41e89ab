// Masks that are functions of a seed, made where they are used.
#include "Counter.hpp"
#include "DeviceKernels.hpp"
#include "Handle.hpp"
#include "Parallel.hpp"

#include <c10/core/GradMode.h>
#include <torch/csrc/autograd/custom_function.h>

using ctorch::counterWord;
using ctorch::counterWords;
using ctorch::make;
using ctorch::shape;
using ctorch::shifted;

namespace {

/// A word of the counter sequence serves two elements.
at::Tensor maskByLoop(at::IntArrayRef sizes, uint32_t threshold, float kept, uint64_t seed) {
    at::Tensor mask = at::empty(sizes, at::kFloat);
    float *values = mask.mutable_data_ptr<float>();
    const int64_t count = mask.numel();
    // Chunks start at even positions.
    ctorch::parallelFor(0, (count + 1) / 2, 16384, [&](int64_t begin, int64_t end) {
        for (int64_t pair = begin; pair < end; ++pair) {
            const uint64_t word = counterWord(seed, pair);
            values[2 * pair] = static_cast<uint32_t>(word) < threshold ? 0.0f : kept;
            if (2 * pair + 1 < count) values[2 * pair + 1] = static_cast<uint32_t>(word >> 32) < threshold ? 0.0f : kept;
        }
    });
    return mask;
}

/// The same mask by tensor operations on the device.
at::Tensor maskByOperations(at::IntArrayRef sizes, uint32_t threshold, float kept, uint64_t seed, at::Device device) {
    int64_t count = 1;
    for (const int64_t size : sizes) count *= size;
    const at::Tensor words = counterWords(seed, 0, (count + 1) / 2, device);
    const int64_t low = 0xFFFFFFFF;
    const at::Tensor halves = at::stack({words.bitwise_and(low), shifted(words, 32)}, 1).flatten().narrow(0, 0, count);
    return halves.ge(static_cast<int64_t>(threshold)).to(at::kFloat).mul(kept).reshape(sizes);
}

struct Probability {
    float kept;
    uint32_t threshold;

    explicit Probability(double p) : kept(static_cast<float>(1.0 / (1.0 - p))) {
        TORCH_CHECK(p >= 0 && p < 1, "a dropout probability lies in [0, 1), not ", p);
        threshold = static_cast<uint32_t>(p * 4294967296.0);
    }
};

/// On a device: nothing is kept for the gradient, whose mask is the same function.
struct Dropped : torch::autograd::Function<Dropped> {
    static at::Tensor forward(
        torch::autograd::AutogradContext *context, const at::Tensor &x, double p, int64_t seed) {
        context->saved_data["p"] = p;
        context->saved_data["seed"] = seed;
        return of(x, p, seed);
    }

    static torch::autograd::variable_list backward(
        torch::autograd::AutogradContext *context, const torch::autograd::variable_list &gradients) {
        return {
            of(gradients[0], context->saved_data["p"].toDouble(), context->saved_data["seed"].toInt()), at::Tensor(),
            at::Tensor()};
    }

    static at::Tensor of(const at::Tensor &x, double p, int64_t seed) {
        const Probability probability(p);
        return ctorch::gpu::dropped(x, probability.threshold, probability.kept, static_cast<uint64_t>(seed));
    }
};

at::Tensor mask(at::IntArrayRef sizes, double p, uint64_t seed, at::Device device, bool byOperations) {
    const Probability probability(p);
    return byOperations ? maskByOperations(sizes, probability.threshold, probability.kept, seed, device)
                        : maskByLoop(sizes, probability.threshold, probability.kept, seed);
}

}  // namespace

CTorchStatus ctorch_dropout(const CTorchTensor *tensor, double p, uint64_t seed, CTorchTensor **out, CTorchError *error) {
    return make(out, error, [&] {
        const at::Tensor &x = tensor->value;
        const auto bits = static_cast<int64_t>(seed);
        if (!ctorch::gpu::hasKernels(x)) return x.mul(mask(x.sizes(), p, seed, x.device(), !x.is_cpu()).to(x.scalar_type()));
        return c10::GradMode::is_enabled() && x.requires_grad() ? Dropped::apply(x, p, bits) : Dropped::of(x, p, bits);
    });
}

CTorchStatus ctorch_dropout_mask(const int64_t *sizes, int32_t count, double p, uint64_t seed, CTorchDevice device, bool byOperations, CTorchTensor **out, CTorchError *error) {
    return make(out, error, [&] {
        return mask(shape(sizes, count), p, seed, ctorch::device(device), byOperations);
    });
}

// Layers of one pass over the CPU's memory: RMS norm, rotary positions, gated activations. On CUDA by kernels for it
// (DeviceKernels.cpp), libtorch's for RMS norm; where those are missing, and for types other than float32, bfloat16 and
// float16, the same by libtorch's operations.
#include "DeviceKernels.hpp"
#include "Functions.hpp"
#include "Handle.hpp"
#include "Rows.hpp"

#include <ATen/Functions.h>
#include <c10/core/GradMode.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>

using ctorch::floats;
using ctorch::make;
using ctorch::parallelFor;
using ctorch::rowGrain;
using ctorch::Rows;
using ctorch::withDenseRows;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

namespace {

bool hasKernels(const at::Tensor &tensor) {
    const at::ScalarType type = tensor.scalar_type();
    return tensor.is_cpu() && (type == at::kFloat || type == at::kBFloat16 || type == at::kHalf);
}

bool records(std::initializer_list<const at::Tensor *> tensors) {
    return c10::GradMode::is_enabled() &&
           std::any_of(tensors.begin(), tensors.end(), [](const at::Tensor *tensor) { return tensor->requires_grad(); });
}

/// The type that a layer computes in: float32, or float64 for float64.
at::ScalarType wide(const at::Tensor &tensor) { return tensor.scalar_type() == at::kDouble ? at::kDouble : at::kFloat; }

/// Calls `body` with a value of the C++ type of a tensor that ``hasKernels``.
template <class Body>
void withType(const at::Tensor &tensor, Body &&body) {
    switch (tensor.scalar_type()) {
    case at::kBFloat16: return body(c10::BFloat16());
    case at::kHalf: return body(c10::Half());
    default: return body(float());
    }
}

// RMS norm

struct Norm {
    const Rows *rows;
    const void *input;
    const float *weight;
    float epsilon;
    /// Whether the normalised value is rounded to its type before it is multiplied by the weight.
    bool roundsFirst;
    void *output;
    /// One for each row: 1/√(mean square + ε). May be null.
    float *scales;
};

template <class T>
CTORCH_BODY void normRows(const Norm &norm, int64_t begin, int64_t end) {
    const int64_t length = norm.rows->length;
    for (int64_t row = begin; row < end; ++row) {
        const T *x = static_cast<const T *>(norm.input) + norm.rows->offset(row);
        T *y = static_cast<T *>(norm.output) + row * length;
        // As many sums as two vectors hold: the compiler does not reorder the additions of one.
        float sums[16] = {};
        int64_t i = 0;
        for (; i + 16 <= length; i += 16)
            for (int lane = 0; lane < 16; ++lane) {
                const float value = static_cast<float>(x[i + lane]);
                sums[lane] += value * value;
            }
        for (; i < length; ++i) sums[0] += static_cast<float>(x[i]) * static_cast<float>(x[i]);
        float sum = 0;
        for (const float part : sums) sum += part;
        const float scale = 1.0f / std::sqrt(sum / static_cast<float>(length) + norm.epsilon);
        if (norm.scales) norm.scales[row] = scale;
        const float *weight = norm.weight;
        if (norm.roundsFirst)
            CTORCH_ELEMENTWISE
            for (int64_t j = 0; j < length; ++j)
                y[j] = static_cast<T>(static_cast<float>(static_cast<T>(static_cast<float>(x[j]) * scale)) * weight[j]);
        else
            CTORCH_ELEMENTWISE
            for (int64_t j = 0; j < length; ++j) y[j] = static_cast<T>(static_cast<float>(x[j]) * scale * weight[j]);
    }
}

/// With g the gradient of the output, w the weight and n = x·scale: `dx = scale·(g·w − n·mean(g·w·n))`, `dw = Σ g·n`.
struct NormGradient {
    const Rows *rows;
    const void *input;
    const void *gradient;
    const float *weight;
    const float *scales;
    bool roundsFirst;
    /// dx, dense; may be null.
    void *output;
    /// Rows of dw that are still to be added up, one for each `rowsPerPart` rows; may be null.
    float *weightParts;
    int64_t rowsPerPart;
};

template <class T>
CTORCH_BODY void normGradientParts(const NormGradient &norm, int64_t begin, int64_t end) {
    const int64_t length = norm.rows->length;
    for (int64_t part = begin; part < end; ++part) {
        float *dw = norm.weightParts ? norm.weightParts + part * length : nullptr;
        const int64_t last = std::min(norm.rows->count, (part + 1) * norm.rowsPerPart);
        for (int64_t row = part * norm.rowsPerPart; row < last; ++row) {
            const T *x = static_cast<const T *>(norm.input) + norm.rows->offset(row);
            const T *g = static_cast<const T *>(norm.gradient) + row * length;
            const float *weight = norm.weight;
            const float scale = norm.scales[row];
            if (dw) {
                if (norm.roundsFirst)
                    CTORCH_ELEMENTWISE
                    for (int64_t j = 0; j < length; ++j)
                        dw[j] += static_cast<float>(g[j]) *
                                 static_cast<float>(static_cast<T>(static_cast<float>(x[j]) * scale));
                else
                    CTORCH_ELEMENTWISE
                    for (int64_t j = 0; j < length; ++j)
                        dw[j] += static_cast<float>(g[j]) * (static_cast<float>(x[j]) * scale);
            }
            if (!norm.output) continue;
            float sums[16] = {};
            int64_t i = 0;
            for (; i + 16 <= length; i += 16)
                for (int lane = 0; lane < 16; ++lane)
                    sums[lane] += static_cast<float>(g[i + lane]) * weight[i + lane] * static_cast<float>(x[i + lane]);
            for (; i < length; ++i) sums[0] += static_cast<float>(g[i]) * weight[i] * static_cast<float>(x[i]);
            float sum = 0;
            for (const float lane : sums) sum += lane;
            const float shared = sum * scale * scale / static_cast<float>(length);
            T *dx = static_cast<T *>(norm.output) + row * length;
            CTORCH_ELEMENTWISE
            for (int64_t j = 0; j < length; ++j)
                dx[j] = static_cast<T>(
                    scale * (static_cast<float>(g[j]) * weight[j] - static_cast<float>(x[j]) * shared));
        }
    }
}

// Rotary positions

struct Rotation {
    const Rows *rows;
    const void *input;
    int64_t headCount;
    /// [T, E/2]
    const float *cosines, *sines;
    /// −1 turns the other way.
    float sign;
    void *output;
};

template <class T>
CTORCH_BODY void rotateRows(const Rotation &rotation, int64_t begin, int64_t end) {
    const int64_t half = rotation.rows->length / 2;
    for (int64_t row = begin; row < end; ++row) {
        const T *x = static_cast<const T *>(rotation.input) + rotation.rows->offset(row);
        T *y = static_cast<T *>(rotation.output) + row * 2 * half;
        const float *cosines = rotation.cosines + row / rotation.headCount * half;
        const float *sines = rotation.sines + row / rotation.headCount * half;
        CTORCH_ELEMENTWISE
        for (int64_t j = 0; j < half; ++j) {
            const float a = static_cast<float>(x[j]), b = static_cast<float>(x[half + j]);
            const float sine = rotation.sign * sines[j];
            y[j] = static_cast<T>(a * cosines[j] - b * sine);
            y[half + j] = static_cast<T>(b * cosines[j] + a * sine);
        }
    }
}

// Gated activations

struct Gate {
    const Rows *gateRows, *upRows, *outputRows;
    const void *gate, *up;
    /// May be `gate`.
    void *output;
};

/// The activation is rounded to the type before it is multiplied, as it is when gradients are recorded.
template <class Activation, class T>
CTORCH_BODY void gateRows(const Gate &gate, int64_t begin, int64_t end) {
    const int64_t length = gate.gateRows->length;
    for (int64_t row = begin; row < end; ++row) {
        const T *x = static_cast<const T *>(gate.gate) + gate.gateRows->offset(row);
        const T *up = static_cast<const T *>(gate.up) + gate.upRows->offset(row);
        T *y = static_cast<T *>(gate.output) + gate.outputRows->offset(row);
        CTORCH_ELEMENTWISE
        for (int64_t j = 0; j < length; ++j) {
            const T activated = static_cast<T>(Activation::of(static_cast<float>(x[j])));
            y[j] = static_cast<T>(static_cast<float>(activated) * static_cast<float>(up[j]));
        }
    }
}

// Each body for each kind of processor.

#if CTORCH_HAS_AVX2
template <class T>
CTORCH_AVX2 void normRowsAVX2(const Norm &norm, int64_t begin, int64_t end) {
    normRows<T>(norm, begin, end);
}
template <class T>
CTORCH_AVX2 void normGradientPartsAVX2(const NormGradient &norm, int64_t begin, int64_t end) {
    normGradientParts<T>(norm, begin, end);
}
template <class T>
CTORCH_AVX2 void rotateRowsAVX2(const Rotation &rotation, int64_t begin, int64_t end) {
    rotateRows<T>(rotation, begin, end);
}
template <class Activation, class T>
CTORCH_AVX2 void gateRowsAVX2(const Gate &gate, int64_t begin, int64_t end) {
    gateRows<Activation, T>(gate, begin, end);
}
#endif
template <class T>
void normRowsPortable(const Norm &norm, int64_t begin, int64_t end) {
    normRows<T>(norm, begin, end);
}
template <class T>
void normGradientPartsPortable(const NormGradient &norm, int64_t begin, int64_t end) {
    normGradientParts<T>(norm, begin, end);
}
template <class T>
void rotateRowsPortable(const Rotation &rotation, int64_t begin, int64_t end) {
    rotateRows<T>(rotation, begin, end);
}
template <class Activation, class T>
void gateRowsPortable(const Gate &gate, int64_t begin, int64_t end) {
    gateRows<Activation, T>(gate, begin, end);
}

/// y and 1/√(mean square + ε) of each row, on the CPU.
at::Tensor normalised(
    const at::Tensor &input, const at::Tensor &factor, double epsilon, bool roundsFirst, at::Tensor *scales) {
    const at::Tensor x = withDenseRows(input);
    const Rows rows(x);
    at::Tensor y = at::empty(x.sizes(), x.options());
    if (scales) *scales = at::empty({rows.count}, at::kFloat);
    const Norm norm{
        &rows, x.const_data_ptr(), floats(factor), static_cast<float>(epsilon), roundsFirst,
        y.mutable_data_ptr(), scales ? scales->mutable_data_ptr<float>() : nullptr};
    withType(x, [&](auto type) {
        using T = decltype(type);
        const auto kernel = CTORCH_CHOOSE(normRowsAVX2<T>, normRowsPortable<T>);
        parallelFor(0, rows.count, rowGrain(rows.length), [&](int64_t begin, int64_t end) { kernel(norm, begin, end); });
    });
    return y;
}

/// What a normalised row is multiplied by, in float32 and with the rounding that its type has.
at::Tensor factor(const at::Tensor &weight, at::ScalarType type, bool addsOne) {
    return addsOne ? weight.to(at::kFloat).add(1).contiguous() : weight.to(type).to(at::kFloat).contiguous();
}

struct RMSNorm : torch::autograd::Function<RMSNorm> {
    static at::Tensor forward(
        AutogradContext *context, const at::Tensor &x, const at::Tensor &weight, double epsilon, bool addsOne) {
        at::Tensor scales;
        at::Tensor y = normalised(x, factor(weight, x.scalar_type(), addsOne), epsilon, !addsOne, &scales);
        context->save_for_backward({x, weight, scales});
        context->saved_data["addsOne"] = addsOne;
        return y;
    }

    static variable_list backward(AutogradContext *context, const variable_list &gradients) {
        const variable_list saved = context->get_saved_variables();
        const bool addsOne = context->saved_data["addsOne"].toBool();
        const at::Tensor x = withDenseRows(saved[0]), &weight = saved[1];
        const at::Tensor g = gradients[0].contiguous(), w = factor(weight, x.scalar_type(), addsOne);
        const Rows rows(x);
        // Cut by rows alone, so that the sum does not depend on the number of threads.
        const int64_t rowsPerPart = std::max<int64_t>(16, (rows.count + 63) / 64);
        const int64_t partCount = (rows.count + rowsPerPart - 1) / rowsPerPart;
        at::Tensor dx, parts;
        if (context->needs_input_grad(0)) dx = at::empty(x.sizes(), x.options());
        if (context->needs_input_grad(1)) parts = at::zeros({partCount, rows.length}, at::kFloat);
        const NormGradient norm{
            &rows, x.const_data_ptr(), g.const_data_ptr(), floats(w), floats(saved[2]),
            !addsOne, dx.defined() ? dx.mutable_data_ptr() : nullptr,
            parts.defined() ? parts.mutable_data_ptr<float>() : nullptr, rowsPerPart};
        withType(x, [&](auto type) {
            using T = decltype(type);
            const auto kernel = CTORCH_CHOOSE(normGradientPartsAVX2<T>, normGradientPartsPortable<T>);
            parallelFor(0, partCount, 1, [&](int64_t begin, int64_t end) { kernel(norm, begin, end); });
        });
        at::Tensor dw = parts.defined() ? parts.sum(0).to(weight.scalar_type()) : at::Tensor();
        return {dx, dw, at::Tensor(), at::Tensor()};
    }
};

at::Tensor rotated(const at::Tensor &input, const at::Tensor &cosines, const at::Tensor &sines, float sign) {
    if (input.is_cuda()) return ctorch::gpu::rotated(input, cosines, sines, sign);
    const at::Tensor x = withDenseRows(input);
    const Rows rows(x);
    at::Tensor y = at::empty(x.sizes(), x.options());
    const Rotation rotation{
        &rows, x.const_data_ptr(), std::max<int64_t>(x.size(1), 1), floats(cosines),
        floats(sines), sign, y.mutable_data_ptr()};
    withType(x, [&](auto type) {
        using T = decltype(type);
        const auto kernel = CTORCH_CHOOSE(rotateRowsAVX2<T>, rotateRowsPortable<T>);
        parallelFor(
            0, rows.count, rowGrain(rows.length), [&](int64_t begin, int64_t end) { kernel(rotation, begin, end); });
    });
    return y;
}

struct Rotary : torch::autograd::Function<Rotary> {
    static at::Tensor forward(
        AutogradContext *context, const at::Tensor &x, const at::Tensor &cosines, const at::Tensor &sines) {
        context->save_for_backward({cosines, sines});
        return rotated(x, cosines, sines, 1);
    }

    static variable_list backward(AutogradContext *context, const variable_list &gradients) {
        const variable_list saved = context->get_saved_variables();
        return {rotated(gradients[0], saved[0], saved[1], -1), at::Tensor(), at::Tensor()};
    }
};

at::Tensor activated(const at::Tensor &x, CTorchActivation activation) {
    switch (activation) {
    case CTORCH_ACTIVATION_SILU: return at::silu(x);
    case CTORCH_ACTIVATION_GELU_ERF: return at::gelu(x);
    case CTORCH_ACTIVATION_GELU_TANH: return at::gelu(x, "tanh");
    case CTORCH_ACTIVATION_RELU: return at::relu(x);
    default: TORCH_CHECK(false, "unknown activation ", static_cast<int>(activation));
    }
}

/// On a device: activations are computed again rather than kept.
struct Gated : torch::autograd::Function<Gated> {
    static at::Tensor forward(
        AutogradContext *context, const at::Tensor &gate, const at::Tensor &up, int64_t activation) {
        context->save_for_backward({gate, up});
        context->saved_data["activation"] = activation;
        return ctorch::gpu::gated(gate, up, static_cast<CTorchActivation>(activation));
    }

    static variable_list backward(AutogradContext *context, const variable_list &gradients) {
        const variable_list saved = context->get_saved_variables();
        auto [gate, up] = ctorch::gpu::gatedGradients(
            gradients[0], saved[0], saved[1],
            static_cast<CTorchActivation>(context->saved_data["activation"].toInt()));
        return {gate, up, at::Tensor()};
    }
};

at::Tensor gatedOnDevice(const at::Tensor &gate, const at::Tensor &up, CTorchActivation activation) {
    TORCH_CHECK(up.device() == gate.device(), "a gate on ", gate.device(), " cannot be multiplied on ", up.device());
    if (records({&gate, &up})) return Gated::apply(gate, up, static_cast<int64_t>(activation));
    return ctorch::gpu::gated(gate, up, activation);
}

template <class Activation>
void gateInto(at::Tensor &output, const at::Tensor &x, const at::Tensor &up) {
    const Rows gateRows(x), upRows(up), outputRows(output);
    const Gate gate{&gateRows, &upRows, &outputRows, x.const_data_ptr(), up.const_data_ptr(), output.mutable_data_ptr()};
    withType(x, [&](auto type) {
        using T = decltype(type);
        const auto kernel = CTORCH_CHOOSE((gateRowsAVX2<Activation, T>), (gateRowsPortable<Activation, T>));
        // An element costs about eight times as much as one that is only copied.
        parallelFor(0, gateRows.count, rowGrain(8 * gateRows.length), [&](int64_t begin, int64_t end) {
            kernel(gate, begin, end);
        });
    });
}

void gateInto(at::Tensor &output, const at::Tensor &x, const at::Tensor &up, CTorchActivation activation) {
    switch (activation) {
    case CTORCH_ACTIVATION_SILU: return gateInto<ctorch::Silu>(output, x, up);
    case CTORCH_ACTIVATION_GELU_ERF: return gateInto<ctorch::GeluErf>(output, x, up);
    case CTORCH_ACTIVATION_GELU_TANH: return gateInto<ctorch::GeluTanh>(output, x, up);
    case CTORCH_ACTIVATION_RELU: return gateInto<ctorch::Relu>(output, x, up);
    default: TORCH_CHECK(false, "unknown activation ", static_cast<int>(activation));
    }
}

}  // namespace

CTorchStatus ctorch_rms_norm(const CTorchTensor *input, const CTorchTensor *weight, double epsilon, bool addsOne, CTorchTensor **out, CTorchError *error) {
    return make(out, error, [&]() -> at::Tensor {
        const at::Tensor &x = input->value, &w = weight->value;
        TORCH_CHECK(
            x.dim() > 0 && w.dim() == 1 && w.size(0) == x.size(-1), "a weight of shape ", w.sizes(),
            " does not fit an input of shape ", x.sizes());
        if (hasKernels(x) && w.is_cpu()) {
            if (records({&x, &w})) return RMSNorm::apply(x, w, epsilon, addsOne);
            return normalised(x, factor(w, x.scalar_type(), addsOne), epsilon, !addsOne, nullptr);
        }
        if (x.is_cuda() && x.scalar_type() != at::kDouble) {
            // libtorch's kernel rounds once, after its weight: it gets none where the norm is to be rounded first.
            const at::IntArrayRef size = w.sizes();
            if (addsOne)
                return std::get<0>(at::_fused_rms_norm(x.to(at::kFloat), size, w.to(at::kFloat).add(1), epsilon))
                    .to(x.scalar_type());
            return std::get<0>(at::_fused_rms_norm(x, size, std::nullopt, epsilon)).mul(w.to(x.scalar_type()));
        }
        const at::Tensor f = x.to(wide(x));
        const at::Tensor n = f.mul(f.square().mean(-1, true).add(epsilon).rsqrt());
        return addsOne ? n.mul(w.to(wide(x)).add(1)).to(x.scalar_type())
                       : n.to(x.scalar_type()).mul(w.to(x.scalar_type()));
    });
}

CTorchStatus ctorch_rotary(const CTorchTensor *input, const CTorchTensor *cosines, const CTorchTensor *sines, CTorchTensor **out, CTorchError *error) {
    return make(out, error, [&]() -> at::Tensor {
        const at::Tensor &x = input->value, &c = cosines->value, &s = sines->value;
        TORCH_CHECK(
            x.dim() == 3 && c.dim() == 2 && c.sizes() == s.sizes() && c.size(0) == x.size(0) &&
                2 * c.size(1) == x.size(2),
            "tables of shapes ", c.sizes(), " and ", s.sizes(), " do not fit an input of shape ", x.sizes());
        TORCH_CHECK(
            c.scalar_type() == at::kFloat && s.scalar_type() == at::kFloat, "the tables must be float32, not ",
            c.scalar_type(), " and ", s.scalar_type());
        const bool isOnDevice = ctorch::gpu::hasKernels(x) && c.device() == x.device() && s.device() == x.device();
        if (isOnDevice || (hasKernels(x) && c.is_cpu() && s.is_cpu())) {
            if (records({&x})) return Rotary::apply(x, c.detach().contiguous(), s.detach().contiguous());
            return rotated(x, c.contiguous(), s.contiguous(), 1);
        }
        const int64_t half = c.size(1);
        const at::Tensor f = x.to(wide(x)), a = f.narrow(2, 0, half), b = f.narrow(2, half, half);
        const at::Tensor cosine = c.unsqueeze(1), sine = s.unsqueeze(1);
        return at::cat({a.mul(cosine).sub(b.mul(sine)), b.mul(cosine).add(a.mul(sine))}, 2).to(x.scalar_type());
    });
}

CTorchStatus ctorch_gated(const CTorchTensor *gate, const CTorchTensor *up, CTorchActivation activation, CTorchTensor **out, CTorchError *error) {
    return make(out, error, [&]() -> at::Tensor {
        const at::Tensor &x = gate->value, &u = up->value;
        TORCH_CHECK(
            x.sizes() == u.sizes() && x.scalar_type() == u.scalar_type() && x.dim() > 0, "a gate of ", x.scalar_type(),
            x.sizes(), " does not fit ", u.scalar_type(), u.sizes());
        if (ctorch::gpu::hasKernels(x)) return gatedOnDevice(x, u, activation);
        if (!hasKernels(x) || !u.is_cpu() || records({&x, &u})) return activated(x, activation).mul(u);
        at::Tensor y = at::empty(x.sizes(), x.options());
        gateInto(y, withDenseRows(x), withDenseRows(u), activation);
        return y;
    });
}

CTorchStatus ctorch_gated_(CTorchTensor *gate, const CTorchTensor *up, CTorchActivation activation, CTorchError *error) {
    return ctorch::guarded(error, [&] {
        at::Tensor &x = gate->value;
        const at::Tensor &u = up->value;
        TORCH_CHECK(
            x.sizes() == u.sizes() && x.scalar_type() == u.scalar_type() && x.dim() > 0, "a gate of ", x.scalar_type(),
            x.sizes(), " does not fit ", u.scalar_type(), u.sizes());
        TORCH_CHECK(!records({&x, &u}), "gradients are recorded, so the gate must stay as it is");
        const bool isDense = x.size(-1) == 1 || x.stride(-1) == 1;
        if (ctorch::gpu::hasKernels(x))
            x.copy_(gatedOnDevice(x, u, activation));
        else if (!hasKernels(x) || !u.is_cpu() || !isDense)
            x.copy_(activated(x, activation).mul(u));
        else
            gateInto(x, x, withDenseRows(u), activation);
        x.unsafeGetTensorImpl()->bump_version();
    });
}

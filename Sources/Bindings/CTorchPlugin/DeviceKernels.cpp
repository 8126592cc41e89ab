// Kernels for CUDA: their text, compiled by NVRTC for the GPU that is there. The CPU's kernels say what they compute; see
// Fused.cpp and Dropout.cpp.
#include "DeviceKernels.hpp"

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/scalar_tensor.h>
#include <c10/core/DeviceGuard.h>
#include <c10/core/impl/DeviceGuardImplInterface.h>

#include <dlfcn.h>

#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <string>

namespace {

constexpr const char *source = R"cuda(
typedef unsigned long long u64;
struct BF16 { unsigned short bits; };
struct F16 { unsigned short bits; };

__device__ inline float wide(float x) { return x; }
__device__ inline float wide(BF16 x) { return __uint_as_float((unsigned)x.bits << 16); }
__device__ inline float wide(F16 x) { float y; asm("cvt.f32.f16 %0, %1;" : "=f"(y) : "h"(x.bits)); return y; }
template <class T> __device__ inline T narrow(float x);
template <> __device__ inline float narrow<float>(float x) { return x; }
template <> __device__ inline BF16 narrow<BF16>(float x) {
    const unsigned bits = __float_as_uint(x);
    if (x != x) return BF16{(unsigned short)0x7fff};
    return BF16{(unsigned short)((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16)};
}
template <> __device__ inline F16 narrow<F16>(float x) {
    F16 y; asm("cvt.rn.f16.f32 %0, %1;" : "=h"(y.bits) : "f"(x)); return y;
}
template <class T> __device__ inline float rounded(float x) { return wide(narrow<T>(x)); }

__device__ inline u64 mixed(u64 counter) {
    counter = (counter ^ (counter >> 30)) * 0xBF58476D1CE4E5B9ull;
    counter = (counter ^ (counter >> 27)) * 0x94D049BB133111EBull;
    return counter ^ (counter >> 31);
}

template <class T>
__device__ void dropped(T *y, const T *x, u64 count, unsigned threshold, float kept, u64 seed) {
    const u64 stride = (u64)gridDim.x * blockDim.x;
    for (u64 pair = (u64)blockIdx.x * blockDim.x + threadIdx.x; 2 * pair < count; pair += stride) {
        const u64 word = mixed(seed + (pair + 1) * 0x9E3779B97F4A7C15ull);
        y[2 * pair] = narrow<T>(wide(x[2 * pair]) * ((unsigned)word < threshold ? 0.0f : kept));
        if (2 * pair + 1 < count)
            y[2 * pair + 1] = narrow<T>(wide(x[2 * pair + 1]) * ((unsigned)(word >> 32) < threshold ? 0.0f : kept));
    }
}

/// x [T, H, E] with strides of its first two dimensions.
template <class T>
__device__ void rotated(
    T *y, const T *x, u64 count, unsigned heads, unsigned half, u64 rowStride, u64 headStride, const float *cosines,
    const float *sines, float sign) {
    const u64 stride = (u64)gridDim.x * blockDim.x;
    for (u64 place = (u64)blockIdx.x * blockDim.x + threadIdx.x; place < count; place += stride) {
        const unsigned j = place % half;
        const u64 row = place / half, token = row / heads, head = row % heads;
        const T *from = x + token * rowStride + head * headStride;
        const float a = wide(from[j]), b = wide(from[half + j]);
        const float cosine = cosines[token * half + j], sine = sign * sines[token * half + j];
        T *to = y + row * 2 * half;
        to[j] = narrow<T>(a * cosine - b * sine);
        to[half + j] = narrow<T>(b * cosine + a * sine);
    }
}

/// 1 SiLU, 2 GELU by the error function, 3 by tanh, 4 ReLU: value and derivative.
__device__ inline void activated(int kind, float x, float &value, float &derivative) {
    if (kind == 1) {
        const float s = 1.0f / (1.0f + expf(-x));
        value = x * s, derivative = s * (1.0f + x * (1.0f - s));
    } else if (kind == 2) {
        const float below = 0.5f * (1.0f + erff(x * 0.70710678f));
        value = x * below, derivative = below + x * 0.39894228f * expf(-0.5f * x * x);
    } else if (kind == 3) {
        const float inner = 0.79788456f * (x + 0.044715f * x * x * x), t = tanhf(inner);
        value = 0.5f * x * (1.0f + t);
        derivative = 0.5f * (1.0f + t) + 0.5f * x * (1.0f - t * t) * 0.79788456f * (1.0f + 0.134145f * x * x);
    } else {
        value = x < 0 ? 0.0f : x, derivative = x > 0 ? 1.0f : 0.0f;
    }
}

/// gate and up are rows of `length` elements with strides.
template <class T>
__device__ void gated(
    T *y, const T *gate, const T *up, u64 count, unsigned length, u64 gateStride, u64 upStride, int kind) {
    const u64 stride = (u64)gridDim.x * blockDim.x;
    for (u64 place = (u64)blockIdx.x * blockDim.x + threadIdx.x; place < count; place += stride) {
        const u64 row = place / length, column = place % length;
        float value, derivative;
        activated(kind, wide(gate[row * gateStride + column]), value, derivative);
        y[place] = narrow<T>(rounded<T>(value) * wide(up[row * upStride + column]));
    }
}

template <class T>
__device__ void gatedGradients(
    T *dGate, T *dUp, const T *gradient, const T *gate, const T *up, u64 count, unsigned length, u64 gateStride,
    u64 upStride, int kind) {
    const u64 stride = (u64)gridDim.x * blockDim.x;
    for (u64 place = (u64)blockIdx.x * blockDim.x + threadIdx.x; place < count; place += stride) {
        const u64 row = place / length, column = place % length;
        float value, derivative;
        activated(kind, wide(gate[row * gateStride + column]), value, derivative);
        const float g = wide(gradient[place]);
        dGate[place] = narrow<T>(rounded<T>(g * wide(up[row * upStride + column])) * derivative);
        dUp[place] = narrow<T>(g * rounded<T>(value));
    }
}

#define KERNELS(T)                                                                                                    \
    extern "C" __global__ void dropped_##T(T *y, const T *x, u64 count, unsigned threshold, float kept, u64 seed) {   \
        dropped(y, x, count, threshold, kept, seed);                                                                  \
    }                                                                                                                 \
    extern "C" __global__ void rotated_##T(                                                                           \
        T *y, const T *x, u64 count, unsigned heads, unsigned half, u64 rowStride, u64 headStride,                    \
        const float *cosines, const float *sines, float sign) {                                                      \
        rotated(y, x, count, heads, half, rowStride, headStride, cosines, sines, sign);                               \
    }                                                                                                                 \
    extern "C" __global__ void gated_##T(                                                                             \
        T *y, const T *gate, const T *up, u64 count, unsigned length, u64 gateStride, u64 upStride, int kind) {       \
        gated(y, gate, up, count, length, gateStride, upStride, kind);                                                \
    }                                                                                                                 \
    extern "C" __global__ void gatedGradients_##T(                                                                    \
        T *dGate, T *dUp, const T *gradient, const T *gate, const T *up, u64 count, unsigned length, u64 gateStride,  \
        u64 upStride, int kind) {                                                                                     \
        gatedGradients(dGate, dUp, gradient, gate, up, count, length, gateStride, upStride, kind);                    \
    }
KERNELS(float)
KERNELS(BF16)
KERNELS(F16)
)cuda";

// NVRTC and the driver, by the C interface that both keep from release to release. libtorch has a library that links both,
// with the run path to where its wheel has them.

struct Library {
    using Program = void *;
    int (*createProgram)(Program *, const char *, const char *, int, const char *const *, const char *const *) = nullptr;
    int (*compileProgram)(Program, int, const char *const *) = nullptr;
    int (*logSize)(Program, size_t *) = nullptr;
    int (*log)(Program, char *) = nullptr;
    int (*cubinSize)(Program, size_t *) = nullptr;
    int (*cubin)(Program, char *) = nullptr;
    int (*destroyProgram)(Program *) = nullptr;
    int (*deviceAttribute)(int *, int, int) = nullptr;
    int (*loadModule)(void **, const void *) = nullptr;
    int (*function)(void **, void *, const char *) = nullptr;
    int (*launch)(
        void *, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, void *, void **, void **) = nullptr;

    /// Null where one is not there.
    static const Library *shared() {
        static const Library *library = load();
        return library;
    }

private:
    static const Library *load() {
        const char *choice = std::getenv("TVT_GPU_KERNELS");
        if (choice && std::strcmp(choice, "composed") == 0) return nullptr;
        void *both = dlopen("libcaffe2_nvrtc.so", RTLD_NOW | RTLD_LOCAL);
        if (!both) return nullptr;
        auto *library = new Library;
        bool isWhole = true;
        const auto find = [&](auto &function, const char *name) {
            function = reinterpret_cast<std::remove_reference_t<decltype(function)>>(dlsym(both, name));
            isWhole = isWhole && function;
        };
        find(library->createProgram, "nvrtcCreateProgram");
        find(library->compileProgram, "nvrtcCompileProgram");
        find(library->logSize, "nvrtcGetProgramLogSize");
        find(library->log, "nvrtcGetProgramLog");
        find(library->cubinSize, "nvrtcGetCUBINSize");
        find(library->cubin, "nvrtcGetCUBIN");
        find(library->destroyProgram, "nvrtcDestroyProgram");
        find(library->deviceAttribute, "cuDeviceGetAttribute");
        find(library->loadModule, "cuModuleLoadData");
        find(library->function, "cuModuleGetFunction");
        find(library->launch, "cuLaunchKernel");
        return isWhole ? library : nullptr;
    }
};

/// The program for one device; its context is current whenever libtorch has a tensor there.
struct Program {
    void *module = nullptr;
    std::map<std::string, void *> functions;

    Program(const Library &library, int device) {
        int major = 0, minor = 0;
        // CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR and _MINOR
        TORCH_CHECK(
            library.deviceAttribute(&major, 75, device) == 0 && library.deviceAttribute(&minor, 76, device) == 0,
            "the driver does not say what device ", device, " computes");
        const std::string architecture = "--gpu-architecture=sm_" + std::to_string(10 * major + minor);
        const char *options[] = {architecture.c_str(), "--std=c++17"};
        void *program = nullptr;
        TORCH_CHECK(
            library.createProgram(&program, source, "ctorch.cu", 0, nullptr, nullptr) == 0, "NVRTC makes no program");
        const int status = library.compileProgram(program, 2, options);
        if (status != 0) {
            size_t size = 0;
            library.logSize(program, &size);
            std::string log(size, ' ');
            if (size) library.log(program, log.data());
            library.destroyProgram(&program);
            TORCH_CHECK(
                false, "NVRTC does not compile our kernels for ", architecture, " (status ", status,
                "; TVT_GPU_KERNELS=composed goes without them): ", log);
        }
        size_t size = 0;
        library.cubinSize(program, &size);
        std::string code(size, '\0');
        library.cubin(program, code.data());
        library.destroyProgram(&program);
        const int loaded = library.loadModule(&module, code.data());
        TORCH_CHECK(loaded == 0, "the driver does not take our kernels: status ", loaded);
    }

    void *function(const Library &library, const std::string &name) {
        void *&found = functions[name];
        if (!found) {
            const int status = library.function(&found, module, name.c_str());
            TORCH_CHECK(status == 0, "there is no kernel ", name, ": status ", status);
        }
        return found;
    }
};

const char *typeName(const at::Tensor &tensor) {
    switch (tensor.scalar_type()) {
    case at::kBFloat16: return "BF16";
    case at::kHalf: return "F16";
    default: return "float";
    }
}

/// Starts a kernel on the current stream, for about so many threads of work.
template <class... Arguments>
void launch(const char *kernel, const at::Tensor &tensor, int64_t threadCount, Arguments... arguments) {
    if (threadCount == 0) return;
    static std::mutex mutex;
    static std::map<c10::DeviceIndex, Program> programs;
    const Library &library = *Library::shared();
    const c10::Device device = tensor.device();
    void *function;
    {
        const std::lock_guard lock(mutex);
        auto found = programs.find(device.index());
        if (found == programs.end())
            found = programs.try_emplace(device.index(), library, static_cast<int>(device.index())).first;
        function = found->second.function(library, std::string(kernel) + "_" + typeName(tensor));
    }
    const auto *guard = c10::impl::getDeviceGuardImpl(at::kCUDA);
    void *stream = guard->getStreamNativeHandle(guard->getStream(device));
    void *pointers[] = {static_cast<void *>(&arguments)...};
    constexpr int64_t blockSize = 256, mostBlocks = 1 << 16;
    const auto blocks = static_cast<unsigned>(std::min((threadCount + blockSize - 1) / blockSize, mostBlocks));
    const int status = library.launch(function, blocks, 1, 1, blockSize, 1, 1, 0, stream, pointers, nullptr);
    TORCH_CHECK(status == 0, "the kernel ", kernel, " does not start: status ", status);
}

void *output(const at::Tensor &tensor) { return tensor.mutable_data_ptr(); }
const void *input(const at::Tensor &tensor) { return tensor.const_data_ptr(); }
unsigned long long whole(int64_t number) { return static_cast<unsigned long long>(number); }

/// `[rows, length]` whose rows are dense: a view where the layout allows it.
at::Tensor asRows(const at::Tensor &tensor) {
    const at::Tensor rows = tensor.dim() == 2 ? tensor : tensor.reshape({-1, tensor.size(-1)});
    return rows.size(1) == 1 || rows.stride(1) == 1 ? rows : rows.contiguous();
}

}  // namespace

namespace ctorch::gpu {

bool hasKernels(const at::Tensor &tensor) {
    const at::ScalarType type = tensor.scalar_type();
    return tensor.is_cuda() && (type == at::kFloat || type == at::kBFloat16 || type == at::kHalf) && Library::shared();
}

at::Tensor dropped(const at::Tensor &x, uint32_t threshold, float kept, uint64_t seed) {
    const c10::OptionalDeviceGuard guard(x.device());
    const at::Tensor dense = x.contiguous();
    at::Tensor y = at::empty(dense.sizes(), dense.options());
    // The mask has the type of what it multiplies.
    const float factor = at::scalar_tensor(kept).to(x.scalar_type()).item<float>();
    launch(
        "dropped", x, (x.numel() + 1) / 2, output(y), input(dense), whole(x.numel()), static_cast<unsigned>(threshold),
        factor, static_cast<unsigned long long>(seed));
    return y;
}

at::Tensor rotated(const at::Tensor &input_, const at::Tensor &cosines, const at::Tensor &sines, float sign) {
    const c10::OptionalDeviceGuard guard(input_.device());
    const at::Tensor x = input_.stride(-1) == 1 ? input_ : input_.contiguous();
    at::Tensor y = at::empty(x.sizes(), x.options());
    const int64_t half = x.size(2) / 2;
    launch(
        "rotated", x, x.numel() / 2, output(y), input(x), whole(x.numel() / 2), static_cast<unsigned>(x.size(1)),
        static_cast<unsigned>(half), whole(x.stride(0)), whole(x.stride(1)), input(cosines), input(sines), sign);
    return y;
}

at::Tensor gated(const at::Tensor &gate, const at::Tensor &up, CTorchActivation activation) {
    const c10::OptionalDeviceGuard guard(gate.device());
    const at::Tensor g = asRows(gate), u = asRows(up);
    at::Tensor y = at::empty(gate.sizes(), gate.options());
    launch(
        "gated", gate, y.numel(), output(y), input(g), input(u), whole(y.numel()), static_cast<unsigned>(g.size(1)),
        whole(g.stride(0)), whole(u.stride(0)), static_cast<int>(activation));
    return y;
}

std::pair<at::Tensor, at::Tensor> gatedGradients(
    const at::Tensor &gradient, const at::Tensor &gate, const at::Tensor &up, CTorchActivation activation) {
    const c10::OptionalDeviceGuard guard(gate.device());
    const at::Tensor d = gradient.contiguous(), g = asRows(gate), u = asRows(up);
    at::Tensor dGate = at::empty(gate.sizes(), gate.options()), dUp = at::empty(up.sizes(), up.options());
    launch(
        "gatedGradients", gate, d.numel(), output(dGate), output(dUp), input(d), input(g), input(u), whole(d.numel()),
        static_cast<unsigned>(g.size(1)), whole(g.stride(0)), whole(u.stride(0)), static_cast<int>(activation));
    return {dGate, dUp};
}

}  // namespace ctorch::gpu

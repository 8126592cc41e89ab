// Settings, lifetime, facts, making and copying.
#include "Handle.hpp"

#include <ATen/Functions.h>
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Context.h>
#include <ATen/DeviceAccelerator.h>
#include <ATen/Parallel.h>
#include <ATen/detail/CUDAHooksInterface.h>
#include <ATen/native/Resize.h>
#include <c10/core/GradMode.h>

#include <dlfcn.h>

using ctorch::guarded;
using ctorch::make;
using ctorch::shape;

namespace ctorch {

std::atomic<int64_t> liveCount{0};
thread_local int64_t threadLiveCount = 0;

at::ScalarType scalarType(CTorchType type) {
    switch (type) {
    case CTORCH_F32: return at::kFloat;
    case CTORCH_F16: return at::kHalf;
    case CTORCH_BF16: return at::kBFloat16;
    case CTORCH_F64: return at::kDouble;
    case CTORCH_I32: return at::kInt;
    case CTORCH_I64: return at::kLong;
    case CTORCH_U8: return at::kByte;
    case CTORCH_BOOL: return at::kBool;
    }
    TORCH_CHECK(false, "unknown element type ", static_cast<int>(type));
}

at::Device device(CTorchDevice device) {
    if (device.kind == 0) return at::Device(at::kCPU);
    return at::Device(at::kCUDA, static_cast<c10::DeviceIndex>(device.index));
}

}  // namespace ctorch

namespace {

at::TensorOptions options(CTorchType type, CTorchDevice device) {
    return at::TensorOptions().dtype(ctorch::scalarType(type)).device(ctorch::device(device));
}

}  // namespace

CTorchStatus ctorch_load_cuda(int32_t index, CTorchError *error) {
    return guarded(error, [&] {
        // Never unloaded: its kernels stay registered with the dispatcher for the life of the process.
        static void *library = nullptr;
        if (!library) {
            library = dlopen("libtorch_cuda.so", RTLD_NOW | RTLD_GLOBAL);
            if (!library) TORCH_CHECK(false, "libtorch_cuda cannot be loaded: ", dlerror());
        }
        at::globalContext().lazyInitDevice(at::kCUDA);
        // As matrix products, convolutions of float32 are computed in float32; libtorch's default is 10 bits of mantissa.
        at::globalContext().setAllowTF32CuDNN(false);
        const int count = at::detail::getCUDAHooks().deviceCount();
        TORCH_CHECK(index >= 0 && index < count, "there is no CUDA device ", index, " (devices found: ", count, ")");
    });
}

CTorchStatus ctorch_cuda_count(int32_t *out, CTorchError *error) {
    return guarded(error, [&] { *out = at::detail::getCUDAHooks().deviceCount(); });
}

CTorchStatus ctorch_device_memory(int32_t index, CTorchMemory *out, CTorchError *error) {
    return guarded(error, [&] {
        const auto device = static_cast<c10::DeviceIndex>(index);
        const auto used = at::accelerator::getDeviceStats(device)
                              .allocated_bytes[static_cast<size_t>(c10::CachingAllocator::StatType::AGGREGATE)];
        const auto [free, total] = at::accelerator::getMemoryInfo(device);
        *out = {used.current, used.peak, static_cast<int64_t>(free), static_cast<int64_t>(total)};
    });
}

void ctorch_set_thread_count(int32_t count) { at::set_num_threads(count); }

int32_t ctorch_thread_count(void) { return at::get_num_threads(); }

bool ctorch_set_gradient_mode(bool enabled) {
    const bool before = c10::GradMode::is_enabled();
    c10::GradMode::set_enabled(enabled);
    return before;
}

void ctorch_free(CTorchTensor *tensor) {
    if (!tensor) return;
    delete tensor;
    ctorch::count(-1);
}

CTorchStatus ctorch_set_memory(CTorchTensor *tensor, bool isThere, CTorchError *error) {
    return guarded(error, [&] {
        const auto bytes = isThere ? tensor->value.numel() * static_cast<int64_t>(tensor->value.element_size()) : 0;
        c10::StorageImpl *storage = tensor->value.storage().unsafeGetStorageImpl();
        if (storage->device_type() == c10::DeviceType::CPU) {
            at::native::resize_bytes_nocuda(tensor->value.storage(), bytes);
            return;
        }
        // Of a GPU, libtorch_cuda does it by a function that this library is not linked to.
        const c10::DeviceGuard device(storage->device());
        storage->set_data_ptr_noswap(c10::GetAllocator(storage->device_type())->allocate(static_cast<size_t>(bytes)));
        storage->set_nbytes(static_cast<size_t>(bytes));
    });
}

int64_t ctorch_live_count(void) { return ctorch::liveCount.load(std::memory_order_relaxed); }

int64_t ctorch_thread_live_count(void) { return ctorch::threadLiveCount; }

int32_t ctorch_dimension_count(const CTorchTensor *tensor) { return static_cast<int32_t>(tensor->value.dim()); }

int64_t ctorch_size(const CTorchTensor *tensor, int32_t dimension) {
    return tensor->value.sizes()[static_cast<size_t>(dimension)];
}

int64_t ctorch_element_count(const CTorchTensor *tensor) { return tensor->value.numel(); }

CTorchType ctorch_type(const CTorchTensor *tensor) {
    switch (tensor->value.scalar_type()) {
    case at::kHalf: return CTORCH_F16;
    case at::kBFloat16: return CTORCH_BF16;
    case at::kDouble: return CTORCH_F64;
    case at::kInt: return CTORCH_I32;
    case at::kLong: return CTORCH_I64;
    case at::kByte: return CTORCH_U8;
    case at::kBool: return CTORCH_BOOL;
    default: return CTORCH_F32;
    }
}

CTorchDevice ctorch_device(const CTorchTensor *tensor) {
    if (tensor->value.is_cuda()) return CTorchDevice{1, tensor->value.get_device()};
    return CTorchDevice{0, 0};
}

bool ctorch_is_contiguous(const CTorchTensor *tensor) { return tensor->value.is_contiguous(); }

bool ctorch_requires_gradient(const CTorchTensor *tensor) { return tensor->value.requires_grad(); }

void *ctorch_data(const CTorchTensor *tensor) {
    const bool dense = tensor->value.layout() == at::kStrided && tensor->value.is_cpu() && tensor->value.is_contiguous();
    return dense ? tensor->value.data_ptr() : nullptr;
}

CTorchStatus ctorch_full(const int64_t *sizes, int32_t count, double value, CTorchType type, CTorchDevice device, CTorchTensor **out, CTorchError *error) {
    return make(out, error, [&] { return at::full(shape(sizes, count), value, options(type, device)); });
}

CTorchStatus ctorch_arange(int64_t start, int64_t end, CTorchType type, CTorchDevice device, CTorchTensor **out, CTorchError *error) {
    return make(out, error, [&] { return at::arange(start, end, options(type, device)); });
}

CTorchStatus ctorch_empty(const int64_t *sizes, int32_t count, CTorchType type, CTorchTensor **out, CTorchError *error) {
    return make(out, error, [&] { return at::empty(shape(sizes, count), options(type, CTorchDevice{0, 0})); });
}

CTorchStatus ctorch_from_bytes(const void *bytes, size_t byteCount, const int64_t *sizes, int32_t count, CTorchType type, CTorchTensor **out, CTorchError *error) {
    return make(out, error, [&] {
        at::Tensor made = at::empty(shape(sizes, count), options(type, CTorchDevice{0, 0}));
        TORCH_CHECK(made.nbytes() == byteCount, "shape ", made.sizes(), " needs ", made.nbytes(), " bytes, not ", byteCount);
        if (byteCount) std::memcpy(made.data_ptr(), bytes, byteCount);
        return made;
    });
}

CTorchStatus ctorch_from_memory(void *bytes, const int64_t *sizes, int32_t count, CTorchType type, void (*release)(void *context), void *context, CTorchTensor **out, CTorchError *error) {
    return make(out, error, [&] {
        return at::from_blob(
            bytes, shape(sizes, count), [release, context](void *) { release(context); },
            options(type, CTorchDevice{0, 0}));
    });
}

CTorchStatus ctorch_copy_to_host(const CTorchTensor *tensor, void *bytes, size_t byteCount, CTorchError *error) {
    return guarded(error, [&] {
        const at::Tensor dense = tensor->value.detach().to(at::kCPU).contiguous();
        TORCH_CHECK(dense.nbytes() == byteCount, "the tensor has ", dense.nbytes(), " bytes, not ", byteCount);
        if (byteCount) std::memcpy(bytes, dense.data_ptr(), byteCount);
    });
}

CTorchStatus ctorch_item(const CTorchTensor *tensor, double *out, CTorchError *error) {
    return guarded(error, [&] { *out = tensor->value.item().toDouble(); });
}

CTorchStatus ctorch_to(const CTorchTensor *tensor, CTorchType type, CTorchDevice device, CTorchTensor **out, CTorchError *error) {
    return make(out, error, [&] { return tensor->value.to(ctorch::device(device), ctorch::scalarType(type)); });
}

CTorchStatus ctorch_clone(const CTorchTensor *tensor, CTorchTensor **out, CTorchError *error) {
    return make(out, error, [&] { return tensor->value.clone(); });
}

CTorchStatus ctorch_copy_(CTorchTensor *destination, const CTorchTensor *source, CTorchError *error) {
    return guarded(error, [&] {
        TORCH_CHECK(
            destination->value.sizes() == source->value.sizes(), "cannot copy shape ", source->value.sizes(), " over ",
            destination->value.sizes());
        destination->value.copy_(source->value);
    });
}

CTorchStatus ctorch_restore_(CTorchTensor *destination, const CTorchTensor *source, CTorchError *error) {
    return guarded(error, [&] { destination->value.variable_data().copy_(source->value); });
}

CTorchStatus ctorch_normal(const int64_t *sizes, int32_t count, double mean, double deviation, uint64_t seed, CTorchTensor **out, CTorchError *error) {
    return make(out, error, [&] {
        at::Tensor made = at::empty(shape(sizes, count), options(CTORCH_F32, CTorchDevice{0, 0}));
        return made.normal_(mean, deviation, at::make_generator<at::CPUGeneratorImpl>(seed));
    });
}

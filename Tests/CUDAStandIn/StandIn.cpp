// See README.md.
#include <ATen/EmptyTensor.h>
#include <ATen/Functions.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/detail/CUDAHooksInterface.h>
#include <ATen/native/TensorFactories.h>
#include <ATen/native/Resize.h>
#include <ATen/ops/_reshape_alias_native.h>
#include <ATen/ops/as_strided_native.h>
#include <ATen/ops/view_native.h>
#include <c10/core/CachingDeviceAllocator.h>
#include <c10/core/impl/DeviceGuardImplInterface.h>
#include <torch/library.h>

#include <dlfcn.h>

#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <mutex>
#include <thread>
#include <unordered_map>
#include <utility>

namespace {

constexpr c10::DispatchKeySet keys{c10::DispatchKey::CUDA};
const c10::Device device{c10::kCUDA, 0};

// The device: one, that computes at once. What its NCCL (../NCCLStandIn) does, and copies on a stream beside the one that
// computes, end later; events tell when.

enum Streams : c10::StreamId { computing, copying, exchanging };

c10::Stream stream(c10::StreamId id) { return c10::Stream(c10::Stream::UNSAFE, device, id); }

thread_local c10::StreamId currentStream = computing;

/// Counts of NCCL's calls; nothing where it is not loaded.
struct Calls {
    size_t (*started)() = nullptr;
    size_t (*ended)() = nullptr;

    static const Calls &shared() {
        static Calls calls;
        if (calls.started) return calls;
        if (void *nccl = dlopen("libnccl.so.2", RTLD_NOW | RTLD_NOLOAD)) {
            calls.started = reinterpret_cast<size_t (*)()>(dlsym(nccl, "ncclStandInStarted"));
            calls.ended = reinterpret_cast<size_t (*)()>(dlsym(nccl, "ncclStandInEnded"));
        }
        return calls;
    }
};

/// Copies that a thread makes, some time after they were started, in the order of the starts.
class Copies {
public:
    static Copies &shared() {
        static Copies *copies = new Copies;
        return *copies;
    }

    /// Both are dense and of one type.
    void start(const at::Tensor &destination, const at::Tensor &source) {
        const std::lock_guard lock(mutex);
        ++startedCount;
        waiting.push_back({destination, source});
        changed.notify_all();
    }

    size_t started() {
        const std::lock_guard lock(mutex);
        return startedCount;
    }

    size_t ended() {
        const std::lock_guard lock(mutex);
        return endedCount;
    }

private:
    std::mutex mutex;
    std::condition_variable changed;
    std::deque<std::pair<at::Tensor, at::Tensor>> waiting;
    size_t startedCount = 0, endedCount = 0;

    Copies() { std::thread([this] { work(); }).detach(); }

    void work() {
        std::unique_lock lock(mutex);
        while (true) {
            changed.wait(lock, [this] { return !waiting.empty(); });
            auto [destination, source] = std::move(waiting.front());
            waiting.pop_front();
            lock.unlock();
            // Long enough for whoever does not wait to be seen.
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
            std::memcpy(destination.data_ptr(), source.const_data_ptr(), source.nbytes());
            destination.reset(), source.reset();
            lock.lock();
            ++endedCount;
        }
    }
};

struct Guard final : c10::impl::DeviceGuardImplInterface {
    c10::DeviceType type() const override { return c10::kCUDA; }
    c10::Device exchangeDevice(c10::Device) const override { return device; }
    c10::Device getDevice() const override { return device; }
    void setDevice(c10::Device) const override {}
    void uncheckedSetDevice(c10::Device) const noexcept override {}
    c10::DeviceIndex deviceCount() const noexcept override { return 1; }
    c10::Stream getStream(c10::Device) const override { return stream(currentStream); }
    c10::Stream getDefaultStream(c10::Device) const override { return stream(computing); }
    c10::Stream getStreamFromGlobalPool(c10::Device, bool isHighPriority) const override {
        return stream(isHighPriority ? exchanging : copying);
    }
    c10::Stream getNewStream(c10::Device, int) const override { return stream(copying); }
    c10::Stream exchangeStream(c10::Stream next) const override { return stream(std::exchange(currentStream, next.id())); }
    /// An event is the number of copies or of NCCL's calls that it comes behind, above and below.
    void record(void **event, const c10::Stream &on, c10::DeviceIndex, c10::EventFlag) const override {
        const Calls &calls = Calls::shared();
        size_t number = 0;
        if (on.id() == copying) number = Copies::shared().started() << 32;
        if (on.id() == exchanging && calls.started) number = calls.started();
        *event = reinterpret_cast<void *>(number);
    }
    void block(void *event, const c10::Stream &) const override { synchronizeEvent(event); }
    bool queryEvent(void *event) const override {
        const Calls &calls = Calls::shared();
        const auto number = reinterpret_cast<size_t>(event), exchanges = number & 0xffffffff;
        return Copies::shared().ended() >= number >> 32 && (exchanges == 0 || calls.ended() >= exchanges);
    }
    void *getStreamNativeHandle(const c10::Stream) const override { return nullptr; }
    bool queryStream(const c10::Stream &) const override { return true; }
    void synchronizeStream(const c10::Stream &) const override {}
    void synchronizeEvent(void *event) const override {
        while (!queryEvent(event)) std::this_thread::sleep_for(std::chrono::microseconds(100));
    }
    void synchronizeDevice(c10::DeviceIndex) const override {}
    void recordDataPtrOnStream(const c10::DataPtr &, const c10::Stream &) const override {}
};
C10_REGISTER_GUARD_IMPL(CUDA, Guard)

}  // namespace

namespace at {

/// Looked up by this name.
struct CUDAHooks final : CUDAHooksInterface {
    explicit CUDAHooks(CUDAHooksArgs) {}
    void init() const override {}
    bool hasCUDA() const override { return true; }
    bool isBuilt() const override { return true; }
    bool isAvailable() const override { return true; }
    bool hasPrimaryContext(c10::DeviceIndex) const override { return true; }
    c10::DeviceIndex deviceCount() const override { return 1; }
    c10::DeviceIndex current_device() const override { return 0; }
    c10::DeviceIndex getCurrentDevice() const override { return 0; }
    int getNumGPUs() const override { return 1; }
    c10::Allocator *getPinnedMemoryAllocator() const override { return c10::GetCPUAllocator(); }
};
REGISTER_CUDA_HOOKS(CUDAHooks);

}  // namespace at

namespace {

struct Memory final : c10::DeviceAllocator {
    c10::DataPtr allocate(size_t count) override {
        void *bytes = count ? std::aligned_alloc(64, (count + 63) / 64 * 64) : nullptr;
        return {bytes, bytes, &std::free, device};
    }
    c10::DeleterFnPtr raw_deleter() const override { return &std::free; }
    void copy_data(void *to, const void *from, size_t count) const override { default_copy_data(to, from, count); }
    bool initialized() override { return true; }
    void emptyCache(c10::MempoolId_t) override {}
    void recordStream(const c10::DataPtr &, c10::Stream) override {}
    c10::CachingDeviceAllocator::DeviceStats getDeviceStats(c10::DeviceIndex) override { return {}; }
    void resetAccumulatedStats(c10::DeviceIndex) override {}
    void resetPeakStats(c10::DeviceIndex) override {}
    std::pair<size_t, size_t> getMemoryInfo(c10::DeviceIndex) override { return {size_t{1} << 30, size_t{1} << 30}; }
};
Memory memory;
const bool isSet = (c10::SetAllocator(c10::kCUDA, &memory), true);

// Tensors over the same memory on either side.

at::Tensor onCPU(const at::Tensor &tensor) {
    if (!tensor.is_cuda()) return tensor;
    at::AutoDispatchBelowADInplaceOrView below;
    const at::Tensor kept = tensor;
    return at::from_blob(
        tensor.numel() ? tensor.data_ptr() : nullptr, tensor.sizes(), tensor.strides(), [kept](void *) {},
        at::TensorOptions().dtype(tensor.dtype()).device(at::kCPU), at::Device(at::kCPU));
}

at::Tensor onDevice(const at::Tensor &tensor) {
    auto *kept = new at::Tensor(tensor);
    c10::DataPtr bytes(
        tensor.storage().mutable_data(), kept, [](void *context) { delete static_cast<at::Tensor *>(context); }, device);
    c10::Storage storage(c10::Storage::use_byte_size_t{}, tensor.storage().nbytes(), std::move(bytes), &memory, false);
    at::Tensor made = at::detail::make_tensor<c10::TensorImpl>(std::move(storage), keys, tensor.dtype());
    made.unsafeGetTensorImpl()->set_sizes_and_strides(tensor.sizes(), tensor.strides(), tensor.storage_offset());
    return made;
}

const at::Tensor &resized(const at::Tensor &tensor, at::IntArrayRef sizes, std::optional<at::MemoryFormat>) {
    int64_t count = 1;
    for (const int64_t size : sizes) count *= size;
    const size_t needed = static_cast<size_t>(count) * tensor.element_size();
    if (tensor.storage().nbytes() < needed) {
        tensor.storage().set_data_ptr_noswap(memory.allocate(needed));
        tensor.storage().set_nbytes(needed);
    }
    tensor.unsafeGetTensorImpl()->set_sizes_contiguous(sizes);
    return tensor;
}

/// Runs an operation on the CPU over the memory of its tensors, which must all be of the device.
void fallback(const c10::OperatorHandle &operation, torch::jit::Stack *stack) {
    const auto &schema = operation.schema();
    const size_t count = schema.arguments().size();
    const auto arguments = torch::jit::last(stack, count);
    std::unordered_map<c10::TensorImpl *, at::Tensor> originals;
    const auto lent = [&](const at::Tensor &tensor) {
        if (!tensor.defined()) return tensor;
        // Numbers may stay with the host.
        TORCH_CHECK(
            tensor.is_cuda() || tensor.dim() == 0, schema.name(), ": expected all tensors to be on the same device, but got ",
            tensor.scalar_type(), tensor.sizes(), " on the CPU");
        // An output without elements may be about to get some, for which memory that is lent does not do.
        const at::Tensor own = tensor.numel() ? onCPU(tensor) : at::empty(tensor.sizes(), tensor.options().device(at::kCPU));
        originals.emplace(own.unsafeGetTensorImpl(), tensor);
        return own;
    };
    std::vector<c10::IValue> given;
    for (const c10::IValue &argument : arguments) {
        if (argument.isTensor()) {
            given.emplace_back(lent(argument.toTensor()));
        } else if (argument.isTensorList()) {
            std::vector<at::Tensor> tensors;
            for (const at::Tensor &tensor : argument.toTensorVector()) tensors.push_back(lent(tensor));
            given.emplace_back(tensors);
        } else if (argument.isOptionalTensorList()) {
            c10::List<std::optional<at::Tensor>> tensors;
            for (const auto &tensor : argument.toOptionalTensorVector())
                tensors.push_back(tensor ? std::optional(lent(*tensor)) : std::nullopt);
            given.emplace_back(tensors);
        } else if (argument.isDevice()) {
            given.emplace_back(c10::Device(at::kCPU));
        } else {
            given.push_back(argument);
        }
    }
    torch::jit::drop(*stack, count);
    for (c10::IValue &argument : given) stack->push_back(std::move(argument));
    operation.callBoxed(stack);
    const auto returned = [&](const at::Tensor &tensor) {
        if (!tensor.defined()) return tensor;
        const auto original = originals.find(tensor.unsafeGetTensorImpl());
        if (original == originals.end()) return onDevice(tensor);
        if (tensor.numel() != original->second.numel()) {
            resized(original->second, tensor.sizes(), std::nullopt);
            onCPU(original->second).copy_(tensor);
        }
        return original->second;
    };
    for (size_t place = stack->size() - schema.returns().size(); place < stack->size(); ++place) {
        c10::IValue &result = (*stack)[place];
        if (result.isTensor()) {
            result = returned(result.toTensor());
        } else if (result.isTensorList()) {
            std::vector<at::Tensor> tensors;
            for (const at::Tensor &tensor : result.toTensorVector()) tensors.push_back(returned(tensor));
            result = tensors;
        }
    }
}

// Operations that make or copy memory.

at::Tensor empty(
    at::IntArrayRef sizes, std::optional<at::ScalarType> type, std::optional<at::Layout>, std::optional<at::Device>,
    std::optional<bool>, std::optional<at::MemoryFormat> format) {
    return at::detail::empty_generic(sizes, &memory, keys, type.value_or(at::kFloat), format);
}

at::Tensor emptyStrided(
    at::IntArrayRef sizes, at::IntArrayRef strides, std::optional<at::ScalarType> type, std::optional<at::Layout>,
    std::optional<at::Device>, std::optional<bool>) {
    return at::detail::empty_strided_generic(sizes, strides, &memory, keys, type.value_or(at::kFloat));
}

at::Tensor &copy(at::Tensor &destination, const at::Tensor &source, bool isNonBlocking) {
    if (isNonBlocking && currentStream == copying) {
        const at::Tensor to = onCPU(destination), from = onCPU(source);
        TORCH_CHECK(
            to.is_contiguous() && from.is_contiguous() && to.dtype() == from.dtype(), "a copy in the background is one of bytes");
        Copies::shared().start(to, from);
        return destination;
    }
    onCPU(destination).copy_(onCPU(source));
    return destination;
}

// FlashAttention, with its demands.

void demandFlash(const at::Tensor &query, const at::Tensor &key, const at::Tensor &value, const at::Tensor &cumulative) {
    for (const at::Tensor &tensor : {query, key, value}) {
        TORCH_CHECK(tensor.is_cuda(), "FlashAttention only supports tensors on the device");
        TORCH_CHECK(
            tensor.scalar_type() == at::kHalf || tensor.scalar_type() == at::kBFloat16,
            "FlashAttention only supports fp16 and bf16, not ", tensor.scalar_type());
        TORCH_CHECK(tensor.dim() == 3 && tensor.stride(-1) == 1, "the last dimension must be contiguous");
        TORCH_CHECK(
            tensor.size(2) % 8 == 0 && tensor.size(2) <= 256, "head dimensions are multiples of 8 up to 256, not ",
            tensor.size(2));
    }
    TORCH_CHECK(query.size(1) % key.size(1) == 0, "heads of keys and values must divide those of queries");
    TORCH_CHECK(
        cumulative.is_cuda() && cumulative.scalar_type() == at::kInt && cumulative.is_contiguous(),
        "cumulative lengths are int32 on the device");
}

/// The sequences of packed tensors one by one, in float32: heads of keys and values repeated, scores and what is hidden.
struct FlashSequences {
    at::Tensor query, key, value;
    const at::Tensor &cumulative;
    bool causal;
    double scale;
    int64_t before, after;

    /// Calls `body(first, length, q [H, L, D], k [H, L, D], v [H, L, D], weights [H, L, L])`.
    template <class Body>
    void forEach(Body &&body) const {
        const at::Tensor starts = onCPU(cumulative);
        const int32_t *start = static_cast<const int32_t *>(starts.const_data_ptr());
        for (int64_t sequence = 0; sequence + 1 < cumulative.size(0); ++sequence) {
            const int64_t first = start[sequence], length = start[sequence + 1] - first;
            const auto heads = [&](const at::Tensor &x) {
                return x.narrow(0, first, length).to(at::kFloat).transpose(0, 1).repeat_interleave(
                    query.size(1) / x.size(1), 0);
            };
            const at::Tensor places = at::arange(length), distance = places.unsqueeze(0).sub(places.unsqueeze(1));
            at::Tensor hidden = distance.gt(causal ? 0 : length);
            if (before >= 0) hidden = hidden.logical_or(distance.lt(-before));
            if (after >= 0) hidden = hidden.logical_or(distance.gt(after));
            const at::Tensor q = heads(query), k = heads(key), v = heads(value);
            body(first, length, q, k, v,
                 at::matmul(q, k.transpose(1, 2)).mul(scale).masked_fill(hidden, -INFINITY).softmax(-1));
        }
    }
};

FlashSequences sequences(
    const at::Tensor &query, const at::Tensor &key, const at::Tensor &value, const at::Tensor &cumulative, bool causal,
    std::optional<double> scale, std::optional<int64_t> before, std::optional<int64_t> after) {
    demandFlash(query, key, value, cumulative);
    return {
        onCPU(query), onCPU(key), onCPU(value), cumulative, causal,
        scale.value_or(1 / std::sqrt(static_cast<double>(query.size(2)))), before.value_or(-1), after.value_or(-1)};
}

std::tuple<at::Tensor, at::Tensor, at::Tensor, at::Tensor, at::Tensor> flashForward(
    const at::Tensor &query, const at::Tensor &key, const at::Tensor &value, const std::optional<at::Tensor> &cumulative,
    const std::optional<at::Tensor> &, int64_t, int64_t longest, double, bool causal, bool, std::optional<double> scale,
    std::optional<int64_t> before, std::optional<int64_t> after, const std::optional<at::Tensor> &,
    const std::optional<at::Tensor> &) {
    std::vector<at::Tensor> outputs;
    sequences(query, key, value, *cumulative, causal, scale, before, after)
        .forEach([&](int64_t, int64_t length, const auto &, const auto &, const at::Tensor &v, const at::Tensor &weights) {
            TORCH_CHECK(length <= longest, "a sequence of ", length, " is longer than the longest, ", longest);
            outputs.push_back(at::matmul(weights, v).transpose(0, 1));
        });
    const at::Tensor none = onDevice(at::zeros({2}, at::kLong));
    return {
        onDevice(at::cat(outputs).to(query.scalar_type())), onDevice(at::zeros({query.size(1), query.size(0)})), none,
        none, none};
}

std::tuple<at::Tensor, at::Tensor, at::Tensor> flashBackward(
    const at::Tensor &gradient, const at::Tensor &query, const at::Tensor &key, const at::Tensor &value,
    const at::Tensor &, const at::Tensor &, const at::Tensor &cumulative, const at::Tensor &, int64_t, int64_t, double,
    bool causal, const at::Tensor &, const at::Tensor &, std::optional<double> scale, std::optional<int64_t> before,
    std::optional<int64_t> after) {
    TORCH_CHECK(gradient.is_cuda(), "the gradient must be on the device");
    const at::Tensor given = onCPU(gradient);
    std::vector<at::Tensor> dq, dk, dv;
    // Heads that shared keys add up.
    const auto summed = [&](const at::Tensor &x, int64_t length) {
        return x.reshape({key.size(1), query.size(1) / key.size(1), length, key.size(2)}).sum(1).transpose(0, 1);
    };
    const FlashSequences all = sequences(query, key, value, cumulative, causal, scale, before, after);
    all.forEach([&](int64_t first, int64_t length, const at::Tensor &q, const at::Tensor &k, const at::Tensor &v,
                    const at::Tensor &weights) {
        const at::Tensor g = given.narrow(0, first, length).to(at::kFloat).transpose(0, 1);
        const at::Tensor dWeights = at::matmul(g, v.transpose(1, 2));
        const at::Tensor dScores = weights.mul(dWeights.sub(dWeights.mul(weights).sum(-1, true))).mul(all.scale);
        dq.push_back(at::matmul(dScores, k).transpose(0, 1));
        dk.push_back(summed(at::matmul(dScores.transpose(1, 2), q), length));
        dv.push_back(summed(at::matmul(weights.transpose(1, 2), g), length));
    });
    const auto joined = [&](const std::vector<at::Tensor> &parts) {
        return onDevice(at::cat(parts).to(query.scalar_type()));
    };
    return {joined(dq), joined(dk), joined(dv)};
}

// The fused RMS norm, which the CPU has composed, and without a gradient.

std::tuple<at::Tensor, at::Tensor> rmsNorm(
    const at::Tensor &input, at::IntArrayRef, const std::optional<at::Tensor> &weight, std::optional<double> epsilon) {
    const at::Tensor x = onCPU(input).to(at::kFloat);
    const at::Tensor scales = x.square().mean(-1, true).add(epsilon.value()).rsqrt();
    at::Tensor y = x.mul(scales);
    if (weight && weight->defined()) y = y.mul(onCPU(*weight));
    return {onDevice(y.to(input.scalar_type())), onDevice(scales)};
}

std::tuple<at::Tensor, at::Tensor> rmsNormBackward(
    const at::Tensor &gradient, const at::Tensor &input, at::IntArrayRef, const at::Tensor &scales,
    const std::optional<at::Tensor> &weight, std::array<bool, 2> wanted) {
    TORCH_CHECK(gradient.is_cuda(), "the gradient must be on the device");
    const at::Tensor given = onCPU(gradient).to(at::kFloat), scale = onCPU(scales);
    const at::Tensor n = onCPU(input).to(at::kFloat).mul(scale);
    const bool hasWeight = weight && weight->defined();
    const at::Tensor g = hasWeight ? given.mul(onCPU(*weight)) : given;
    const at::Tensor dx = g.sub(n.mul(g.mul(n).mean(-1, true))).mul(scale);
    at::Tensor dw;
    if (hasWeight && wanted[1])
        dw = onDevice(given.mul(n).reshape({-1, n.size(-1)}).sum(0).to(weight->scalar_type()));
    return {onDevice(dx.to(input.scalar_type())), dw};
}

TORCH_LIBRARY_IMPL(_, CUDA, library) { library.fallback(torch::CppFunction::makeFromBoxedFunction<&fallback>()); }

TORCH_LIBRARY_IMPL(aten, CUDA, library) {
    library.impl("empty.memory_format", empty);
    library.impl("empty_strided", emptyStrided);
    library.impl("copy_", copy);
    library.impl("resize_", resized);
    library.impl("view", at::native::view);
    library.impl("as_strided", at::native::as_strided_tensorimpl);
    library.impl("_reshape_alias", at::native::_reshape_alias);
    library.impl("_fused_rms_norm", rmsNorm);
    library.impl("_fused_rms_norm_backward", rmsNormBackward);
    library.impl("_flash_attention_forward", flashForward);
    library.impl("_flash_attention_backward", flashBackward);
}

}  // namespace

// The handle and the one guard that all files of this door share.
#pragma once
#include "CTorchPlugin.h"

#include <ATen/core/Tensor.h>
#include <c10/util/Exception.h>

#include <atomic>
#include <cstring>
#include <exception>
#include <vector>

struct CTorchTensor {
    at::Tensor value;
};

namespace ctorch {

extern std::atomic<int64_t> liveCount;
extern thread_local int64_t threadLiveCount;

inline void count(int64_t change) {
    liveCount.fetch_add(change, std::memory_order_relaxed);
    threadLiveCount += change;
}

inline CTorchTensor *wrap(at::Tensor value) {
    auto *handle = new CTorchTensor{std::move(value)};
    count(1);
    return handle;
}

inline void report(CTorchError *error, const char *message) noexcept {
    std::strncpy(error->message, message, sizeof error->message - 1);
    error->message[sizeof error->message - 1] = 0;
}

/// Runs `body`; any C++ exception ends here and becomes a status and a message.
template <class Body>
CTorchStatus guarded(CTorchError *error, Body &&body) noexcept {
    try {
        body();
        return 0;
    } catch (const c10::Error &failure) {
        report(error, failure.what_without_backtrace());
    } catch (const std::exception &failure) {
        report(error, failure.what());
    } catch (...) {
        report(error, "unknown C++ exception");
    }
    return 1;
}

/// `guarded` for a body that returns a tensor.
template <class Body>
CTorchStatus make(CTorchTensor **out, CTorchError *error, Body &&body) noexcept {
    return guarded(error, [&] { *out = wrap(body()); });
}

inline at::IntArrayRef shape(const int64_t *sizes, int32_t count) {
    return at::IntArrayRef(sizes, static_cast<size_t>(count));
}

template <class Handle>
std::vector<at::Tensor> list(Handle *const *tensors, int32_t count) {
    std::vector<at::Tensor> values;
    values.reserve(static_cast<size_t>(count));
    for (int32_t i = 0; i < count; ++i) values.push_back(tensors[i] ? tensors[i]->value : at::Tensor());
    return values;
}

at::ScalarType scalarType(CTorchType type);
at::Device device(CTorchDevice device);

}  // namespace ctorch

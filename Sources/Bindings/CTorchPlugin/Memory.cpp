// Memory of tensors on the CPU, in the place of libtorch's allocator, which asks malloc for each.
#include "CTorchPlugin.h"
#include "TensorHeap.hpp"

#include <c10/core/Allocator.h>
#include <c10/core/impl/alloc_cpu.h>

#include <malloc.h>

namespace {

/// What is smaller is malloc's affair: there are many of these, and they live on among the large ones.
constexpr size_t leastByteCount = 16 << 10;

thread_local int64_t threadBytes = 0;
thread_local int64_t threadPeak = 0;

void count(int64_t change) {
    threadBytes += change;
    threadPeak = std::max(threadPeak, threadBytes);
}

ctorch::TensorHeap &heap() {
    // Never destroyed: tensors may outlive everything.
    static auto *heap = new ctorch::TensorHeap;
    return *heap;
}

void release(void *address) {
    if (!address) return;
    if (const size_t size = heap().release(address)) {
        count(-static_cast<int64_t>(size));
    } else {
        count(-static_cast<int64_t>(malloc_usable_size(address)));
        c10::free_cpu(address);
    }
}

class HeapAllocator final : public c10::Allocator {
public:
    c10::DataPtr allocate(size_t byteCount) override {
        void *address = byteCount >= leastByteCount ? heap().take(byteCount) : nullptr;
        if (address) {
            count(static_cast<int64_t>(ctorch::TensorHeap::rounded(byteCount)));
        } else {
            // Also where the heap's addresses are used up, or byteCount is beyond all reason: c10 throws then.
            address = c10::alloc_cpu(byteCount);
            count(static_cast<int64_t>(malloc_usable_size(address)));
        }
        return {address, address, &release, c10::Device(c10::DeviceType::CPU)};
    }

    c10::DeleterFnPtr raw_deleter() const override { return &release; }

    void copy_data(void *target, const void *source, size_t byteCount) const override {
        default_copy_data(target, source, byteCount);
    }
};

}  // namespace

void ctorch_use_tensor_heap(void) {
    // In one step, whoever else asks for it meanwhile.
    static auto *const allocator = [] {
        auto *const made = new HeapAllocator;
        c10::SetAllocator(c10::DeviceType::CPU, made, /*priority=*/1);
        return made;
    }();
    (void)allocator;
}

int64_t ctorch_thread_tensor_bytes(void) { return threadBytes; }

int64_t ctorch_thread_tensor_peak(bool resets) {
    const int64_t peak = threadPeak;
    if (resets) threadPeak = threadBytes;
    return peak;
}

void ctorch_trim_heap(void) {
    malloc_trim(0);
    heap().trim();
}

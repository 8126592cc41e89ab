// Memory of tensors on the CPU, in the place of libtorch's allocator, which asks malloc for each.
#include "CTorch.h"
#include "TensorHeap.hpp"

#include <c10/core/Allocator.h>
#include <c10/core/impl/alloc_cpu.h>

#include <malloc.h>

namespace {

/// What is smaller is malloc's affair: there are many of these, and they live on among the large ones.
constexpr size_t leastByteCount = 16 << 10;

ctorch::TensorHeap &heap() {
    // Never destroyed: tensors may outlive everything.
    static auto *heap = new ctorch::TensorHeap;
    return *heap;
}

void release(void *address) {
    if (!heap().release(address)) c10::free_cpu(address);
}

class HeapAllocator final : public c10::Allocator {
public:
    c10::DataPtr allocate(size_t byteCount) override {
        void *address = byteCount >= leastByteCount ? heap().take(byteCount) : nullptr;
        // Also where the heap's addresses are used up, or byteCount is beyond all reason: c10 throws then.
        if (!address) address = c10::alloc_cpu(byteCount);
        return {address, address, &release, c10::Device(c10::DeviceType::CPU)};
    }

    c10::DeleterFnPtr raw_deleter() const override { return &release; }

    void copy_data(void *target, const void *source, size_t byteCount) const override {
        default_copy_data(target, source, byteCount);
    }
};

}  // namespace

void ctorch_use_tensor_heap(void) {
    static auto *allocator = new HeapAllocator;
    c10::SetAllocator(c10::DeviceType::CPU, allocator, /*priority=*/1);
}

int64_t ctorch_tensor_bytes(void) { return static_cast<int64_t>(heap().used()); }

int64_t ctorch_tensor_peak(bool resets) { return static_cast<int64_t>(heap().peak(resets)); }

void ctorch_trim_heap(void) {
    malloc_trim(0);
    heap().trim();
}

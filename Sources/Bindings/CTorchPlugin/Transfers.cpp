// Copies between the machine's memory and a GPU's on a stream of their own, while the GPU computes.
#include "Handle.hpp"

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <c10/core/Event.h>
#include <c10/core/StreamGuard.h>
#include <c10/core/impl/DeviceGuardImplInterface.h>

#include <deque>
#include <map>
#include <memory>
#include <mutex>

using ctorch::guarded;
using ctorch::make;

namespace {

/// What one GPU's copies have under way.
class CopyStream {
public:
    const c10::Stream stream;

    static CopyStream &of(c10::Device device) {
        static std::mutex mutex;
        static std::map<c10::DeviceIndex, std::unique_ptr<CopyStream>> all;
        const std::lock_guard lock(mutex);
        auto &found = all[device.index()];
        if (!found) found.reset(new CopyStream(device));
        return *found;
    }

    /// Memory of the GPU is wanted for so many bytes: waits until what was let go, and is still computed with, is no more than
    /// what is held. Whoever computes is ahead of the GPU, and would take memory for all that is still to come.
    void hold(int64_t byteCount) {
        const std::lock_guard lock(mutex);
        while (!leaving.empty() && (leavingBytes > heldBytes || leaving.front().end.query())) {
            leaving.front().end.synchronize();
            leavingBytes -= leaving.front().byteCount;
            leaving.pop_front();
        }
        while (!copied.empty() && copied.front().end.query()) copied.pop_front();
        heldBytes += byteCount;
    }

    /// Nothing that is started from now on uses them.
    void letGo(int64_t byteCount) noexcept {
        const std::lock_guard lock(mutex);
        heldBytes -= byteCount;
        try {
            leaving.push_back({recorded(current()), byteCount});
            leavingBytes += byteCount;
        } catch (...) {
            // The GPU has failed: whatever is started next says so.
        }
    }

    /// Keeps a tensor of the GPU until the copy of it that was just started has ended, and few of them.
    void keepUntilCopied(const at::Tensor &tensor) {
        const std::lock_guard lock(mutex);
        if (copied.size() == mostCopied) {
            copied.front().end.synchronize();
            copied.pop_front();
        }
        copied.push_back({recorded(stream), tensor});
    }

    /// What the GPU computes on.
    c10::Stream current() const { return c10::impl::getDeviceGuardImpl(stream.device_type())->getStream(stream.device()); }

    static c10::Event recorded(const c10::Stream &stream) {
        c10::Event event(stream.device_type());
        event.record(stream);
        return event;
    }

private:
    struct Leaving {
        c10::Event end;
        int64_t byteCount;
    };
    struct Copied {
        c10::Event end;
        at::Tensor tensor;
    };

    static constexpr size_t mostCopied = 2;
    std::mutex mutex;
    std::deque<Leaving> leaving;
    std::deque<Copied> copied;
    int64_t heldBytes = 0, leavingBytes = 0;

    explicit CopyStream(c10::Device device)
        : stream(c10::impl::getDeviceGuardImpl(device.type())->getStreamFromGlobalPool(device)) {}
};

}  // namespace

struct CTorchTransfer {
    CopyStream &copies;
    /// Read until the copy has ended.
    at::Tensor source;
    at::Tensor arriving;
    c10::Event end;
};

CTorchStatus ctorch_transfer_start(const CTorchTensor *tensor, CTorchDevice to, CTorchTransfer **out, CTorchError *error) {
    return guarded(error, [&] {
        const c10::Device device = ctorch::device(to);
        const c10::DeviceGuard onDevice(device);
        CopyStream &copies = CopyStream::of(device);
        const at::Tensor source = tensor->value.detach();
        copies.hold(static_cast<int64_t>(source.nbytes()));
        at::Tensor arriving;
        try {
            // In memory that belongs to the copies' stream: that of the GPU's own may still be computed with.
            const c10::StreamGuard onStream(copies.stream);
            arriving = at::empty(source.sizes(), source.options().device(device));
            arriving.copy_(source, /*non_blocking=*/true);
        } catch (...) {
            copies.letGo(static_cast<int64_t>(source.nbytes()));
            throw;
        }
        *out = new CTorchTransfer{copies, source, arriving, CopyStream::recorded(copies.stream)};
    });
}

CTorchStatus ctorch_transfer_take(CTorchTransfer *transfer, CTorchTensor **out, CTorchError *error) {
    return make(out, error, [&] {
        const c10::DeviceGuard onDevice(transfer->arriving.device());
        const c10::Stream current = transfer->copies.current();
        transfer->end.block(current);
        c10::impl::getDeviceGuardImpl(current.device_type())
            ->recordDataPtrOnStream(transfer->arriving.storage().data_ptr(), current);
        return transfer->arriving;
    });
}

void ctorch_transfer_free(CTorchTransfer *transfer) {
    // To record or end an event under another device makes a context on that.
    const c10::DeviceGuard onDevice(transfer->arriving.device());
    transfer->copies.letGo(static_cast<int64_t>(transfer->arriving.nbytes()));
    delete transfer;
}

CTorchStatus ctorch_send_to_host(const CTorchTensor *tensor, CTorchTensor **out, CTorchError *error) {
    return make(out, error, [&] {
        const at::Tensor source = tensor->value.detach().contiguous();
        const c10::DeviceGuard onDevice(source.device());
        CopyStream &copies = CopyStream::of(source.device());
        at::Tensor host = at::empty(source.sizes(), source.options().device(at::kCPU).pinned_memory(true));
        CopyStream::recorded(copies.current()).block(copies.stream);
        {
            const c10::StreamGuard onStream(copies.stream);
            host.copy_(source, /*non_blocking=*/true);
        }
        copies.keepUntilCopied(source);
        return host;
    });
}

// NCCL by its C interface, which it keeps from release to release: libtorch_cuda brings the library, and its own wrapper
// wants headers of CUDA that its wheel lacks.
#include "NCCL.hpp"

#include <c10/core/DeviceGuard.h>
#include <c10/core/Event.h>
#include <c10/core/impl/DeviceGuardImplInterface.h>
#include <c10/util/Exception.h>

#include <dlfcn.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <future>
#include <optional>
#include <string>
#include <thread>
#include <utility>

namespace {

using Clock = std::chrono::steady_clock;

struct UniqueId {
    char bytes[128];
};

constexpr int succeeded = 0, inProgress = 7, summed = 0;

struct Library {
    int (*uniqueId)(UniqueId *) = nullptr;
    int (*join)(void **, int, UniqueId, int) = nullptr;
    int (*allReduce)(const void *, void *, size_t, int, int, void *, void *) = nullptr;
    int (*reduceScatter)(const void *, void *, size_t, int, int, void *, void *) = nullptr;
    int (*allGather)(const void *, void *, size_t, int, void *, void *) = nullptr;
    int (*asyncError)(void *, int *) = nullptr;
    int (*abort)(void *) = nullptr;
    const char *(*errorString)(int) = nullptr;
    const char *(*lastError)(void *) = nullptr;

    /// Throws where it is not there.
    static const Library &shared() {
        static const Library library;
        return library;
    }

    void check(int status, const char *call) const {
        if (status == succeeded || status == inProgress) return;
        const char *details = lastError(nullptr);
        TORCH_CHECK(
            false, "NCCL's ", call, " failed: ", errorString(status), details && *details ? ": " : "",
            details ? details : "");
    }

private:
    Library() {
        // Where libtorch_cuda is loaded, this is the one that it is linked to.
        void *nccl = dlopen("libnccl.so.2", RTLD_NOW | RTLD_LOCAL);
        TORCH_CHECK(nccl, dlerror());
        const auto find = [&](auto &function, const char *name) {
            function = reinterpret_cast<std::remove_reference_t<decltype(function)>>(dlsym(nccl, name));
            TORCH_CHECK(function, "libnccl.so.2 has no ", name);
        };
        find(uniqueId, "ncclGetUniqueId");
        find(join, "ncclCommInitRank");
        find(allReduce, "ncclAllReduce");
        find(reduceScatter, "ncclReduceScatter");
        find(allGather, "ncclAllGather");
        find(asyncError, "ncclCommGetAsyncError");
        find(abort, "ncclCommAbort");
        find(errorString, "ncclGetErrorString");
        find(lastError, "ncclGetLastError");
    }
};

int typeCode(const at::Tensor &tensor) {
    switch (tensor.scalar_type()) {
    case at::kByte: return 1;
    case at::kInt: return 2;
    case at::kLong: return 4;
    case at::kHalf: return 6;
    case at::kFloat: return 7;
    case at::kDouble: return 8;
    case at::kBFloat16: return 9;
    default: TORCH_CHECK(false, "NCCL exchanges no ", tensor.scalar_type());
    }
}

}  // namespace

namespace ctorch {

struct NCCLGroup::State {
    const Library &library;
    const c10::Device device;
    const c10::Stream stream;
    const std::chrono::milliseconds timeout;
    const Watch watch;
    void *communicator = nullptr;

    void join(int size, const UniqueId &id, int rank) {
        const c10::DeviceGuard onDevice(device);
        const int status = library.join(&communicator, size, id, rank);
        if (status == succeeded) return;
        // What there is of it keeps others waiting for this process.
        if (communicator) library.abort(communicator);
        communicator = nullptr;
        library.check(status, "ncclCommInitRank");
    }

    /// Throws where NCCL has met an error since, or gave up.
    void check() const {
        TORCH_CHECK(communicator, "what the GPUs exchange was given up");
        int status = succeeded;
        library.check(library.asyncError(communicator, &status), "ncclCommGetAsyncError");
        library.check(status, "exchange");
    }
};

namespace {

/// An exchange that runs on NCCL's stream.
class Exchange final : public c10d::Work {
public:
    using Check = std::function<void()>;

    /// - check: throws where NCCL has met an error.
    Exchange(
        const c10::Stream &stream, at::Tensor input, at::Tensor output, std::chrono::milliseconds timeout, Check check,
        NCCLGroup::Watch watch)
        : device(stream.device()), done(std::in_place, stream.device_type()), input(std::move(input)),
          output(std::move(output)), timeout(timeout), check(std::move(check)), watch(std::move(watch)) {
        done->record(stream);
    }

    ~Exchange() override {
        // Of its device: to end an event under another one makes a context on that.
        const c10::DeviceGuard onDevice(device);
        done.reset();
    }

    /// Returns when the exchange has ended, so that nothing that is started afterwards comes before it. NCCL itself waits for
    /// ever for a process that has ended, hence the host asks.
    bool wait(std::chrono::milliseconds) override {
        constexpr std::chrono::microseconds longestPause{500};
        constexpr std::chrono::seconds patience{5};
        const auto begun = Clock::now();
        auto asked = begun;
        std::chrono::microseconds pause{10};
        while (!done->query()) {
            std::this_thread::sleep_for(pause);
            pause = std::min(2 * pause, longestPause);
            const auto now = Clock::now();
            if (now - asked < patience) continue;
            check();
            watch();
            TORCH_CHECK(now - begun < timeout, "not all processes came to an exchange of their GPUs in time");
            asked = Clock::now();
        }
        check();
        return true;
    }

private:
    const c10::Device device;
    std::optional<c10::Event> done;
    const at::Tensor input, output;
    const std::chrono::milliseconds timeout;
    const Check check;
    const NCCLGroup::Watch watch;
};

}  // namespace

void NCCLGroup::requireLibrary() {
    const char *choice = std::getenv("TVT_GPU_EXCHANGE");
    TORCH_CHECK(!choice || std::strcmp(choice, "nccl") == 0, "TVT_GPU_EXCHANGE is ", choice);
    Library::shared();
}

NCCLGroup::NCCLGroup(
    c10d::Store &store, int rank, int size, c10::Device device, std::chrono::milliseconds joinTimeout,
    std::chrono::milliseconds timeout, Watch watch) {
    const Library &library = Library::shared();
    const auto *guard = c10::impl::getDeviceGuardImpl(device.type());
    // High priority: what waits for an exchange waits for all of it.
    state = std::make_shared<State>(
        State{library, device, guard->getStreamFromGlobalPool(device, true), timeout, watch, nullptr});
    UniqueId id{};
    if (rank == 0) {
        library.check(library.uniqueId(&id), "ncclGetUniqueId");
        store.set("nccl", std::vector<uint8_t>(id.bytes, id.bytes + sizeof id.bytes));
    } else {
        const std::vector<uint8_t> said = store.get("nccl");
        TORCH_CHECK(said.size() == sizeof id.bytes, "NCCL's id has ", said.size(), " bytes");
        std::memcpy(id.bytes, said.data(), sizeof id.bytes);
    }
    // NCCL waits for ever for a process that does not come: on a thread that is left behind in that case.
    std::packaged_task<void()> task([state = state, id, rank, size] { state->join(size, id, rank); });
    auto joined = task.get_future();
    std::thread(std::move(task)).detach();
    const std::string failure = "nccl/failed";
    const auto end = Clock::now() + joinTimeout;
    while (joined.wait_for(std::chrono::seconds(2)) != std::future_status::ready) {
        watch();
        if (store.check({failure})) {
            const std::vector<uint8_t> said = store.get(failure);
            TORCH_CHECK(false, std::string(said.begin(), said.end()));
        }
        TORCH_CHECK(Clock::now() < end, "NCCL did not bring the processes together in ", joinTimeout.count() / 1000, " s");
    }
    try {
        joined.get();
    } catch (const c10::Error &error) {
        const std::string said = "in process " + std::to_string(rank) + " " + error.what_without_backtrace();
        store.set(failure, std::vector<uint8_t>(said.begin(), said.end()));
        throw;
    }
}

/// Not NCCL's way to an orderly end, which waits for kernels whose partners may never come. Whoever ends in order has waited for
/// all exchanges, and then for all processes.
NCCLGroup::~NCCLGroup() { abort(); }

void NCCLGroup::abort() noexcept {
    if (state->communicator) state->library.abort(state->communicator);
    state->communicator = nullptr;
}

template <class Call>
c10::intrusive_ptr<c10d::Work> NCCLGroup::start(const at::Tensor &input, const at::Tensor &output, Call &&call) {
    state->check();
    for (const at::Tensor &tensor : {input, output}) {
        TORCH_CHECK(
            tensor.device() == state->device && tensor.is_contiguous(), "NCCL exchanges dense tensors on ", state->device);
    }
    TORCH_CHECK(input.scalar_type() == output.scalar_type(), "NCCL exchanges tensors of one type");
    const c10::DeviceGuard onDevice(state->device);
    const auto *guard = c10::impl::getDeviceGuardImpl(state->device.type());
    // Behind what makes the input, and what still reads the output's memory.
    c10::Event ready(state->device.type());
    ready.record(guard->getStream(state->device));
    ready.block(state->stream);
    // An exchange that is let go of before it has ended does not give their memory to others.
    for (const at::Tensor &tensor : {input, output}) {
        guard->recordDataPtrOnStream(tensor.storage().data_ptr(), state->stream);
    }
    const int status = call(
        state->library, input.const_data_ptr(), output.mutable_data_ptr(), typeCode(input), state->communicator,
        guard->getStreamNativeHandle(state->stream));
    state->library.check(status, "start of an exchange");
    return c10::make_intrusive<Exchange>(
        state->stream, input, output, state->timeout, [state = state] { state->check(); }, state->watch);
}

c10::intrusive_ptr<c10d::Work> NCCLGroup::sum(const at::Tensor &tensor) {
    const auto count = static_cast<size_t>(tensor.numel());
    return start(tensor, tensor, [count](const Library &nccl, const void *in, void *out, int type, void *all, void *on) {
        return nccl.allReduce(in, out, count, type, summed, all, on);
    });
}

c10::intrusive_ptr<c10d::Work> NCCLGroup::scatter(const at::Tensor &whole, const at::Tensor &part) {
    const auto count = static_cast<size_t>(part.numel());
    return start(whole, part, [count](const Library &nccl, const void *in, void *out, int type, void *all, void *on) {
        return nccl.reduceScatter(in, out, count, type, summed, all, on);
    });
}

c10::intrusive_ptr<c10d::Work> NCCLGroup::gather(const at::Tensor &part, const at::Tensor &whole) {
    const auto count = static_cast<size_t>(part.numel());
    return start(part, whole, [count](const Library &nccl, const void *in, void *out, int type, void *all, void *on) {
        return nccl.allGather(in, out, count, type, all, on);
    });
}

}  // namespace ctorch

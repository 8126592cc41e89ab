// Processes that exchange tensors: c10d's store, where they find each other, and Gloo, which carries the bytes; those of GPUs
// go over NCCL.
#define USE_C10D_GLOO
#include "Handle.hpp"
#include "NCCL.hpp"

#include <c10/util/Logging.h>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <csignal>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

using ctorch::guarded;
using ctorch::make;

namespace {

constexpr std::chrono::milliseconds beat{500};

/// Neither c10d's store nor Gloo writes to its connections without raising SIGPIPE, and one of them ends with every process.
/// Who handles the signal keeps it so.
void ignoreBrokenPipes() {
    struct sigaction present{};
    if (sigaction(SIGPIPE, nullptr, &present) == 0 && present.sa_handler == SIG_DFL) signal(SIGPIPE, SIG_IGN);
}

std::string beatKey(int rank) { return "beat/" + std::to_string(rank); }

std::string arrivalKey(int rank) { return "here/" + std::to_string(rank); }

/// c10d notes every exchange in a process-wide record that nothing here reads, and whose map of groups it changes without
/// its lock (torch 2.13): groups of several threads would tear it apart. Asked for when the library is loaded, since the
/// environment may not change under other threads. Whoever wants the record sets its size.
///
/// And NCCL connects processes when they join, not in their first exchange, where nobody looks for signs of life meanwhile.
[[gnu::constructor]] void prepareEnvironment() {
    if (!getenv("TORCH_NCCL_TRACE_BUFFER_SIZE")) setenv("TORCH_FR_BUFFER_SIZE", "0", 0);
    setenv("NCCL_RUNTIME_CONNECT", "0", 0);
}

}  // namespace

struct CTorchGroup {
    c10::intrusive_ptr<c10d::Store> store;
    c10::intrusive_ptr<c10d::ProcessGroupGloo> backend;
    /// Null where nothing on a GPU is exchanged.
    std::unique_ptr<ctorch::NCCLGroup> gpus;
    int rank;
    int size;
    std::chrono::milliseconds joinTimeout{0}, timeout{0};
    std::thread heart;
    std::mutex mutex;
    std::condition_variable stopped;
    bool stops = false;

    /// Tells the others that this process lives, on a connection of its own: those of the store block while they wait.
    void startBeating(c10::intrusive_ptr<c10d::Store> own) {
        heart = std::thread([this, own] {
            std::unique_lock<std::mutex> lock(mutex);
            do {
                lock.unlock();
                try {
                    own->add(beatKey(rank), 1);
                } catch (...) {
                    // The store is gone with the process that had it: the next exchange says so.
                    return;
                }
                lock.lock();
            } while (!stopped.wait_for(lock, beat, [this] { return stops; }));
        });
    }

    /// By rank, whether a process gives no sign of life for so long; throws where the store is gone.
    std::vector<bool> silent(std::chrono::duration<double> seconds) {
        const auto beats = [this] {
            std::vector<int64_t> all;
            for (int other = 0; other < size; ++other) all.push_back(store->add(beatKey(other), 0));
            return all;
        };
        const auto before = beats();
        std::this_thread::sleep_for(seconds);
        const auto after = beats();
        std::vector<bool> silent;
        for (size_t other = 0; other < before.size(); ++other) silent.push_back(after[other] == before[other]);
        return silent;
    }

    /// Throws where a process has ended.
    void requireAll() {
        const auto silent = this->silent(4 * beat);
        TORCH_CHECK(std::find(silent.begin(), silent.end(), true) == silent.end(), "a process gives no sign of life");
    }

    /// Where a tensor on this device is exchanged over NCCL.
    ctorch::NCCLGroup *over(const at::Tensor &tensor) const {
        if (tensor.is_cpu()) return nullptr;
        TORCH_CHECK(gpus, "the GPUs of these processes exchange nothing themselves");
        return gpus.get();
    }

    ~CTorchGroup() {
        gpus.reset();
        {
            std::lock_guard<std::mutex> lock(mutex);
            stops = true;
        }
        stopped.notify_all();
        if (heart.joinable()) heart.join();
    }
};

namespace {

/// Tells once who is still missing, where it takes the processes long to come.
class JoinWatch {
public:
    JoinWatch(const CTorchJoinNotice *notice, int size) : size(size) {
        if (notice) watcher = std::thread([this, notice] { watch(*notice); });
    }

    /// From now on it can be asked who is there: on a connection of its own, as those of the store block while they wait.
    void useStore(c10::intrusive_ptr<c10d::Store> own) {
        std::lock_guard<std::mutex> lock(mutex);
        store = std::move(own);
    }

    ~JoinWatch() {
        {
            std::lock_guard<std::mutex> lock(mutex);
            stops = true;
        }
        stopped.notify_all();
        if (watcher.joinable()) watcher.join();
    }

private:
    void watch(const CTorchJoinNotice &notice) {
        std::unique_lock<std::mutex> lock(mutex);
        if (stopped.wait_for(lock, std::chrono::duration<double>(notice.seconds), [this] { return stops; })) return;
        const auto here = arrived();
        notice.tell(here.get(), notice.context);
    }

    /// Null where the store does not answer.
    std::unique_ptr<bool[]> arrived() {
        if (!store) return nullptr;
        auto here = std::make_unique<bool[]>(static_cast<size_t>(size));
        try {
            for (int rank = 0; rank < size; ++rank) {
                here[static_cast<size_t>(rank)] = store->add(arrivalKey(rank), 0) > 0;
            }
        } catch (...) {
            return nullptr;
        }
        return here;
    }

    const int size;
    c10::intrusive_ptr<c10d::Store> store;
    std::thread watcher;
    std::mutex mutex;
    std::condition_variable stopped;
    bool stops = false;
};

}  // namespace

/// Holds the tensors that it reads and writes.
struct CTorchExchange {
    c10::intrusive_ptr<c10d::Work> work;
};

CTorchStatus ctorch_group_join(const char *host, uint16_t port, bool hostsStore, int32_t rank, int32_t size, const char *prefix, const char *interface, double joinTimeout, double timeout, const CTorchJoinNotice *notice, CTorchGroup **out, CTorchError *error) {
    return guarded(error, [&] {
        // Where another process ends or does not come, c10d logs it with stack frames; what failed says it in words.
        FLAGS_caffe2_log_level = c10::GLOG_FATAL;
        ignoreBrokenPipes();
        const auto milliseconds = [](double seconds) {
            return std::chrono::milliseconds(static_cast<int64_t>(seconds * 1000));
        };
        const auto limit = milliseconds(joinTimeout);
        c10d::TCPStoreOptions options;
        options.port = port;
        options.isServer = hostsStore;
        options.numWorkers = static_cast<size_t>(size);
        options.waitWorkers = false;
        // Where nobody answers, c10d tries twice, each time for so long.
        options.timeout = limit / 2;
        JoinWatch watch(notice, size);
        auto connection = c10::make_intrusive<c10d::TCPStore>(host, options);
        connection->setTimeout(limit);
        auto group = std::make_unique<CTorchGroup>();
        group->rank = rank;
        group->size = size;
        group->store = c10::make_intrusive<c10d::PrefixStore>(prefix, connection);
        group->store->add(arrivalKey(rank), 1);
        watch.useStore(c10::make_intrusive<c10d::PrefixStore>(prefix, connection->clone()));
        auto gloo = c10d::ProcessGroupGloo::Options::create(limit);
        const std::string name(host);
        const bool isLocal = name == "localhost" || name == "127.0.0.1" || name == "::1";
        gloo->devices.push_back(
            interface ? c10d::ProcessGroupGloo::createDeviceForInterface(interface)
            : isLocal ? c10d::ProcessGroupGloo::createDeviceForHostname("127.0.0.1")
                      : c10d::ProcessGroupGloo::createDefaultDevice());
        group->backend = c10::make_intrusive<c10d::ProcessGroupGloo>(
            c10::make_intrusive<c10d::PrefixStore>("gloo", group->store), rank, size, gloo);
        // The store's connections keep the shorter time: nobody waits long there.
        group->joinTimeout = limit;
        group->timeout = milliseconds(timeout);
        static_cast<c10d::Backend &>(*group->backend).setTimeout(group->timeout);
        group->startBeating(c10::make_intrusive<c10d::PrefixStore>(prefix, connection->clone()));
        *out = group.release();
    });
}

CTorchStatus ctorch_group_find_nccl(CTorchError *error) {
    return guarded(error, [] { ctorch::NCCLGroup::requireLibrary(); });
}

CTorchStatus ctorch_group_join_nccl(CTorchGroup *group, CTorchDevice device, CTorchError *error) {
    return guarded(error, [&] {
        group->gpus = std::make_unique<ctorch::NCCLGroup>(
            *group->store, group->rank, group->size, ctorch::device(device), group->joinTimeout, group->timeout,
            [group] { group->requireAll(); });
    });
}

void ctorch_group_leave_nccl(CTorchGroup *group) { group->gpus.reset(); }

void ctorch_group_leave(CTorchGroup *group) { delete group; }

CTorchStatus ctorch_group_sum(CTorchGroup *group, const CTorchTensor *tensor, CTorchError *error) {
    return guarded(error, [&] {
        std::vector<at::Tensor> tensors{tensor->value};
        group->backend->allreduce(tensors)->wait();
    });
}

CTorchStatus ctorch_group_gather(CTorchGroup *group, const CTorchTensor *tensor, CTorchTensor **out, CTorchError *error) {
    return make(out, error, [&] {
        auto input = tensor->value.contiguous();
        auto sizes = input.sizes().vec();
        sizes[0] *= group->size;
        auto output = at::empty(sizes, input.options());
        group->backend->_allgather_base(output, input)->wait();
        return output;
    });
}

CTorchStatus ctorch_group_start_sum(CTorchGroup *group, const CTorchTensor *tensor, CTorchExchange **out, CTorchError *error) {
    return guarded(error, [&] {
        std::vector<at::Tensor> tensors{tensor->value};
        auto *nccl = group->over(tensor->value);
        *out = new CTorchExchange{nccl ? nccl->sum(tensor->value) : group->backend->allreduce(tensors)};
    });
}

CTorchStatus ctorch_group_start_scatter(CTorchGroup *group, const CTorchTensor *whole, const CTorchTensor *part, CTorchExchange **out, CTorchError *error) {
    return guarded(error, [&] {
        auto output = part->value, input = whole->value;
        auto *nccl = group->over(input);
        *out = new CTorchExchange{nccl ? nccl->scatter(input, output) : group->backend->_reduce_scatter_base(output, input)};
    });
}

CTorchStatus ctorch_group_start_gather(CTorchGroup *group, const CTorchTensor *part, const CTorchTensor *whole, CTorchExchange **out, CTorchError *error) {
    return guarded(error, [&] {
        // Under a version of its own: weights that come back are the same for the graphs that were recorded with them.
        auto output = whole->value.variable_data(), input = part->value;
        auto *nccl = group->over(input);
        *out = new CTorchExchange{nccl ? nccl->gather(input, output) : group->backend->_allgather_base(output, input)};
    });
}

CTorchStatus ctorch_exchange_wait(CTorchExchange *exchange, CTorchError *error) {
    return guarded(error, [&] { exchange->work->wait(); });
}

void ctorch_exchange_free(CTorchExchange *exchange) { delete exchange; }

CTorchStatus ctorch_group_silent(CTorchGroup *group, double seconds, bool *silent, CTorchError *error) {
    return guarded(error, [&] {
        // It is asked where an exchange failed: nothing that this process's GPU waits for will come.
        if (group->gpus) group->gpus->abort();
        const auto found = group->silent(std::chrono::duration<double>(seconds));
        std::copy(found.begin(), found.end(), silent);
    });
}

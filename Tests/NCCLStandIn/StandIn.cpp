// See README.md.
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace {

enum Status { succeeded = 0, systemError = 2, invalidArgument = 4 };

/// NCCL's numbers of types.
size_t byteCount(int type) {
    switch (type) {
    case 1: return 1;
    case 2: case 7: return 4;
    case 6: case 9: return 2;
    case 4: case 8: return 8;
    default: return 0;
    }
}

float wide(uint16_t bits) {
    const uint32_t shifted = static_cast<uint32_t>(bits) << 16;
    float number;
    std::memcpy(&number, &shifted, 4);
    return number;
}

uint16_t narrow(float number) {
    uint32_t bits;
    std::memcpy(&bits, &number, 4);
    return static_cast<uint16_t>((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}

/// Adds tensors of all processes, one behind the other, into the first; false for a type that is not summed here.
bool addUp(char *all, size_t count, int type, int size) {
    const auto sum = [&](auto *numbers) {
        for (int rank = 1; rank < size; ++rank)
            for (size_t place = 0; place < count; ++place) numbers[place] += numbers[static_cast<size_t>(rank) * count + place];
        return true;
    };
    switch (type) {
    case 4: return sum(reinterpret_cast<int64_t *>(all));
    case 7: return sum(reinterpret_cast<float *>(all));
    case 8: return sum(reinterpret_cast<double *>(all));
    case 9: {
        auto *numbers = reinterpret_cast<uint16_t *>(all);
        for (size_t place = 0; place < count; ++place) {
            float total = 0;
            for (int rank = 0; rank < size; ++rank) total += wide(numbers[static_cast<size_t>(rank) * count + place]);
            numbers[place] = narrow(total);
        }
        return true;
    }
    default: return false;
    }
}

bool sendAll(int socket, const char *bytes, size_t count) {
    while (count > 0) {
        const ssize_t sent = send(socket, bytes, count, MSG_NOSIGNAL);
        if (sent <= 0) return false;
        bytes += sent, count -= static_cast<size_t>(sent);
    }
    return true;
}

bool receiveAll(int socket, char *bytes, size_t count) {
    while (count > 0) {
        const ssize_t received = recv(socket, bytes, count, 0);
        if (received <= 0) return false;
        bytes += received, count -= static_cast<size_t>(received);
    }
    return true;
}

std::mutex mutex;
std::condition_variable changed;
size_t startedCount = 0, endedCount = 0;

}  // namespace

extern "C" {

struct UniqueId {
    char bytes[128];
};

}

struct Communicator {
    int rank, size;
    /// To the first process; in the first one, to each of the others.
    std::vector<int> sockets;
    std::deque<std::function<bool()>> calls;
    bool stops = false;
    std::thread worker;

    void start(std::function<bool()> call) {
        const std::lock_guard lock(mutex);
        ++startedCount;
        calls.push_back(std::move(call));
        changed.notify_all();
    }

    void work() {
        std::unique_lock lock(mutex);
        while (true) {
            changed.wait(lock, [this] { return stops || !calls.empty(); });
            if (stops) return;
            const auto call = std::move(calls.front());
            calls.pop_front();
            lock.unlock();
            // Long enough for whoever does not wait to be seen.
            std::this_thread::sleep_for(std::chrono::milliseconds(2));
            const bool hasEnded = call();
            lock.lock();
            if (hasEnded) ++endedCount;
        }
    }

    /// What all processes have, in the order of ranks; false where one has gone.
    bool gather(const void *own, size_t count, std::vector<char> &all) {
        all.resize(count * static_cast<size_t>(size));
        std::memcpy(all.data() + count * static_cast<size_t>(rank), own, count);
        if (rank > 0) return sendAll(sockets[0], static_cast<const char *>(own), count) && receiveAll(sockets[0], all.data(), all.size());
        for (int other = 1; other < size; ++other)
            if (!receiveAll(sockets[static_cast<size_t>(other) - 1], all.data() + count * static_cast<size_t>(other), count)) return false;
        for (const int socket : sockets)
            if (!sendAll(socket, all.data(), all.size())) return false;
        return true;
    }

    ~Communicator() {
        {
            const std::lock_guard lock(mutex);
            stops = true;
            changed.notify_all();
        }
        for (const int socket : sockets) shutdown(socket, SHUT_RDWR);
        if (worker.joinable()) worker.join();
        for (const int socket : sockets) close(socket);
    }
};

namespace {

sockaddr_un address(const UniqueId &id, socklen_t &length) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    // A name that is no file.
    const size_t count = strnlen(id.bytes, sizeof address.sun_path - 1);
    std::memcpy(address.sun_path + 1, id.bytes, count);
    length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + count);
    return address;
}

/// The first process listens from when it makes the id, so that nobody comes too early.
int listening = -1;

int reduced(const void *in, void *out, size_t first, size_t count, size_t all, int type, Communicator *group) {
    if (byteCount(type) == 0) return invalidArgument;
    group->start([=] {
        std::vector<char> gathered;
        if (!group->gather(in, all * byteCount(type), gathered) || !addUp(gathered.data(), all, type, group->size)) return false;
        std::memcpy(out, gathered.data() + first * byteCount(type), count * byteCount(type));
        return true;
    });
    return succeeded;
}

}  // namespace

extern "C" {

int ncclGetUniqueId(UniqueId *id) {
    *id = {};
    std::snprintf(id->bytes, sizeof id->bytes, "nccl-stand-in-%d-%p", getpid(), static_cast<void *>(id));
    socklen_t length;
    const sockaddr_un place = address(*id, length);
    listening = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(listening, reinterpret_cast<const sockaddr *>(&place), length) != 0 || listen(listening, 64) != 0) return systemError;
    return succeeded;
}

int ncclCommInitRank(Communicator **out, int size, UniqueId id, int rank) {
    *out = nullptr;
    const char *refused = std::getenv("NCCL_STAND_IN_REFUSES");
    if (refused && std::atoi(refused) == rank) return invalidArgument;
    auto *group = new Communicator{rank, size, {}, {}, false, {}};
    if (rank == 0) {
        group->sockets.resize(static_cast<size_t>(size) - 1);
        for (int other = 1; other < size; ++other) {
            const int found = accept4(listening, nullptr, nullptr, SOCK_CLOEXEC);
            int32_t who = 0;
            if (!receiveAll(found, reinterpret_cast<char *>(&who), 4) || who < 1 || who >= size) return systemError;
            group->sockets[static_cast<size_t>(who) - 1] = found;
        }
        close(listening);
    } else {
        socklen_t length;
        const sockaddr_un place = address(id, length);
        const int made = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        const int32_t who = rank;
        if (connect(made, reinterpret_cast<const sockaddr *>(&place), length) != 0) return systemError;
        if (!sendAll(made, reinterpret_cast<const char *>(&who), 4)) return systemError;
        group->sockets.push_back(made);
    }
    group->worker = std::thread([group] { group->work(); });
    *out = group;
    return succeeded;
}

int ncclAllReduce(const void *in, void *out, size_t count, int type, int, Communicator *group, void *) {
    return reduced(in, out, 0, count, count, type, group);
}

int ncclReduceScatter(const void *in, void *out, size_t count, int type, int, Communicator *group, void *) {
    const auto [rank, size] = std::pair(static_cast<size_t>(group->rank), static_cast<size_t>(group->size));
    return reduced(in, out, rank * count, count, size * count, type, group);
}

int ncclAllGather(const void *in, void *out, size_t count, int type, Communicator *group, void *) {
    const size_t bytes = count * byteCount(type);
    if (byteCount(type) == 0) return invalidArgument;
    group->start([=] {
        std::vector<char> gathered;
        if (!group->gather(in, bytes, gathered)) return false;
        std::memcpy(out, gathered.data(), gathered.size());
        return true;
    });
    return succeeded;
}

int ncclCommGetAsyncError(Communicator *, int *status) {
    *status = succeeded;
    return succeeded;
}

int ncclCommAbort(Communicator *group) {
    delete group;
    return succeeded;
}

const char *ncclGetErrorString(int status) { return status == succeeded ? "no error" : "an error of the stand-in"; }

const char *ncclGetLastError(Communicator *) { return ""; }

// For the stand-in of CUDA.

size_t ncclStandInStarted() {
    const std::lock_guard lock(mutex);
    return startedCount;
}

size_t ncclStandInEnded() {
    const std::lock_guard lock(mutex);
    return endedCount;
}

}

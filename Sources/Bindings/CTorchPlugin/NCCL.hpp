// Tensors that GPUs of several processes exchange themselves, over NCCL.
#pragma once
#include <ATen/core/Tensor.h>
#include <torch/csrc/distributed/c10d/Store.hpp>
#include <torch/csrc/distributed/c10d/Work.hpp>

#include <chrono>
#include <functional>
#include <memory>

namespace ctorch {

/// One GPU of each process of a group. Calls come from one thread, in the same order in all processes; dense tensors are on
/// this process's device, and what a call starts runs on a stream of its own behind what the current stream has so far.
class NCCLGroup {
public:
    /// Asked while a process waits: throws where another one has ended.
    using Watch = std::function<void()>;

    /// Throws where this process has no NCCL, or `TVT_GPU_EXCHANGE` is another way, as `cpu`.
    static void requireLibrary();

    /// Joins the others, which do the same; throws where NCCL refuses one of them, or takes longer than `joinTimeout`. An
    /// exchange takes `timeout` at most.
    NCCLGroup(
        c10d::Store &store, int rank, int size, c10::Device device, std::chrono::milliseconds joinTimeout,
        std::chrono::milliseconds timeout, Watch watch);
    ~NCCLGroup();
    NCCLGroup(const NCCLGroup &) = delete;

    /// The sum of all processes' tensors, in their place.
    c10::intrusive_ptr<c10d::Work> sum(const at::Tensor &tensor);
    /// This process's part `[n]` of the sum of all processes' `whole` `[size · n]`.
    c10::intrusive_ptr<c10d::Work> scatter(const at::Tensor &whole, const at::Tensor &part);
    /// All processes' `part` `[n]` in the order of ranks: `whole` `[size · n]`.
    c10::intrusive_ptr<c10d::Work> gather(const at::Tensor &part, const at::Tensor &whole);

    /// Gives up what has been started, where a process has ended that it needs.
    void abort() noexcept;

private:
    struct State;
    template <class Call>
    c10::intrusive_ptr<c10d::Work> start(const at::Tensor &input, const at::Tensor &output, Call &&call);

    std::shared_ptr<State> state;
};

}  // namespace ctorch

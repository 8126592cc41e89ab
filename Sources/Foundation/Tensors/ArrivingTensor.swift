internal import CTorch

/// A tensor that is on its way to a GPU, on a stream of its own, while the GPU computes.
///
/// It holds memory there until it dies: at the latest point at which something is started with it.
public final class ArrivingTensor {
    private let handle: OpaquePointer

    /// Starts the copy. Where the GPU is far behind, it first waits until what died is not computed with any more: no more of
    /// it is there than of what lives.
    ///
    /// - Parameter tensor: of the CPU, in memory that nobody changes; or what ``Tensor/sentToHost()`` gave.
    public init(_ tensor: Tensor, on device: Device) throws {
        precondition(tensor.device == .cpu && device != .cpu, "from the CPU to a GPU")
        var started: OpaquePointer?
        try withExtendedLifetime(tensor) {
            try perform("transfer") { ctorch_transfer_start(tensor.handle, device.code, &started, $0) }
        }
        handle = started!
    }

    deinit { ctorch_transfer_free(handle) }

    /// The tensor on the GPU; what is started with it comes behind the copy.
    public func tensor() throws -> Tensor {
        try made("transfer") { ctorch_transfer_take(handle, $0, $1) }
    }
}

extension Tensor {
    /// A copy of a GPU's tensor in the machine's memory, which arrives in the background: nothing but an ``ArrivingTensor`` may
    /// be made of it.
    public func sentToHost() throws -> Tensor {
        precondition(device != .cpu, "from a GPU")
        return try made("send", self) { ctorch_send_to_host($0, $1, $2) }
    }
}

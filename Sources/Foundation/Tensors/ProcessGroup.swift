internal import Base
internal import CTorch

/// Processes that exchange tensors: each calls the same operations in the same order.
///
/// Those of the CPU go over Gloo. Those that are exchanged in the background may lie on GPUs, once these exchange over NCCL
/// (``exchangeOverNCCL(on:)``).
///
/// A call returns when all processes have come to it. Where one of them has ended, the others' calls throw at once, and name
/// it.
public final class ProcessGroup {
    /// Of this process, from 0.
    public let rank: Int
    public let size: Int
    /// Where tensors lie that are exchanged in the background.
    public private(set) var exchangeDevice = Device.cpu
    private let handle: OpaquePointer

    /// Joins processes that all know one host and port; returns when all are there.
    ///
    /// - Parameters:
    ///   - hostsStore: whether this process opens the port, as one of them must, unless their launcher does.
    ///   - prefix: tells groups apart that meet at one store.
    ///   - interface: that the bytes go over; nil for that of the machine's name, or loopback on this machine alone.
    ///   - joinSeconds: for all to be there.
    ///   - seconds: for each call.
    ///   - noticeSeconds: after which `notice` is called.
    ///   - notice: called once, on another thread, where joining takes longer: with the ranks that are missing, or nil where
    ///     nobody answers at the host and port.
    /// - Throws: `Failure` where not all are there in time.
    public init(
        rank: Int, of size: Int, host: String, port: UInt16, hostsStore: Bool, prefix: String,
        interface: String? = nil, joinSeconds: Double, seconds: Double, noticeSeconds: Double = 10,
        notice: (@Sendable (_ missing: [Int]?) -> Void)? = nil
    ) throws {
        precondition((0..<size).contains(rank), "a rank of the group")
        (self.rank, self.size) = (rank, size)
        var joined: OpaquePointer?
        do {
            let watch = notice.map { JoinNotice(size, $0) }
            try watch.withCNotice(seconds: noticeSeconds) { notice in
                try perform("join") { error in
                    func join(_ interface: UnsafePointer<CChar>?) -> CTorchStatus {
                        ctorch_group_join(
                            host, port, hostsStore, Int32(rank), Int32(size), prefix, interface, joinSeconds, seconds,
                            notice, &joined, error)
                    }
                    return interface.map { $0.withCString { join($0) } } ?? join(nil)
                }
            }
        } catch {
            throw Failure(
                .unavailable, "process \(rank) of \(size) did not find the others at \(host):\(port): \(error)",
                advice: "Are all of them running, and is the port free and open between their machines?")
        }
        handle = joined!
    }

    deinit { ctorch_group_leave(handle) }

    /// Has the processes' GPUs exchange tensors themselves from here on, over NCCL, where all processes can.
    ///
    /// - Parameter device: the GPU of this process.
    /// - Returns: nil where they do; else why not, and tensors go on from one CPU's memory to another's.
    /// - Throws: `Failure` where a process has ended.
    public func exchangeOverNCCL(on device: Device) throws -> String? {
        precondition(device != .cpu, "a GPU")
        if let fault = try firstFault({ ctorch_group_find_nccl($0) }) { return fault }
        if let fault = try firstFault({ ctorch_group_join_nccl(handle, device.code, $0) }) {
            ctorch_group_leave_nccl(handle)
            return fault
        }
        exchangeDevice = device
        return nil
    }

    /// Calls something in all processes; says of the first of them in which it failed why.
    private func firstFault(_ call: (ErrorPointer) -> CTorchStatus) throws -> String? {
        var error = CTorchError()
        let message = call(&error) == 0 ? [] : Array(text(of: error).utf8)
        let length = 1024
        let own = Array(message.prefix(length)) + Array(repeating: 0, count: length - min(message.count, length))
        let all = try gather(Tensor(own, shape: [1, length])).withUnsafeBytes(Array.init)
        for rank in 0..<size {
            let said = all[(rank * length)..<((rank + 1) * length)].prefix { $0 != 0 }
            if !said.isEmpty { return "process \(rank): \(String(decoding: said, as: UTF8.self))" }
        }
        return nil
    }

    /// Replaces a dense tensor by the sum of all processes' tensors: the same bits in each of them.
    public func sum(_ tensor: Tensor) throws {
        precondition(tensor.isContiguous && tensor.device == .cpu, "a dense tensor on the CPU")
        try withExtendedLifetime(tensor) {
            try exchanging { try perform("sum") { ctorch_group_sum(handle, tensor.handle, $0) } }
        }
    }

    /// The tensors `[n, …]` of all processes, of one shape, in the order of ranks: `[size · n, …]`.
    public func gather(_ tensor: Tensor) throws -> Tensor {
        try exchanging { try made("gather", tensor) { ctorch_group_gather(handle, $0, $1, $2) } }
    }

    /// Starts what ``sum(_:)`` does, in the background.
    public func startSum(_ tensor: Tensor) throws -> Exchange {
        try start("sum", tensor) { ctorch_group_start_sum(handle, tensor.handle, $0, $1) }
    }

    /// Starts to fill `part` `[n]` with this process's part of the sum of all processes' `whole` `[size · n]`, in the
    /// background. Neither is to be touched before the exchange has ended, and `whole` may be changed.
    public func startScatter(_ whole: Tensor, into part: Tensor) throws -> Exchange {
        precondition(whole.elementCount == size * part.elementCount, "a part for each process")
        return try start("scatter", whole, part) {
            ctorch_group_start_scatter(handle, whole.handle, part.handle, $0, $1)
        }
    }

    /// Starts to fill `whole` `[size · n]` with the `part` `[n]` of all processes in the order of ranks, in the
    /// background. Neither is to be touched before the exchange has ended.
    public func startGather(_ part: Tensor, into whole: Tensor) throws -> Exchange {
        precondition(whole.elementCount == size * part.elementCount, "a part for each process")
        return try start("gather", whole, part) {
            ctorch_group_start_gather(handle, part.handle, whole.handle, $0, $1)
        }
    }

    private func start(
        _ operation: String, _ tensors: Tensor...,
        call: (UnsafeMutablePointer<OpaquePointer?>, ErrorPointer) -> CTorchStatus
    ) throws -> Exchange {
        precondition(
            tensors.allSatisfy { $0.isContiguous && [.cpu, exchangeDevice].contains($0.device) },
            "dense tensors where they are exchanged")
        var started: OpaquePointer?
        try withExtendedLifetime(tensors) {
            try exchanging { try perform(operation) { call(&started, $0) } }
        }
        return Exchange(started!, of: self)
    }

    /// Something that processes exchange while they go on.
    ///
    /// All of them start the same exchanges in the same order; each may wait for them when it likes.
    public final class Exchange {
        private let handle: OpaquePointer
        private let group: ProcessGroup

        fileprivate init(_ handle: OpaquePointer, of group: ProcessGroup) {
            self.handle = handle
            self.group = group
        }

        /// Returns when the exchange has ended.
        ///
        /// - Throws: `Failure` that names the process that has ended before the run did.
        public func wait() throws {
            try group.exchanging { try perform("exchange") { ctorch_exchange_wait(handle, $0) } }
        }

        deinit { ctorch_exchange_free(handle) }
    }

    /// Returns when all processes have come here.
    public func wait() throws { try sum(Tensor.zeros([1])) }

    /// Seconds without a sign of life, which there are two of in each, after which a process counts as ended.
    private static let silence = 3.0

    private func exchanging<Result>(_ body: () throws -> Result) throws -> Result {
        do {
            return try body()
        } catch {
            throw Failure(
                .unavailable, "\(whoEnded()) (\(error))",
                advice: "Its own message, or that of whoever started it, says why.")
        }
    }

    private func whoEnded() -> String {
        var silent = [Bool](repeating: false, count: size)
        do {
            try perform("silence") { ctorch_group_silent(handle, Self.silence, &silent, $0) }
        } catch {
            return "the process that the others meet at, which is the first unless a launcher took its place, has ended"
        }
        let ended = silent.indices.filter { silent[$0] }.map { "process \($0)" }
        return ended.isEmpty
            ? "an exchange with the \(size) processes of the run failed"
            : "\(ended.joined(separator: " and ")) of \(size) ended before the run did"
    }
}

/// Takes what C++ reports of processes that are missing.
private final class JoinNotice: Sendable {
    private let size: Int
    private let notice: @Sendable (_ missing: [Int]?) -> Void

    init(_ size: Int, _ notice: @escaping @Sendable (_ missing: [Int]?) -> Void) {
        (self.size, self.notice) = (size, notice)
    }

    fileprivate func tell(_ here: UnsafePointer<Bool>?) { notice(here.map { here in (0..<size).filter { !here[$0] } }) }
}

extension JoinNotice? {
    /// Calls a body with the notice as C++ takes it, NULL for none; it outlives the body.
    fileprivate func withCNotice(seconds: Double, _ body: (UnsafePointer<CTorchJoinNotice>?) throws -> Void) rethrows {
        guard let self else { return try body(nil) }
        var notice = CTorchJoinNotice(
            seconds: seconds,
            tell: { here, context in Unmanaged<JoinNotice>.fromOpaque(context!).takeUnretainedValue().tell(here) },
            context: Unmanaged.passUnretained(self).toOpaque())
        try withExtendedLifetime(self) { try body(&notice) }
    }
}

internal import Base
internal import CTorch

/// Where a tensor's elements are.
public enum Device: Sendable, Hashable, CustomStringConvertible {
    case cpu
    case cuda(Int)

    /// Reads `cpu`, `cuda` or `cuda:1`, and makes the device usable: CUDA's kernels are loaded on first use.
    ///
    /// - Parameter localRank: this process's number among those of this machine that compute together; nil for one alone.
    ///   `cuda` is then the device of that number, where the process sees more than one.
    /// - Throws: `Failure` with status 64 for another word, 78 if libtorch_cuda or the device is not there; what
    ///   `localRank` throws, which only `cuda` asks for.
    public static func named(_ name: String, localRank: @autoclosure () throws -> Int? = nil) throws -> Device {
        if name == "cpu" { return .cpu }
        let parts = name.utf8.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
        guard let kind = parts.first, kind.elementsEqual("cuda".utf8), parts.count <= 2 else {
            throw Failure(.usage, "unknown device \"\(name)\"", advice: "use cpu, cuda or cuda:N")
        }
        guard let index = parts.count == 1 ? 0 : Int32(String(name.dropFirst(5))), index >= 0 else {
            throw Failure(.usage, "\"\(name)\" has no device number", advice: "use cuda or cuda:N")
        }
        try load(index, name)
        guard parts.count == 1 else { return .cuda(Int(index)) }
        var count: Int32 = 0
        try perform("device count") { ctorch_cuda_count(&count, $0) }
        // Launchers may show each process a device of its own.
        guard count > 1, let rank = try localRank(), rank > 0 else { return .cuda(0) }
        try load(Int32(rank), "cuda:\(rank)")
        return .cuda(rank)
    }

    private static func load(_ index: Int32, _ name: String) throws {
        var error = CTorchError()
        guard ctorch_load_cuda(index, &error) == 0 else {
            throw Failure(
                .badConfiguration, "device \(name): \(text(of: error))",
                advice:
                    "use --device cpu, or point TVT_LIBTORCH at a libtorch 2.11 with CUDA (and build again, where tvt "
                    + "was built here)")
        }
    }

    public var description: String {
        switch self {
        case .cpu: "cpu"
        case .cuda(let index): "cuda:\(index)"
        }
    }

    /// Bytes of a GPU's memory.
    public struct Memory: Sendable, Equatable {
        /// Of tensors, now and at most since the process began.
        public let used, mostUsed: Int
        /// What the driver has left, and all there is.
        public let free, total: Int
    }

    /// The memory of a GPU that was ``named(_:)``; nil for the CPU.
    public var memory: Memory? {
        get throws {
            guard case .cuda(let index) = self else { return nil }
            var memory = CTorchMemory()
            try perform("memory") { ctorch_device_memory(Int32(index), &memory, $0) }
            return Memory(
                used: Int(memory.used), mostUsed: Int(memory.mostUsed), free: Int(memory.free),
                total: Int(memory.total))
        }
    }

    var code: CTorchDevice {
        switch self {
        case .cpu: CTorchDevice(kind: 0, index: 0)
        case .cuda(let index): CTorchDevice(kind: 1, index: Int32(index))
        }
    }

    init(_ code: CTorchDevice) {
        self = code.kind == 0 ? .cpu : .cuda(Int(code.index))
    }
}

/// Settings of the whole process.
public enum Compute {
    /// How many threads one CPU operation uses.
    public static var threadCount: Int {
        get { Int(ctorch_thread_count()) }
        set { ctorch_set_thread_count(Int32(clamping: max(newValue, 1))) }
    }

    /// Runs `body` with CPU operations on the calling thread alone.
    ///
    /// For small work on many threads at once: teams of threads that libtorch calls together for each operation of each of
    /// them wait for one another longer than they compute.
    public static func onOneThread<Result>(_ body: () throws -> Result) throws -> Result {
        var result: Swift.Result<Result, any Error>?
        withoutActuallyEscaping(body) { body in
            var call: () -> Void = { result = Swift.Result { try body() } }
            withUnsafeMutablePointer(to: &call) { call in
                ctorch_on_one_thread({ $0!.assumingMemoryBound(to: (() -> Void).self).pointee() }, call)
            }
        }
        return try result!.get()
    }

    /// Gives the heap's free pages back to the system.
    ///
    /// CPU tensors of ever other sizes leave holes that glibc keeps; a long loop over such batches grows without this.
    public static func trimHeap() { ctorch_trim_heap() }
}

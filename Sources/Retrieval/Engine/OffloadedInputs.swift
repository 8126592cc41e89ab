internal import Base
internal import Glibc
internal import SystemPackage
internal import Tensors

/// Inputs of one pass's pieces that wait for backward: those of the CPU in a file without a name, those of a GPU in the
/// machine's memory.
///
/// A thread writes behind the one that computes, and reads ahead of it what it was told of. Not Sendable: one thread
/// computes.
final class OffloadedInputs {
    /// Where one waits.
    enum Slot {
        case file(offset: Int, shape: [Int], type: ElementType)
        case host(HostCopy)
    }

    /// What a GPU's tensor is in the machine's memory, and on its way back.
    final class HostCopy {
        private let tensor: Tensor
        private let device: Device
        private var arriving: ArrivingTensor?

        fileprivate init(_ tensor: Tensor) throws {
            self.tensor = try tensor.sentToHost()
            device = tensor.device
        }

        fileprivate func readAhead() throws {
            if arriving == nil { arriving = try ArrivingTensor(tensor, on: device) }
        }

        /// Its memory is the tensor's own from here on, which is there as long as somebody computes with it.
        fileprivate func take() throws -> Tensor {
            try readAhead()
            defer { arriving = nil }
            return try arriving!.tensor()
        }
    }

    /// Tensors that may be under way at once; memory of their size is not free meanwhile.
    private static let window = 4
    /// Bytes between the offsets of two: pages.
    private static let alignment = 4096

    /// Nil at the end alone.
    private var file: OrderedWorkers<Job, Int>?
    /// What the jobs under way read from or write to, the oldest first.
    private var underWay: [Owner] = []
    /// What was read, by offset.
    private var arrived: [Int: HostBytes] = [:]
    /// Offsets that were asked for, and did not arrive yet.
    private var awaited: Set<Int> = []
    private var end = 0

    private enum Owner {
        case written(Tensor)
        case read(HostBytes)
    }

    /// `@unchecked Sendable`: an ``Owner`` keeps the bytes while the job is under way, and nobody else touches them.
    private struct Job: @unchecked Sendable {
        let bytes: UnsafeMutableRawBufferPointer
        let offset: Int
        let isWriting: Bool
    }

    /// - Parameter folder: of the file; nil for that of temporary files.
    init(in folder: FilePath?) throws {
        file = try OrderedWorkers(workers: 1, window: Self.window) {
            let scratch = try ScratchFile(in: folder)
            return { job in
                if job.isWriting {
                    try scratch.write(UnsafeRawBufferPointer(job.bytes), at: job.offset)
                } else {
                    try scratch.read(at: job.offset, into: job.bytes)
                }
                return job.offset
            }
        }
    }

    deinit {
        // Where a pass was given up, the thread may still be at what is under way.
        file = nil
    }

    /// Begins to write a tensor, which nobody changes any more.
    func store(_ tensor: Tensor) throws -> Slot {
        guard tensor.device == .cpu else { return .host(try HostCopy(tensor)) }
        let contiguous = try tensor.contiguous()
        let offset = end
        end += (contiguous.byteCount + Self.alignment - 1) / Self.alignment * Self.alignment
        let bytes = try contiguous.withUnsafeBytes { UnsafeMutableRawBufferPointer(mutating: $0) }
        try submit(Job(bytes: bytes, offset: offset, isWriting: true), .written(contiguous))
        return .file(offset: offset, shape: contiguous.shape, type: contiguous.elementType)
    }

    /// Begins to read what will soon be taken.
    func readAhead(_ slot: Slot) throws {
        if case .host(let copy) = slot { return try copy.readAhead() }
        guard case .file(let offset, let shape, let type) = slot else { return }
        guard arrived[offset] == nil, awaited.insert(offset).inserted else { return }
        let bytes = HostBytes(count: shape.reduce(type.byteCount, *))
        try submit(Job(bytes: bytes.buffer, offset: offset, isWriting: false), .read(bytes))
    }

    /// The tensor as it was stored, outside of any graph. A second time it is read again.
    func take(_ slot: Slot) throws -> Tensor {
        switch slot {
        case .host(let copy): return try copy.take()
        case .file(let offset, let shape, let type):
            try readAhead(slot)
            while arrived[offset] == nil, let done = try file!.takeOldest() { finish(done) }
            let bytes = arrived.removeValue(forKey: offset)!
            return try Tensor(borrowing: UnsafeRawBufferPointer(bytes.buffer), shape: shape, type: type, owner: bytes)
        }
    }

    private func submit(_ job: Job, _ owner: Owner) throws {
        underWay.append(owner)
        try file!.submit(job, write: finish)
    }

    private func finish(_ offset: Int) {
        if case .read(let bytes) = underWay.removeFirst() {
            arrived[offset] = bytes
            awaited.remove(offset)
        }
    }
}

/// Memory of a tensor that is read from a file.
private final class HostBytes {
    /// As libtorch aligns its own: kernels must not take other ways here.
    private static let alignment = 64
    let buffer: UnsafeMutableRawBufferPointer

    init(count: Int) { buffer = .allocate(byteCount: count, alignment: Self.alignment) }

    deinit { buffer.deallocate() }
}

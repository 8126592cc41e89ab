internal import CTorch

/// An n-dimensional array of numbers, on the CPU or a GPU, that can record how it was computed.
///
/// Owns one libtorch handle and frees it when the last reference goes. Not `Sendable`: libtorch lets two threads read
/// one tensor, but in-place operations and gradient recording are not synchronised.
///
/// Operations throw ``TensorError``; those whose name ends in `InPlace` change the receiver, all others leave it alone.
/// Dimensions may be negative, counted from the last.
public final class Tensor {
    let handle: Handle

    init(owning handle: Handle) {
        self.handle = handle
    }

    deinit {
        ctorch_free(handle)
    }

    /// Frees the memory of a dense tensor, which no other but its views shares. Views and recorded graphs stay as they are,
    /// and nothing may touch their numbers before ``returnToMemory()``.
    public func leaveMemory() throws {
        try perform("leaveMemory") { ctorch_set_memory(handle, false, $0) }
    }

    /// Gets memory again, whose numbers may be any.
    public func returnToMemory() throws {
        try perform("returnToMemory") { ctorch_set_memory(handle, true, $0) }
    }

    /// How many tensors this process holds now.
    public static var liveCount: Int { Int(ctorch_live_count()) }

    /// Tensors made less tensors freed by the calling thread: synchronous work that ends where it began has leaked
    /// nothing, whatever other threads do meanwhile.
    public static var threadLiveCount: Int { Int(ctorch_thread_live_count()) }
}

// Facts.
extension Tensor {
    public var dimensionCount: Int { Int(ctorch_dimension_count(handle)) }

    public var shape: [Int] {
        (0..<ctorch_dimension_count(handle)).map { Int(ctorch_size(handle, $0)) }
    }

    /// The size along a dimension in `0..<dimensionCount`.
    public func size(_ dimension: Int) -> Int {
        precondition(dimension >= 0 && dimension < dimensionCount, "dimension \(dimension) of shape \(shape)")
        return Int(ctorch_size(handle, Int32(dimension)))
    }

    public var elementCount: Int { Int(ctorch_element_count(handle)) }

    public var elementType: ElementType { ElementType(ctorch_type(handle)) }

    public var device: Device { Device(ctorch_device(handle)) }

    public var isContiguous: Bool { ctorch_is_contiguous(handle) }

    /// Bytes that the elements occupy.
    public var byteCount: Int { elementCount * elementType.byteCount }
}

extension Tensor: CustomStringConvertible {
    public var description: String { "Tensor(\(shape), \(elementType), \(device))" }
}

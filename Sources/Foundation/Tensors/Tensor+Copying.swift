internal import CTorch

// Making tensors, and copying between Swift, types and devices.
extension Tensor {
    public static func full(
        _ shape: [Int], _ value: Double, type: ElementType = .float32, device: Device = .cpu
    ) throws -> Tensor {
        try withSizes(shape) { sizes, count in
            try made("full") { ctorch_full(sizes, count, value, type.code, device.code, $0, $1) }
        }
    }

    public static func zeros(_ shape: [Int], type: ElementType = .float32, device: Device = .cpu) throws -> Tensor {
        try full(shape, 0, type: type, device: device)
    }

    public static func ones(_ shape: [Int], type: ElementType = .float32, device: Device = .cpu) throws -> Tensor {
        try full(shape, 1, type: type, device: device)
    }

    public func zerosLike() throws -> Tensor {
        try Tensor.full(shape, 0, type: elementType, device: device)
    }

    /// `start, start + 1, … end − 1`.
    public static func arange(
        _ range: Range<Int>, type: ElementType = .int64, device: Device = .cpu
    ) throws -> Tensor {
        try made("arange") {
            ctorch_arange(Int64(range.lowerBound), Int64(range.upperBound), type.code, device.code, $0, $1)
        }
    }

    /// Float32 values from a normal distribution; a function of the seed alone.
    public static func normal(
        _ shape: [Int], mean: Double = 0, standardDeviation: Double = 1, seed: UInt64
    ) throws -> Tensor {
        try withSizes(shape) { sizes, count in
            try made("normal") { ctorch_normal(sizes, count, mean, standardDeviation, seed, $0, $1) }
        }
    }

    /// Copies row-major values; there must be exactly as many as the shape holds.
    public convenience init<Element: TensorElement>(
        _ values: [Element], shape: [Int]? = nil
    ) throws {
        try self.init(copying: values.span.bytes, shape: shape ?? [values.count], type: Element.elementType)
    }

    convenience init(copying bytes: RawSpan, shape: [Int], type: ElementType) throws {
        var out: Handle?
        try withSizes(shape) { sizes, count in
            try bytes.withUnsafeBytes { bytes in
                try perform("make") {
                    ctorch_from_bytes(bytes.baseAddress, bytes.count, sizes, count, type.code, &out, $0)
                }
            }
        }
        self.init(owning: out!)
    }

    /// Copies elements of any type given as bytes, row-major and little-endian.
    public convenience init(copying bytes: UnsafeRawBufferPointer, shape: [Int], type: ElementType) throws {
        try self.init(copying: bytes.bytes, shape: shape, type: type)
    }

    /// A tensor on the CPU that is written in its place, for values of which there is to be no second copy.
    ///
    /// - Parameter write: is given room for all elements, row-major, and writes each of them.
    public convenience init<Element: TensorElement>(
        shape: [Int], writing write: (UnsafeMutableBufferPointer<Element>) throws -> Void
    ) throws {
        var out: Handle?
        try withSizes(shape) { sizes, count in
            try perform("make") { ctorch_empty(sizes, count, Element.elementType.code, &out, $0) }
        }
        self.init(owning: out!)
        let elements = ctorch_data(handle)?.assumingMemoryBound(to: Element.self)
        try withExtendedLifetime(self) { try write(UnsafeMutableBufferPointer(start: elements, count: elementCount)) }
    }

    /// A tensor over memory that `owner` keeps valid, without copying. It must never be written to if the memory is
    /// read-only, and may outlive every other reference to `owner`.
    public convenience init(
        borrowing bytes: UnsafeRawBufferPointer, shape: [Int], type: ElementType, owner: AnyObject
    ) throws {
        let needed = shape.reduce(type.byteCount, *)
        guard needed == bytes.count else {
            throw TensorError("borrow", "shape \(shape) needs \(needed) bytes, not \(bytes.count)")
        }
        guard let address = bytes.baseAddress, needed > 0 else {
            try self.init(copying: bytes, shape: shape, type: type)
            return
        }
        var out: Handle?
        let context = Unmanaged.passRetained(owner)
        let release: @convention(c) (UnsafeMutableRawPointer?) -> Void = { context in
            Unmanaged<AnyObject>.fromOpaque(context!).release()
        }
        try withSizes(shape) { sizes, count in
            try perform("borrow") {
                ctorch_from_memory(
                    UnsafeMutableRawPointer(mutating: address), sizes, count, type.code, release, context.toOpaque(),
                    &out, $0)
            }
        }
        self.init(owning: out!)
    }

    /// All elements in row-major order.
    ///
    /// - Throws: `TensorError` if the elements are not of this type; convert first with ``to(_:)``.
    public func array<Element: TensorElement>(of type: Element.Type = Element.self) throws -> [Element] {
        guard elementType == Element.elementType else {
            throw TensorError("array", "the elements are \(elementType), not \(Element.elementType)")
        }
        return try [Element](unsafeUninitializedCapacity: elementCount) { buffer, initialized in
            let bytes = UnsafeMutableRawBufferPointer(buffer)
            try copyBytes(to: UnsafeMutableRawBufferPointer(rebasing: bytes.prefix(byteCount)))
            initialized = elementCount
        }
    }

    /// Elements as `Float`, whatever the type.
    public func floats() throws -> [Float] { try to(.float32).array(of: Float.self) }

    /// Copies the elements, row-major and in their own type, over memory of exactly their size.
    public func copyBytes(to bytes: UnsafeMutableRawBufferPointer) throws {
        try withExtendedLifetime(self) {
            try perform("copy") { ctorch_copy_to_host(handle, bytes.baseAddress, bytes.count, $0) }
        }
    }

    /// Lends the elements' memory without copying.
    ///
    /// - Throws: `TensorError` unless the tensor is contiguous and on the CPU.
    public func withUnsafeBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) throws -> Result {
        try withExtendedLifetime(self) {
            guard let address = ctorch_data(handle) else {
                guard elementCount == 0 else { throw TensorError("read", "\(self) is not contiguous on the CPU") }
                return try body(UnsafeRawBufferPointer(start: nil, count: 0))
            }
            return try body(UnsafeRawBufferPointer(start: address, count: byteCount))
        }
    }

    /// The value of a tensor of one element.
    public func item() throws -> Double {
        var value = 0.0
        try withExtendedLifetime(self) { try perform("item") { ctorch_item(handle, &value, $0) } }
        return value
    }

    public func to(_ type: ElementType) throws -> Tensor { try to(type, device) }

    public func to(_ device: Device) throws -> Tensor { try to(elementType, device) }

    public func to(_ type: ElementType, _ device: Device) throws -> Tensor {
        if type == elementType && device == self.device { return self }
        return try made("to", self) { ctorch_to($0, type.code, device.code, $1, $2) }
    }

    public func clone() throws -> Tensor { try made("clone", self) { ctorch_clone($0, $1, $2) } }

    /// Gives elements that had left memory their values again: graphs that have recorded them stay valid.
    public func restore(from source: Tensor) throws {
        precondition(source.shape == shape, "the same elements")
        try withExtendedLifetime((self, source)) {
            try perform("restore") { ctorch_restore_(handle, source.handle, $0) }
        }
    }

    /// Overwrites the elements with another tensor's of the same shape, converting type and device.
    public func assign(_ source: Tensor) throws {
        try withExtendedLifetime((self, source)) {
            try perform("assign") { ctorch_copy_(handle, source.handle, $0) }
        }
    }
}

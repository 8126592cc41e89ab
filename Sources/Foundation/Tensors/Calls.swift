internal import Base
internal import CTorch

// Every call of the door goes through one of these: it keeps the tensors alive for the length of the call and turns a
// status into a `TensorError`.

typealias Handle = OpaquePointer
typealias ErrorPointer = UnsafeMutablePointer<CTorchError>
typealias OutPointer = UnsafeMutablePointer<Handle?>

func text(of error: CTorchError) -> String {
    withUnsafeBytes(of: error) { bytes in
        String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
    }
}

/// Runs a call that gives nothing back.
@inline(__always)
func perform(_ operation: String, _ call: (ErrorPointer) -> CTorchStatus) throws {
    try withUnsafeTemporaryAllocation(of: CTorchError.self, capacity: 1) { errors in
        let error = errors.baseAddress!
        let status = call(error)
        guard status == 0 else { throw failure(operation, status, error.pointee) }
    }
}

private func failure(_ operation: String, _ status: CTorchStatus, _ error: CTorchError) -> any Error {
    guard status == CTORCH_NOT_LOADED else { return TensorError(operation, text(of: error)) }
    return Failure(
        .unavailable, "libtorch cannot be loaded: \(text(of: error))",
        advice:
            "libCTorchPlugin.so must be beside the tool, and libtorch where it was when tvt was built: below .deps, or where "
            + "TVT_LIBTORCH was.")
}

/// Runs a call that gives a tensor back.
@inline(__always)
func made(_ operation: String, _ call: (OutPointer, ErrorPointer) -> CTorchStatus) throws -> Tensor {
    var out: Handle?
    try perform(operation) { call(&out, $0) }
    return Tensor(owning: out!)
}

@inline(__always)
func made(
    _ operation: String, _ a: Tensor, _ call: (Handle, OutPointer, ErrorPointer) -> CTorchStatus
) throws -> Tensor {
    try withExtendedLifetime(a) { try made(operation) { call(a.handle, $0, $1) } }
}

@inline(__always)
func made(
    _ operation: String, _ a: Tensor, _ b: Tensor, _ call: (Handle, Handle, OutPointer, ErrorPointer) -> CTorchStatus
) throws -> Tensor {
    try withExtendedLifetime((a, b)) { try made(operation) { call(a.handle, b.handle, $0, $1) } }
}

@inline(__always)
func made(
    _ operation: String, _ a: Tensor, _ b: Tensor, _ c: Tensor,
    _ call: (Handle, Handle, Handle, OutPointer, ErrorPointer) -> CTorchStatus
) throws -> Tensor {
    try withExtendedLifetime((a, b, c)) { try made(operation) { call(a.handle, b.handle, c.handle, $0, $1) } }
}

/// Lends the handles of many tensors as one C array.
@inline(__always)
func withHandles<Result>(
    of tensors: [Tensor?], _ body: (UnsafePointer<Handle?>, Int32) throws -> Result
) rethrows -> Result {
    try withExtendedLifetime(tensors) {
        try tensors.map { $0?.handle }.withUnsafeBufferPointer { handles in
            // An empty array may have no address; the door then reads nothing.
            try body(handles.baseAddress ?? UnsafePointer(bitPattern: 8)!, Int32(handles.count))
        }
    }
}

/// Lends sizes as C's 64-bit integers.
@inline(__always)
func withSizes<Result>(_ sizes: [Int], _ body: (UnsafePointer<Int64>, Int32) throws -> Result) rethrows -> Result {
    try sizes.withUnsafeBufferPointer { sizes in
        try sizes.withMemoryRebound(to: Int64.self) { sizes in
            try body(sizes.baseAddress ?? UnsafePointer(bitPattern: 8)!, Int32(sizes.count))
        }
    }
}

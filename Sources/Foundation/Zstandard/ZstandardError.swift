public import Base
internal import CZstd

/// A libzstd call that failed.
public struct ZstandardError: StatusError, Equatable {
    public let operation: String
    /// The library's own words.
    public let message: String
    /// What is packed may be damaged; what is to be packed cannot be.
    public let exitStatus: ExitStatus

    public init(_ operation: String, _ message: String, _ exitStatus: ExitStatus = .bug) {
        self.operation = operation
        self.message = message
        self.exitStatus = exitStatus
    }

    public var description: String { "zstd cannot \(operation): \(message)" }
}

/// The result of a libzstd call, or its error.
///
/// - Parameter exitStatus: that of the error.
func checked(
    _ result: Int, _ operation: String, _ exitStatus: ExitStatus = .bug
) throws(ZstandardError) -> Int {
    guard ZSTD_isError(result) == 0 else {
        throw ZstandardError(operation, String(cString: ZSTD_getErrorName(result)), exitStatus)
    }
    return result
}

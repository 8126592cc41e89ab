public import Base
internal import CZstd

/// A libzstd call that failed.
public struct ZstandardError: StatusError, Equatable {
    public let operation: String
    /// The library's own words.
    public let message: String

    public init(_ operation: String, _ message: String) {
        self.operation = operation
        self.message = message
    }

    public var exitStatus: ExitStatus { operation.hasPrefix("decompress") ? .badData : .bug }
    public var description: String { "zstd cannot \(operation): \(message)" }
}

/// The result of a libzstd call, or its error.
func checked(_ result: Int, _ operation: String) throws(ZstandardError) -> Int {
    guard ZSTD_isError(result) == 0 else {
        throw ZstandardError(operation, String(cString: ZSTD_getErrorName(result)))
    }
    return result
}

/// The version of libzstd in use, such as `1.5.4`: part of what makes compressed bytes reproducible.
public var libraryVersion: String { String(cString: ZSTD_versionString()) }

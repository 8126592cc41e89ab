public import Base
internal import CArrow
public import SystemPackage

/// A file of Parquet, or of Arrow, that cannot be read: what it is, and Arrow's own words.
public struct ParquetError: StatusError, Equatable {
    public let path: FilePath
    public let message: String
    public let exitStatus: ExitStatus

    init(_ path: FilePath, _ message: String, _ exitStatus: ExitStatus = .badData) {
        self.path = path
        self.message = message
        self.exitStatus = exitStatus
    }

    /// The error of a call of the door, whose message it frees.
    init(_ path: FilePath, status: Int32, _ message: UnsafeMutablePointer<CChar>?, format: String = "Parquet") {
        defer { tvt_parquet_free_message(message) }
        let text = message.map { String(cString: $0) } ?? "no reason given"
        switch Int(status) {
        case TVT_PARQUET_IO: self.init(path, text, .io)
        case TVT_PARQUET_TOO_LARGE: self.init(path, "it needs more memory than it may take: \(text)")
        case TVT_PARQUET_BAD_DATA: self.init(path, "it is damaged, or no \(format) file: \(text)")
        case TVT_PARQUET_NOT_LOADED:
            self.init(path, "\(format) cannot be read, because Arrow cannot be loaded: \(text)", .badConfiguration)
        default: self.init(path, text, .bug)
        }
    }

    public var description: String { "\(path): \(message)" }
}

internal import Base
public import SystemPackage

/// A file's bytes, which may come in parts that follow one another.
///
/// `@unchecked Sendable`: nothing changes between `init` and `deinit`.
public final class ForeignFile: @unchecked Sendable {
    /// Of the first part, for messages.
    public let path: String
    public let bytes: UnsafeRawBufferPointer
    private let mapped: MappedFile?
    private let joined: UnsafeMutableRawBufferPointer?

    /// - Throws: `Failure` without any part, `SystemError` where one cannot be read.
    public init(parts: [FilePath]) throws {
        guard let first = parts.first else { throw Failure(.usage, "no file of weights is given") }
        path = first.string
        let files = try parts.map { try MappedFile($0) }
        if files.count == 1 {
            mapped = files[0]
            joined = nil
            bytes = files[0].bytes
            return
        }
        mapped = nil
        let joined = UnsafeMutableRawBufferPointer.allocate(
            byteCount: files.reduce(0) { $0 + $1.count }, alignment: 64)
        var start = 0
        for file in files {
            UnsafeMutableRawBufferPointer(rebasing: joined[start..<start + file.count]).copyMemory(from: file.bytes)
            start += file.count
        }
        self.joined = joined
        bytes = UnsafeRawBufferPointer(joined)
    }

    /// - Parameter bytes: a copy is kept.
    public init(bytes: [UInt8], path: String) {
        self.path = path
        mapped = nil
        let joined = UnsafeMutableRawBufferPointer.allocate(byteCount: max(1, bytes.count), alignment: 64)
        joined.copyBytes(from: bytes)
        self.joined = joined
        self.bytes = UnsafeRawBufferPointer(rebasing: joined[..<bytes.count])
    }

    deinit { joined?.deallocate() }

    func fault(_ reason: String, at offset: Int, field: String? = nil) -> InputError {
        InputError(reason, at: Place(path: path, byteOffset: offset, field: field))
    }

    /// Text, which must be UTF-8.
    func text(_ range: Range<Int>) throws -> String {
        guard let text = String(validating: bytes[range], as: UTF8.self) else {
            throw fault("a name is not valid UTF-8", at: range.lowerBound)
        }
        return text
    }
}

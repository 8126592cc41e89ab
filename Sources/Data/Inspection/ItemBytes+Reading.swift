internal import Base
internal import Ingest
internal import Media

extension ItemBytes {
    var count: Int {
        switch self {
        case .memory(let bytes): bytes.count
        case .file(_, let byteCount): byteCount
        }
    }

    /// The first bytes; without a number as many as a message shows.
    func start(_ count: Int = 16) throws -> [UInt8] {
        switch self {
        case .memory(let bytes): Array(bytes.prefix(count))
        case .file(let path, let byteCount): try InputFile(path).read(0..<min(count, byteCount))
        }
    }

    /// All bytes at once; those of a file are read.
    func withMemory<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) throws -> Result {
        switch self {
        case .memory(let bytes): return try body(bytes)
        case .file(let path, let byteCount):
            return try InputFile(path).read(0..<byteCount).withUnsafeBytes { try body($0) }
        }
    }

    /// For one who reads what he needs.
    func withMediaBytes<Result>(_ body: (MediaBytes) throws -> Result) throws -> Result {
        switch self {
        case .memory(let bytes): return try body(.memory(bytes))
        case .file(let path, let byteCount):
            let file = try InputFile(path)
            return try file.withDescriptor { try body(.file(descriptor: $0, byteCount: byteCount)) }
        }
    }
}

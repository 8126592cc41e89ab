internal import Glibc

/// Where the bytes of an image, an audio item or a video are.
public enum MediaBytes {
    case memory(UnsafeRawBufferPointer)
    /// An open file, from its start on; it is read with `pread`, so that one that shrinks meanwhile is an error.
    case file(descriptor: Int32, byteCount: Int)

    var byteCount: Int {
        switch self {
        case .memory(let bytes): bytes.count
        case .file(_, let byteCount): byteCount
        }
    }

    /// Some bytes; nil where not all of them are there.
    func read(at offset: Int, count: Int) -> [UInt8]? {
        guard offset >= 0, count >= 0, offset <= byteCount - count else { return nil }
        switch self {
        case .memory(let bytes): return Array(bytes[offset..<offset + count])
        case .file(let descriptor, _):
            return withUnsafeTemporaryAllocation(byteCount: max(1, count), alignment: 8) { buffer in
                pread(descriptor, buffer.baseAddress, count, off_t(offset)) == count ? Array(buffer[..<count]) : nil
            }
        }
    }
}

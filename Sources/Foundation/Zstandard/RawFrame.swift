/// A frame whose blocks are the content as it is: what a reader gets through at the speed of memory.
///
/// With content size and checksum, and a window of one block, so that it can be read piece by piece. The bytes depend on
/// the content only, not on a version of libzstd.
///
/// Source: RFC 8878, section 3.1.1.
public enum RawFrame {
    /// Bytes of content in every block but the last.
    public static let blockBytes = 1 << 17
    /// No content may be larger: its size is a u32.
    public static let largestContent = Int(UInt32.max)

    private static let magic: UInt32 = 0xFD2F_B528
    /// Content size in four bytes, checksum, no single segment, no dictionary.
    private static let descriptor: UInt8 = 0b1000_0100
    /// 2^(10 + 7) bytes.
    private static let window: UInt8 = 7 << 3
    private static let headerBytes = 10
    private static let checksumBytes = 4

    /// Size of the whole frame.
    public static func byteCount(of contentSize: Int) -> Int {
        headerBytes + max(1, (contentSize + blockBytes - 1) / blockBytes) * 3 + contentSize + checksumBytes
    }

    /// - Precondition: at most ``largestContent``.
    public static func header(contentSize: Int) -> [UInt8] {
        precondition(contentSize <= largestContent, "a content size of 32 bits")
        var bytes: [UInt8] = []
        append(magic, byteCount: 4, to: &bytes)
        bytes += [descriptor, window]
        append(UInt32(contentSize), byteCount: 4, to: &bytes)
        return bytes
    }

    /// What precedes a block's content, of which there are at most ``blockBytes``.
    public static func blockHeader(byteCount: Int, isLast: Bool) -> [UInt8] {
        precondition(byteCount <= blockBytes, "a block of at most 128 KiB")
        var bytes: [UInt8] = []
        append(UInt32(byteCount) << 3 | (isLast ? 1 : 0), byteCount: 3, to: &bytes)
        return bytes
    }

    /// The end of the frame.
    ///
    /// - Parameter hash: XXH64 of the content.
    public static func checksum(_ hash: UInt64) -> [UInt8] {
        var bytes: [UInt8] = []
        append(UInt32(truncatingIfNeeded: hash), byteCount: checksumBytes, to: &bytes)
        return bytes
    }

    private static func append(_ value: UInt32, byteCount: Int, to bytes: inout [UInt8]) {
        for byte in 0..<byteCount { bytes.append(UInt8(truncatingIfNeeded: value >> (8 * UInt32(byte)))) }
    }
}

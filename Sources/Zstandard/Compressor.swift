internal import CZstd

/// A compression context: turns bytes into frames that carry their content size and a checksum.
///
/// Belongs to one thread. With a dictionary, the dictionary's level counts.
public struct Compressor: ~Copyable {
    private let context: OpaquePointer
    /// Kept alive for as long as the context refers to it.
    private let dictionary: CompressionDictionary?

    public init(level: Int32, dictionary: CompressionDictionary? = nil) throws(ZstandardError) {
        guard let context = ZSTD_createCCtx() else { throw ZstandardError("compress", "out of memory") }
        do throws(ZstandardError) {
            _ = try checked(ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, level), "set the level")
            _ = try checked(ZSTD_CCtx_setParameter(context, ZSTD_c_contentSizeFlag, 1), "set the content size flag")
            _ = try checked(ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1), "set the checksum flag")
            // Who reads a frame knows its dictionary; the checksum tells a wrong one. Four bytes of some hundred.
            _ = try checked(ZSTD_CCtx_setParameter(context, ZSTD_c_dictIDFlag, 0), "leave out the dictionary's id")
            if let dictionary { _ = try checked(ZSTD_CCtx_refCDict(context, dictionary.handle), "use a dictionary") }
        } catch {
            ZSTD_freeCCtx(context)
            throw error
        }
        self.context = context
        self.dictionary = dictionary
    }

    deinit { ZSTD_freeCCtx(context) }

    /// Appends one frame to `output`.
    ///
    /// - Returns: the frame's size in bytes.
    @discardableResult
    public mutating func compress(
        _ bytes: UnsafeRawBufferPointer, appendingTo output: inout [UInt8]
    ) throws(ZstandardError) -> Int {
        let start = output.count
        let bound = ZSTD_compressBound(bytes.count)
        output.append(contentsOf: repeatElement(0, count: bound))
        let result = output.withUnsafeMutableBytes {
            ZSTD_compress2(context, $0.baseAddress! + start, bound, bytes.baseAddress, bytes.count)
        }
        output.removeLast(bound - (ZSTD_isError(result) == 0 ? result : 0))
        return try checked(result, "compress")
    }

    /// Writes one frame to the start of `output`, which must hold ``maximumSize(of:)`` bytes.
    ///
    /// - Returns: the frame's size in bytes.
    public mutating func compress(
        _ bytes: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer
    ) throws(ZstandardError) -> Int {
        try checked(
            ZSTD_compress2(context, output.baseAddress, output.count, bytes.baseAddress, bytes.count), "compress")
    }

    /// No frame of `byteCount` bytes of content is larger.
    public static func maximumSize(of byteCount: Int) -> Int { ZSTD_compressBound(byteCount) }
}

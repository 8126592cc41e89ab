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

    /// Begins a frame whose content comes in pieces, with ``compress(piece:isLast:_:)``.
    ///
    /// - Parameter byteCount: bytes of all pieces together.
    public mutating func beginFrame(byteCount: Int) throws(ZstandardError) {
        _ = try checked(ZSTD_CCtx_reset(context, ZSTD_reset_session_only), "begin a frame")
        _ = try checked(ZSTD_CCtx_setPledgedSrcSize(context, UInt64(byteCount)), "set the content size")
    }

    /// Compresses the next piece of the frame that was begun.
    ///
    /// - Parameter write: called with what the frame goes on with.
    public mutating func compress(
        piece: UnsafeRawBufferPointer, isLast: Bool, _ write: (UnsafeRawBufferPointer) throws -> Void
    ) throws {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: ZSTD_CStreamOutSize(), alignment: 64)
        defer { buffer.deallocate() }
        var input = ZSTD_inBuffer(src: piece.baseAddress, size: piece.count, pos: 0)
        while true {
            var output = ZSTD_outBuffer(dst: buffer.baseAddress, size: buffer.count, pos: 0)
            let rest = try checked(
                ZSTD_compressStream2(context, &output, &input, isLast ? ZSTD_e_end : ZSTD_e_continue), "compress")
            if output.pos > 0 { try write(UnsafeRawBufferPointer(rebasing: buffer[0..<output.pos])) }
            if isLast ? rest == 0 : input.pos == input.size { return }
        }
    }
}

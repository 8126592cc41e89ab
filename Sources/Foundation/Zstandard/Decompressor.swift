internal import CZstd

/// A decompression context. Belongs to one thread.
public struct Decompressor: ~Copyable {
    private let context: OpaquePointer

    public init() throws(ZstandardError) {
        guard let context = ZSTD_createDCtx() else { throw ZstandardError("decompress", "out of memory", .badData) }
        self.context = context
    }

    deinit { ZSTD_freeDCtx(context) }

    /// Decompresses exactly one frame and checks its checksum.
    ///
    /// - Parameters:
    ///   - frame: the whole frame and nothing behind it.
    ///   - output: at least ``Frame/contentSize(_:)`` bytes.
    ///   - dictionary: the one that the frame was compressed with.
    /// - Returns: the number of bytes written.
    public mutating func decompress(
        _ frame: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer,
        dictionary: DecompressionDictionary? = nil
    ) throws(ZstandardError) -> Int {
        let result =
            if let dictionary {
                ZSTD_decompress_usingDDict(
                    context, output.baseAddress, output.count, frame.baseAddress, frame.count, dictionary.handle)
            } else {
                ZSTD_decompressDCtx(context, output.baseAddress, output.count, frame.baseAddress, frame.count)
            }
        return try checked(result, "decompress a frame", .badData)
    }

    /// Decompresses one frame without a dictionary piece by piece; its checksum is checked behind the last piece.
    ///
    /// Memory: the frame's window, which is 128 KiB for a ``RawFrame``, and 128 KiB.
    ///
    /// - Parameter body: called with each piece, which is valid within it only.
    public mutating func forEachPiece(
        of frame: UnsafeRawBufferPointer, _ body: (UnsafeRawBufferPointer) throws -> Void
    ) throws {
        _ = try checked(ZSTD_DCtx_reset(context, ZSTD_reset_session_only), "decompress a frame", .badData)
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: ZSTD_DStreamOutSize(), alignment: 64)
        defer { buffer.deallocate() }
        var input = ZSTD_inBuffer(src: frame.baseAddress, size: frame.count, pos: 0)
        while true {
            let before = input.pos
            var output = ZSTD_outBuffer(dst: buffer.baseAddress, size: buffer.count, pos: 0)
            let rest = try checked(ZSTD_decompressStream(context, &output, &input), "decompress a frame", .badData)
            if output.pos > 0 { try body(UnsafeRawBufferPointer(rebasing: buffer[0..<output.pos])) }
            if rest == 0 {
                guard input.pos == input.size else {
                    throw ZstandardError("decompress a frame", "there are bytes behind its end", .badData)
                }
                return
            }
            guard output.pos > 0 || input.pos > before else {
                throw ZstandardError("decompress a frame", "it is cut off", .badData)
            }
        }
    }
}

/// One frame without a dictionary, decompressed as far as somebody asks. Belongs to one thread at a time.
///
/// Memory: the frame's window, which is 128 KiB for a ``RawFrame``, and a block.
public struct FrameStream: ~Copyable {
    private let context: OpaquePointer
    private var input: ZSTD_inBuffer
    private var isAtEnd = false

    /// - Parameter frame: the whole frame and nothing behind it; it must stay where it is as long as the stream lives.
    public init(_ frame: UnsafeRawBufferPointer) throws(ZstandardError) {
        guard let context = ZSTD_createDCtx() else { throw ZstandardError("decompress", "out of memory", .badData) }
        self.context = context
        input = ZSTD_inBuffer(src: frame.baseAddress, size: frame.count, pos: 0)
    }

    deinit { ZSTD_freeDCtx(context) }

    /// Writes what comes next to the start of a buffer.
    ///
    /// - Returns: the number of bytes, as many as there is room for unless the frame ends; 0 behind its end, and then its
    ///   checksum was right.
    public mutating func read(into buffer: UnsafeMutableRawBufferPointer) throws(ZstandardError) -> Int {
        var output = ZSTD_outBuffer(dst: buffer.baseAddress, size: buffer.count, pos: 0)
        while !isAtEnd, output.pos < output.size {
            let (inputBefore, outputBefore) = (input.pos, output.pos)
            let rest = try checked(ZSTD_decompressStream(context, &output, &input), "decompress a frame", .badData)
            isAtEnd = rest == 0
            guard isAtEnd || input.pos > inputBefore || output.pos > outputBefore else {
                throw ZstandardError("decompress a frame", "it is cut off", .badData)
            }
        }
        if isAtEnd, input.pos < input.size {
            throw ZstandardError("decompress a frame", "there are bytes behind its end", .badData)
        }
        return output.pos
    }
}

/// What a frame's header tells.
public enum Frame {
    /// Bytes that the frame decompresses to.
    ///
    /// - Throws: where the bytes are not a frame, or one that does not say.
    public static func contentSize(_ frame: UnsafeRawBufferPointer) throws(ZstandardError) -> Int {
        let size = ZSTD_getFrameContentSize(frame.baseAddress, frame.count)
        // The two largest values mean "unknown" and "error".
        guard size < UInt64(Int.max) else {
            throw ZstandardError("decompress a frame", "its header is damaged or tells no size", .badData)
        }
        return Int(size)
    }

    /// Bytes that the frame at the start of `bytes` takes up, skippable frames included.
    public static func compressedSize(_ bytes: UnsafeRawBufferPointer) throws(ZstandardError) -> Int {
        try checked(
            ZSTD_findFrameCompressedSize(bytes.baseAddress, bytes.count), "decompress: find a frame's end", .badData)
    }
}

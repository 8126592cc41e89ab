internal import Base
internal import CZlib

/// The decompressed bytes of gzip members, one behind the other.
///
/// zlib and not libarchive, which reads the checksum at the end of a member and does not look at it.
/// Not Sendable: it has a position.
final class GzipReader {
    private let input: RawInput
    private let stream: UnsafeMutablePointer<z_stream>
    private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 18, alignment: 64)
    /// Whether a member has ended and none has begun since.
    private var isBetweenMembers = false
    private var isAtEnd = false
    private var givenCount = 0

    init(_ input: RawInput) throws {
        self.input = input
        stream = .allocate(capacity: 1)
        stream.initialize(to: z_stream())
        // 16 more than the largest window: with the header, trailer and checksum of gzip.
        guard
            inflateInit2_(stream, 15 + 16, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK
        else { throw Failure(.io, "\(input.path): there is no memory to decompress it") }
    }

    deinit {
        inflateEnd(stream)
        stream.deallocate()
        buffer.deallocate()
    }

    /// Up to `target.count` bytes, at least one unless the end is reached; 0 at the end.
    func read(into target: UnsafeMutableRawBufferPointer) throws -> Int {
        let wanted = min(target.count, Int(UInt32.max))
        stream.pointee.next_out = target.baseAddress!.assumingMemoryBound(to: Bytef.self)
        stream.pointee.avail_out = uInt(wanted)
        while Int(stream.pointee.avail_out) == wanted, !isAtEnd {
            if stream.pointee.avail_in == 0, try !fill() { break }
            if isBetweenMembers {
                guard inflateReset(stream) == Z_OK else { throw damage("status of a reset") }
                isBetweenMembers = false
            }
            switch inflate(stream, Z_NO_FLUSH) {
            case Z_OK, Z_BUF_ERROR: break
            case Z_STREAM_END: isBetweenMembers = true
            case let status:
                throw damage(stream.pointee.msg.map { String(cString: $0) } ?? "status \(status)")
            }
        }
        let count = wanted - Int(stream.pointee.avail_out)
        givenCount += count
        return count
    }

    /// Gets more of the file; false at its end.
    private func fill() throws -> Bool {
        let count = try input.read(into: buffer)
        guard count > 0 else {
            guard isBetweenMembers else { throw damage("it ends in the middle") }
            isAtEnd = true
            return false
        }
        stream.pointee.next_in = buffer.baseAddress!.assumingMemoryBound(to: Bytef.self)
        stream.pointee.avail_in = uInt(count)
        return true
    }

    private func damage(_ message: String) -> InputError { .damagedStream(message, input.path, givenCount) }
}

extension InputError {
    /// A stream that cannot be decompressed any further.
    static func damagedStream(_ message: String, _ path: String, _ givenCount: Int) -> InputError {
        InputError(
            "the compressed data is damaged or cut off (\(message))", at: Place(path: path, byteOffset: givenCount),
            advice: "Fetch or make the file again; the byte counts what could still be decompressed.")
    }
}

internal import CAV

/// Numbers and names at any place of a file; nil behind its end.
struct HeaderReader {
    private let bytes: MediaBytes
    private var isBigEndian = false

    init(_ bytes: MediaBytes) { self.bytes = bytes }

    /// The same, with numbers that begin with their highest byte.
    var bigEndian: HeaderReader {
        var copy = self
        copy.isBigEndian = true
        return copy
    }

    var byteCount: Int { bytes.byteCount }

    func bytes(at offset: Int, count: Int) -> [UInt8]? { bytes.read(at: offset, count: count) }

    func text(at offset: Int) -> String? {
        bytes(at: offset, count: 4).map { String(decoding: $0, as: UTF8.self) }
    }

    /// Without a sign; clamped to what an `Int` holds.
    func integer(at offset: Int, byteCount: Int) -> Int? {
        bytes.read(at: offset, count: byteCount).map { digits in
            let value = isBigEndian ? digits.reduce(0 as UInt64, next) : digits.reversed().reduce(0, next)
            return Int(clamping: value)
        }
    }

    private func next(_ value: UInt64, _ digit: UInt8) -> UInt64 { value << 8 | UInt64(digit) }

    func patch(_ offset: Int, _ value: Int, byteCount: UInt8 = 4) -> tvt_av_patch {
        tvt_av_patch(offset: offset, value: UInt64(max(0, value)), byteCount: byteCount, isBigEndian: isBigEndian)
    }

    struct Chunk {
        let name: String
        let content: Int
        let size: Int
    }

    /// A file with more of them was made to keep its reader busy.
    static let mostChunks = 4096

    /// The chunks of a RIFF or IFF file, in their order.
    func chunks(from start: Int) -> some Sequence<Chunk> {
        var (offset, count) = (start, 0)
        return AnyIterator {
            count += 1
            guard count <= Self.mostChunks, let name = text(at: offset),
                let size = integer(at: offset + 4, byteCount: 4)
            else { return nil }
            let content = offset + 8
            offset = content + size + size & 1
            return Chunk(name: name, content: content, size: size)
        }
    }
}

internal import Base
internal import Glibc

/// What short words became: a direct-mapped table of one cache line a word. Natural text repeats most of its words.
struct WordCache: ~Copyable {
    private static let keyCapacity = 30
    private static let idCapacity = 8
    private static let lineSize = 64
    private static let lineCount = 1 << 15

    /// Lines of: length of the word, number of ids, 30 bytes of the word, 8 ids. Zero bytes are an empty line, since no
    /// word is empty.
    private var lines: UnsafeMutableRawPointer?

    deinit { lines?.deallocate() }

    /// Appends the ids of `word` if they are known.
    @inline(__always)
    func find(_ word: UnsafePointer<UInt8>, _ count: Int, into ids: inout [Int32]) -> Bool {
        guard count <= Self.keyCapacity, let lines else { return false }
        let line = lines + Self.line(word, count)
        guard line.load(as: UInt8.self) == count, memcmp(line + 2, word, count) == 0 else { return false }
        let found = (line + Self.lineSize / 2).assumingMemoryBound(to: Int32.self)
        let number = Int(line.load(fromByteOffset: 1, as: UInt8.self))
        ids.append(contentsOf: UnsafeBufferPointer(start: found, count: number))
        return true
    }

    /// Remembers what `word` became, in the place of whatever the line held.
    mutating func insert(_ word: UnsafePointer<UInt8>, _ count: Int, _ ids: ArraySlice<Int32>) {
        guard count <= Self.keyCapacity, ids.count <= Self.idCapacity else { return }
        let line = allocatedLines() + Self.line(word, count)
        line.storeBytes(of: UInt8(count), as: UInt8.self)
        line.storeBytes(of: UInt8(ids.count), toByteOffset: 1, as: UInt8.self)
        memcpy(line + 2, word, count)
        _ = ids.withUnsafeBytes { memcpy(line + Self.lineSize / 2, $0.baseAddress!, $0.count) }
    }

    private mutating func allocatedLines() -> UnsafeMutableRawPointer {
        if let lines { return lines }
        let bytes = Self.lineCount * Self.lineSize
        let new = UnsafeMutableRawPointer.allocate(byteCount: bytes, alignment: Self.lineSize)
        memset(new, 0, bytes)
        lines = new
        return new
    }

    /// Offset of a word's line.
    @inline(__always)
    private static func line(_ word: UnsafePointer<UInt8>, _ count: Int) -> Int {
        Int(truncatingIfNeeded: XXH3.hash64(UnsafeRawBufferPointer(start: word, count: count)) & UInt64(lineCount - 1))
            * lineSize
    }
}

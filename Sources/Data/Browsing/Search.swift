/// What is looked for in ids, titles and texts: a piece of text, letters in either case.
///
/// A–Z and a–z are the same everywhere; where what is looked for has other letters, so are theirs as Unicode pairs them.
struct Search: Sendable {
    /// As it was asked for.
    let text: [UInt8]
    private let needle: [UInt8]
    private let isASCII: Bool

    /// - Returns: nil for nothing to look for.
    init?(_ text: String) {
        guard !text.isEmpty else { return nil }
        self.text = Array(text.utf8)
        isASCII = self.text.allSatisfy { $0 < 0x80 }
        needle = isASCII ? self.text.map(Self.lowered) : Array(text.lowercased().utf8)
    }

    /// Where in the text it stands, or 0 where in the id or the title; nil where in none.
    func match(id: [UInt8], title: [UInt8]?, text: [UInt8]?) -> Int? {
        if let text, let offset = offset(in: text) { return offset }
        if offset(in: id) != nil { return 0 }
        return title.flatMap { offset(in: $0) }.map { _ in 0 }
    }

    /// Offset of the first occurrence, in bytes.
    func offset(in bytes: [UInt8]) -> Int? {
        guard isASCII else {
            let lowered = Array(String(decoding: bytes, as: UTF8.self).lowercased().utf8)
            // Lower case may have another length: the place is one of the text's all the same.
            return firstOffset(in: lowered, mapping: { $0 }).map { min($0, max(0, bytes.count - 1)) }
        }
        return firstOffset(in: bytes, mapping: Self.lowered)
    }

    @inline(__always)
    private func firstOffset(in bytes: [UInt8], mapping: (UInt8) -> UInt8) -> Int? {
        guard bytes.count >= needle.count else { return nil }
        let first = needle[0]
        return bytes.withUnsafeBufferPointer { bytes in
            needle.withUnsafeBufferPointer { needle in
                for start in 0...bytes.count - needle.count where mapping(bytes[start]) == first {
                    var length = 1
                    while length < needle.count, mapping(bytes[start + length]) == needle[length] { length += 1 }
                    if length == needle.count { return start }
                }
                return nil
            }
        }
    }

    @inline(__always)
    private static func lowered(_ byte: UInt8) -> UInt8 { (0x41...0x5A).contains(byte) ? byte | 0x20 : byte }
}

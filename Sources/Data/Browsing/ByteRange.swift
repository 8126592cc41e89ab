/// What a request wants of an item's bytes (RFC 9110, section 14).
enum ByteRange: Equatable, Sendable {
    /// All of it: there is no range, or none that we serve.
    case whole
    case part(Range<Int>)
    /// Nothing of what is asked for exists.
    case unsatisfiable

    /// - Parameters:
    ///   - header: the field `Range`. Other units, several ranges and what is malformed are ignored, as they may be.
    ///   - validator: the field `If-Range`; a range counts only if that is the item's entity tag.
    init(_ header: String?, ifRange validator: String?, entityTag: String, byteCount: Int) {
        self = .whole
        guard let header, validator == nil || validator == entityTag else { return }
        let sides = header.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        guard sides.count == 2, sides[0].lowercased() == "bytes" else { return }
        let spec = sides[1].drop { $0 == " " || $0 == "\t" }
        let ends = spec.split(separator: "-", omittingEmptySubsequences: false)
        guard ends.count == 2, let first = Self.position(ends[0]), let last = Self.position(ends[1]) else { return }
        switch (first, last) {
        case (nil, nil): return
        case (nil, let length?):
            self = length > 0 && byteCount > 0 ? .part(max(0, byteCount - length)..<byteCount) : .unsatisfiable
        case (let first?, nil):
            self = first < byteCount ? .part(first..<byteCount) : .unsatisfiable
        case (let first?, let last?):
            guard first <= last else { return }
            self = first < byteCount ? .part(first..<min(byteCount, last + 1)) : .unsatisfiable
        }
    }

    /// Nil for what is no number; a number beyond all sizes counts as one of them.
    private static func position(_ text: Substring) -> Int?? {
        if text.isEmpty { return .some(nil) }
        guard text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
        return .some(Int(text).map { min($0, Int.max - 1) } ?? Int.max - 1)
    }
}

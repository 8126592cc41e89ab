internal import Glibc
internal import JSON

/// A v1 row taken apart without parsing it: its passages as ranges of bytes, and what is left when both lists are empty.
///
/// Most passages of a v1 file come again and again; one whose bytes were seen before needs no parse. A row is valid JSON
/// exactly if its skeleton and every passage are: the brackets, braces and commas between them are checked here. Reused
/// from row to row.
struct RowOutline {
    /// Each a `{…}` of the row.
    private(set) var positives: [Range<Int>] = []
    private(set) var negatives: [Range<Int>] = []
    /// The row with `[]` in place of both lists, and `JSONParser.padding` bytes behind it.
    private var skeleton: [UInt8] = []

    private static let positivesKey: StaticString = "\"positive_passages\""
    private static let negativesKey: StaticString = "\"negative_passages\""

    /// Calls `body` with the row's skeleton; at least `JSONParser.padding` bytes behind it may be read.
    func withSkeleton<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
        try skeleton.withUnsafeBytes {
            try body(UnsafeRawBufferPointer(rebasing: $0[..<($0.count - JSONParser.padding)]))
        }
    }

    /// Takes a row apart.
    ///
    /// - Parameter row: followed by at least `JSONParser.padding` readable bytes.
    /// - Returns: false where the row is unusual or no JSON; then only a parse can tell.
    mutating func read(_ row: UnsafeRawBufferPointer, parser: JSONParser) -> Bool {
        positives.removeAll(keepingCapacity: true)
        negatives.removeAll(keepingCapacity: true)
        skeleton.removeAll(keepingCapacity: true)
        guard let structure = parser.outlinePadded(row), var walk = StructureWalk(row, structure) else { return false }
        var copied = 0
        var isComplete = false
        while !isComplete {
            guard let key = walk.next(0x22), walk.next(0x3A) != nil else { return false }
            let isPositives = walk.isKey(Self.positivesKey, at: key)
            if isPositives || walk.isKey(Self.negativesKey, at: key), let start = walk.next(0x5B) {
                // A list that is given twice is twice in the skeleton as well, whose scan says so.
                guard let end = isPositives ? walk.objects(into: &positives) : walk.objects(into: &negatives) else {
                    return false
                }
                skeleton.append(contentsOf: UnsafeRawBufferPointer(rebasing: row[copied...start]))
                copied = end
            } else if !walk.skipValue() {
                return false
            }
            if walk.next(0x2C) == nil {
                guard walk.next(0x7D) != nil, walk.isAtEnd else { return false }
                isComplete = true
            }
        }
        skeleton.append(contentsOf: UnsafeRawBufferPointer(rebasing: row[copied...]))
        for _ in 0..<JSONParser.padding { skeleton.append(0) }
        return true
    }
}

/// A position among the structural characters of an object.
private struct StructureWalk {
    private let text: UnsafeRawPointer
    private let byteCount: Int
    private let structure: UnsafeBufferPointer<UInt32>
    private var position = 0

    /// Starts behind the object's opening brace; nil where the text is no object.
    init?(_ text: UnsafeRawBufferPointer, _ structure: UnsafeBufferPointer<UInt32>) {
        guard let base = text.baseAddress else { return nil }
        self.text = base
        byteCount = text.count
        self.structure = structure
        guard next(0x7B) != nil else { return nil }
    }

    var isAtEnd: Bool { position == structure.count }

    @inline(__always)
    private func byte(_ offset: UInt32) -> UInt8 { text.load(fromByteOffset: Int(offset), as: UInt8.self) }

    /// Where the next structural character is, if it is this one; it is then passed.
    @inline(__always)
    mutating func next(_ wanted: UInt8) -> Int? {
        guard position < structure.count, byte(structure[position]) == wanted else { return nil }
        position += 1
        return Int(structure[position - 1])
    }

    /// Whether the string at `offset` is `key`, quotes included.
    func isKey(_ key: StaticString, at offset: Int) -> Bool {
        let count = key.utf8CodeUnitCount
        return offset + count <= byteCount && memcmp(text + offset, key.utf8Start, count) == 0
    }

    /// Passes the objects of a list whose bracket was passed, and the list's end.
    ///
    /// - Returns: where the list's closing bracket is; nil where the list holds something else than objects.
    mutating func objects(into ranges: inout [Range<Int>]) -> Int? {
        if let end = next(0x5D) { return end }
        while true {
            guard let start = next(0x7B), let end = closing() else { return nil }
            ranges.append(start..<end + 1)
            if next(0x2C) != nil { continue }
            return next(0x5D)
        }
    }

    /// Passes one value of any kind.
    mutating func skipValue() -> Bool {
        guard position < structure.count else { return false }
        let first = byte(structure[position])
        position += 1
        if first == 0x7B || first == 0x5B { return closing() != nil }
        return first != 0x7D && first != 0x5D && first != 0x3A && first != 0x2C
    }

    /// Passes everything up to the end of the object or array whose start was passed.
    private mutating func closing() -> Int? {
        var depth = 1
        while position < structure.count {
            let offset = structure[position]
            position += 1
            switch byte(offset) {
            case 0x7B, 0x5B: depth += 1
            case 0x7D, 0x5D:
                depth -= 1
                if depth == 0 { return Int(offset) }
            default: break
            }
        }
        return nil
    }
}

package import Base
internal import JSON

/// What is known of records that were left out for a fault of their own, so that what refers to them is told from what refers to
/// nothing.
///
/// Memory: 16 bytes for each id of a record that was left out, and for each id that one of the others may have had.
package struct LeftOutRecords: Sendable {
    private var ids: Set<ContentHash> = []
    /// Records of which no id could be read.
    private var namelessCount = 0
    /// Ids that the nameless ones may have had.
    private var presumed: Set<ContentHash> = []
    /// Whether an input was left before its end: any id may have followed.
    private(set) var isIncomplete = false

    package init() {}

    /// Notes a line that is no record.
    package mutating func add(_ line: UnsafeRawBufferPointer) {
        let found = Self.ids(in: line)
        ids.formUnion(found)
        if found.isEmpty { namelessCount += 1 }
    }

    /// Whether nothing was left out.
    var isEmpty: Bool { ids.isEmpty && namelessCount == 0 && !isIncomplete }

    mutating func noteUnreadRest() { isIncomplete = true }

    /// Whether a record of this id is, or may be, among those that were left out.
    package mutating func mayHold(_ id: ContentHash) -> Bool {
        if isIncomplete || ids.contains(id) || presumed.contains(id) { return true }
        guard presumed.count < namelessCount else { return false }
        presumed.insert(id)
        return true
    }

    private static let names: [StaticString] = [
        "\"docid\"", "\"query_id\"", "\"_id\"", "\"id\"", "\"qid\"", "\"pid\"", "\"query-id\"", "\"corpus-id\"",
        "\"corpus_id\"", "\"doc-id\"", "\"doc_id\"", "\"video_id\"", "\"image_id\"", "\"passage_id\"",
    ]
    /// Ids stand near the beginning of a record.
    private static let lookedAtByteCount = 1 << 16

    /// The ids that a broken line seems to have: of JSON the values of keys that mean one, otherwise the first column.
    private static func ids(in line: UnsafeRawBufferPointer) -> [ContentHash] {
        let line = UnsafeRawBufferPointer(rebasing: line.prefix(lookedAtByteCount))
        guard line.first(where: { $0 > 0x20 }) == 0x7B else {
            guard let end = line.firstIndex(where: { $0 == 0x09 || $0 == 0x2C }) else { return [] }
            var id = line[..<end]
            if id.count >= 2, id.first == 0x22, id.last == 0x22 { id = id.dropFirst().dropLast() }
            return id.isEmpty ? [] : [.of(UnsafeRawBufferPointer(rebasing: id))]
        }
        return names.compactMap { value(of: $0, in: line) }
    }

    private static func value(of key: StaticString, in line: UnsafeRawBufferPointer) -> ContentHash? {
        let count = key.utf8CodeUnitCount
        let found = line.indices.dropLast(count).first { start in
            line[start] == 0x22 && UnsafeRawBufferPointer(rebasing: line[start..<start + count]).isEqual(to: key)
        }
        guard var position = found.map({ $0 + count }) else { return nil }
        func skipSpace() { while position < line.count, line[position] <= 0x20 { position += 1 } }
        skipSpace()
        guard position < line.count, line[position] == 0x3A else { return nil }
        position += 1
        skipSpace()
        guard position < line.count else { return nil }
        let start = position
        if line[start] == 0x22 {
            position += 1
            while position < line.count, line[position] != 0x22 { position += line[position] == 0x5C ? 2 : 1 }
            guard position < line.count,
                case .string(let text)? = try? JSONValue.parse(Array(line[start...position]), path: "id")
            else { return nil }
            return .of(Array(text.utf8))
        }
        while position < line.count, (0x30...0x39).contains(line[position]) || line[position] == 0x2D { position += 1 }
        return position > start ? .of(UnsafeRawBufferPointer(rebasing: line[start..<position])) : nil
    }
}

internal import Base
public import JSON

/// Picks the fields of one record off a JSON tape and checks them: the hot path of every reader.
///
/// Made once for many records of a layout; all it gives is valid until the next `scan` or the parser's next parse, and
/// only as long as scanner and parser live (`withExtendedLifetime`).
/// Not Sendable: it holds the state of one record.
public final class RecordScanner {
    private let layout: RecordLayout
    /// All names of the layout in one list, so that one number says name and role.
    private let names: [(name: StaticString, role: FieldRole)]
    /// For each position in a record, the name seen there last time: records of a file tend to look alike.
    private var hints: [Int] = []
    private var nodes: [JSONNode?]
    /// Keeps the tape alive that the nodes lie on, where the scanner parsed the line itself.
    private var parser: JSONParser?
    private var extras: [(key: UnsafeRawBufferPointer, value: JSONNode?)] = []
    /// What is written in the place of what was found; for media only.
    private var replacements: [(role: FieldRole, reference: MediaReference)] = []

    public init(_ layout: RecordLayout) {
        self.layout = layout
        names = layout.fields.flatMap { field in field.names.map { ($0, field.role) } }
        nodes = Array(repeating: nil, count: FieldRole.allCases.count)
    }

    /// Parses and scans one line.
    ///
    /// - Throws: `InputError` at `place`.
    func scan(line: UnsafeRawBufferPointer, at place: Place, parser: JSONParser) throws {
        self.parser = parser
        do throws(RecordFault) {
            try scan(RecordScanner.root(of: line, padded: false, parser: parser))
        } catch {
            throw error.error(at: place, line: line)
        }
    }

    /// Parses one line into a tape.
    ///
    /// - Parameter padded: whether `JSONParser.padding` bytes behind the line may be read.
    public static func root(
        of line: UnsafeRawBufferPointer, padded: Bool, parser: JSONParser
    ) throws(RecordFault) -> JSONNode {
        do throws(JSONSyntaxError) {
            return try padded ? parser.parsePadded(line) : parser.parse(line)
        } catch {
            throw RecordFault(
                "not valid JSON: " + error.reason, advice: error.isCutOff ? cutOffAdvice(line) : nil,
                byteOffset: error.byteOffset)
        }
    }

    private static func cutOffAdvice(_ line: UnsafeRawBufferPointer) -> String {
        let text = line.filter { $0 > 0x20 }
        if text.first == 0x5B {
            return "A file that is one JSON array is no JSON Lines: write one record a line, as jq -c '.[]' does."
        }
        if text == [0x7B] {
            return "A record over several lines is no JSON Lines: write one record a line, as jq -c . does."
        }
        return "The line looks cut off: each record must be complete on one line."
    }

    /// Takes the fields of a record.
    ///
    /// - Throws: `RecordFault` for a missing or doubled field, a wrong type, an empty id.
    public func scan(_ node: JSONNode) throws(RecordFault) {
        for position in nodes.indices { nodes[position] = nil }
        extras.removeAll(keepingCapacity: true)
        replacements.removeAll(keepingCapacity: true)
        guard node.kind == .object else {
            throw RecordFault(
                "\(node.kind.name) where a record should be",
                advice: "Each line holds one JSON object."
                    + (node.kind == .array ? " jq -c '.[]' writes the elements of an array so." : ""))
        }
        var position = 0
        for (key, value) in node.fields {
            if let name = nameIndex(of: key, position: position) {
                let role = names[name].role
                guard nodes[role.rawValue] == nil else {
                    throw RecordFault("the field is given twice", field: text(key), advice: twiceAdvice(role, in: node))
                }
                try take(value, as: role, key: key)
            } else {
                extras.append((key, value))
            }
            position += 1
        }
        try checkExtras()
        try checkPresence(in: node)
    }

    private func nameIndex(of key: UnsafeRawBufferPointer, position: Int) -> Int? {
        if position < hints.count {
            let hint = hints[position]
            if hint >= 0, key.isEqual(to: names[hint].name) { return hint }
        }
        let found = names.firstIndex { key.isEqual(to: $0.name) }
        while hints.count <= position { hints.append(-1) }
        hints[position] = found ?? -1
        return found
    }

    private func take(_ value: JSONNode, as role: FieldRole, key: UnsafeRawBufferPointer) throws(RecordFault) {
        let isFitting: Bool
        switch role {
        case .id, .title, .text: isFitting = value.kind == .string
        case .image, .video, .audio: isFitting = value.kind == .string || value.kind == .object
        case .positives, .negatives, .positiveScores, .negativeScores: isFitting = value.kind == .array
        }
        if isFitting || value.kind == .null { nodes[role.rawValue] = value }
        if !isFitting, value.kind != .null || role == .id && layout.idIsRequired {
            let wanted =
                role.isMedia ? "a string or an object" : role.isList ? "an array" : "a string"
            throw RecordFault(
                "\(value.kind.name) where \(wanted) should be", field: text(key),
                advice: role == .id && value.double != nil
                    ? "Ids are strings: write the number in quotes, here and wherever it is referred to." : nil)
        }
        if role == .id, let id = value.string {
            try RecordScanner.checkID(id, field: text(key))
        }
    }

    /// The bytes of the longest id (64 KiB).
    public static let longestID = 1 << 16

    /// - Throws: `RecordFault` for bytes that are no id: none, or too many.
    public static func checkID(
        _ id: UnsafeRawBufferPointer, field: @autoclosure () -> String
    ) throws(RecordFault) {
        guard !id.isEmpty else {
            throw RecordFault("the id is empty", field: field(), advice: "An id has at least one byte.")
        }
        guard id.count <= longestID else {
            throw RecordFault(
                "the id has \(id.count) bytes", field: field(), advice: "An id has at most \(longestID) bytes.")
        }
    }

    private func twiceAdvice(_ role: FieldRole, in node: JSONNode) -> String {
        let given = layout.fields.first { $0.role == role }!.names.filter { node[$0] != nil }
        guard given.count > 1 else { return "A key stands once in a record: keep one of the two." }
        return given.map { "\"\($0)\"" }.joined(separator: " and ") + " mean the same: keep one."
    }

    /// The extra whose key stood before; nil where there is none.
    private func repeatedExtra() -> UnsafeRawBufferPointer? {
        // Most records have a handful, for which a table takes longer.
        if extras.count <= 16 {
            for (position, extra) in extras.enumerated()
            where extras[..<position].contains(where: { $0.key.elementsEqual(extra.key) }) {
                return extra.key
            }
            return nil
        }
        var seen = Set<ContentHash>(minimumCapacity: extras.count)
        return extras.first { !seen.insert(.of($0.key)).inserted }?.key
    }

    private func checkExtras() throws(RecordFault) {
        guard !extras.isEmpty else { return }
        if let key = repeatedExtra() {
            throw RecordFault(
                "the field is given twice", field: text(key),
                advice: "A key stands once in a record: keep one of the two.")
        }
        for extra in extras {
            if layout.written.contains(where: { extra.key.isEqual(to: $0.name) })
                || RecordLayout.reservedNames.contains(where: { extra.key.isEqual(to: $0) })
            {
                throw RecordFault(
                    "a field of this name has no place in this kind of record", field: text(extra.key),
                    advice: "The name has a meaning in the store: rename the field.")
            }
        }
    }

    private func checkPresence(in record: JSONNode) throws(RecordFault) {
        if nodes[FieldRole.id.rawValue]?.string == nil, layout.idIsRequired {
            throw missing(.id, in: record)
        }
        if let required = layout.requiredContent {
            guard let node = nodes[required.rawValue] else { throw missing(required, in: record) }
            guard node.kind != .null else {
                throw RecordFault("null where a string should be", field: layout.name(of: required))
            }
        } else if !FieldRole.content.contains(where: { has($0) }) {
            throw RecordFault(
                "missing field \"\(layout.name(of: .text))\"",
                advice: "A record has a text, an image, a video or an audio: "
                    + FieldRole.content.map { "\"\(layout.name(of: $0))\"" }.joined(separator: ", ") + ". "
                    + Self.ownFields(of: record))
        }
        if layout.linksAreRequired {
            // Null is a list without passages, as tables write it.
            for role in [FieldRole.positives, .negatives] where nodes[role.rawValue] == nil {
                throw RecordFault(
                    "missing field \"\(layout.name(of: role))\"",
                    advice: "A v1 row has both lists of passages; an empty one is [].")
            }
        }
    }

    /// What a record has in the place of what is missing.
    private static func ownFields(of record: JSONNode) -> String {
        let names = record.fields.prefix(20).map { "\"\(String(decoding: $0.key, as: UTF8.self))\"" }
        guard !names.isEmpty else { return "This one has no fields." }
        return "This one has \(names.joined(separator: ", ")); `tvt-convert rows` takes fields of any name."
    }

    private func missing(_ role: FieldRole, in record: JSONNode) -> RecordFault {
        let others = layout.fields.first { $0.role == role }!.names.dropFirst().map { "\"\($0)\"" }
        return RecordFault(
            "missing field \"\(layout.name(of: role))\"",
            advice: (others.isEmpty ? "" : "Also read as \(others.joined(separator: ", ")). ")
                + Self.ownFields(of: record))
    }

    private func text(_ bytes: UnsafeRawBufferPointer) -> String { String(decoding: bytes, as: UTF8.self) }

    // MARK: - What was found

    /// The bytes of the id; nil when the record has none.
    public var id: UnsafeRawBufferPointer? { nodes[FieldRole.id.rawValue]?.string }

    /// The tape of a field; nil when there is none or it is null.
    public func node(_ role: FieldRole) -> JSONNode? {
        guard let node = nodes[role.rawValue], node.kind != .null else { return nil }
        return node
    }

    private func has(_ role: FieldRole) -> Bool { node(role) != nil }

    func bytes(of role: FieldRole) -> [UInt8]? { node(role)?.string.map { Array($0) } }

    /// What a record says about an image, a video or a sound; nil when it has none.
    public func media(_ kind: MediaKind) -> MediaReference? {
        guard let node = node(kind.role) else { return nil }
        if let replaced = replacements.first(where: { $0.role == kind.role }) { return replaced.reference }
        var json: [UInt8] = []
        JSONText.append(node, to: &json)
        return MediaReference(json: json)
    }

    /// Whether any field shows or plays something.
    public var hasMedia: Bool { has(.image) || has(.video) || has(.audio) }

    /// From here to the next scan, the record has this reference in the place of the one that was found.
    public func replace(_ kind: MediaKind, by reference: MediaReference) {
        replacements.append((kind.role, reference))
    }

    /// Whether the records are queries, and not documents.
    public var isOfQueries: Bool { "\(layout.written[0].name)" == "query_id" }

    /// The name under which messages know a field.
    public func name(of kind: MediaKind) -> String { layout.name(of: kind.role) }

    func sortedExtras() -> [Extra] {
        sortExtras(named: layout.written)
        return extras.map { extra in
            var json: [UInt8] = []
            append(extra.value, to: &json)
            return Extra(key: Array(extra.key), json: json)
        }
    }

    /// Sorts the extras by key; known fields that were written as null are among them, so that nothing is lost.
    private func sortExtras(named names: [RecordLayout.WrittenField]) {
        for field in names where field.role != .id && nodes[field.role.rawValue]?.kind == .null {
            field.name.withUTF8Buffer { extras.append((UnsafeRawBufferPointer($0), nil)) }
            nodes[field.role.rawValue] = nil
        }
        if extras.count > 1 { extras.sort { compare($0.key, $1.key) < 0 } }
    }

    private func append(_ value: JSONNode?, to output: inout [UInt8]) {
        if let value { JSONText.append(value, to: &output) } else { JSONText.appendLiteral("null", to: &output) }
    }

    private func compare(_ left: UnsafeRawBufferPointer, _ right: UnsafeRawBufferPointer) -> Int {
        left.elementsEqual(right) ? 0 : left.lexicographicallyPrecedes(right) ? -1 : 1
    }

    // MARK: - Writing

    /// Appends the record as the store keeps it: fixed key order, links left out, extras sorted by key, no newline.
    ///
    /// The same bytes as `Document.appendJSONLine` and `Query.appendJSONLine`.
    ///
    /// - Parameter id: the id to write; needed where the record has none.
    public func appendRecord(id: UnsafeRawBufferPointer, to output: inout [UInt8]) {
        append(id: id, named: layout.written, links: nil, to: &output)
    }

    /// Appends a document as a passage of a v1 row: `docid, title, text`, then extras.
    public func appendPassage(to output: inout [UInt8]) {
        guard let id else { return }
        append(id: id, named: RecordLayout.passageNames, links: nil, to: &output)
    }

    /// Appends the record as a line of BEIR's corpus or queries: `_id, title, text`, then media and extras. BEIR has no
    /// record without a text: it gets an empty one.
    ///
    /// - Parameter isQuery: whether it is a line of queries.
    /// - Returns: whether the record has a text.
    /// - Throws: `RecordFault` for an extra that is called `_id`.
    public func appendBEIRRecord(isQuery: Bool, to output: inout [UInt8]) throws(RecordFault) -> Bool {
        guard let id else { return true }
        for extra in extras where extra.key.isEqual(to: "_id") {
            throw RecordFault(
                "a field of this name has no place in BEIR's records", field: "_id",
                advice: "BEIR keeps the id under this name: export as v2, or rename the field and convert again.")
        }
        let hasText = node(.text) != nil
        // A null is no text either, and must not be written beside the empty one.
        if !hasText { nodes[FieldRole.text.rawValue] = nil }
        append(
            id: id, named: isQuery ? RecordLayout.beirQueryNames : RecordLayout.beirDocumentNames, links: nil,
            needsText: true, to: &output)
        return hasText
    }

    /// Appends a query as a v1 row: `query_id, query, positive_passages, negative_passages`, then extras.
    ///
    /// - Parameters:
    ///   - positives: passages, comma-separated, without brackets.
    ///   - negatives: likewise.
    /// - Throws: `RecordFault` for an extra whose name means something else in a v1 row.
    public func appendRow(
        positives: [UInt8], negatives: [UInt8], to output: inout [UInt8]
    ) throws(RecordFault) {
        guard let id else { return }
        for extra in extras
        where extra.key.isEqual(to: "query") || extra.key.isEqual(to: "positive_passages")
            || extra.key.isEqual(to: "negative_passages")
        {
            throw RecordFault(
                "a field of this name has no place in a v1 row", field: text(extra.key),
                advice: "The name has another meaning there: rename the field and convert again.")
        }
        append(id: id, named: RecordLayout.rowNames, links: (positives, negatives), to: &output)
    }

    private func append(
        id: UnsafeRawBufferPointer, named names: [RecordLayout.WrittenField],
        links: (positives: [UInt8], negatives: [UInt8])?, needsText: Bool = false, to output: inout [UInt8]
    ) {
        output.append(0x7B)
        appendKey(names[0].name, to: &output)
        JSONText.appendString(id, to: &output)
        sortExtras(named: names)
        for field in names.dropFirst() {
            guard let node = node(field.role) else {
                if needsText, field.role == .text { JSONText.appendLiteral(",\"text\":\"\"", to: &output) }
                continue
            }
            output.append(0x2C)
            appendKey(field.name, to: &output)
            if let replaced = replacements.first(where: { $0.role == field.role }) {
                output.append(contentsOf: replaced.reference.json)
            } else if let string = node.string {
                JSONText.appendString(string, to: &output)
            } else {
                JSONText.append(node, to: &output)
            }
        }
        if let links {
            JSONText.appendLiteral(",\"positive_passages\":[", to: &output)
            output.append(contentsOf: links.positives)
            JSONText.appendLiteral("],\"negative_passages\":[", to: &output)
            output.append(contentsOf: links.negatives)
            output.append(0x5D)
        }
        for extra in extras {
            output.append(0x2C)
            JSONText.appendString(extra.key, to: &output)
            output.append(0x3A)
            append(extra.value, to: &output)
        }
        output.append(0x7D)
    }

    /// The id for a record that has none: XXH3-128 of its content, 32 hexadecimal digits.
    public func contentID() -> [UInt8] {
        var record: [UInt8] = []
        appendRecord(id: UnsafeRawBufferPointer(start: nil, count: 0), to: &record)
        return ContentHash.of(record).hexDigits
    }

    @inline(__always)
    private func appendKey(_ name: StaticString, to output: inout [UInt8]) {
        output.append(0x22)
        name.withUTF8Buffer { output.append(contentsOf: $0) }
        output.append(0x22)
        output.append(0x3A)
    }
}

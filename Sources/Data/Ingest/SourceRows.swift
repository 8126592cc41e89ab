package import JSON

/// How the rows of a file, as a publisher lays them out, become documents, queries and judgements.
///
/// Asked by several workers at once: what comes of a row is a function of the row and of what the value was made with.
package protocol SourceRows: Sendable {
    /// Adds what a row stands for; all of it is taken, or nothing.
    ///
    /// Documents come before the queries that refer to them, in the row or in a row before.
    ///
    /// - Throws: `RecordFault` with a field of the row, where the row is at fault.
    func read(_ row: JSONNode, into records: RowRecords) throws
}

/// A record in the v2 form on its way from a row to the store, field by field.
package struct RecordLine {
    private(set) var json: [UInt8] = []

    package init() {}

    /// - Parameter key: of a field that is not there yet; twice is a fault when the record is read.
    private mutating func begin(_ key: UnsafeRawBufferPointer) {
        json.append(json.isEmpty ? 0x7B : 0x2C)
        JSONText.appendString(key, to: &json)
        json.append(0x3A)
    }

    private mutating func begin(_ key: StaticString) {
        json.append(json.isEmpty ? 0x7B : 0x2C)
        json.append(0x22)
        key.withUTF8Buffer { json.append(contentsOf: $0) }
        json.append(0x22)
        json.append(0x3A)
    }

    /// Sets a field to a value of the row; nil and null are no field.
    package mutating func set(_ key: StaticString, _ value: JSONNode?) {
        guard let value, value.kind != .null else { return }
        begin(key)
        JSONText.append(value, to: &json)
    }

    /// Sets a field of any name, in UTF-8, to a value of the row; null is no field.
    package mutating func set(named key: UnsafeRawBufferPointer, _ value: JSONNode) {
        guard value.kind != .null else { return }
        begin(key)
        JSONText.append(value, to: &json)
    }

    /// Sets fields of all names that a row has, but for some, to its values; null is no field.
    package mutating func setAll(of row: JSONNode, except names: [StaticString]) {
        for (key, value) in row.fields where !names.contains(where: { key.isEqual(to: $0) }) {
            set(named: key, value)
        }
    }

    /// - Parameter text: valid UTF-8.
    package mutating func set(_ key: StaticString, text: UnsafeRawBufferPointer) {
        begin(key)
        JSONText.appendString(text, to: &json)
    }

    /// - Parameter text: valid UTF-8.
    package mutating func set(_ key: StaticString, text: [UInt8]) { text.withUnsafeBytes { set(key, text: $0) } }

    /// Sets a field to an array of texts, in UTF-8.
    package mutating func set(_ key: StaticString, texts: [[UInt8]]) {
        begin(key)
        json.append(0x5B)
        for (position, text) in texts.enumerated() {
            if position > 0 { json.append(0x2C) }
            JSONText.appendString(text, to: &json)
        }
        json.append(0x5D)
    }

    /// Sets a field to compact JSON.
    package mutating func set(_ key: StaticString, json value: [UInt8]) {
        begin(key)
        json += value
    }

    var closed: [UInt8] { json.isEmpty ? [0x7B, 0x7D] : json + [0x7D] }
}

internal import JSON
internal import Records

extension JSONNode {
    /// A field that a row must have.
    ///
    /// - Throws: `RecordFault` where it is missing or null.
    func wanted(_ field: StaticString) throws(RecordFault) -> JSONNode {
        guard let value = self[field] else {
            var known = fields.prefix(21).map { "\"\(String(decoding: $0.key, as: UTF8.self))\"" }
            if known.count == 21 { known[20] = "…" }
            let list = known.joined(separator: ", ")
            throw RecordFault("missing field \"\(field)\"", advice: "The row has \(list.isEmpty ? "none" : list).")
        }
        guard value.kind != .null else { throw RecordFault("null where a value should be", field: "\(field)") }
        return value
    }

    /// The value of a field that is an id: a text that is not empty, or a whole number, in decimal.
    func id(_ field: StaticString) throws(RecordFault) -> [UInt8] {
        try wanted(field).asID("\(field)")
    }

    /// The value of a field that is an id, by the name that the row has of two.
    func id(either field: StaticString, _ other: StaticString) throws(RecordFault) -> [UInt8] {
        try id(self[field] == nil && self[other] != nil ? other : field)
    }

    /// - Parameter field: its name, for messages.
    func asID(_ field: @autoclosure () -> String) throws(RecordFault) -> [UInt8] {
        if let text = string {
            try RecordScanner.checkID(text, field: field())
            return Array(text)
        }
        if let number = integer { return Array(String(number).utf8) }
        if let number = unsigned { return Array(String(number).utf8) }
        throw RecordFault("\(kind.name) where an id should be", field: field())
    }

    /// All fields but these.
    ///
    /// - Throws: `RecordFault` where one of these is given twice: only the first would be looked at.
    func fields(
        besides names: [StaticString]
    ) throws(RecordFault) -> [(key: UnsafeRawBufferPointer, value: JSONNode)] {
        var others: [(key: UnsafeRawBufferPointer, value: JSONNode)] = []
        var seen: UInt64 = 0
        for (key, value) in fields {
            guard let known = names.firstIndex(where: { key.isEqual(to: $0) }) else {
                others.append((key, value))
                continue
            }
            guard seen & 1 << known == 0 else {
                throw RecordFault("the field is given twice", field: "\(names[known])")
            }
            seen |= 1 << known
        }
        return others
    }

    /// The elements of a list that may be missing or null.
    func list(_ field: StaticString) throws(RecordFault) -> [JSONNode] {
        guard let value = self[field], value.kind != .null else { return [] }
        guard value.kind == .array else {
            throw RecordFault("\(value.kind.name) where a list should be", field: "\(field)")
        }
        return Array(value.elements)
    }

    /// A text that a row must have, in UTF-8.
    func text(_ field: StaticString) throws(RecordFault) -> UnsafeRawBufferPointer {
        let value = try wanted(field)
        guard let text = value.string else {
            throw RecordFault("\(value.kind.name) where a text should be", field: "\(field)")
        }
        return text
    }
}

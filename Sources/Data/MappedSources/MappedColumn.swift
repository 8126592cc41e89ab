internal import Base
internal import JSON
internal import Records

/// A column by its position among those that rows are taken apart into, and where in it the values are.
struct MappedColumn: Sendable {
    let position: Int
    private let path: ColumnPath

    /// - Parameter positions: of the names of the columns that rows are taken apart into.
    init(_ path: ColumnPath, among positions: [String: Int]) {
        position = positions[path.column]!
        self.path = path
    }

    var name: String { path.name }

    func values(of nodes: [JSONNode?]) -> [JSONNode?] { nodes[position].map { path.values(of: $0) } ?? [] }

    /// The only value; nil for none.
    ///
    /// - Parameter what: values are, for messages.
    func one(of nodes: [JSONNode?], _ what: String) throws(RecordFault) -> JSONNode? {
        let values = values(of: nodes).compactMap { $0 }
        guard values.count <= 1 else {
            throw RecordFault("\(values.count) \(what) where there is one", field: name)
        }
        return values.first
    }
}

/// Values of columns, whichever way their format writes them.
enum MappedValue {
    static func text(_ node: JSONNode, of column: MappedColumn) throws(RecordFault) -> UnsafeRawBufferPointer {
        guard let text = node.string else {
            throw RecordFault("\(node.kind.name) where a text should be", field: column.name)
        }
        return text
    }

    /// A text that is not empty, or a whole number in decimal.
    static func id(_ node: JSONNode, of column: MappedColumn) throws(RecordFault) -> [UInt8] {
        if let text = node.string {
            guard !text.isEmpty else {
                throw RecordFault("the id is empty", field: column.name, advice: "An id has at least one byte.")
            }
            return Array(text)
        }
        if let number = node.integer { return Array(String(number).utf8) }
        if let number = node.unsigned { return Array(String(number).utf8) }
        let what = node.kind == .number ? "a number with a fraction" : node.kind.name
        throw RecordFault(
            "\(what) where an id should be", field: column.name, advice: "An id is a text or a whole number.")
    }

    /// A number, a text that is one, or a truth value as 0 or 1, also as text in whatever case; finite as float32.
    ///
    /// - Returns: nil for an empty text, by which delimited text has no value.
    static func number(_ node: JSONNode, of column: MappedColumn) throws(RecordFault) -> Double? {
        let number: Double?
        switch node.kind {
        case .true: number = 1
        case .false: number = 0
        case .string:
            let text = String(decoding: node.string!, as: UTF8.self).filter { $0 != " " }
            if text.isEmpty { return nil }
            number = truth(text) ?? Double(text)
        default: number = node.double
        }
        func fault(_ reason: String, _ advice: String) -> RecordFault {
            var value = node.string.map { Array($0) } ?? []
            if node.string == nil { JSONText.append(node, to: &value) }
            return RecordFault("\(reason): \(escaped(value.prefix(40)))", field: column.name, advice: advice)
        }
        guard let number else {
            throw fault("not a number", "Labels and scores are numbers, or true and false: write others as numbers.")
        }
        guard !number.isNaN else {
            throw fault(
                "not a number",
                "pandas writes NaN for what is missing: leave such rows out of the file, or let --max-bad-records do it."
            )
        }
        guard Float(number).isFinite else {
            throw fault("the number is too large", "Labels and scores are finite as 32-bit floating point.")
        }
        return number
    }

    /// A truth value as texts have it: True and False of pandas, true and false, TRUE and FALSE.
    static func truth(_ text: String) -> Double? {
        switch text.lowercased() {
        case "true": 1
        case "false": 0
        default: nil
        }
    }
}

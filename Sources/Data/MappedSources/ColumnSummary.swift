internal import Base
internal import Columns
internal import Ingest
internal import JSON
internal import RawSources
internal import Records
internal import SystemPackage

/// What the values of a column are.
indirect enum ColumnKind: Equatable {
    case empty, text, integer, number, boolean, mixed
    /// Bytes of no format of media that is known.
    case bytes
    case media(MediaKind)
    case list(ColumnKind)
    case object([Field])

    struct Field: Equatable {
        let name: String
        var kind: ColumnKind
    }

    init(_ node: JSONNode) {
        switch node.kind {
        case .null: self = .empty
        case .string: self = .text
        case .integer, .unsigned: self = .integer
        case .number: self = .number
        case .true, .false: self = .boolean
        case .array: self = .list(node.elements.reduce(.empty) { $0.merged(with: ColumnKind($1)) })
        case .object:
            self = .object(
                node.fields.map { Field(name: String(decoding: $0.key, as: UTF8.self), kind: ColumnKind($0.value)) })
        }
    }

    /// What values of both kinds are together.
    func merged(with other: ColumnKind) -> ColumnKind {
        switch (self, other) {
        case _ where self == other: return self
        case (.empty, let kind), (let kind, .empty): return kind
        case (.integer, .number), (.number, .integer): return .number
        case (.list(let one), .list(let two)): return .list(one.merged(with: two))
        case (.object(var fields), .object(let others)):
            var positions = Dictionary(zip(fields.map(\.name), fields.indices)) { first, _ in first }
            for other in others {
                if let known = positions[other.name] {
                    fields[known].kind = fields[known].kind.merged(with: other.kind)
                } else {
                    positions[other.name] = fields.count
                    fields.append(other)
                }
            }
            return .object(fields)
        default: return .mixed
        }
    }

    /// For people.
    var name: String {
        switch self {
        case .empty: "empty"
        case .text: "text"
        case .integer: "whole number"
        case .number: "number"
        case .boolean: "true or false"
        case .mixed: "of several types"
        case .bytes: "binary"
        case .media(let kind): kind.rawValue
        case .list(let element): "list of \(element.plural)"
        case .object(let fields): "{\(fields.map(\.name).joined(separator: ", "))}"
        }
    }

    private var plural: String {
        switch self {
        case .empty: "nothing"
        case .text: "texts"
        case .integer: "whole numbers"
        case .number: "numbers"
        case .boolean: "truth values"
        case .mixed: "values of several types"
        case .media(let kind): "\(kind.rawValue)s"
        case .list, .object, .bytes: name
        }
    }

    /// What is in it under field names, through lists.
    func field(_ names: ArraySlice<String>) -> ColumnKind? {
        switch self {
        case .list(let element): return element.field(names)
        case .object(let fields):
            guard let name = names.first else { return self }
            return fields.first { $0.name == name }?.kind.field(names.dropFirst())
        default: return names.isEmpty ? self : nil
        }
    }

    var isList: Bool {
        if case .list = self { return true }
        return false
    }
}

/// A column of files of rows, as their first rows show it.
struct ColumnSummary {
    let name: String
    var kind: ColumnKind
    /// Of delimited text: whether all values are numbers.
    var isNumeric: Bool
    /// Of delimited text: whether all values are true or false.
    var isTruth: Bool
    /// Of the numbers in it, through lists, the least and the greatest; of truth values, 0 and 1.
    var range: ClosedRange<Double>?
    /// Whether texts look like lists, as tables of pandas have them.
    var looksLikeLists = false
    /// Whether one of them has a fraction.
    var hasFractions = false
    /// Which of its texts name files of `--assets`.
    var assetNames = AssetNames()
    /// JSON of the first values that say something.
    var examples: [String]

    static let exampleCount = 2
    /// Of the first rows, so many are looked at.
    static let rowCount = 1000

    /// The columns of a file.
    ///
    /// - Parameter assets: the folder that texts may name files of.
    static func all(of file: RowFile, media: [String: MediaKind], assets: AssetFolder?) throws -> KnownColumns {
        var columns = KnownColumns()
        var readable: [String]?
        if file.format == .columns {
            let table = try TableReader.open(file.path)
            for field in table.fields {
                if columns.has(field.name) {
                    throw InputError(
                        "there are two columns of this name", at: Place(path: file.path.string, field: field.name),
                        advice: "A value is told by its column's name: rename one.")
                }
                columns.append(
                    ColumnSummary(
                        name: field.name, kind: try kind(of: field, in: table, media), isNumeric: false, isTruth: false,
                        examples: []))
            }
            readable = columns.filter { $0.kind == .empty }.map(\.name)
        }
        try addRows(of: file, readable, assets, to: &columns)
        return columns
    }

    /// Empty where the rows tell it.
    private static func kind(
        of field: ColumnField, in table: any TableFile, _ media: [String: MediaKind]
    ) throws -> ColumnKind {
        guard field.type.holdsBytes else { return .empty }
        if let kind = media[field.name] { return .media(kind) }
        var bytesField: String?
        switch field.type {
        case .bytes: break
        case .structure(let fields):
            guard fields.contains(where: { $0.name == "bytes" && $0.type == .bytes }),
                fields.allSatisfy({ ["bytes", "path"].contains($0.name) })
            else { return .bytes }
            bytesField = "bytes"
        default: return .bytes
        }
        guard let batch = try table.tablePass(over: [field.name]).next() else { return .bytes }
        for row in 0..<batch.rowCount {
            guard let bytes = batch.bytes(ofRow: row, column: 0, field: bytesField) else { continue }
            return MediaHeader(bytes).format.map { .media($0.kind) } ?? .bytes
        }
        return .bytes
    }

    private static func addRows(
        of file: RowFile, _ readable: [String]?, _ assets: AssetFolder?, to columns: inout KnownColumns
    ) throws {
        if let readable, readable.isEmpty { return }
        let source = try file.records(columns: readable, media: [:]).open(ReadingContext(batchByteCount: 1 << 18))
        if let delimited = source as? DelimitedReader {
            columns = KnownColumns(
                try delimited.columns().map {
                    ColumnSummary(name: $0, kind: .empty, isNumeric: true, isTruth: true, examples: [])
                })
        }
        guard let batch = try source.nextBatch() else { return }
        let parser = JSONParser()
        defer { withExtendedLifetime(parser) {} }
        var rowCount = 0
        try batch.forEachLine { line in
            guard !line.isBlank, rowCount < Self.rowCount else { return }
            rowCount += 1
            let place = batch.place(line: line.number, byteOffset: line.byteOffset)
            do {
                let row = try RecordScanner.root(of: line.bytes, padded: true, parser: parser)
                guard row.kind == .object else {
                    throw RecordFault("\(row.kind.name) where a row should be", advice: "Each row is an object.")
                }
                for (key, value) in row.fields {
                    add(value, named: String(decoding: key, as: UTF8.self), assets, to: &columns)
                }
            } catch let fault as RecordFault {
                // Whether such a row may be left out is decided when the rows are read.
                guard rowCount > 1 else { throw fault.error(at: place, line: line.bytes) }
            }
        }
        if !(source is DelimitedReader) {
            for column in columns.indices { (columns[column].isNumeric, columns[column].isTruth) = (false, false) }
        }
    }

    private static func add(
        _ value: JSONNode, named name: String, _ assets: AssetFolder?, to columns: inout KnownColumns
    ) {
        let column =
            columns.position(of: name)
            ?? columns.append(ColumnSummary(name: name, kind: .empty, isNumeric: false, isTruth: false, examples: []))
        columns[column].kind = columns[column].kind.merged(with: ColumnKind(value))
        guard value.kind != .null, value.string?.isEmpty != true else { return }
        columns[column].note(value)
        if let assets { columns[column].assetNames.look(at: value, in: assets) }
        guard columns[column].examples.count < exampleCount else { return }
        var json: [UInt8] = []
        JSONText.append(value, to: &json)
        let example = shortened(String(decoding: json, as: UTF8.self))
        if !columns[column].examples.contains(example) { columns[column].examples.append(example) }
    }

    /// Takes in what values are as numbers.
    private mutating func note(_ value: JSONNode) {
        if value.kind == .array {
            for element in value.elements { note(element) }
            return
        }
        var number = value.double ?? value.bool.map { $0 ? 1 : 0 }
        if let bytes = value.string {
            if bytes.count > 2, bytes.first == UInt8(ascii: "["), bytes.last == UInt8(ascii: "]"),
                [0x22, 0x27].contains(bytes[1])
            {
                looksLikeLists = true
            }
            // No number is longer, and texts are long.
            let text = bytes.count < 64 ? String(decoding: bytes, as: UTF8.self) : nil
            let truth = text.flatMap(MappedValue.truth)
            number = text.flatMap { Double($0) }
            if number == nil { isNumeric = false }
            if truth == nil { isTruth = false }
            number = number ?? truth
        }
        guard let number, number.isFinite else { return }
        widen(number...number)
        if number != number.rounded() { hasFractions = true }
    }

    private mutating func widen(_ other: ClosedRange<Double>) {
        range = range.map { min($0.lowerBound, other.lowerBound)...max($0.upperBound, other.upperBound) } ?? other
    }

    private static func shortened(_ text: String) -> String {
        let clean = text.unicodeScalars.map { $0.properties.generalCategory == .control ? " " : String($0) }.joined()
        return clean.count > 50 ? clean.prefix(49) + "…" : clean
    }

    /// The columns of several files together.
    static func merged(_ files: [KnownColumns]) -> KnownColumns {
        guard files.count != 1 else { return files[0] }
        var all = KnownColumns()
        for column in files.joined() {
            if let known = all.position(of: column.name) {
                all[known].kind = all[known].kind.merged(with: column.kind)
                all[known].isNumeric = all[known].isNumeric && column.isNumeric
                all[known].isTruth = all[known].isTruth && column.isTruth
                all[known].hasFractions = all[known].hasFractions || column.hasFractions
                all[known].looksLikeLists = all[known].looksLikeLists || column.looksLikeLists
                if let range = column.range { all[known].widen(range) }
                all[known].assetNames.merge(column.assetNames)
                if all[known].examples.isEmpty { all[known].examples = column.examples }
            } else {
                all.append(column)
            }
        }
        return all
    }
}

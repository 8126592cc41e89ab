internal import Ingest
internal import JSON
internal import Records

/// Makes a document of each row of a file with any columns.
struct MappedDocuments: SourceRows {
    private let columnCount: Int
    private let keys: ColumnKeys
    private let id: MappedColumn?
    private let text: MappedColumn?
    private let title: MappedColumn?
    private let media: [(column: Int, name: String, kind: MediaKind)]
    private let kept: [(column: Int, name: [UInt8])]
    /// As of ``MappedRows``.
    private let rowPrefix: String?

    init(_ mapping: CorpusMapping, known: KnownColumns, rowPrefix: String) {
        self.rowPrefix = mapping.madeIDs == .row ? rowPrefix : nil
        let names = mapping.usedColumns
        columnCount = names.count
        let positions = Dictionary(uniqueKeysWithValues: zip(names, names.indices))
        keys = ColumnKeys(names, unused: known.names.filter { positions[$0] == nil })
        func column(_ path: ColumnPath) -> MappedColumn { MappedColumn(path, among: positions) }
        (id, text, title) = (mapping.id.map(column), mapping.text.map(column), mapping.title.map(column))
        media = mapping.media.map { (positions[$0.column]!, $0.column, $0.kind) }
        kept = mapping.keep.map { kept in (positions[kept.column]!, Array(kept.name.utf8)) }
    }

    func read(_ row: JSONNode, into records: RowRecords) throws {
        var nodes = [JSONNode?](repeating: nil, count: columnCount)
        for (key, value) in row.fields {
            switch keys.find(key) {
            case .column(let column):
                guard nodes[column] == nil else {
                    throw RecordFault("the field is given twice", field: String(decoding: key, as: UTF8.self))
                }
                nodes[column] = value
            case .unused: break
            case .unknown:
                if value.kind != .null { records.count("values of columns that the first rows do not have, left out") }
            }
        }
        var document = RecordLine()
        let docid = try docid(nodes, records)
        if let docid { document.set("docid", text: docid) }
        if let title, let bytes = try value(title, nodes) { document.set("title", text: bytes) }
        var isEmpty = true
        if let text, let bytes = try value(text, nodes) {
            document.set("document_text", text: bytes)
            isEmpty = false
        }
        var firstMedia: MediaKind?
        for (column, _, kind) in media {
            guard let node = nodes[column], node.kind != .null, node.string?.isEmpty != true else { continue }
            document.set(MappedPassages.field(kind), node)
            (isEmpty, firstMedia) = (false, firstMedia ?? kind)
        }
        guard !isEmpty else {
            throw RecordFault(
                "the document is empty", field: text?.name ?? media.first?.name,
                advice: "--max-bad-records leaves out rows that have nothing.")
        }
        for (column, name) in kept {
            guard let node = nodes[column] else { continue }
            name.withUnsafeBytes { document.set(named: $0, node) }
        }
        if docid != nil {
            try records.addDocument(document)
        } else if let firstMedia, text == nil {
            try records.addDocument(document, id: .media(firstMedia))
        } else {
            try records.addDocument(document, id: .content)
        }
    }

    private func docid(_ nodes: [JSONNode?], _ records: RowRecords) throws(RecordFault) -> [UInt8]? {
        guard let id else { return rowPrefix.map { Array("\($0)\(records.rowNumber)".utf8) } }
        guard let value = try id.one(of: nodes, "ids") else {
            throw RecordFault("the document has no id", field: id.name)
        }
        return try MappedValue.id(value, of: id)
    }

    /// A text; nil for none and for an empty one.
    private func value(_ column: MappedColumn, _ nodes: [JSONNode?]) throws(RecordFault) -> UnsafeRawBufferPointer? {
        guard let value = try column.one(of: nodes, "texts") else { return nil }
        let text = try MappedValue.text(value, of: column)
        return text.isEmpty ? nil : text
    }
}

internal import Base
internal import Ingest
internal import JSON
internal import Records

/// Makes a query with its links, or its judgements, of each row of a file with any columns.
struct MappedRows: SourceRows {
    private let mapping: RowMapping
    private let columnCount: Int
    private let keys: ColumnKeys
    private let queryText: MappedColumn?
    private let queryMedia: [(kind: MediaKind, column: MappedColumn)]
    private let queryID: MappedColumn?
    private let positives: MappedPassages
    private let negatives: MappedPassages
    private let kept: [(column: Int, name: [UInt8])]
    /// Put before the number of a row where it becomes an id; nil where ids are made of contents.
    private let rowPrefix: String?

    /// - Parameters:
    ///   - known: all columns that the first rows have.
    ///   - rowPrefix: tells the rows of one file from those of others.
    init(_ mapping: RowMapping, known: KnownColumns, rowPrefix: String) {
        self.mapping = mapping
        self.rowPrefix = mapping.options.madeIDs == .row ? rowPrefix : nil
        let names = mapping.usedColumns
        columnCount = names.count
        let positions = Dictionary(uniqueKeysWithValues: zip(names, names.indices))
        keys = ColumnKeys(names, unused: known.names.filter { positions[$0] == nil })
        func column(_ path: ColumnPath) -> MappedColumn { MappedColumn(path, among: positions) }
        queryText = mapping.queryText.map(column)
        queryMedia = mapping.queryMedia.map { ($0.kind, column($0.column)) }
        queryID = mapping.queryID.map(column)
        positives = MappedPassages(mapping.positives, label: mapping.label, among: positions, idLetter: "p")
        negatives = MappedPassages(mapping.negatives, label: nil, among: positions, idLetter: "n")
        kept = mapping.keep.map { kept in (positions[kept.column]!, Array(kept.name.utf8)) }
    }

    func read(_ row: JSONNode, into records: RowRecords) throws {
        var nodes = [JSONNode?](repeating: nil, count: columnCount)
        var late: (positives: [JSONNode], negatives: [JSONNode]) = ([], [])
        for (key, value) in row.fields {
            switch keys.find(key) {
            case .column(let column):
                guard nodes[column] == nil else {
                    throw RecordFault("the field is given twice", field: String(decoding: key, as: UTF8.self))
                }
                nodes[column] = value
            case .unused: break
            case .unknown:
                // A row of JSON may have columns that no row before it has.
                let name = String(decoding: key, as: UTF8.self)
                if mapping.openPositives.contains(where: { ColumnPath.matches(name, $0) }) {
                    late.positives.append(value)
                } else if mapping.openNegatives.contains(where: { ColumnPath.matches(name, $0) }) {
                    late.negatives.append(value)
                } else if value.kind != .null {
                    records.count("values of columns that the first rows do not have, left out")
                }
            }
        }
        let rowID = rowPrefix.map { "\($0)\(records.rowNumber)" }
        let query = try query(nodes, rowID)
        var relevant = try positives.read(nodes, late.positives, rowID, into: records)
        var opposed = try negatives.read(nodes, late.negatives, rowID, into: records)
        if mapping.label != nil {
            opposed = relevant.filter { !isRelevant($0) } + opposed
            relevant = relevant.filter(isRelevant)
        }
        if relevant.isEmpty { records.count("rows without a positive") }
        try add(query, relevant, opposed, to: records)
    }

    private func isRelevant(_ passage: MappedPassages.Passage) -> Bool {
        passage.grade.map { Double($0) > mapping.options.labelThreshold } ?? true
    }

    private func query(_ nodes: [JSONNode?], _ rowID: String?) throws -> RecordLine {
        var query = RecordLine()
        var isEmpty = true
        if let text = try queryText?.one(of: nodes, "texts"),
            case let bytes = try MappedValue.text(text, of: queryText!),
            !bytes.isEmpty
        {
            query.set("query_text", text: bytes)
            isEmpty = false
        }
        for (kind, column) in queryMedia {
            guard let node = try column.one(of: nodes, "\(kind.rawValue)s") else { continue }
            query.set(Self.field(kind), node)
            isEmpty = false
        }
        guard !isEmpty else {
            throw RecordFault(
                "the query is empty", field: queryText?.name ?? queryMedia.first?.column.name,
                advice: "Each row has a query; --max-bad-records leaves out rows that have none.")
        }
        if let queryID {
            guard let id = try queryID.one(of: nodes, "ids") else {
                throw RecordFault("the query has no id", field: queryID.name)
            }
            query.set("query_id", text: try MappedValue.id(id, of: queryID))
        } else if let rowID {
            query.set("query_id", text: Array(rowID.utf8))
        }
        for (column, name) in kept {
            guard let node = nodes[column] else { continue }
            name.withUnsafeBytes { query.set(named: $0, node) }
        }
        return query
    }

    private static func field(_ kind: MediaKind) -> StaticString {
        switch kind {
        case .image: "query_image"
        case .video: "query_video"
        case .audio: "query_audio"
        }
    }

    private func add(
        _ query: RecordLine, _ relevant: [MappedPassages.Passage], _ opposed: [MappedPassages.Passage],
        to records: RowRecords
    ) throws {
        var query = query
        guard let split = mapping.options.judgements else {
            try set("positive_document_ids", "positive_document_scores", relevant, in: &query)
            try set("negative_document_ids", "negative_document_scores", opposed, in: &query)
            return try records.addSharedQuery(query)
        }
        try records.addSharedQuery(query)
        guard let id = records.lastQueryID else { return }
        for (passages, grade) in [(relevant, 1), (opposed, 0)] as [([MappedPassages.Passage], Float)] {
            for passage in passages {
                records.addJudgement(split: split, query: id, document: passage.id, grade: passage.grade ?? grade)
            }
        }
    }

    private func set(
        _ ids: StaticString, _ scores: StaticString, _ passages: [MappedPassages.Passage], in query: inout RecordLine
    ) throws {
        query.set(ids, texts: passages.map(\.id))
        guard passages.contains(where: { $0.score != nil }) else { return }
        var json: [UInt8] = [0x5B]
        for (number, passage) in passages.enumerated() {
            guard let score = passage.score else {
                throw RecordFault(
                    "a passage has no score, and others have", field: "\(scores)",
                    advice: "Each passage has its score, or none has.")
            }
            if number > 0 { json.append(0x2C) }
            JSONText.appendDouble(score, to: &json)
        }
        query.set(scores, json: json + [0x5D])
    }
}

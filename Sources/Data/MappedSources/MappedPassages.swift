internal import Base
internal import Ingest
internal import JSON
internal import Records

/// Makes documents of the passages of a row: its positives, or its negatives.
struct MappedPassages: Sendable {
    /// What became of one.
    struct Passage {
        let id: [UInt8]
        let score: Double?
        /// As the label says.
        let grade: Float?
    }

    private struct Source: Sendable {
        let text: MappedColumn
        let areReferences: Bool
        let media: MediaKind?
        let id: MappedColumn?
        let title: MappedColumn?
        let score: MappedColumn?
    }

    private let sources: [Source]
    private let label: MappedColumn?
    /// In ids that are made of rows: `row-7-p1`.
    private let idLetter: String

    /// - Parameter positions: of the names of the columns that rows are taken apart into.
    init(_ passages: [RowMapping.Passages], label: ColumnPath?, among positions: [String: Int], idLetter: String) {
        func column(_ path: ColumnPath) -> MappedColumn { MappedColumn(path, among: positions) }
        sources = passages.map {
            Source(
                text: column($0.text), areReferences: $0.areReferences, media: $0.media, id: $0.id.map(column),
                title: $0.title.map(column),
                score: $0.score.map(column))
        }
        self.label = label.map(column)
        self.idLetter = idLetter
    }

    /// - Parameters:
    ///   - nodes: the values of the columns.
    ///   - late: values of further columns of texts, which the first rows do not have.
    ///   - rowID: of which ids are made; nil for ids of contents.
    func read(
        _ nodes: [JSONNode?], _ late: [JSONNode], _ rowID: String?, into records: RowRecords
    ) throws -> [Passage] {
        var passages: [Passage] = []
        for source in sources { try read(source, nodes, rowID, into: &passages, records) }
        for node in late {
            for value in ColumnPath("").values(of: node) {
                guard let value = nonEmpty(value, records) else { continue }
                let id = try document(
                    value, nil, id: madeID(rowID, passages.count), title: nil, field: "passage", records)
                passages.append(Passage(id: id, score: nil, grade: nil))
            }
        }
        return passages
    }

    private func read(
        _ source: Source, _ nodes: [JSONNode?], _ rowID: String?, into passages: inout [Passage],
        _ records: RowRecords
    ) throws {
        guard let node = nodes[source.text.position] else { return }
        let isNoItem = source.media != nil && node.kind == .null
        let values = isNoItem ? [nil] : source.text.values(of: nodes)
        let ids = try parallel(source.id, values.count, nodes)
        let titles = try parallel(source.title, values.count, nodes)
        let scores = try parallel(source.score, values.count, nodes)
        let grades = try parallel(label, values.count, nodes)
        for (number, value) in values.enumerated() {
            guard let value = nonEmpty(value, records) else { continue }
            var id = madeID(rowID, passages.count)
            if let column = source.id {
                guard let node = ids?[number] else { throw RecordFault("the passage has no id", field: column.name) }
                id = try MappedValue.id(node, of: column)
            }
            var title: UnsafeRawBufferPointer?
            if let column = source.title, let node = titles?[number] {
                title = try MappedValue.text(node, of: column)
            }
            var score: Double?
            if let column = source.score, let node = scores?[number] {
                score = try MappedValue.number(node, of: column)
            }
            var grade: Float?
            if let label {
                guard let node = grades?[number], let value = try MappedValue.number(node, of: label) else {
                    throw RecordFault(
                        "the passage has no label", field: label.name,
                        advice: "Each passage has one; --max-bad-records leaves out rows that have none.")
                }
                grade = Float(value)
            }
            if source.areReferences {
                passages.append(
                    Passage(id: try MappedValue.id(value, of: source.text), score: score, grade: grade))
                continue
            }
            let field = values.count == 1 ? source.text.name : "\(source.text.name)[\(number)]"
            passages.append(
                Passage(
                    id: try document(value, source.media, id: id, title: title, field: field, records), score: score,
                    grade: grade))
        }
    }

    private func nonEmpty(_ value: JSONNode?, _ records: RowRecords) -> JSONNode? {
        if let value, value.string?.isEmpty != true { return value }
        records.count("empty passages, left out")
        return nil
    }

    private func madeID(_ rowID: String?, _ count: Int) -> [UInt8]? {
        rowID.map { Array("\($0)-\(idLetter)\(count + 1)".utf8) }
    }

    /// Values of another column, one for each passage; nil where there is no such column.
    private func parallel(
        _ column: MappedColumn?, _ count: Int, _ nodes: [JSONNode?]
    ) throws(RecordFault) -> [JSONNode?]? {
        guard let column else { return nil }
        let values = column.values(of: nodes)
        if values.isEmpty { return Array(repeating: nil, count: count) }
        guard values.count == count else {
            throw RecordFault(
                "\(values.count) values for \(count) passages", field: column.name,
                advice: "They are one for each passage, in the same order.")
        }
        return values
    }

    private func document(
        _ value: JSONNode, _ media: MediaKind?, id: [UInt8]?, title: UnsafeRawBufferPointer?, field: String,
        _ records: RowRecords
    ) throws -> [UInt8] {
        let title = title.flatMap { $0.isEmpty ? nil : $0 }
        if let media {
            var document = RecordLine()
            if let id { document.set("docid", text: id) }
            if let title { document.set("title", text: title) }
            document.set(Self.field(media), value)
            return try records.addDocument(document, id: id == nil ? .media(media) : .given)
        }
        guard let text = value.string else {
            throw RecordFault("\(value.kind.name) where a text should be", field: field)
        }
        guard let id else {
            return records.addDocument(title: title, text: text, hash: title == nil ? .of(text) : nil)
        }
        id.withUnsafeBytes { records.addDocument(id: $0, title: title, text: text) }
        return id
    }

    /// Of a document.
    static func field(_ kind: MediaKind) -> StaticString {
        switch kind {
        case .image: "document_image"
        case .video: "document_video"
        case .audio: "document_audio"
        }
    }
}

internal import Base
public import Ingest
internal import JSON
internal import Records
internal import StoreFormat
public import SystemPackage

extension RawSource {
    /// PixMo-docs: images of charts, tables, diagrams and other documents, each with questions about it.
    ///
    /// Columns: `image`, `image_id`, `questions` (a list of `question` and `answer`, or a structure of two lists, as the
    /// `datasets` library writes it). An image becomes a document, each of its questions a query.
    ///
    /// - Parameter sources: Parquet files or JSON Lines, or folders of them.
    public static func pixmo(_ sources: [FilePath]) throws -> RawSource {
        try rows("pixmo", of: sources) { PixmoRows(subset: PixmoRows.subset(of: $0)) }
    }
}

struct PixmoRows: SourceRows {
    /// `charts`, `tables`, `diagrams` or `other`, where the file's path tells.
    let subset: String?

    private static let subsets = ["charts", "tables", "diagrams", "other"]

    /// The published folders are named like the subsets; so are files that were made of them.
    static func subset(of path: FilePath) -> String? {
        if let folder = path.components.last(where: { subsets.contains($0.string) }) { return folder.string }
        let stem = path.lastComponent?.string ?? ""
        return subsets.first { stem.hasPrefix($0 + "-") || stem.hasPrefix($0 + ".") }
    }

    func read(_ row: JSONNode, into records: RowRecords) throws {
        let id = try row.id("image_id")
        var document = RecordLine()
        document.set("docid", text: id)
        document.set("document_image", try row.wanted("image"))
        document.setAll(of: row, except: ["image", "image_id", "questions"])
        try records.addDocument(document)
        for (number, question) in try Self.questions(try row.wanted("questions")).enumerated() {
            var query = RecordLine()
            query.set("query_id", text: id + Array("#\(number)".utf8))
            query.set("query_text", question.text)
            for (key, value) in question.others { query.set(named: key, value) }
            if let subset { query.set("subset", text: Array(subset.utf8)) }
            query.set("positive_document_ids", texts: [id])
            try records.addQuery(query)
        }
    }

    private typealias Question = (text: JSONNode, others: [(UnsafeRawBufferPointer, JSONNode)])

    private static func questions(_ node: JSONNode) throws(RecordFault) -> [Question] {
        var questions: [Question] = []
        func fault(_ reason: String, _ number: Int) -> RecordFault {
            RecordFault(
                reason, field: "questions[\(number)]", advice: "A question is {\"question\": …, \"answer\": …}.")
        }
        if node.kind == .array {
            for (number, element) in node.elements.enumerated() {
                guard let text = element["question"], text.kind == .string else {
                    throw fault("there is no text of a question", number)
                }
                questions.append((text, element.fields.filter { !$0.key.isEqual(to: "question") }))
            }
            return questions
        }
        let lists = node.fields.map { ($0.key, Array($0.value.elements)) }
        guard let texts = lists.first(where: { $0.0.isEqual(to: "question") })?.1 else {
            throw RecordFault(
                "there are no texts of questions", field: "questions",
                advice: "It is a list of questions and answers, or a structure of two lists.")
        }
        for (number, text) in texts.enumerated() {
            guard text.kind == .string else { throw fault("\(text.kind.name) where a text should be", number) }
            var others: [(UnsafeRawBufferPointer, JSONNode)] = []
            for (key, list) in lists where !key.isEqual(to: "question") {
                guard list.count == texts.count else {
                    throw RecordFault(
                        "\(list.count) elements for \(texts.count) questions",
                        field: "questions.\(String(decoding: key, as: UTF8.self))")
                }
                others.append((key, list[number]))
            }
            questions.append((text, others))
        }
        return questions
    }
}

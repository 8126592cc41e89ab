internal import Base
internal import JSON
internal import Records
internal import Store

/// Documents as the texts of a field of the queries that link to them positively: what can be searched of images while
/// no model sees them.
///
/// Positive are links, and judgements above grade 0 in any split. Memory: 12 bytes a document, 4 a link, 1 a query.
struct TextSide: Sendable {
    /// An extra field of queries: a string, or a list of strings.
    let field: String
    /// Ordinals of the documents that have a text, ascending.
    let documents: [UInt32]
    /// Documents that have none; they are left out of the vectors.
    let leftOutCount: Int
    /// Where the queries of the document at a position start, and where those of the last end.
    private let starts: [Int]
    /// Ordinals, ascending for each document.
    private let queries: [UInt32]

    /// Names under which a query's own content is read.
    private static let ownFields = [
        "query_id", "query_text", "query_image", "query_video", "query_audio", "text", "image", "video", "audio",
    ]

    /// - Throws: `Failure` for a field that is no extra, or that gives no document a text; `InputError` for a value that
    ///   is neither a string nor a list of strings.
    init(_ field: String, in dataset: Dataset) throws {
        guard !Self.ownFields.contains(where: { $0.utf8.elementsEqual(field.utf8) }) else {
            throw Failure(
                .usage, "--text-side \(field): documents encoded by the queries themselves are found by every query",
                advice: "Name another field of the queries, such as answer.")
        }
        self.field = field
        let reader = FieldReader(field)
        var hasText = [Bool](repeating: false, count: dataset.queryCount)
        try dataset.forEachQueryRecord(in: 0..<dataset.queryCount) { query, line in
            if query % 4096 == 0 { try Interruption.check() }
            hasText[query] = try !reader.texts(of: line, at: Self.place(dataset, query)).isEmpty
        }
        func forEachLink(_ body: (_ query: Int, _ document: Int) -> Void) throws {
            for query in hasText.indices where hasText[query] {
                for target in try dataset.positives?.targets(of: query) ?? .init(start: nil, count: 0) {
                    body(query, Int(target))
                }
                for (_, links) in dataset.judgements {
                    let grades = try links.scores(of: query)
                    for (index, target) in try links.targets(of: query).enumerated() where grades?[index] ?? 1 > 0 {
                        body(query, Int(target))
                    }
                }
            }
        }
        var ends = [Int](repeating: 0, count: dataset.documentCount)
        try forEachLink { _, document in ends[document] += 1 }
        var documents: [UInt32] = []
        var starts = [0]
        for document in ends.indices where ends[document] > 0 {
            documents.append(UInt32(document))
            starts.append(starts[starts.count - 1] + ends[document])
            ends[document] = starts[starts.count - 2]
        }
        guard !documents.isEmpty else {
            throw Failure(
                .badData,
                "no query of \(dataset.reference) that links to a document has a text in the field \(escaped(field.utf8))",
                advice: "`tvt-store cat \(dataset.reference) queries` shows which fields there are.")
        }
        var queries = [UInt32](repeating: 0, count: starts[starts.count - 1])
        try forEachLink { query, document in
            queries[ends[document]] = UInt32(query)
            ends[document] += 1
        }
        self.documents = documents
        self.starts = starts
        self.queries = queries
        leftOutCount = dataset.documentCount - documents.count
    }

    private static func place(_ dataset: Dataset, _ query: Int) -> Place {
        Place(path: "\(dataset.reference), query \(query)")
    }

    /// Calls `body` with the position, the document's id and its text, for a range of positions.
    ///
    /// Each text counts once, in the order of the queries; they are joined by line feeds.
    func forEachText(
        _ range: Range<Int>, in dataset: Dataset, _ body: (Int, _ id: [UInt8], _ text: [UInt8]) throws -> Void
    ) throws {
        let records = try RecordReader(dataset)
        let reader = FieldReader(field)
        for position in range {
            var seen: Set<[UInt8]> = []
            var joined: [UInt8] = []
            for query in queries[starts[position]..<starts[position + 1]] {
                let texts = try records.withQueryRecord(Int(query)) {
                    try reader.texts(of: $0, at: Self.place(dataset, Int(query)))
                }
                for text in texts where seen.insert(text).inserted {
                    if !joined.isEmpty { joined.append(0x0A) }
                    joined += text
                }
            }
            try body(position, records.documentID(Int(documents[position])), joined)
        }
    }
}

/// Reads the texts of one extra field. Not Sendable: it holds a parser.
private final class FieldReader {
    private let field: String
    private let parser = JSONParser()

    init(_ field: String) { self.field = field }

    /// None where the field is missing, null or blank.
    func texts(of line: UnsafeRawBufferPointer, at place: Place) throws -> [[UInt8]] {
        let query = try Query(jsonLine: line, at: place, parser: parser)
        guard let extra = query.extras.first(where: { $0.key.elementsEqual(field.utf8) }) else { return [] }
        let value = try JSONValue.parse(extra.json, path: place.description)
        let texts: [String]
        switch value {
        case .null: return []
        case .string(let text): texts = [text]
        case .array(let values) where values.allSatisfy({ $0.string != nil }): texts = values.compactMap(\.string)
        default:
            var place = place
            place.field = field
            throw InputError("neither a string nor a list of strings", at: place, offender: extra.json)
        }
        return texts.map { Array($0.utf8) }.filter { text in !text.withUnsafeBytes(BlankTexts.isBlank) }
    }
}

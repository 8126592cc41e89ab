internal import Base
internal import JSON
internal import Records
internal import Store
internal import StoreFormat

/// A page of queries or documents: those of a range, or those that match.
///
/// A request looks at so many records at most; where it ends before the page is full, ``next`` goes on from there. So
/// every request is short, and the union of the pages is all that matches, each once and in order.
struct RecordList {
    enum Kind: String, Sendable {
        case queries, documents

        var singular: String { self == .queries ? "query" : "document" }
    }

    /// Which queries are wanted, by their links.
    enum Filter: String, Sendable, CaseIterable {
        case positives, negatives, judgements
        case withoutPositives = "without-positives"
        case withoutNegatives = "without-negatives"
        case withoutJudgements = "without-judgements"
    }

    /// Records that one request reads in search of matches, and their bytes.
    static let mostRecords = 20_000
    static let mostBytes = 8 << 20
    /// Queries whose links one request counts.
    static let mostCounted = 1_000_000
    static let largestLimit = 200

    let kind: Kind
    var search: Search?
    var filter: Filter?
    /// The first ordinal to look at.
    var from = 0
    /// At most so many records.
    var limit = 50

    func json(of browsed: BrowsedDataset) throws -> JSONValue {
        let dataset = browsed.dataset
        let count = kind == .queries ? dataset.queryCount : dataset.documentCount
        let start = min(max(0, from), count)
        var items: [JSONValue] = []
        var end = start
        if search == nil {
            while end < count, items.count < limit, end - start < Self.mostCounted {
                if try isWanted(end, dataset) { items.append(try item(end, dataset)) }
                end += 1
            }
        } else {
            (items, end) = try matches(from: start, to: count, dataset)
        }
        var json: JSONObject = [
            "total": JSONValue(count), "from": JSONValue(start), "searched": JSONValue(end), "items": .array(items),
            "next": end < count ? JSONValue(end) : .null,
        ]
        if let search, start == 0, let exact = try exact(search, dataset) { json["exact"] = exact }
        return .object(json)
    }

    /// The record whose id is what is searched for: the index knows at once.
    private func exact(_ search: Search, _ dataset: Dataset) throws -> JSONValue? {
        let id = search.text
        guard !id.isEmpty else { return nil }
        let ordinal = try kind == .queries ? dataset.queryOrdinal(id: id) : dataset.documentOrdinal(id: id)
        return try ordinal.map { try item($0, dataset) }
    }

    /// Ends a scan.
    private struct Enough: Error {}

    private func matches(from start: Int, to count: Int, _ dataset: Dataset) throws -> ([JSONValue], end: Int) {
        guard let search else { return ([], start) }
        var items: [JSONValue] = []
        var end = start
        var byteCount = 0
        let parser = JSONParser()
        func look(_ ordinal: Int, _ line: UnsafeRawBufferPointer) throws {
            guard items.count < limit, ordinal - start < Self.mostRecords, byteCount < Self.mostBytes else {
                throw Enough()
            }
            end = ordinal + 1
            byteCount += line.count
            guard try isWanted(ordinal, dataset) else { return }
            let place = Place(path: "\(dataset.reference), \(kind.singular) \(ordinal)")
            let entry: JSONValue?
            switch kind {
            case .queries:
                let query = try Query(jsonLine: line, at: place, parser: parser)
                entry = try search.match(id: query.id, title: nil, text: query.text).map {
                    try item(query, ordinal, dataset, around: $0)
                }
            case .documents:
                let document = try Document(jsonLine: line, at: place, parser: parser)
                entry = search.match(id: document.id, title: document.title, text: document.text).map {
                    item(document, ordinal, around: $0)
                }
            }
            if let entry { items.append(entry) }
        }
        do {
            switch kind {
            case .queries: try dataset.forEachQueryRecord(in: start..<count, look)
            case .documents: try dataset.forEachDocumentRecord(in: start..<count, look)
            }
        } catch is Enough {}
        return (items, end)
    }

    private func isWanted(_ ordinal: Int, _ dataset: Dataset) throws -> Bool {
        guard kind == .queries, let filter else { return true }
        func has(_ links: Links?) throws -> Bool {
            guard let ends = try links?.offsets(of: ordinal..<ordinal + 1) else { return false }
            return ends[1] > ends[0]
        }
        return switch filter {
        case .positives: try has(dataset.positives)
        case .negatives: try has(dataset.negatives)
        case .judgements: try dataset.judgements.contains { try has($0.links) }
        case .withoutPositives: try !has(dataset.positives)
        case .withoutNegatives: try !has(dataset.negatives)
        case .withoutJudgements: try !dataset.judgements.contains { try has($0.links) }
        }
    }

    // MARK: Items

    private func item(_ ordinal: Int, _ dataset: Dataset) throws -> JSONValue {
        switch kind {
        case .queries: try item(dataset.query(ordinal), ordinal, dataset, around: nil)
        case .documents: item(try dataset.document(ordinal), ordinal, around: nil)
        }
    }

    private func item(_ query: Query, _ ordinal: Int, _ dataset: Dataset, around match: Int?) throws -> JSONValue {
        func count(_ links: Links?) throws -> Int {
            guard let ends = try links?.offsets(of: ordinal..<ordinal + 1) else { return 0 }
            return Int(clamping: ends[1]) - Int(clamping: ends[0])
        }
        return [
            "ordinal": JSONValue(ordinal), "id": .string(Excerpt.text(query.id)),
            "line": .string(Excerpt.line(query.text ?? [], around: match)),
            "media": Self.kinds([("image", query.image), ("video", query.video), ("audio", query.audio)]),
            "positives": JSONValue(try count(dataset.positives)), "negatives": JSONValue(try count(dataset.negatives)),
            "judgements": JSONValue(try dataset.judgements.reduce(0) { try $0 + count($1.links) }),
        ]
    }

    private func item(_ document: Document, _ ordinal: Int, around match: Int?) -> JSONValue {
        var json: JSONObject = [
            "ordinal": JSONValue(ordinal), "id": .string(Excerpt.text(document.id)),
            "line": .string(Excerpt.line(document.text ?? [], around: match)),
            "media": Self.kinds([("image", document.image), ("video", document.video), ("audio", document.audio)]),
        ]
        if let title = document.title { json["title"] = .string(Excerpt.line(title, around: nil)) }
        return .object(json)
    }

    private static func kinds(_ fields: [(String, MediaReference?)]) -> JSONValue {
        .array(fields.filter { $0.1 != nil }.map { .string($0.0) })
    }
}

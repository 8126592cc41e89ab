public import Base
public import SystemPackage

/// Relevance judgements in columns: for each query, the documents judged for it and their grades.
///
/// A grade above 0 is relevant; 0 was judged and found not relevant; below 0 was looked at but not judged, as
/// trec_eval has it. Queries stand in the order of their first line.
public struct Qrels: Sendable, Equatable {
    public private(set) var queries = ByteColumn()
    /// `queryCount + 1` offsets into ``documents`` and ``grades``.
    public private(set) var offsets: [Int] = [0]
    public private(set) var documents = ByteColumn()
    public private(set) var grades: [Int32] = []

    public init() {}

    public var queryCount: Int { queries.count }
    public var judgementCount: Int { grades.count }

    /// The entries of ``documents`` and ``grades`` that belong to a query.
    public func judgements(of query: Int) -> Range<Int> { offsets[query]..<offsets[query + 1] }

    /// Adds a query with its judgements.
    public mutating func append(query: [UInt8], _ judgements: [(document: [UInt8], grade: Int32)]) {
        queries.append(query)
        for (document, grade) in judgements {
            documents.append(document)
            grades.append(grade)
        }
        offsets.append(grades.count)
    }

    /// Reads a qrels file: TREC's `qid iteration docid grade`, or BEIR's `query-id⇥corpus-id⇥score` with its header.
    ///
    /// The first line decides which: three columns separated by tabs are BEIR's, four separated by blanks are TREC's. A
    /// judgement that is repeated with the same grade counts once, and fields of BEIR's that are in quotes lose them, as
    /// its own loader has it; both are logged with their number.
    ///
    /// - Parameter escapedIDs: whether ids are percent-escaped (``IDEscaping``).
    /// - Throws: `InputError` for a line that is not of the format, a grade that is not a whole number, a document that
    ///   is judged twice for a query with different grades, or columns in another order.
    public init(reading path: FilePath, escapedIDs: Bool = false) throws {
        var lines = try QrelsLines(path, escapedIDs: escapedIDs)
        var table = ByteTable()
        var owners: [Int32] = []
        var current: [UInt8] = []
        var owner = -1
        var isSorted = true
        while try lines.next({ query, document, grade in
            if owner < 0 || !current.elementsEqual(query) {
                current.removeAll(keepingCapacity: true)
                current.append(contentsOf: query)
                let next = table.index(of: query, in: &queries)
                if next < owner { isSorted = false }
                owner = next
            }
            owners.append(Int32(owner))
            documents.append(document)
            grades.append(grade)
        }) {}
        try lines.finish()
        group(by: owners, isSorted: isSorted)
        var duplicates = DuplicateFinder()
        let hasRepeated = (0..<queryCount).contains { query in
            duplicates.duplicate(in: documents, judgements(of: query)) != nil
        }
        if hasRepeated { try mergeRepeated { try QrelsLines(path, escapedIDs: escapedIDs) } }
    }

    /// Keeps the first of judgements that are repeated.
    ///
    /// - Parameter reopened: the lines of the file from its start, for their numbers.
    /// - Throws: `InputError` with both lines where the grades differ.
    private mutating func mergeRepeated(_ reopened: () throws -> QrelsLines) throws {
        var merged = Qrels()
        var count = 0
        var first: (query: [UInt8], document: [UInt8])?
        for query in 0..<queryCount {
            var known: [[UInt8]: Int32] = [:]
            var kept: [(document: [UInt8], grade: Int32)] = []
            for judgement in judgements(of: query) {
                let document = documents[judgement]
                guard let grade = known[document] else {
                    known[document] = grades[judgement]
                    kept.append((document, grades[judgement]))
                    continue
                }
                guard grade == grades[judgement] else {
                    let (path, lines) = try Qrels.lines(of: queries[query], document, in: reopened())
                    throw InputError(
                        "query \(escaped(queries[query].prefix(80))) has this document with the grade "
                            + "\(grades[judgement]) here and \(grade) in line \(lines[0])",
                        at: Place(path: path, line: lines.last, field: "docid"), offender: document,
                        advice: "a document has one grade for a query; remove one of the lines")
                }
                count += 1
                if first == nil { first = (queries[query], document) }
            }
            merged.append(query: queries[query], kept)
        }
        if let first {
            let (path, lines) = try Qrels.lines(of: first.query, first.document, in: reopened())
            log.notice(
                """
                \(Place(path: path, line: lines.dropFirst().first)): the judgement of line \(lines[0]) again; \
                \(count) repeated judgement\(count == 1 ? " counts" : "s count") once
                """)
        }
        self = merged
    }

    /// The numbers of the lines that judge a document for a query; where grades differ, those of the first line and of the
    /// first with another grade.
    private static func lines(
        of query: [UInt8], _ document: [UInt8], in lines: consuming QrelsLines
    ) throws -> (path: String, [Int]) {
        var found: [(line: Int, grade: Int32)] = []
        var matched: Int32?
        while try lines.next({ itsQuery, itsDocument, grade in
            let isMatch = query.elementsEqual(itsQuery) && document.elementsEqual(itsDocument)
            matched = isMatch ? grade : nil
        }) {
            if let matched { found.append((lines.line, matched)) }
        }
        let other = found.first { $0.grade != found[0].grade }
        return (lines.path, (other.map { [found[0], $0] } ?? found).map(\.line))
    }

    /// Whether the first and third column of a first line are those of BEIR's header, `query-id corpus-id score`; some
    /// write other names. A line that only lacks a good grade is none.
    package static func isHeader(first: UnsafeRawBufferPointer, third: UnsafeRawBufferPointer) -> Bool {
        isName(first, of: queryColumn) && isName(third, of: gradeColumn)
    }

    static let queryColumn = ["query-id", "query_id", "qid"]
    static let documentColumn = ["corpus-id", "corpus_id", "docid", "doc-id", "doc_id"]
    static let gradeColumn = ["score", "grade", "relevance", "label"]

    static func isName(_ field: UnsafeRawBufferPointer, of column: [String]) -> Bool {
        column.contains { field.elementsEqual($0.utf8) }
    }

    /// Counting sort of the judgements by query, the order of lines kept within a query.
    private mutating func group(by owners: [Int32], isSorted: Bool) {
        offsets = Array(repeating: 0, count: queries.count + 1)
        for owner in owners { offsets[Int(owner) + 1] += 1 }
        for index in 1..<max(1, offsets.count) { offsets[index] += offsets[index - 1] }
        if isSorted { return }
        var next = offsets
        var sources = [Int](repeating: 0, count: owners.count)
        for (index, owner) in owners.enumerated() {
            sources[next[Int(owner)]] = index
            next[Int(owner)] += 1
        }
        let oldDocuments = documents
        documents.removeAll()
        for source in sources { oldDocuments.withBytes(at: source) { documents.append($0) } }
        grades = sources.map { grades[$0] }
    }
}

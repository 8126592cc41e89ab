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
    /// The first line tells which: three columns separated by tabs are BEIR's, four separated by blanks are TREC's.
    ///
    /// - Parameter escapedIDs: whether ids are percent-escaped (``IDEscaping``).
    /// - Throws: `InputError` for a line that is not of the format, a grade that is not a whole number, or a document
    ///   that is judged twice for a query.
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
        group(by: owners, isSorted: isSorted)
        var duplicates = DuplicateFinder()
        for query in 0..<queryCount {
            if let duplicate = duplicates.duplicate(in: documents, judgements(of: query)) {
                throw DuplicateFinder.error(path: path.string, query: queries[query], document: documents[duplicate])
            }
        }
    }

    /// Whether the first and third column of a first line are those of BEIR's header, `query-id corpus-id score`; some
    /// write other names. A line that only lacks a good grade is none.
    package static func isHeader(first: UnsafeRawBufferPointer, third: UnsafeRawBufferPointer) -> Bool {
        let firsts: [String] = ["query-id", "query_id", "qid"]
        let thirds: [String] = ["score", "grade", "relevance", "label"]
        return firsts.contains { first.elementsEqual($0.utf8) } && thirds.contains { third.elementsEqual($0.utf8) }
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

/// The lines of a qrels file one by one, checked.
private struct QrelsLines {
    private let source: LineSource
    private var scanner: FieldScanner
    private let escapedIDs: Bool
    private var isTREC = true
    private var unescapedQuery: [UInt8] = []
    private var unescapedDocument: [UInt8] = []

    init(_ path: FilePath, escapedIDs: Bool) throws {
        source = try LineSource(path)
        scanner = FieldScanner(path: source.path)
        self.escapedIDs = escapedIDs
        guard let chunk = try source.next() else { return }
        scanner.feed(chunk)
        var probe = scanner
        guard probe.nextTabSeparated() == 3 else { return }
        isTREC = false
        if Qrels.isHeader(first: probe.field(0), third: probe.field(2)) { scanner = probe }
    }

    @inline(__always)
    mutating func next(
        _ body: (_ query: UnsafeRawBufferPointer, _ document: UnsafeRawBufferPointer, _ grade: Int32) throws -> Void
    ) throws -> Bool {
        while true {
            guard let fields = isTREC ? scanner.nextBlankSeparated() : scanner.nextTabSeparated() else {
                guard let chunk = try source.next() else { return false }
                scanner.feed(chunk)
                continue
            }
            guard fields == (isTREC ? 4 : 3) else {
                throw InputError(
                    "\(fields) field\(fields == 1 ? "" : "s") where "
                        + (isTREC
                            ? "TREC qrels have 4 (qid iteration docid grade)"
                            : "BEIR qrels have 3 (query-id, corpus-id, score separated by tabs)"),
                    at: scanner.place(), offender: scanner.wholeLine)
            }
            let documentField = isTREC ? 2 : 1
            let grade = try parseGrade(isTREC ? 3 : 2)
            let query = scanner.field(0)
            let document = scanner.field(documentField)
            guard query.count > 0, document.count > 0 else {
                throw InputError("an id is empty", at: scanner.place(at: query.count == 0 ? 0 : documentField))
            }
            if escapedIDs {
                unescapedQuery.removeAll(keepingCapacity: true)
                unescapedDocument.removeAll(keepingCapacity: true)
                guard IDEscaping.unescape(query, into: &unescapedQuery),
                    IDEscaping.unescape(document, into: &unescapedDocument)
                else {
                    throw InputError(
                        "\"%\" is not followed by two hexadecimal digits", at: scanner.place(),
                        offender: scanner.wholeLine,
                        advice: "leave --escape-ids out if the file was written without it")
                }
                try unescapedQuery.withUnsafeBytes { query in
                    try unescapedDocument.withUnsafeBytes { try body(query, $0, grade) }
                }
            } else {
                try body(query, document, grade)
            }
            return true
        }
    }

    @inline(__always)
    private func parseGrade(_ index: Int) throws -> Int32 {
        let text = scanner.field(index)
        if let grade = DecimalScanner.integer(text), let grade = Int32(exactly: grade) { return grade }
        // Some BEIR exports write 1.0.
        if let grade = DecimalScanner.double(text), let grade = Int32(exactly: grade) { return grade }
        throw InputError(
            "a grade is a whole number", at: scanner.place(field: isTREC ? "grade" : "score", at: index),
            offender: Array(text))
    }
}

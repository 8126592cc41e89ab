internal import Archives
internal import Base
internal import Glibc
internal import Records
internal import SystemPackage

/// A file of links that is read before the queries that have them.
package struct LinkFile {
    enum Kind {
        case judgements(JudgementFile, negativesToo: Bool)
        case triples(StreamFile, negativesPerQuery: Int)
    }

    let kind: Kind

    var path: FilePath {
        switch kind {
        case .judgements(let file, _): file.path
        case .triples(let file, _): file.path
        }
    }

    /// Judgements: grades above 0 are positives.
    ///
    /// Faults are left to who reads the same file as judgements.
    ///
    /// - Parameter negativesToo: whether the other grades are negatives.
    package static func judgements(_ file: JudgementFile, negativesToo: Bool) -> LinkFile {
        LinkFile(kind: .judgements(file, negativesToo: negativesToo))
    }

    /// Lines of `query⇥positive⇥negative`, ids all three: the first different negatives of each query; the positives are
    /// not looked at.
    package static func triples(_ file: StreamFile, negativesPerQuery: Int) -> LinkFile {
        LinkFile(kind: .triples(file, negativesPerQuery: negativesPerQuery))
    }
}

/// Links of queries that are not read yet, by the hash of the query's id.
///
/// Memory: some 250 bytes a query and 4 to 8 a link; 500,000 queries with 32 negatives each took 190 MB.
struct LinksAhead {
    fileprivate struct Negatives {
        var documents: [UInt32] = []
        /// Of the first triple of the query.
        let line: Int
    }

    private(set) var positives = JudgedLinks()
    private(set) var judgedNegatives = JudgedLinks()
    fileprivate var negatives: [ContentHash: Negatives] = [:]
    fileprivate var triplesPath = ""

    fileprivate mutating func add(query: ContentHash, document: Int, isPositive: Bool) {
        if isPositive {
            positives.add(query: query, document: document)
        } else {
            judgedNegatives.add(query: query, document: document)
        }
    }

    /// The negatives of a query, of which none is one of its positives, and how many were left out for that.
    func negatives(of query: ContentHash, positives: [UInt32]) -> (negatives: [UInt32], positiveCount: Int) {
        var found = judgedNegatives[query]
        let judged = Set(found)
        found += (negatives[query]?.documents ?? []).filter { !judged.contains($0) }
        let relevant = Set(positives)
        let others = found.filter { !relevant.contains($0) }
        return (others, found.count - others.count)
    }
}

extension Conversion {
    /// Takes a query without links of its own and gives it those that are known; an equal one that was taken before is
    /// counted.
    func acceptQuery(_ batch: ScannedBatch, _ row: ScannedBatch.Row, linked links: LinksAhead) throws {
        let record = batch.records[row.links.first]
        if row.links.positiveCount + row.links.negativeCount == 0, knowsQuery(batch, record) {
            report.sameQueryCount += 1
            return
        }
        let positives = links.positives[record.idHash]
        let (negatives, positiveCount) = links.negatives(of: record.idHash, positives: positives)
        try acceptQuery(batch, row, morePositives: positives, moreNegatives: negatives)
        if positiveCount > 0 {
            report.sourceCounts[RowRecords.negativesThatArePositives, default: 0] += positiveCount
        }
    }

    /// Reads a file of links to its end.
    func read(_ file: LinkFile, into links: inout LinksAhead) throws {
        switch file.kind {
        case .judgements(let file, let negativesToo):
            do {
                try forEachLink(of: file) { query, document, grade in
                    if grade > 0 || negativesToo {
                        links.add(query: query, document: document, isPositive: grade > 0)
                    }
                }
            } catch {
                // What keeps the file from being read is said once, where its judgements are.
                if Interruption.isRequested { throw error }
            }
        case .triples(let file, let limit):
            let stream = try file.open()
            try readTriples(stream, limit: limit, into: &links)
            report.parsedBytes += stream.byteOffset
            if let source = try stream.finish() {
                report.inputs.append(.init(path: stream.path, size: source.size, sha256: source.sha256))
            }
        }
    }

    private func readTriples(_ stream: InputStream, limit: Int, into links: inout LinksAhead) throws {
        links.triplesPath = stream.path
        let reader = LineReader(stream, lineLimit: LineReader.longestLineOfColumns)
        var isEmpty = true
        while let batch = try reader.nextBatch() {
            try Interruption.check()
            try batch.forEachLine { line in
                guard !line.isBlank else { return }
                isEmpty = false
                do {
                    let (query, negative) = try Self.triple(line.bytes)
                    let queryHash = ContentHash.of(query)
                    guard links.negatives[queryHash]?.documents.count ?? 0 < limit else { return }
                    guard let document = documents.ordinal(of: .of(negative)) else {
                        throw missingReference(to: "document", Array(negative), advice: Self.tripleAdvice)
                    }
                    let target = UInt32(document)
                    if links.negatives[queryHash]?.documents.contains(target) != true {
                        links.negatives[queryHash, default: .init(line: line.number)].documents.append(target)
                    }
                } catch let fault as RecordFault {
                    let place = Place(path: stream.path, line: line.number, byteOffset: line.byteOffset)
                    try reject(fault.error(at: place, line: line.bytes), as: fault.kind, line: line.bytes)
                }
            } fault: { fault in
                isEmpty = false
                try fault.line.withUnsafeBytes { try reject(fault.error, as: .record, line: $0) }
            }
        }
        if isEmpty { throw Self.emptyInput(stream.path) }
    }

    private static let tripleAdvice =
        "A triple is the ids of a query, of a positive and of a negative, separated by tabs."

    private static func triple(
        _ line: UnsafeRawBufferPointer
    ) throws(RecordFault) -> (query: UnsafeRawBufferPointer, negative: UnsafeRawBufferPointer) {
        let base = line.baseAddress!
        func tab(from start: Int) -> Int? {
            memchr(base + start, 0x09, line.count - start).map { UnsafeRawPointer($0) - base }
        }
        guard let first = tab(from: 0), let second = tab(from: first + 1), tab(from: second + 1) == nil else {
            throw RecordFault("the line has not three columns", advice: tripleAdvice)
        }
        let end = line.last == 0x0D ? line.count - 1 : line.count
        guard first > 0, second + 1 < end else {
            throw RecordFault("an id is empty", advice: "An id has at least one byte.")
        }
        return (
            UnsafeRawBufferPointer(rebasing: line[..<first]), UnsafeRawBufferPointer(rebasing: line[(second + 1)..<end])
        )
    }

    /// Checks, when all queries are read, that none is missing that has triples; where bad records are allowed for, they
    /// are counted, since the query may be one of those.
    func checkUse(of links: LinksAhead) throws {
        let unknown = links.negatives.filter { queries.ordinal(of: $0.key) == nil && !leftOut.mayHold($0.key) }
        guard let first = unknown.values.map(\.line).min() else { return }
        guard options.badRecordLimit > 0 else {
            throw InputError(
                "there is no query of the id of this triple", at: Place(path: links.triplesPath, line: first),
                advice: "Triples are about queries of the dataset; \(unknown.count) that they name are missing.")
        }
        report.sourceCounts["queries of triples that are not there", default: 0] += unknown.count
    }
}

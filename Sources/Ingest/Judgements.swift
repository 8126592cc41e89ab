internal import Archives
internal import Base
internal import Rankings
internal import Records

/// One line of a file of judgements, as ranges of bytes.
struct JudgementLine {
    let query: UnsafeRawBufferPointer
    let document: UnsafeRawBufferPointer
    let grade: Float
}

/// The two ways in which judgements are written.
enum JudgementFormat {
    /// `query-id⇥corpus-id⇥score` with a header: BEIR.
    case table
    /// `query 0 document grade`, separated by spaces or tabs: TREC.
    case trec

    /// Told by the first line.
    init(firstLine: UnsafeRawBufferPointer) {
        self = Self.columns(firstLine, isSeparator: { $0 == 0x09 }).count == 3 ? .table : .trec
    }

    /// - Returns: nil for the header.
    func parse(
        _ line: UnsafeRawBufferPointer, isFirst: Bool
    ) throws(RecordFault) -> JudgementLine? {
        let columns: [UnsafeRawBufferPointer]
        switch self {
        case .table: columns = Self.columns(line) { $0 == 0x09 }
        case .trec: columns = Self.columns(line) { $0 == 0x09 || $0 == 0x20 }.filter { !$0.isEmpty }
        }
        let wanted = self == .table ? 3 : 4
        guard columns.count == wanted else {
            throw RecordFault(
                "\(columns.count) column\(columns.count == 1 ? "" : "s") instead of \(wanted)", advice: advice(isFirst))
        }
        if isFirst, self == .table, Qrels.isHeader(first: columns[0], third: columns[2]) { return nil }
        let text = String(decoding: columns[wanted - 1], as: UTF8.self)
        guard let grade = Float(text), grade.isFinite else {
            throw RecordFault(
                "the grade \(escaped(Array(columns[wanted - 1]))) is not a number", field: "score",
                advice: advice(isFirst))
        }
        guard !columns[0].isEmpty, !columns[wanted - 2].isEmpty else {
            throw RecordFault("an id is empty", advice: "An id has at least one byte.")
        }
        return JudgementLine(query: columns[0], document: columns[wanted - 2], grade: grade)
    }

    private func advice(_ isFirst: Bool) -> String {
        let table = "query-id, corpus-id, score, separated by tabs"
        let trec = "query 0 document grade"
        if isFirst { return "A line is: \(table), with a header of these names; or, without one, \(trec)." }
        return "A line is: \(self == .table ? table : trec)."
    }

    private static func columns(
        _ line: UnsafeRawBufferPointer, isSeparator: (UInt8) -> Bool
    ) -> [UnsafeRawBufferPointer] {
        var columns: [UnsafeRawBufferPointer] = []
        var start = 0
        let end = line.last == 0x0D ? line.count - 1 : line.count
        for position in 0..<end where isSeparator(line[position]) {
            columns.append(UnsafeRawBufferPointer(rebasing: line[start..<position]))
            start = position + 1
        }
        columns.append(UnsafeRawBufferPointer(rebasing: line[start..<end]))
        return columns
    }
}

/// Documents that are judged relevant, by the hash of the query's id.
struct JudgedLinks {
    private var targets: [ContentHash: [UInt32]] = [:]

    subscript(query: ContentHash) -> [UInt32] { targets[query] ?? [] }

    mutating func add(query: ContentHash, document: Int) {
        let target = UInt32(document)
        if targets[query]?.contains(target) != true { targets[query, default: []].append(target) }
    }
}

extension Conversion {
    /// Adds all judgements of a file to a split; queries and documents are known by now.
    func readJudgements(_ stream: InputStream, split: String) throws {
        var count = 0
        try forEachJudgement(of: stream) { judgement in
            guard let query = queries.ordinal(of: .of(judgement.query)) else {
                throw RecordFault(
                    "there is no query \(escaped(Array(judgement.query)))",
                    advice: "A judgement refers to a query and a document of the dataset.")
            }
            try writer.addJudgement(
                split: split, query: query, document: try document(of: judgement), grade: judgement.grade)
            count += 1
        }
        report.parsedBytes += stream.byteOffset
        if let source = try stream.finish() {
            report.inputs.append(.init(path: stream.path, size: source.size, sha256: source.sha256))
        }
        report.judgementCounts.append((split, count))
    }

    /// The relevant documents (grade above 0) of every query of a file. Faults are left to `readJudgements`, which
    /// reads the same file.
    func links(of stream: InputStream) throws -> JudgedLinks {
        var links = JudgedLinks()
        let reader = LineReader(stream)
        var format: JudgementFormat?
        while let batch = try reader.nextBatch() {
            batch.forEachLine { line in
                guard !line.isBlank else { return }
                let isFirst = format == nil
                let known = format ?? JudgementFormat(firstLine: line.bytes)
                format = known
                guard let judgement = try? known.parse(line.bytes, isFirst: isFirst), judgement.grade > 0,
                    let document = documents.ordinal(of: .of(judgement.document))
                else { return }
                links.add(query: .of(judgement.query), document: document)
            }
        }
        return links
    }

    private func document(of judgement: JudgementLine) throws(RecordFault) -> Int {
        if let ordinal = documents.ordinal(of: .of(judgement.document)) { return ordinal }
        throw RecordFault(
            "there is no document \(escaped(Array(judgement.document)))",
            advice: "A judgement refers to a query and a document of the dataset.")
    }

    private func forEachJudgement(of stream: InputStream, _ body: (JudgementLine) throws -> Void) throws {
        let reader = LineReader(stream)
        var format: JudgementFormat?
        var isEmpty = true
        while let batch = try reader.nextBatch() {
            try Interruption.check()
            try batch.forEachLine { line in
                guard !line.isBlank else { return }
                let isFirst = format == nil
                let known = format ?? JudgementFormat(firstLine: line.bytes)
                format = known
                do {
                    guard let judgement = try known.parse(line.bytes, isFirst: isFirst) else { return }
                    isEmpty = false
                    try body(judgement)
                } catch let fault as RecordFault {
                    isEmpty = false
                    let place = Place(path: stream.path, line: line.number, byteOffset: line.byteOffset)
                    try reject(fault.error(at: place, line: line.bytes), line: line.bytes)
                }
            }
        }
        if isEmpty { throw Self.emptyInput(stream.path) }
    }
}

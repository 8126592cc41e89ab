internal import Archives
internal import Base
internal import JSON
internal import Rankings
internal import Records

/// One line of a file of judgements, as ranges of bytes.
struct JudgementLine {
    let query: UnsafeRawBufferPointer
    let document: UnsafeRawBufferPointer
    let grade: Float
}

/// The ways in which judgements are written.
enum JudgementFormat {
    /// `query-id⇥corpus-id⇥score` with a header: BEIR.
    case table
    /// `query 0 document grade`, separated by spaces or tabs: TREC.
    case trec
    /// JSON Lines with `query_id`, `docid` and `score`: ours, for ids that columns cannot hold.
    case lines

    /// Told by the name, else by the first line.
    init(path: String, firstLine: UnsafeRawBufferPointer) {
        if Self.isLines(path) {
            self = .lines
        } else {
            self = Self.columns(firstLine, isSeparator: { $0 == 0x09 }).count == 3 ? .table : .trec
        }
    }

    private static func isLines(_ path: String) -> Bool {
        let name = path.split(separator: "/").last ?? ""
        return name.split(separator: ".").suffix(2).contains("jsonl")
    }

    /// - Parameters:
    ///   - line: followed by at least `JSONParser.padding` readable bytes.
    ///   - parser: what it gives is valid until its next parse.
    /// - Returns: nil for the header.
    func parse(
        _ line: UnsafeRawBufferPointer, isFirst: Bool, parser: JSONParser
    ) throws(RecordFault) -> JudgementLine? {
        let columns: [UnsafeRawBufferPointer]
        switch self {
        case .lines: return try Self.parse(object: line, parser: parser)
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

    private static func parse(
        object line: UnsafeRawBufferPointer, parser: JSONParser
    ) throws(RecordFault) -> JudgementLine {
        let root = try RecordScanner.root(of: line, padded: true, parser: parser)
        func fault(_ field: StaticString, _ wanted: String) -> RecordFault {
            RecordFault(
                "there is no \(wanted)", field: "\(field)",
                advice: #"A line is: {"query_id":"…","docid":"…","score":1}."#)
        }
        guard let query = root["query_id"]?.string, !query.isEmpty else { throw fault("query_id", "id of a query") }
        guard let document = root["docid"]?.string, !document.isEmpty else { throw fault("docid", "id of a document") }
        guard let score = root["score"]?.double, Float(score).isFinite else { throw fault("score", "number") }
        return JudgementLine(query: query, document: document, grade: Float(score))
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

/// Documents that queries are linked to by their judgements, by the hash of the query's id.
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
                if isInQuarantine(query: .of(judgement.query)) {
                    report.lostJudgementCount += 1
                    return
                }
                throw RecordFault(
                    "there is no query \(escaped(Array(judgement.query)))",
                    advice: "A judgement refers to a query and a document of the dataset.", kind: .reference)
            }
            guard let document = try document(of: judgement) else {
                report.lostJudgementCount += 1
                return
            }
            try addJudgement(split: split, query: query, document: document, grade: judgement.grade)
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
        try forEachLink(of: stream) { query, document, grade in
            if grade > 0 { links.add(query: query, document: document) }
        }
        return links
    }

    /// Every judgement of a file about a document that is known: the hash of the query's id, the document's ordinal, and
    /// the grade. Faults are passed over.
    func forEachLink(
        of stream: InputStream, _ body: (_ query: ContentHash, _ document: Int, _ grade: Float) -> Void
    ) throws {
        let reader = LineReader(stream)
        let parser = JSONParser()
        defer { withExtendedLifetime(parser) {} }
        var format: JudgementFormat?
        while let batch = try reader.nextBatch() {
            batch.forEachLine { line in
                guard !line.isBlank else { return }
                let isFirst = format == nil
                let known = format ?? JudgementFormat(path: stream.path, firstLine: line.bytes)
                format = known
                guard let judgement = try? known.parse(line.bytes, isFirst: isFirst, parser: parser),
                    let document = documents.ordinal(of: .of(judgement.document))
                else { return }
                body(.of(judgement.query), document, judgement.grade)
            }
        }
    }

    /// Nil for one that is in quarantine.
    private func document(of judgement: JudgementLine) throws(RecordFault) -> Int? {
        if let ordinal = documents.ordinal(of: .of(judgement.document)) { return ordinal }
        if isInQuarantine(document: .of(judgement.document)) { return nil }
        throw RecordFault(
            "there is no document \(escaped(Array(judgement.document)))",
            advice: "A judgement refers to a query and a document of the dataset.", kind: .reference)
    }

    private func forEachJudgement(of stream: InputStream, _ body: (JudgementLine) throws -> Void) throws {
        let reader = LineReader(stream)
        let parser = JSONParser()
        defer { withExtendedLifetime(parser) {} }
        var format: JudgementFormat?
        var isEmpty = true
        while let batch = try reader.nextBatch() {
            try Interruption.check()
            try batch.forEachLine { line in
                guard !line.isBlank else { return }
                let isFirst = format == nil
                let known = format ?? JudgementFormat(path: stream.path, firstLine: line.bytes)
                format = known
                do {
                    guard let judgement = try known.parse(line.bytes, isFirst: isFirst, parser: parser) else { return }
                    isEmpty = false
                    try body(judgement)
                } catch let fault as RecordFault {
                    isEmpty = false
                    let place = Place(path: stream.path, line: line.number, byteOffset: line.byteOffset)
                    try reject(fault.error(at: place, line: line.bytes), as: fault.kind, line: line.bytes)
                }
            }
        }
        if isEmpty { throw Self.emptyInput(stream.path) }
    }
}

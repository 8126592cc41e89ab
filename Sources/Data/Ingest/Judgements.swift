internal import Archives
internal import Base
internal import JSON
internal import Records

/// Documents that queries are linked to by their judgements, by the hash of the query's id.
struct JudgedLinks {
    /// In the order of the lines; a document may come again.
    private var targets: [ContentHash: [UInt32]] = [:]

    /// The documents of a query, each once.
    subscript(query: ContentHash) -> [UInt32] {
        guard let found = targets[query] else { return [] }
        var seen = Set<UInt32>(minimumCapacity: found.count)
        return found.filter { seen.insert($0).inserted }
    }

    mutating func add(query: ContentHash, document: Int) {
        targets[query, default: []].append(UInt32(document))
    }
}

extension Conversion {
    /// Adds all judgements of a file to a split; queries and documents are known by now.
    func readJudgements(_ file: JudgementFile, split: String) throws {
        let source = try file.open(context())
        var count = 0
        try forEachJudgement(of: source, hasObjects: file.hasObjects) { judgement in
            guard let query = queries.ordinal(of: .of(judgement.query)) else {
                if isInQuarantine(query: .of(judgement.query)) {
                    report.lostJudgementCount += 1
                    return
                }
                throw missingReference(to: "query", Array(judgement.query), advice: Self.judgementAdvice)
            }
            guard let document = try document(of: judgement) else {
                report.lostJudgementCount += 1
                return
            }
            try addJudgement(split: split, query: query, document: document, grade: judgement.grade)
            count += 1
        }
        try note(source)
        report.countJudgements(in: split, count)
    }

    /// Every judgement of a file about a document that is known: the hash of the query's id, the document's ordinal, and
    /// the grade. Faults are passed over: they are left to `readJudgements`, which reads the same file.
    func forEachLink(
        of file: JudgementFile, _ body: (_ query: ContentHash, _ document: Int, _ grade: Float) -> Void
    ) throws {
        let source = try file.open(context())
        let parser = JudgementParser(path: source.path, hasObjects: file.hasObjects)
        while let batch = try source.nextBatch() {
            batch.forEachLine { line in
                guard !line.isBlank, let judgement = try? parser.parse(line.bytes),
                    let document = documents.ordinal(of: .of(judgement.document))
                else { return }
                body(.of(judgement.query), document, judgement.grade)
            }
        }
    }

    static let judgementAdvice = "A judgement refers to a query and a document of the dataset."

    /// Nil for one that is in quarantine.
    private func document(of judgement: JudgementLine) throws(RecordFault) -> Int? {
        if let ordinal = documents.ordinal(of: .of(judgement.document)) { return ordinal }
        if isInQuarantine(document: .of(judgement.document)) { return nil }
        throw missingReference(to: "document", Array(judgement.document), advice: Self.judgementAdvice)
    }

    private func forEachJudgement(
        of source: some BatchSource, hasObjects: Bool, _ body: (JudgementLine) throws -> Void
    ) throws {
        let parser = JudgementParser(path: source.path, hasObjects: hasObjects)
        var isEmpty = true
        while let batch = try source.nextBatch() {
            try Interruption.check()
            try batch.forEachLine { line in
                guard !line.isBlank else { return }
                do {
                    guard let judgement = try parser.parse(line.bytes) else { return }
                    isEmpty = false
                    try body(judgement)
                } catch let fault as RecordFault {
                    isEmpty = false
                    let place = batch.place(line: line.number, byteOffset: line.byteOffset)
                    try reject(fault.error(at: place, line: line.bytes), as: fault.kind, line: line.bytes)
                }
            } fault: { fault in
                isEmpty = false
                try fault.line.withUnsafeBytes { try reject(fault.error, as: .record, line: $0) }
            }
        }
        if isEmpty { throw Self.emptyInput(source.path) }
    }
}

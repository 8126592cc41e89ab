internal import Archives
internal import Base
internal import JSON
internal import Records
internal import StoreFormat

/// How the lines of one kind of file become records; runs on workers, one batch at a time.
enum BatchScanner: Sendable {
    case rows(SeenPassages)
    case documents(RecordLayout)
    case queries(RecordLayout)
    case source(any SourceRows, SeenPassages)

    /// - Parameter intake: takes the media of records; nil leaves their references as they are.
    func scan(_ lines: LineBatch, intake: MediaIntake? = nil) -> ScannedBatch {
        switch self {
        case .rows(let seen): RowScanner(seen).scan(lines, intake: intake)
        case .documents(let layout), .queries(let layout): scanRecords(lines, layout, intake: intake)
        case .source(let rows, let seen): RowRecords.scan(lines, rows, seen, intake: intake)
        }
    }

    private func scanRecords(_ lines: LineBatch, _ layout: RecordLayout, intake: MediaIntake?) -> ScannedBatch {
        let parser = JSONParser()
        let scanner = RecordScanner(layout)
        defer { withExtendedLifetime((parser, scanner)) {} }
        var batch = ScannedBatch(lines, intake: intake)
        batch.scan { line, batch, row in
            try scanner.scan(RecordScanner.root(of: line.bytes, padded: true, parser: parser))
            try batch.append(scanner)
            try batch.appendLinks(of: scanner, to: &row.links)
        }
        return batch
    }
}

extension ScannedBatch {
    /// Appends what the query that a scanner holds refers to, and its scores.
    mutating func appendLinks(of scanner: RecordScanner, to links: inout Links) throws(RecordFault) {
        links.positiveCount = try appendReferences(.positives, "positive_document_ids", of: scanner)
        links.negativeCount = try appendReferences(.negatives, "negative_document_ids", of: scanner)
        links.firstScore = scores.count
        links.hasPositiveScores = try appendScores(
            .positiveScores, "positive_document_scores", of: scanner, linkCount: links.positiveCount)
        links.hasNegativeScores = try appendScores(
            .negativeScores, "negative_document_scores", of: scanner, linkCount: links.negativeCount)
    }

    private mutating func appendReferences(
        _ role: FieldRole, _ name: StaticString, of scanner: RecordScanner
    ) throws(RecordFault) -> Int {
        guard let list = scanner.node(role) else { return 0 }
        var count = 0
        for element in list.elements {
            guard let id = element.string else {
                throw RecordFault("\(element.kind.name) where a docid should be", field: "\(name)[\(count)]")
            }
            append(reference: id)
            count += 1
        }
        return count
    }

    /// Whether there are scores, one for each of `linkCount` ids.
    private mutating func appendScores(
        _ role: FieldRole, _ name: StaticString, of scanner: RecordScanner, linkCount: Int
    ) throws(RecordFault) -> Bool {
        guard let list = scanner.node(role) else { return false }
        var found = 0
        for element in list.elements {
            let field = "\(name)[\(found)]"
            guard let number = element.double else {
                throw RecordFault("\(element.kind.name) where a score should be", field: field)
            }
            guard Float(number).isFinite else {
                throw RecordFault(
                    "the score \(number) is too large", field: field, advice: "Scores are kept as float32.")
            }
            append(score: Float(number))
            found += 1
        }
        guard found == linkCount else {
            throw RecordFault(
                "\(found) scores for \(linkCount) documents", field: "\(name)",
                advice: "Each id has its score, in the same order; without scores leave the field out.")
        }
        return true
    }
}

internal import Base
public import JSON
internal import Rankings
public import Store
internal import StoreFormat
public import SystemPackage

/// Adds judgements of files to a dataset.
public struct JudgementFiles: Sendable {
    /// A file, and the split that its judgements belong to.
    public struct File: Sendable {
        public var path: FilePath
        public var split: String

        public init(path: FilePath, split: String) {
            self.path = path
            self.split = split
        }

        /// With a split of the file's name, without its endings: `qrels/test.tsv.gz` is `test`.
        public init(path: FilePath) {
            self.init(path: path, split: String(path.lastComponent?.string.prefix { $0 != "." } ?? ""))
        }
    }

    public struct Report: Sendable, Equatable {
        public var addedCount = 0
        /// Pairs of a query and a document that the split had already, with the same grade.
        public var repeatedCount = 0
        /// Those whose grade is another one now.
        public var replacedCount = 0
        /// Judgements of queries and documents that the dataset does not have.
        public var unknownCount = 0

        public var json: JSONObject {
            [
                "added": JSONValue(addedCount), "repeated": JSONValue(repeatedCount),
                "replaced": JSONValue(replacedCount), "unknown": JSONValue(unknownCount),
            ]
        }
    }

    public var files: [File]
    /// Whether ids are percent-escaped in the files.
    public var hasEscapedIDs = false
    /// Leaves out judgements of what the dataset does not have, instead of failing.
    public var ignoresUnknown = false
    /// Takes a file's grade where the split has another one, instead of failing.
    public var replaces = false

    public init(_ files: [File]) { self.files = files }

    /// - Throws: `InputError` for a malformed file; `Failure` with status 65 for unknown ids and other grades, where these
    ///   are not allowed, and where nothing is left to add.
    public func derive(from dataset: Dataset, as reference: String, in store: Store, tool: String) throws
        -> (dataset: Dataset, report: Report)
    {
        var report = Report()
        var tables = try dataset.judgementTables()
        var inputs: [Provenance.Input] = []
        for file in files {
            try checkSplit(file.split)
            inputs.append(
                Provenance.Input(
                    uri: file.path.string, size: try Files.size(file.path), sha256: try SHA256Digest.ofFile(file.path)))
            let new = try read(file, dataset, &report)
            let position = tables.firstIndex { $0.split == file.split }
            let old = position.map { tables[$0].table } ?? JudgementTable()
            var repeated = 0
            let merged = try old.adding(new) { before, after in
                repeated += 1
                if before.grade == after.grade { return before.grade }
                guard replaces else { throw try contradiction(before, after, file, dataset) }
                report.replacedCount += 1
                repeated -= 1
                return after.grade
            }
            report.repeatedCount += repeated
            report.addedCount += merged.count - old.count
            if let position { tables[position].table = merged } else { tables.append((file.split, merged)) }
        }
        guard report.addedCount + report.replacedCount > 0 else {
            throw Failure(
                .badData,
                "there is nothing to add: \(report.repeatedCount) judgements are there already, "
                    + "\(report.unknownCount) are of queries or documents that \(dataset.reference) does not have")
        }
        let splits = tables.sorted { $0.split.utf8.lexicographicallyPrecedes($1.split.utf8) }
        let provenance = Provenance(
            tool: tool,
            options: [
                "splits": .array(files.map { .string($0.split) }), "escapeIds": .bool(hasEscapedIDs),
                "ignoreUnknown": .bool(ignoresUnknown), "replace": .bool(replaces),
            ], inputs: inputs, parents: [dataset.digest], statistics: report.json,
            licence: dataset.manifest.provenance.licence)
        let derived = try store.derive(
            from: dataset, reference: reference,
            judgements: try splits.map { ($0.split, try $0.table.links(queryCount: dataset.queryCount, in: store)) },
            provenance: provenance)
        return (derived, report)
    }

    private func read(_ file: File, _ dataset: Dataset, _ report: inout Report) throws -> JudgementTable {
        let qrels = try Qrels(reading: file.path, escapedIDs: hasEscapedIDs)
        var entries: [JudgementTable.Entry] = []
        var unknown = UnknownIDs()
        for number in 0..<qrels.queryCount {
            try Interruption.check()
            let id = qrels.queries[number]
            guard let query = try dataset.queryOrdinal(id: id) else {
                unknown.note("query", id, qrels.judgements(of: number).count)
                continue
            }
            for judgement in qrels.judgements(of: number) {
                let id = qrels.documents[judgement]
                guard let document = try dataset.documentOrdinal(id: id) else {
                    unknown.note("document", id, 1)
                    continue
                }
                entries.append(
                    .init(
                        query: UInt32(query), document: UInt32(document), grade: Float(qrels.grades[judgement])))
            }
        }
        report.unknownCount += unknown.count
        try unknown.check(ignoring: ignoresUnknown, path: file.path, dataset: dataset)
        return JudgementTable(entries)
    }

    private func contradiction(
        _ before: JudgementTable.Entry, _ after: JudgementTable.Entry, _ file: File, _ dataset: Dataset
    ) throws -> Failure {
        let query = escaped(try dataset.queryID(Int(before.query)))
        let document = escaped(try dataset.documentID(Int(before.document)))
        return Failure(
            .badData,
            "\(file.path): query \(query) and document \(document) have the grade \(after.grade), and in the split "
                + "\(file.split) of \(dataset.reference) \(before.grade)",
            advice: "--replace takes the file's grades; --split NAME makes a split of its own.")
    }
}

/// Ids that a file names and the dataset does not have.
struct UnknownIDs {
    /// Judgements, or lines, that name them.
    private(set) var count = 0
    private var first = ""

    mutating func note(_ kind: String, _ id: [UInt8], _ lines: Int) {
        if count == 0 { first = "\(kind) \(escaped(id.prefix(100)))" }
        count += lines
    }

    func check(ignoring: Bool, path: FilePath, dataset: Dataset) throws {
        guard count > 0 else { return }
        guard ignoring else {
            throw Failure(
                .badData,
                "\(path): \(count) lines name what \(dataset.reference) does not have, the first the \(first)",
                advice:
                    "Is it the file of this dataset? --ignore-unknown leaves such lines out; --escape-ids reads ids with %20 for a blank."
            )
        }
        log.warning("\(path): \(count) lines name what \(dataset.reference) does not have, the first the \(first)")
    }
}

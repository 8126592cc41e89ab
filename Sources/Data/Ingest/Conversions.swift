package import Archives
internal import Store
internal import Base
internal import JSON
internal import Records
public import SystemPackage

/// The ways into the store; each reads its sources and commits one new version, all or nothing.
public enum Conversions {
    /// Converts v1 rows: every passage becomes a document once, every row a query with its links.
    ///
    /// - Parameter inputs: JSON Lines, plain or packed; "-" is stdin.
    /// - Throws: `InputError` with the place of the first fault that is not allowed for; nothing is committed then.
    public static func rows(
        _ inputs: [FilePath], into destination: any ConversionDestination, reference: String,
        options: IngestOptions = IngestOptions()
    ) throws -> IngestReport {
        let conversion = try Conversion(
            "v1-to-v2", to: destination, reference: reference, options: options,
            byteCount: Conversion.byteCount(of: inputs))
        let seen = try SeenPassages()
        for path in inputs {
            try conversion.attempt {
                let stream = try InputStream(path, hashing: true)
                try conversion.read(stream, as: .rows(seen), accept: { try conversion.acceptRow($0, $1, noting: seen) })
            }
        }
        return try conversion.commit()
    }

    /// Takes a dataset in the v2 form: a corpus, queries that link to it, and judgements.
    ///
    /// - Parameters:
    ///   - queries: none for a corpus that is only searched.
    ///   - judgements: TREC or BEIR files, or JSON Lines; each is a split named like the file.
    /// - Throws: as `rows`; `Failure` with status 64 where two files would be one split.
    public static func records(
        queries: [FilePath], corpus: [FilePath], judgements: [FilePath] = [],
        into destination: any ConversionDestination, reference: String,
        options: IngestOptions = IngestOptions()
    ) throws -> IngestReport {
        try records(
            "v2", queries: queries.map { RecordFile(lines: $0) }, corpus: corpus.map { RecordFile(lines: $0) },
            judgements: judgements, into: destination, reference: reference, options: options)
    }

    /// Takes files of records in the v2 form, whatever they are laid out in.
    ///
    /// - Parameter command: recorded in the manifest.
    package static func records(
        _ command: String, queries: [RecordFile], corpus: [RecordFile], judgements: [FilePath],
        into destination: any ConversionDestination,
        reference: String, options: IngestOptions
    ) throws -> IngestReport {
        let splits = try splitNames(judgements)
        var options = options
        let carried = CarriedMedia(
            others: options.media?.source, windowBatchCount: options.windowBatchCount,
            decodes: options.probe?.decodes ?? false)
        if (queries + corpus).contains(where: \.carriesMedia) {
            options.media = MediaIntake(carried, keepsNames: options.media?.keepsNames ?? false)
        }
        let conversion = try Conversion(
            command, to: destination, reference: reference, options: options,
            byteCount: Conversion.byteCount(of: (corpus + queries).map(\.path) + judgements))
        for file in corpus {
            try conversion.read(file, carried, as: .documents(.document), accept: conversion.acceptDocument)
        }
        for file in queries {
            try conversion.read(file, carried, as: .queries(.query)) { try conversion.acceptQuery($0, $1) }
        }
        for (path, split) in zip(judgements, splits) {
            try conversion.attempt {
                try conversion.readJudgements(InputStream(path, hashing: true), split: split)
            }
        }
        return try conversion.commit()
    }

    /// The splits of files with judgements, which are to be different ones.
    static func splitNames(_ judgements: [FilePath]) throws -> [String] {
        let splits = judgements.map { splitName($0.lastComponent?.string ?? $0.string) }
        for (position, split) in splits.enumerated() {
            guard let other = splits[..<position].firstIndex(where: { $0.utf8.elementsEqual(split.utf8) }) else {
                continue
            }
            throw Failure(
                .usage, "\(judgements[other]) and \(judgements[position]) would both be the split \"\(split)\"",
                advice: "Each file is a split of its name: rename one, or join them.")
        }
        return splits
    }

    /// Takes a dataset in the form of BEIR: `corpus.jsonl`, `queries.jsonl` and `qrels/*.tsv` in a folder or a zip.
    ///
    /// - Parameter positives: a split whose judgements above 0 also become the queries' positives.
    public static func beir(
        _ source: FilePath, into destination: any ConversionDestination, reference: String, positives: String? = nil,
        options: IngestOptions = IngestOptions()
    ) throws -> IngestReport {
        try beir(SourceTree(source), into: destination, reference: reference, positives: positives, options: options)
    }

    /// - Parameter needsQueries: whether it is an error that there is no file of queries.
    package static func beir(
        _ tree: SourceTree, into destination: any ConversionDestination, reference: String, positives: String? = nil,
        needsQueries: Bool = true,
        options: IngestOptions
    ) throws -> IngestReport {
        let source = tree.path
        let layout = try BEIRLayout(tree, needsQueries: needsQueries)
        var extraOptions = JSONObject()
        if let positives { extraOptions["positives"] = .string(positives) }
        let conversion = try Conversion(
            "beir", to: destination, reference: reference, options: options, extraOptions: extraOptions, byteCount: nil)
        try conversion.read(
            tree.open(layout.corpus, hashing: true), as: .documents(.beirDocument), accept: conversion.acceptDocument)
        var links = JudgedLinks()
        if let positives {
            guard let name = layout.judgements.first(where: { $0.split == positives })?.name else {
                throw Failure(
                    .badData, "\(source) has no split \"\(positives)\"",
                    advice: "Its splits: \(layout.judgements.map(\.split).joined(separator: ", ")).")
            }
            links = try conversion.links(of: tree.open(name))
        }
        if let queries = layout.queries {
            try conversion.read(tree.open(queries, hashing: true), as: .queries(.beirQuery)) { batch, row in
                try conversion.acceptQuery(batch, row, morePositives: links[batch.records[row.links.first].idHash])
            }
        }
        for (split, name) in layout.judgements {
            try conversion.attempt { try conversion.readJudgements(tree.open(name, hashing: true), split: split) }
        }
        if !tree.isFolder {
            conversion.report.inputs = [
                .init(path: source.string, size: try Files.size(source), sha256: try .ofFile(source))
            ]
        }
        return try conversion.commit()
    }

    /// `test` for `qrels/test.tsv.gz`.
    package static func splitName(_ name: String) -> String {
        var parts = (name.split(separator: "/").last ?? "").split(separator: ".", omittingEmptySubsequences: false)
        while parts.count > 1, ["gz", "zst", "xz", "tsv", "txt", "jsonl", "qrels", "trec"].contains(parts.last) {
            parts.removeLast()
        }
        return parts.joined(separator: ".")
    }
}

/// Where the parts of a BEIR dataset lie; in a folder they may be packed, and in both in a folder of their own.
private struct BEIRLayout {
    let corpus: String
    /// Nil where there are none.
    let queries: String?
    let judgements: [(split: String, name: String)]

    init(_ tree: SourceTree, needsQueries: Bool) throws {
        // The entries of an archive are unpacked once, not twice.
        let endings = tree.isFolder ? ["", ".gz", ".zst", ".xz"] : [""]
        func find(_ stem: String, isNeeded: Bool = true) throws -> String? {
            let names = endings.map { stem + $0 }
            let found = tree.names.filter { path in names.contains { path == $0 || path.hasSuffix("/" + $0) } }
            guard let name = found.first else {
                guard isNeeded else { return nil }
                throw Failure(
                    .missingInput, "\(tree.path) has no \(stem)",
                    advice: "A BEIR dataset holds corpus.jsonl, queries.jsonl and qrels/*.tsv"
                        + (tree.isFolder ? "." : ", inside an archive not packed once more."))
            }
            guard found.count == 1 else {
                throw Failure(.badData, "\(tree.path) has several of \(stem): \(found.joined(separator: ", "))")
            }
            return name
        }
        corpus = try find("corpus.jsonl")!
        queries = try find("queries.jsonl", isNeeded: needsQueries)
        judgements = tree.names.filter { name in
            (name.hasPrefix("qrels/") || name.contains("/qrels/"))
                && endings.contains { name.hasSuffix(".tsv" + $0) }
        }.map { (Conversions.splitName($0), $0) }
        for (position, judgement) in judgements.enumerated() {
            if let other = judgements[..<position].first(where: { $0.split == judgement.split }) {
                throw Failure(
                    .badData,
                    "\(tree.path) has the split \"\(judgement.split)\" twice: \(other.name), \(judgement.name)")
            }
        }
    }
}

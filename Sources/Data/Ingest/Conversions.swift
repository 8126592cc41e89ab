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
        try rows(
            inputs.map { RecordFile(lines: $0) }, unread: [], into: destination, reference: reference, options: options)
    }

    /// Converts files of v1 rows, whatever they are laid out in.
    ///
    /// - Parameter unread: files beside them that nothing is made of.
    package static func rows(
        _ files: [RecordFile], unread: [FilePath], into destination: any ConversionDestination, reference: String,
        options: IngestOptions
    ) throws -> IngestReport {
        let (options, carried) = takingMedia(of: files, options)
        let conversion = try Conversion(
            "v1-to-v2", to: destination, reference: reference, options: options,
            byteCount: Conversion.byteCount(of: files.map(\.path)))
        conversion.warn(unread: unread)
        conversion.checkParts(of: files.map(\.path))
        let seen = try SeenPassages()
        for file in files {
            try conversion.read(file, carried, as: .rows(seen)) {
                try conversion.acceptRow($0, $1, noting: seen)
            }
        }
        return try conversion.commit()
    }

    /// The options of a conversion whose files may bring items of media, and what takes these.
    static func takingMedia(of files: [RecordFile], _ options: IngestOptions) -> (IngestOptions, CarriedMedia) {
        var options = options
        let carried = CarriedMedia(
            others: options.media?.source, windowBatchCount: options.windowBatchCount,
            decodes: options.probe?.decodes ?? false)
        if files.contains(where: \.carriesMedia) {
            options.media = MediaIntake(carried, keepsNames: options.media?.keepsNames ?? false)
        }
        return (options, carried)
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
    /// - Parameters:
    ///   - command: recorded in the manifest.
    ///   - unread: files beside them that nothing is made of.
    package static func records(
        _ command: String, queries: [RecordFile], corpus: [RecordFile], judgements: [FilePath], unread: [FilePath] = [],
        into destination: any ConversionDestination,
        reference: String, options: IngestOptions
    ) throws -> IngestReport {
        let splits = try splitNames(judgements)
        let (options, carried) = takingMedia(of: queries + corpus, options)
        let conversion = try Conversion(
            command, to: destination, reference: reference, options: options,
            byteCount: Conversion.byteCount(of: (corpus + queries).map(\.path) + judgements))
        conversion.warn(unread: unread)
        conversion.checkParts(of: (corpus + queries).map(\.path) + judgements)
        for file in corpus {
            try conversion.read(file, carried, as: .documents(.document), accept: conversion.acceptDocument)
        }
        for file in queries {
            try conversion.read(file, carried, as: .queries(.query)) { try conversion.acceptQuery($0, $1) }
        }
        for (path, split) in zip(judgements, splits) {
            try conversion.attempt {
                try conversion.readJudgements(JudgementFile(StreamFile(path)), split: split)
            }
        }
        return try conversion.commit()
    }

    /// The splits of files with judgements, which are to be different ones.
    package static func splitNames(_ judgements: [FilePath]) throws -> [String] {
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

    /// `test` for `qrels/test.tsv.gz`.
    package static func splitName(_ name: String) -> String {
        var parts = (name.split(separator: "/").last ?? "").split(separator: ".", omittingEmptySubsequences: false)
        while let ending = parts.last?.lowercased(), parts.count > 1, judgementEndings.contains(ending) {
            parts.removeLast()
        }
        return parts.joined(separator: ".")
    }

    private static let judgementEndings: Set<String> = [
        "gz", "zst", "xz", "bz2", "tsv", "txt", "csv", "json", "jsonl", "ndjson", "parquet", "qrels", "trec",
    ]
}

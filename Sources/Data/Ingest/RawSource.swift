package import JSON
internal import SystemPackage

/// A dataset as its publisher ships it: what there is to read, and what its rows become.
public struct RawSource {
    /// One file, and what is in it.
    package struct Input {
        enum Content {
            case rows(RecordFile, any SourceRows)
            case documents(RecordFile)
            case queries(RecordFile)
            case links(LinkFile)
            case judgements(StreamFile, split: String)
        }

        let content: Content

        /// Rows of one kind, each of which stands for documents, queries and judgements.
        package init(_ file: RecordFile, _ rows: any SourceRows) { content = .rows(file, rows) }

        /// Documents in the v2 form.
        package init(documents file: RecordFile) { content = .documents(file) }

        /// Queries in the v2 form, without links: they get those that were read before. One that comes again is merged.
        package init(queries file: RecordFile) { content = .queries(file) }

        /// Links of queries that come later to documents that came before.
        package init(links file: LinkFile) { content = .links(file) }

        /// Judgements about documents and queries that came before, in TREC's or BEIR's form.
        package init(judgements file: StreamFile, split: String) { content = .judgements(file, split: split) }

        var path: FilePath {
            switch content {
            case .rows(let file, _), .documents(let file), .queries(let file): file.path
            case .links(let file): file.file.path
            case .judgements(let file, _): file.path
            }
        }

        var carriesMedia: Bool {
            switch content {
            case .rows(let file, _), .documents(let file), .queries(let file): file.carriesMedia
            case .links, .judgements: false
            }
        }
    }

    /// The subcommand, recorded in the manifest.
    package let command: String
    /// In the order of reading: documents come before the queries that refer to them.
    package let inputs: [Input]
    /// Options that change the result, recorded in the manifest besides the common ones.
    package var options: JSONObject
    /// Called when all is read and nothing is committed: adds what only then is known, or throws.
    package var finish: ((inout IngestReport) throws -> Void)?

    package init(
        _ command: String, _ inputs: [Input], options: JSONObject = [:],
        finish: ((inout IngestReport) throws -> Void)? = nil
    ) {
        self.command = command
        self.inputs = inputs
        self.options = options
        self.finish = finish
    }
}

extension Conversions {
    /// Takes a dataset as its publisher ships it.
    ///
    /// - Throws: `InputError` with the place of the first fault that is not allowed for; nothing is committed then.
    public static func source(
        _ source: RawSource, into destination: any ConversionDestination, reference: String, options: IngestOptions
    ) throws -> IngestReport {
        var options = options
        let carried = CarriedMedia(
            others: options.media?.source, windowBatchCount: options.windowBatchCount,
            decodes: options.probe?.decodes ?? false)
        if source.inputs.contains(where: \.carriesMedia) {
            options.media = MediaIntake(carried, keepsNames: options.media?.keepsNames ?? false)
        }
        let conversion = try Conversion(
            source.command, to: destination, reference: reference, options: options, extraOptions: source.options,
            byteCount: Conversion.byteCount(of: source.inputs.map(\.path)))
        var links = LinksAhead()
        let seen = try SeenPassages()
        for input in source.inputs {
            switch input.content {
            case .rows(let file, let rows):
                try conversion.read(file, carried, as: .source(rows, seen)) {
                    try conversion.acceptParts($0, $1, noting: seen)
                }
            case .documents(let file):
                try conversion.read(file, carried, as: .documents(.document), accept: conversion.acceptDocument)
            case .queries(let file):
                try conversion.read(file, carried, as: .queries(.query)) {
                    try conversion.acceptQuery($0, $1, linked: links)
                }
            case .links(let file): try conversion.attempt { try conversion.read(file, into: &links) }
            case .judgements(let file, let split):
                try conversion.attempt { try conversion.readJudgements(file.open(), split: split) }
            }
        }
        try conversion.attempt {
            try conversion.checkUse(of: links)
            try source.finish?(&conversion.report)
        }
        return try conversion.commit()
    }
}

package import Base
package import JSON
package import Records
package import SystemPackage

/// A row that an adapter found at fault before the conversion began.
package struct SourceFault {
    let error: InputError
    let kind: RecordFault.Kind
    /// The row as it was.
    let line: [UInt8]

    package init(_ error: InputError, kind: RecordFault.Kind = .record, line: [UInt8]) {
        self.error = error
        self.kind = kind
        self.line = line
    }
}

/// A dataset as its publisher ships it: what there is to read, and what its rows become.
public struct RawSource {
    /// One file, and what is in it.
    package struct Input {
        enum Content {
            case rows(RecordFile, any SourceRows)
            case documents(RecordFile, RecordLayout)
            case queries(RecordFile, RecordLayout)
            case links(LinkFile)
            case judgements(JudgementFile, split: String)
        }

        let content: Content

        /// Rows of one kind, each of which stands for documents, queries and judgements.
        package init(_ file: RecordFile, _ rows: any SourceRows) { content = .rows(file, rows) }

        package init(documents file: RecordFile, layout: RecordLayout = .document) {
            content = .documents(file, layout)
        }

        /// Queries without links of their own: they get those that were read before. One that comes again is merged.
        package init(queries file: RecordFile, layout: RecordLayout = .query) { content = .queries(file, layout) }

        /// Links of queries that come later to documents that came before.
        package init(links file: LinkFile) { content = .links(file) }

        /// Judgements about documents and queries that came before.
        package init(judgements file: JudgementFile, split: String) { content = .judgements(file, split: split) }

        var path: FilePath {
            switch content {
            case .rows(let file, _), .documents(let file, _), .queries(let file, _): file.path
            case .links(let file): file.path
            case .judgements(let file, _): file.path
            }
        }

        /// Nil for links and judgements.
        var records: RecordFile? {
            switch content {
            case .rows(let file, _), .documents(let file, _), .queries(let file, _): file
            case .links, .judgements: nil
            }
        }
    }

    /// The subcommand, recorded in the manifest.
    package let command: String
    /// In the order of reading: documents come before the queries that refer to them.
    package let inputs: [Input]
    /// Options that change the result, recorded in the manifest besides the common ones.
    package var options: JSONObject
    /// Which of the queries that rows share are set aside; nil for none.
    package var holdOut: HoldOut?
    /// Called when all is read and nothing is committed: adds what only then is known, or throws.
    package var finish: ((inout IngestReport) throws -> Void)?
    /// What was at fault among what the adapter has read already.
    package var faults: [SourceFault] = []
    /// What is to be said of the source, known before it is read.
    package private(set) var warnings: [(kind: SourceWarning, messages: [String])] = []

    package init(
        _ command: String, _ inputs: [Input], options: JSONObject = [:],
        finish: ((inout IngestReport) throws -> Void)? = nil
    ) {
        self.command = command
        self.inputs = inputs
        self.options = options
        self.finish = finish
    }

    package mutating func warn(_ kind: SourceWarning, _ messages: [String]) { warnings.append((kind, messages)) }

    /// Says which files are not read, but for those that are about the data.
    package mutating func warn(unread files: [FilePath]) {
        warn(.unreadFile, files.map(\.string).filter { !DocumentationFile.isDocumentation($0) })
    }
}

extension Conversions {
    /// Takes a dataset as its publisher ships it.
    ///
    /// - Throws: `InputError` with the place of the first fault that is not allowed for; nothing is committed then.
    public static func source(
        _ source: RawSource, into destination: any ConversionDestination, reference: String, options: IngestOptions
    ) throws -> IngestReport {
        let (options, carried) = takingMedia(of: source.inputs.compactMap(\.records), options)
        let conversion = try Conversion(
            source.command, to: destination, reference: reference, options: options, extraOptions: source.options,
            byteCount: Conversion.byteCount(of: source.inputs.map(\.path)))
        for warning in source.warnings { conversion.warn(warning.kind, warning.messages) }
        conversion.checkParts(of: source.inputs.map(\.path))
        try conversion.reject(source.faults)
        var links = LinksAhead()
        let seen = try SeenPassages()
        for input in source.inputs {
            switch input.content {
            case .rows(let file, let rows):
                try conversion.read(file, carried, as: .source(rows, seen)) {
                    try conversion.acceptParts($0, $1, noting: seen)
                }
            case .documents(let file, let layout):
                try conversion.read(file, carried, as: .documents(layout), accept: conversion.acceptDocument)
            case .queries(let file, let layout):
                try conversion.read(file, carried, as: .queries(layout)) {
                    try conversion.acceptQuery($0, $1, linked: links)
                }
            case .links(let file): try conversion.attempt { try conversion.read(file, into: &links) }
            case .judgements(let file, let split):
                try conversion.attempt { try conversion.readJudgements(file, split: split) }
            }
        }
        do {
            try conversion.checkUse(of: links)
            try conversion.appendSharedQueries(holdOut: source.holdOut)
            try source.finish?(&conversion.report)
        } catch {
            // After an input that was left before its end, what is missing is no fault of its own.
            if !conversion.leftOut.isIncomplete { try conversion.abandonInput(error) }
        }
        for note in conversion.report.notes { conversion.warn(note.kind, note.messages) }
        return try conversion.commit()
    }
}

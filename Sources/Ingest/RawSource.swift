package import JSON

/// A dataset as its publisher ships it: what there is to read, and what its rows become.
public struct RawSource {
    /// Rows of one kind in one file.
    package struct Input {
        let file: RecordFile
        let rows: any SourceRows

        package init(_ file: RecordFile, _ rows: any SourceRows) {
            self.file = file
            self.rows = rows
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
        let carried = CarriedMedia(others: options.media?.source, windowBatchCount: options.windowBatchCount)
        if source.inputs.contains(where: \.file.carriesMedia) {
            options.media = MediaIntake(carried, keepsNames: options.media?.keepsNames ?? false)
        }
        let conversion = try Conversion(
            source.command, to: destination, reference: reference, options: options, extraOptions: source.options,
            byteCount: Conversion.byteCount(of: source.inputs.map(\.file.path)))
        for input in source.inputs {
            try conversion.read(input.file, carried, as: .source(input.rows), accept: conversion.acceptParts)
        }
        do {
            try source.finish?(&conversion.report)
        } catch {
            try conversion.abandonInput(error)
        }
        return try conversion.commit()
    }
}

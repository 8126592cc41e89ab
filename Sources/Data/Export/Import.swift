internal import Archives
internal import Base
public import Ingest
internal import JSON
internal import Records
public import Store
public import SystemPackage

extension Conversions {
    /// Takes a dataset back from the folder of an export, or one of the same layout.
    ///
    /// What `export.json` tells of the folder is compared with what was read; differences are told, not refused, because
    /// a folder may have been changed on purpose.
    ///
    /// - Parameter format: nil looks at what is there.
    /// - Throws: as ``rows(_:into:reference:options:)``; `Failure` with status 66 where the folder is none of the layouts.
    public static func folder(
        _ folder: FilePath, as format: ExportFormat? = nil, into store: Store, reference: String,
        options: IngestOptions = IngestOptions()
    ) throws -> IngestReport {
        guard Files.isDirectory(folder) else {
            throw Failure(
                .missingInput, "\(folder) is no folder",
                advice: "Name the folder of an export; tvt-convert reads other sources.")
        }
        let summary = try ExportSummary(of: folder)
        let format = try format ?? summary?.format ?? detectedFormat(of: folder)
        var options = options
        options.licence = options.licence ?? summary?.licence
        if format == .v2, Files.isDirectory(folder.appending(DatasetExport.mediaFolder)) {
            options.media = MediaIntake(try ExportedMedia(folder))
        }
        var report: IngestReport
        switch format {
        case .v2:
            let files = try ExportedFiles(folder)
            report = try records(
                "v2", queries: files.queries.map { [RecordFile(lines: $0)] } ?? [],
                corpus: [RecordFile(lines: files.corpus)], judgements: files.judgements, unread: files.unread,
                into: store,
                reference: reference, options: options)
        case .beir:
            report = try source(
                RawSource(beir: ExportedFiles(folder), in: folder, positives: summary?.positivesSplit), into: store,
                reference: reference, options: options)
        case .webdataset:
            report = try samples([folder], into: store, reference: reference, options: options)
        }
        if let summary {
            let differences = summary.differences(from: report)
            for difference in differences { log.warning("\(folder): \(difference)") }
            report.exportDifferences = differences
        }
        return report
    }

    private static func detectedFormat(of folder: FilePath) throws -> ExportFormat {
        let names = try Files.list(folder)
        if names.contains(where: FolderFiles.isTar) { return .webdataset }
        if let corpus = names.first(where: { FolderFiles.isPacked($0, stem: "corpus.jsonl") }) {
            let reader = LineReader(try InputStream(folder.appending(corpus)), batchByteCount: 1 << 16)
            var format: ExportFormat?
            let parser = JSONParser()
            try reader.nextBatch()?.forEachLine { line in
                guard format == nil, !line.isBlank, let root = try? parser.parsePadded(line.bytes) else { return }
                format = root["_id"] != nil ? .beir : root["docid"] != nil ? .v2 : nil
                withExtendedLifetime(parser) {}
            }
            if let format { return format }
        }
        throw Failure(
            .missingInput, "\(folder) is none of the layouts that are known",
            advice: "v2 and beir have a corpus.jsonl whose records have a docid or an _id, webdataset has tars; "
                + "--format names the layout.")
    }
}

extension RawSource {
    /// The files of an export in the layout of BEIR.
    ///
    /// - Parameter positives: the split that the positives became.
    fileprivate init(beir files: ExportedFiles, in folder: FilePath, positives: String?) throws {
        let judged = try zip(files.judgements, Conversions.splitNames(files.judgements)).map { path, split in
            (split: split, file: JudgementFile(StreamFile(path)))
        }
        var inputs = [Input(documents: RecordFile(lines: files.corpus), layout: .beirDocument)]
        if let positives {
            guard let links = judged.first(where: { $0.split == positives })?.file else {
                throw Failure(
                    .badData, "\(folder) has no split \"\(positives)\"",
                    advice: "Its splits: \(judged.map(\.split).joined(separator: ", ")).")
            }
            inputs.append(Input(links: .judgements(links, negativesToo: false)))
        }
        if let queries = files.queries {
            inputs.append(Input(queries: RecordFile(lines: queries), layout: .beirQuery))
        }
        inputs += judged.map { Input(judgements: $0.file, split: $0.split) }
        self.init("beir", inputs, options: positives.map { ["positives": .string($0)] } ?? [:])
        warn(unread: files.unread)
    }
}

/// Where the parts of an export lie, in the v2 form or as BEIR has them.
private struct ExportedFiles {
    let corpus: FilePath
    let queries: FilePath?
    let judgements: [FilePath]
    let unread: [FilePath]

    init(_ folder: FilePath) throws {
        let names = try Files.list(folder)
        guard let corpus = try FolderFiles.find("corpus.jsonl", in: folder, names) else {
            throw Failure(.missingInput, "\(folder) has no corpus.jsonl", advice: "It may be packed: .gz, .zst, .xz.")
        }
        self.corpus = corpus
        queries = try FolderFiles.find("queries.jsonl", in: folder, names)
        judgements = try FolderFiles.judgements(in: folder, names)
        unread = FolderFiles.others(in: folder, names) { name in
            name == "qrels" || name == DatasetExport.mediaFolder
                || ["corpus.jsonl", "queries.jsonl"].contains { FolderFiles.isPacked(name, stem: $0) }
        }
    }
}

/// What `export.json` tells of its folder.
private struct ExportSummary {
    let format: ExportFormat?
    let queryCount: Int?
    /// The split whose judgements are the positives as well.
    let positivesSplit: String?
    let licence: String?
    private let json: JSONValue

    /// Nil where there is no such file.
    init?(of folder: FilePath) throws {
        let path = folder.appending(FolderFiles.summaryName)
        guard Files.exists(path) else { return nil }
        json = try JSONValue.parse(Files.readAll(path), path: path.string)
        guard json["version"]?.integer == 1 else {
            throw InputError(
                "this version of exports is not known", at: Place(path: path.string, field: "version"),
                offender: json["version"]?.canonical(),
                advice: "Use a newer tvt, or remove the file to read what lies beside it.")
        }
        format = json["format"]?.string.flatMap { ExportFormat(rawValue: $0) }
        queryCount = json["queries"]?.integer
        positivesSplit = json["positivesSplit"]?.string
        licence = json["licence"]?.string
    }

    func differences(from report: IngestReport) -> [String] {
        var differences: [String] = []
        func compare(_ name: String, _ told: Int?, _ read: Int) {
            guard let told, told != read else { return }
            differences.append("\(FolderFiles.summaryName) tells of \(told) \(name), and \(read) were read")
        }
        compare("documents", json["documents"]?.integer, report.documentCount)
        compare("queries", queryCount, report.queryCount)
        compare("positives", json["positives"]?.integer, report.positiveCount)
        compare("negatives", json["negatives"]?.integer, report.negativeCount)
        let read = JSONObject(report.judgementCounts.map { ($0.split, JSONValue($0.count)) })
        for (split, count) in json["judgements"]?.object ?? [:] {
            compare("judgements \(split)", count.integer, read[split]?.integer ?? 0)
        }
        if let told = json["externalMedia"]?.integer, json["omitted"]?["media"] == nil, report.externalMediaCount > told
        {
            differences.append(
                "\(FolderFiles.summaryName) tells of \(told) references to media that are elsewhere, and "
                    + "\(report.externalMediaCount) were found")
        }
        // What an alias map tells is in the links; all else that was left out is part of the data.
        let omitted = json["omitted"]?.object?.contains { $0.key != "aliases" && $0.key != "media" } ?? false
        if differences.isEmpty, !omitted, positivesSplit == nil, let told = json["logicalDigest"]?.string,
            let digest = report.logicalDigest,
            told != "\(digest)"
        {
            differences.append("the data differ from those that were exported: the logical digest was \(told)")
        }
        return differences
    }
}

internal import Archives
internal import Base
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
            let files = try V2Files(folder)
            report = try records(
                queries: files.queries.map { [$0] } ?? [], corpus: [files.corpus], judgements: files.judgements,
                into: store, reference: reference, options: options)
        case .beir:
            report = try beir(
                SourceTree(folder), into: store, reference: reference, positives: summary?.positivesSplit,
                needsQueries: summary?.queryCount != 0, options: options)
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
        if names.contains(where: SampleFiles.isTar) { return .webdataset }
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

    /// Takes samples in the manner of webdataset: documents, queries that link to them, and judgements.
    ///
    /// - Parameter sources: tars, or folders of tars and `qrels/`. A tar whose name begins with `queries` holds queries,
    ///   every other one documents; "-" is stdin.
    public static func samples(
        _ sources: [FilePath], into destination: any ConversionDestination, reference: String,
        options: IngestOptions = IngestOptions()
    ) throws -> IngestReport {
        let files = try SampleFiles(sources)
        func tar(_ path: FilePath, _ kind: RecordKind) -> RecordFile {
            RecordFile(path) {
                SampleReader(try MemberReader(path, hashing: true), kind: kind, media: $0, batchByteCount: $1)
            }
        }
        return try records(
            "webdataset", queries: files.queries.map { tar($0, .queries) },
            corpus: files.corpus.map { tar($0, .documents) },
            judgements: files.judgements, into: destination, reference: reference, options: options)
    }
}

/// Names in the folder of an export.
private enum FolderFiles {
    static let packings = ["", ".gz", ".zst", ".xz"]

    static func isPacked(_ name: String, stem: String) -> Bool { packings.contains { name == stem + $0 } }

    /// The one file of this name, packed or not; nil where there is none.
    static func find(_ stem: String, in folder: FilePath, _ names: [String]) throws -> FilePath? {
        let found = names.filter { isPacked($0, stem: stem) }
        guard found.count <= 1 else {
            throw Failure(.badData, "\(folder) has several of \(stem): \(found.joined(separator: ", "))")
        }
        return found.first.map { folder.appending($0) }
    }

    static func judgements(in folder: FilePath, _ names: [String]) throws -> [FilePath] {
        guard names.contains("qrels") else { return [] }
        let qrels = folder.appending("qrels")
        return try Files.list(qrels).filter { !$0.hasPrefix(".") }.map { qrels.appending($0) }
    }

    /// What is not read is said.
    static func tellOthers(in folder: FilePath, _ names: [String], known: (String) -> Bool) {
        let others = names.filter { !known($0) && $0 != ExportFolder.summaryName && !$0.hasPrefix(".") }
        guard !others.isEmpty else { return }
        log.notice("\(folder): not read: \(others.joined(separator: ", "))")
    }
}

/// Where the parts of a dataset in the v2 form lie.
private struct V2Files {
    let corpus: FilePath
    let queries: FilePath?
    let judgements: [FilePath]

    init(_ folder: FilePath) throws {
        let names = try Files.list(folder)
        guard let corpus = try FolderFiles.find("corpus.jsonl", in: folder, names) else {
            throw Failure(.missingInput, "\(folder) has no corpus.jsonl", advice: "It may be packed: .gz, .zst, .xz.")
        }
        self.corpus = corpus
        queries = try FolderFiles.find("queries.jsonl", in: folder, names)
        judgements = try FolderFiles.judgements(in: folder, names)
        FolderFiles.tellOthers(in: folder, names) { name in
            name == "qrels" || name == DatasetExport.mediaFolder
                || ["corpus.jsonl", "queries.jsonl"].contains { FolderFiles.isPacked(name, stem: $0) }
        }
    }
}

/// Tars by what they hold, in the order in which they are read.
private struct SampleFiles {
    private(set) var corpus: [FilePath] = []
    private(set) var queries: [FilePath] = []
    private(set) var judgements: [FilePath] = []

    static func isTar(_ name: String) -> Bool {
        !name.hasPrefix(".")
            && [".tar", ".tar.gz", ".tgz", ".tar.zst", ".tar.xz"].contains { name.hasSuffix($0) }
    }

    init(_ sources: [FilePath]) throws {
        for source in sources {
            guard source != "-", Files.isDirectory(source) else {
                add(source)
                continue
            }
            let names = try Files.list(source)
            let tars = names.filter(Self.isTar)
            guard !tars.isEmpty else {
                throw Failure(.missingInput, "\(source) has no tars", advice: "Name a folder of .tar files, or tars.")
            }
            for name in tars { add(source.appending(name)) }
            judgements += try FolderFiles.judgements(in: source, names)
            FolderFiles.tellOthers(in: source, names) { $0 == "qrels" || Self.isTar($0) }
        }
        guard !corpus.isEmpty else {
            throw Failure(
                .missingInput, "there are no documents, only queries",
                advice: "A tar whose name begins with \"queries\" holds queries; name tars with documents too.")
        }
    }

    private mutating func add(_ path: FilePath) {
        if path.lastComponent?.string.hasPrefix("queries") == true {
            queries.append(path)
        } else {
            corpus.append(path)
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
        let path = folder.appending(ExportFolder.summaryName)
        guard Files.exists(path) else { return nil }
        json = try JSONValue.parse(Files.readAll(path), path: path.string)
        format = json["format"]?.string.flatMap { ExportFormat(rawValue: $0) }
        queryCount = json["queries"]?.integer
        positivesSplit = json["positivesSplit"]?.string
        licence = json["licence"]?.string
    }

    func differences(from report: IngestReport) -> [String] {
        var differences: [String] = []
        func compare(_ name: String, _ told: Int?, _ read: Int) {
            guard let told, told != read else { return }
            differences.append("\(ExportFolder.summaryName) tells of \(told) \(name), and \(read) were read")
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
                "\(ExportFolder.summaryName) tells of \(told) references to media that are elsewhere, and "
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

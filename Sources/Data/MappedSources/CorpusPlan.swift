internal import Archives
internal import Base
public import Ingest
public import JSON
internal import RawSources
internal import Records
public import SystemPackage

/// Documents of any origin, and what is to become of them: rows of files with any columns, or files that are documents.
///
/// First rows are read, and folders are listed, when it is made.
public struct CorpusPlan {
    private enum Content {
        case rows([RowFile], perFile: [KnownColumns])
        case files(DocumentFiles)
    }

    private let content: Content
    private let columns: KnownColumns
    private let sources: [FilePath]
    private let reading: RowReading
    /// The folder of `--assets`.
    private let assets: AssetFolder?
    /// What was asked for, and what was guessed where nothing was.
    public let options: CorpusOptions
    /// Why the guess is not to be taken unseen.
    private let doubts: [GuessDoubt]

    /// - Parameters:
    ///   - sources: files of rows and folders of them, or images, videos, sounds, texts, PDFs and folders of those.
    ///   - options: where they map nothing, what columns mean is guessed.
    ///   - assets: the folder of `--assets`, which texts may name files of.
    /// - Throws: `Failure` for sources that are not there, and where some are rows and others are documents.
    public init(
        _ sources: [FilePath], _ options: CorpusOptions, _ reading: RowReading = RowReading(),
        assets: AssetFolder? = nil
    ) throws {
        (self.sources, self.reading, self.assets) = (sources, reading, assets)
        let areFiles = try sources.map { try Self.holdsDocuments($0) }
        guard !sources.isEmpty || !options.files.isEmpty else {
            throw Failure(.usage, "nothing is named: files of rows, folders, or --files 'folder/**/*.png'")
        }
        if options.files.isEmpty, areFiles.allSatisfy({ !$0 }) {
            let media = options.declaredMedia
            let files = try RowPlan.files(sources, reading)
            let perFile = try files.map { try ColumnSummary.all(of: $0, media: media, assets: assets) }
            content = .rows(files, perFile: perFile)
            columns = ColumnSummary.merged(perFile)
            self.options = options.isMapped ? options : CorpusGuess(columns, options).options
            doubts = options.isMapped ? [] : RowPlan.headerDoubt(files, perFile, areDocuments: true)
            return
        }
        if let rows = zip(sources, areFiles).first(where: { !$0.1 }) {
            throw Failure(
                .usage, "\(rows.0) holds rows, and other sources are documents themselves",
                advice: "Convert them by themselves, into datasets of their own.")
        }
        guard !options.isMapped, options.keep.isEmpty, reading == RowReading() else {
            throw Failure(
                .usage, "options about columns and rows are for files of rows, and these are documents themselves")
        }
        guard options.madeIDs == .content else {
            throw Failure(.usage, "--make-ids is for files of rows: ids of files are their paths")
        }
        let files = try DocumentFiles(sources, patterns: options.files)
        guard !files.files.isEmpty else {
            let unknown = files.unknown.isEmpty ? "" : ", but \(files.unknown.count) files of unknown kinds"
            throw Failure(
                .missingInput, "there are no documents in \(sources.map(\.string).joined(separator: ", "))\(unknown)",
                advice:
                    "Documents are images, videos, sounds, .txt, .md, .pdf, and files of rows: .csv .tsv .jsonl .json "
                    + ".parquet .arrow .feather.")
        }
        doubts = []
        (content, columns, self.options) = (.files(files), KnownColumns(), options)
    }

    /// Whether a source is, or has in it, files that are documents; otherwise it is rows.
    private static func holdsDocuments(_ source: FilePath) throws -> Bool {
        guard source != "-", Files.isDirectory(source) else { return DocumentFiles.kind(of: source.string) != nil }
        let isSaved = ["dataset_dict.json", "state.json"].contains { Files.exists(source.appending($0)) }
        guard !isSaved else { return false }
        let names = try SourceTree(source, leavesUnreadable: true).names.filter { !$0.hasPrefix(".") }
        let kinds = names.map { DocumentFiles.kind(of: $0) }
        // Of a folder with neither it is said that it has no documents.
        guard names.contains(where: RowFolders.isFileOfRows) || kinds.contains(where: { $0 != nil }) else {
            return true
        }
        return kinds.contains { $0 != nil && $0 != .text }
            || kinds.contains(.text) && (try? RowFolders.files(of: [source], split: nil)) == nil
    }

    /// Whether the options say enough to convert.
    public var isComplete: Bool {
        if case .files = content { return true }
        return (try? CorpusMapping(options, columns)) != nil
    }

    /// Whether something was guessed that a person may want to see first.
    public var isGuess: Bool {
        if case .files = content { return false }
        return true
    }

    /// The conversion, and the options of it that the documents need.
    ///
    /// - Parameters:
    ///   - pixelLimit: of the image of a PDF's page.
    ///   - workers: processes that render pages at once.
    public func source(pixelLimit: Int, workers: Int) throws -> (source: RawSource, media: MediaIntake?) {
        var recorded = options.json
        for (key, value) in reading.json { recorded[key] = value }
        switch content {
        case .rows(let files, let perFile):
            for doubt in doubts { log.warning("\(doubt.reason)") }
            return (RawSource("corpus", try inputs(files, perFile), options: recorded), nil)
        case .files(let files):
            if !files.unknown.isEmpty {
                let names = files.unknown.prefix(5).joined(separator: ", ") + (files.unknown.count > 5 ? ", …" : "")
                let one = files.unknown.count == 1
                log.warning(
                    "\(files.unknown.count) \(one ? "file is" : "files are") of no kind that is known and \(one ? "is" : "are") left out: \(names)"
                )
            }
            let unknownCount = files.unknown.count
            return (
                RawSource("corpus", try inputs(files, pixelLimit, workers), options: recorded) { report in
                    if unknownCount > 0 { report.sourceCounts["files of unknown kinds, left out"] = unknownCount }
                }, MediaIntake(GivenFiles())
            )
        }
    }

    /// The inputs of documents that are rows.
    ///
    /// - Throws: `Failure` with status 64 for documents that are files themselves, and where they have no ids.
    func rowInputs() throws -> [RawSource.Input] {
        guard case .rows(let files, let perFile) = content else {
            throw Failure(.usage, "--corpus takes files of rows", advice: "Rows refer to documents by their ids.")
        }
        guard options.id != nil else {
            throw Failure(
                .usage, "the documents of --corpus have no column that looks like an id: name it with --corpus-id",
                advice: "The columns: \(KnownColumns.shortened(columns.names)).")
        }
        return try inputs(files, perFile)
    }

    private func inputs(_ files: [RowFile], _ perFile: [KnownColumns]) throws -> [RawSource.Input] {
        let mapping = try CorpusMapping(options, columns)
        if let text = mapping.text { try columns.checkAssets(text, option: "text", in: assets) }
        let media = Dictionary(uniqueKeysWithValues: mapping.media.map { ($0.column, $0.kind) })
        let used = mapping.usedColumns
        let usedNames = Set(used)
        let unused = columns.names.filter { !usedNames.contains($0) }
        if let note = columns.listNote(used: usedNames) { log.warning("\(note)") }
        if !unused.isEmpty {
            log.notice("\(KnownColumns.notTaken(unused, "the record"))")
        }
        return try zip(files, perFile).enumerated().map { number, file in
            let (rows, own) = file
            let wanted = used.filter { own.has($0) }
            let isSparse = rows.format == .jsonLines
            if !isSparse, let missing = used.first(where: { !own.has($0) }) {
                throw Failure(
                    .badData, "\(rows.path) has no column \"\(missing)\", and others have",
                    advice:
                        "It has \(KnownColumns.shortened(own.names)). Convert files of other columns by themselves."
                )
            }
            return RawSource.Input(
                rows.records(columns: wanted, media: media.filter { own.has($0.key) }),
                MappedDocuments(
                    mapping, known: columns, rowPrefix: files.count == 1 ? "row-" : "file-\(number + 1)-row-"))
        }
    }

    private func inputs(
        _ documents: DocumentFiles, _ pixelLimit: Int, _ workers: Int
    ) throws -> [RawSource.Input] {
        let poppler = try documents.files.contains { $0.kind == .pdf } ? Poppler() : nil
        if let field = options.pdfText {
            guard poppler != nil else { throw Failure(.usage, "--pdf-text: there is no PDF among the files") }
            guard !["docid", "document_image", "page", "fault", ""].contains(field) else {
                throw Failure(
                    .usage, "--pdf-text \(field): the name is taken", advice: "Use document_text, or page_text.")
            }
        }
        let pages = PDFPages.Options(
            resolution: options.resolution, pixelLimit: pixelLimit, textField: options.pdfText)
        var inputs: [RawSource.Input] = []
        var rest = documents.files[...]
        while let first = rest.first {
            if first.kind == .pdf {
                rest.removeFirst()
                inputs.append(
                    RawSource.Input(
                        RecordFile(first.path, mayBeEmpty: true) { context in
                            try PDFPages(first, poppler!, pages, workers: workers, carried: context.carried)
                        }, FileDocuments()))
                continue
            }
            let run = Array(rest.prefix { $0.kind != .pdf })
            rest.removeFirst(run.count)
            let name = sources.first?.string ?? options.files[0]
            inputs.append(
                RawSource.Input(
                    RecordFile(FilePath(name), carriesMedia: false) {
                        FileRows(name, run, batchByteCount: $0.batchByteCount)
                    },
                    FileDocuments()))
        }
        return inputs
    }

    // MARK: - For people

    public func command(dataset: String?, others: [String] = []) -> String {
        var words = ["tvt-convert", "corpus"] + sources.map(\.string)
        var (options, reading) = (options, reading)
        if let doubt = doubts.first { (options.text, reading.columns) = ("text", doubt.columns) }
        for (option, values) in options.arguments + reading.arguments { words += ["--" + option] + values }
        words +=
            others + ["--dataset", dataset ?? suggestedName]
        return words.map(ShellWord.quoted).joined(separator: " ")
    }

    /// For a dataset, made of the first file's name.
    public var suggestedName: String {
        ShellWord.name(of: sources.first ?? options.files.first.map { FilePath($0) })
    }

    /// Checks that the guess may be taken without being shown.
    ///
    /// - Throws: `Failure` with status 64 where it is doubtful.
    public func checkGuess(dataset: String?, others: [String] = []) throws {
        guard let doubt = doubts.first else { return }
        throw Failure(
            .usage, "--yes does not take this guess: \(doubt.reason)",
            advice: doubt.advice + (isComplete ? " For example: " + command(dataset: dataset, others: others) : ""))
    }

    /// What there is, and the command that takes it.
    public func text(dataset: String?, others: [String] = []) -> String {
        var text = ""
        switch content {
        case .rows(let files, _):
            for file in files.prefix(10) { text += "\(file.path): \(file.kind)\n" }
            if files.count > 10 { text += "… and \(files.count - 10) files more\n" }
            text += "\n" + ColumnTable.text(columns)
        case .files(let documents):
            for (name, count) in Self.counts(documents) { text += "\(count) \(name)\n" }
            if !documents.unknown.isEmpty { text += "\(documents.unknown.count) files of unknown kinds, left out\n" }
        }
        guard isComplete else {
            return text + "\nNothing was written. Say which column is the text: --text COLUMN\n"
        }
        if let doubt = doubts.first {
            text += "\nnot sure: \(doubt.reason)\n    \(doubt.advice)\n"
            text +=
                "\nNothing was written, and --yes does not take this guess. A command that says what is meant:\n\n    "
            return text + command(dataset: dataset, others: others) + "\n"
        }
        return text + "\nNothing was written. This converts it (or the same command again with --yes):\n\n    "
            + command(dataset: dataset, others: others) + "\n"
    }

    public func json(dataset: String?, others: [String] = []) -> JSONValue {
        var object: JSONObject = [
            "columns": ColumnTable.json(columns), "guess": .object(options.json),
            "doubts": .array(doubts.map { .string($0.reason) }),
            "command": isComplete && doubts.isEmpty ? .string(command(dataset: dataset, others: others)) : .null,
        ]
        if case .files(let documents) = content {
            object["files"] = .object(JSONObject(Self.counts(documents).map { ($0.name, JSONValue($0.count)) }))
        }
        return .object(object)
    }

    private static func counts(_ documents: DocumentFiles) -> [(name: String, count: Int)] {
        let kinds: [(String, DocumentFiles.Kind)] = [
            ("images", .media(.image)), ("videos", .media(.video)), ("sounds", .media(.audio)), ("texts", .text),
            ("PDFs", .pdf),
        ]
        return kinds.compactMap { name, kind in
            let count = documents.files.count { $0.kind == kind }
            return count > 0 ? (name, count) : nil
        }
    }
}

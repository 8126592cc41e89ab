internal import Base
public import Ingest
public import JSON
internal import RawSources
internal import Records
public import SystemPackage

/// Files of rows with any columns, and what is to become of them.
///
/// Their first rows are read when it is made.
public struct RowPlan {
    let files: [RowFile]
    let columns: KnownColumns
    private let perFile: [KnownColumns]
    private let sources: [FilePath]
    private let reading: RowReading
    /// The folder of `--assets`.
    private let assets: AssetFolder?
    /// The documents that the rows refer to, where they are in files of their own.
    private let corpus: CorpusPlan?
    /// What was asked for, and what was guessed where nothing was.
    public let options: RowOptions
    /// Why what was guessed was guessed.
    public let reasons: [String]
    /// Why the guess is not to be taken unseen.
    private let doubts: [GuessDoubt]

    /// - Parameters:
    ///   - sources: files, folders of them, and folders that `save_to_disk` wrote.
    ///   - options: where they map nothing, what the columns mean is guessed.
    ///   - assets: the folder of `--assets`, which texts may name files of.
    /// - Throws: `Failure` for sources that are not there; `InputError` for files that cannot be read.
    public init(
        _ sources: [FilePath], _ options: RowOptions, _ reading: RowReading = RowReading(),
        assets: AssetFolder? = nil
    ) throws {
        self.sources = sources
        self.reading = reading
        self.assets = assets
        files = try Self.files(sources, reading)
        guard
            !options.corpus.isEmpty
                || [options.corpusID, options.corpusText, options.corpusTitle].allSatisfy({ $0 == nil })
        else { throw Failure(.usage, "--corpus-id, --corpus-text and --corpus-title go with --corpus") }
        var documents = CorpusOptions()
        (documents.id, documents.text, documents.title) = (options.corpusID, options.corpusText, options.corpusTitle)
        corpus =
            options.corpus.isEmpty
            ? nil : try CorpusPlan(options.corpus.map { FilePath($0) }, documents, assets: assets)
        let declared = options.declaredMedia
        perFile = try files.map { try ColumnSummary.all(of: $0, media: declared, assets: assets) }
        columns = ColumnSummary.merged(perFile)
        if options.isMapped {
            (self.options, reasons, doubts) = (options, [], [])
        } else {
            let guess = RowGuess(columns, options)
            (self.options, reasons) = (guess.options, guess.reasons)
            doubts = Self.headerDoubt(files, perFile) + guess.doubts
        }
    }

    /// Whether the first row of a file may be data, of those whose first row gives the names of their columns.
    static func headerDoubt(
        _ files: [RowFile], _ perFile: [KnownColumns], areDocuments: Bool = false
    ) -> [GuessDoubt] {
        for (file, columns) in zip(files, perFile) {
            guard case .delimited(let text) = file.format, text.columns == nil else { continue }
            if let doubt = GuessDoubt.header(columns, areDocuments: areDocuments) { return [doubt] }
        }
        return []
    }

    static func files(_ sources: [FilePath], _ reading: RowReading) throws -> [RowFile] {
        let hints = RowFormat.Hints(
            delimiter: try reading.delimiter.map(Self.delimiter), quotes: reading.quotes,
            columns: reading.columns.isEmpty ? nil : reading.columns)
        return try RowFolders.files(of: sources, split: reading.split).map { try RowFile($0, hints) }
    }

    private static func delimiter(_ name: String) throws -> UInt8 {
        if let known = RowFormat.Delimited.names.first(where: { $0.name == name }) { return known.byte }
        if name.utf8.count == 1, let byte = name.utf8.first, byte < 0x80, ![0x0A, 0x0D, 0x22].contains(byte) {
            return byte
        }
        throw Failure(
            .usage,
            "--delimiter \(escaped(Array(name.utf8))): it is one character of ASCII, or one of "
                + RowFormat.Delimited.names.map(\.name).joined(separator: ", "))
    }

    /// In the order of the files.
    public var columnNames: [String] { columns.names }

    /// Whether the options say enough to convert.
    public var isComplete: Bool { (try? RowMapping(options, columns)) != nil }

    /// What the rows are for a conversion.
    ///
    /// - Parameter holdOut: queries to set aside; nil for none.
    /// - Throws: `Failure` with status 64 for columns that there are not, and for options that do not go together.
    public func source(holdOut: HoldOut? = nil) throws -> RawSource {
        let mapping = try RowMapping(options, columns)
        for doubt in doubts { log.warning("\(doubt.reason)") }
        guard holdOut == nil || options.judgements == nil else {
            throw Failure(
                .usage, "--hold-out and --judgements exclude each other",
                advice: "With --judgements nothing is left to train on.")
        }
        let media = try RowMapping.media(options, columns)
        try checkColumns(of: mapping)
        for (option, path) in mapping.texts { try columns.checkAssets(path, option: option, in: assets) }
        let used = mapping.usedColumns
        let usedNames = Set(used)
        let unused = columns.names.filter { !usedNames.contains($0) }
        if let note = columns.listNote(used: usedNames) { log.warning("\(note)") }
        if !unused.isEmpty {
            log.notice("\(KnownColumns.notTaken(unused, "the query's record"))")
        }
        let documents = try corpus?.rowInputs() ?? []
        let inputs = zip(files, perFile).enumerated().map { number, file in
            let (rows, own) = file
            let wanted = used.filter { own.has($0) }
            return RawSource.Input(
                rows.records(columns: wanted, media: media.filter { own.has($0.key) && usedNames.contains($0.key) }),
                MappedRows(
                    mapping, known: columns, rowPrefix: files.count == 1 ? "row-" : "file-\(number + 1)-row-"))
        }
        var recorded = options.json
        for (key, value) in reading.json { recorded[key] = value }
        if let holdOut {
            recorded["holdOut"] = JSONValue(holdOut.queryCount)
            recorded["holdOutSplit"] = .string(holdOut.split)
            recorded["seed"] = JSONValue(Int(holdOut.seed))
        }
        var source = RawSource("rows", documents + inputs, options: recorded)
        source.holdOut = holdOut
        return source
    }

    /// A file that lacks a column which others have would give rows without it, and nobody would know. JSON says of each row
    /// what it has.
    private func checkColumns(of mapping: RowMapping) throws {
        for (file, own) in zip(files, perFile) {
            switch file.format {
            case .jsonLines, .jsonArray: continue
            case .columns, .delimited: break
            }
            for name in mapping.usedColumns where !own.has(name) {
                throw Failure(
                    .badData, "\(file.path) has no column \"\(name)\", and others have",
                    advice:
                        "It has \(KnownColumns.shortened(own.names)). Convert files of other columns by themselves."
                )
            }
        }
    }

    // MARK: - For people

    /// The command that does what the options say.
    ///
    /// - Parameters:
    ///   - dataset: nil for a name that is made of the first file's.
    ///   - others: further arguments.
    public func command(dataset: String?, others: [String] = []) -> String {
        var words = ["tvt-convert", "rows"] + sources.map(\.string)
        var (options, reading) = (options, reading)
        var labelWords: [String] = []
        for doubt in doubts {
            if doubt.label != nil { (options.label, labelWords) = (nil, doubt.labelWords) }
            if !doubt.columns.isEmpty {
                reading.columns = doubt.columns
                (options.query, options.positives.texts) = (["query"], ["passage"])
            }
        }
        for (option, values) in options.arguments + reading.arguments { words += ["--" + option] + values }
        words += labelWords + others + ["--dataset", dataset ?? suggestedName]
        return words.map(ShellWord.quoted).joined(separator: " ")
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

    /// For a dataset, made of the first file's name.
    public var suggestedName: String { ShellWord.name(of: sources.first) }

    /// Columns, guess and command.
    public func text(dataset: String?, others: [String] = []) -> String {
        var text = ""
        for file in files.prefix(10) { text += "\(file.path): \(file.kind)\n" }
        if files.count > 10 { text += "… and \(files.count - 10) files more\n" }
        text += "\n" + ColumnTable.text(columns) + "\n"
        for reason in reasons { text += "guessed: \(reason)\n" }
        if let note = columns.listNote() { text += "note: \(note)\n" }
        for doubt in doubts { text += "not sure: \(doubt.reason)\n    \(doubt.advice)\n" }
        if isComplete, !doubts.isEmpty {
            text +=
                "\nNothing was written, and --yes does not take this guess. A command that says what is meant:\n\n    "
            return text + command(dataset: dataset, others: others) + "\n"
        }
        if isComplete {
            text += "\nNothing was written. This converts it (or the same command again with --yes):\n\n    "
            return text + command(dataset: dataset, others: others) + "\n"
        }
        if let corpus = CorpusGuess(columns).arguments, options.query.isEmpty {
            let words =
                ["tvt-convert", "corpus"] + sources.map(\.string) + corpus + others
                + ["--dataset", dataset ?? suggestedName]
            text += "\nNo column looks like queries. As documents alone:\n\n    "
            return text + words.map(ShellWord.quoted).joined(separator: " ") + "\n"
        }
        text += "\nNothing was written. Say which columns are what:\n\n    "
        var words = ["tvt-convert", "rows"] + sources.map(\.string)
        words += ["--query", options.query.first ?? "COLUMN", "--positive", options.positives.texts.first ?? "COLUMN"]
        words += others + ["--dataset", dataset ?? suggestedName]
        return text + words.map(ShellWord.quoted).joined(separator: " ") + "\n"
    }

    /// The same for programs.
    public func json(dataset: String?, others: [String] = []) -> JSONValue {
        [
            "files": .array(files.map { ["path": .string($0.path.string), "format": .string($0.kind)] }),
            "columns": ColumnTable.json(columns), "guess": .object(options.json),
            "reasons": .array(reasons.map { .string($0) }),
            "doubts": .array(doubts.map { .string($0.reason) }),
            // A command with something to be filled in, or which may leave a row out, is for people.
            "command": isComplete && doubts.isEmpty ? .string(command(dataset: dataset, others: others)) : .null,
        ]
    }
}

/// Words of a command as a shell takes them.
enum ShellWord {
    static func quoted(_ word: String) -> String {
        let isPlain =
            !word.isEmpty
            && word.utf8.allSatisfy { byte in
                (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
                    || "-_./=:,@%+".utf8.contains(byte) || byte >= 0x80
            }
        return isPlain
            ? word
            : "'" + word.split(separator: "'", omittingEmptySubsequences: false).joined(separator: #"'\''"#) + "'"
    }

    /// A name for a dataset, made of that of a file.
    static func name(of path: FilePath?) -> String {
        let stem = (path?.lastComponent?.string ?? "").split(separator: ".").first.map(String.init) ?? ""
        let name = String(stem.lowercased().map { $0.isASCII && ($0.isLetter || $0.isNumber) ? $0 : "-" })
        let words = name.split(separator: "-").joined(separator: "-")
        return words.isEmpty ? "my-data" : words
    }
}

/// Columns with their types and first values.
enum ColumnTable {
    static func text(_ columns: KnownColumns) -> String {
        let width = columns.map(\.name.count).max() ?? 0
        let typeWidth = columns.map(\.kind.name.count).max() ?? 0
        return columns.map { column in
            let name = column.name + String(repeating: " ", count: width - column.name.count)
            let type = column.kind.name + String(repeating: " ", count: typeWidth - column.kind.name.count)
            let line = "  \(name)  \(type)  \(column.examples.joined(separator: "  "))"
            return line.prefix(through: line.lastIndex { $0 != " " } ?? line.startIndex) + "\n"
        }.joined()
    }

    static func json(_ columns: KnownColumns) -> JSONValue {
        .array(
            columns.map {
                [
                    "name": .string($0.name), "type": .string($0.kind.name),
                    "examples": .array($0.examples.map { .string($0) }),
                ]
            })
    }
}

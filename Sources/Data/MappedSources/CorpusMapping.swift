internal import Base
internal import Ingest
internal import JSON
internal import Records

/// What columns of documents probably mean, by their names.
struct CorpusGuess {
    let options: CorpusOptions

    private static let ids = RowMapping.idFields + ["document-id", "corpus-id", "uuid", "key", "url"]
    private static let texts = [
        "document_text", "text", "contents", "content", "body", "passage", "passage_text", "document", "abstract",
        "article", "paragraph", "chunk", "description", "summary", "answer",
    ]

    /// Names that columns of documents usually have.
    static let usualNames = ids + texts + ["id", "title", "headline"]

    init(_ columns: KnownColumns, _ options: CorpusOptions = CorpusOptions()) {
        var options = options
        let lowered = ColumnNames(columns)
        let named = options.declaredMedia
        let files = columns.holdingFiles(named) { _ in false }
        func column(_ names: [String], where isFitting: (ColumnSummary) -> Bool) -> String? {
            for name in names {
                if let found = lowered.positions(of: name).first(where: { isFitting(columns[$0]) }) {
                    return columns[found].name
                }
            }
            return nil
        }
        if options.text == nil {
            options.text =
                column(Self.texts) { files.named($0.name)?.kind == .text }
                ?? { (texts: [ColumnSummary]) in texts.count == 1 ? texts[0].name : nil }(
                    files.filter {
                        $0.kind == .text && !$0.isNumeric && !$0.isTruth && $0.name.lowercased() != "title"
                            && !Self.ids.contains($0.name)
                    })
        }
        options.id = options.id ?? column(Self.ids) { $0.kind == .text || $0.kind == .integer }
        options.title = options.title ?? column(["title", "headline"]) { $0.kind == .text && $0.name != options.text }
        // What a column is by its files is said in the command, and not guessed again from other rows. Of two that name
        // files of a kind, it is not the id.
        for kind in MediaKind.allCases where !columns.contains(where: { $0.kind == .media(kind) }) {
            guard !named.values.contains(kind) else { continue }
            let found = columns.filter { $0.assetKind() == kind }
            guard let column = found.first(where: { $0.name != options.id }) ?? found.first else { continue }
            options.declare(column.name, as: kind)
        }
        self.options = options
        hasContent =
            options.text != nil
            || columns.contains { if case .media = $0.kind { true } else { false } }
            || !(options.images + options.videos + options.audios).isEmpty
    }

    private let hasContent: Bool

    /// Words for a command; nil where nothing looks like documents.
    var arguments: [String]? {
        hasContent ? options.arguments.flatMap { ["--" + $0.option] + $0.values } : nil
    }
}

/// What columns mean for documents: options, with the names that the files have put in.
struct CorpusMapping: Sendable {
    let id: ColumnPath?
    let text: ColumnPath?
    let title: ColumnPath?
    private(set) var media: [(kind: MediaKind, column: String)] = []
    private(set) var keep: [RowMapping.Kept] = []
    let madeIDs: RowOptions.MadeIDs

    /// - Throws: `Failure` with status 64 for names that there are not, and where nothing is a document's content.
    init(_ options: CorpusOptions, _ columns: KnownColumns) throws {
        func path(_ argument: String?, _ option: String) throws -> ColumnPath? {
            try argument.map { try ColumnPath.one(named: $0, option: option, among: columns) }
        }
        id = try path(options.id, "id")
        text = try path(options.text, "text")
        title = try path(options.title, "title")
        madeIDs = options.madeIDs
        let kinds = try RowMapping.media(options, columns)
        if let inner = kinds.keys.sorted().first(where: { !columns.has($0) }) {
            throw Failure(
                .usage, "--\(kinds[inner]!.rawValue) \(inner): of documents, whole columns hold media",
                advice: "Write the field as a column of its own.")
        }
        for column in columns {
            guard let kind = kinds[column.name] else { continue }
            if let other = media.first(where: { $0.kind == kind }) {
                throw Failure(
                    .usage, "a document has one \(kind.rawValue), and \(other.column) and \(column.name) are two",
                    advice:
                        "Name the one that is meant with --\(kind.rawValue), and leave the other column out of the file."
                )
            }
            media.append((kind, column.name))
        }
        guard text != nil || !media.isEmpty else {
            throw Failure(.usage, "--text is needed: the column with the documents' texts")
        }
        let used = [id, text, title].compactMap { $0?.column } + media.map(\.column)
        keep = try RowMapping.Kept.all(options.keep, columns, kinds, used: used)
    }

    var usedColumns: [String] {
        KnownColumns.unique([id, text, title].compactMap { $0?.column } + media.map(\.column) + keep.map(\.column))
    }
}

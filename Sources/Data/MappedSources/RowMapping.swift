internal import Base
internal import JSON
internal import Records

/// What the columns of rows mean: options, with the names that the files have put in.
struct RowMapping: Sendable {
    /// A column of passages, and what else is known of them, in parallel.
    struct Passages: Sendable {
        var text: ColumnPath
        /// Whether the texts are ids of documents that come from elsewhere.
        var areReferences = false
        var media: MediaKind?
        var id: ColumnPath?
        var title: ColumnPath?
        var score: ColumnPath?

        var paths: [ColumnPath] { [text] + [id, title, score].compactMap { $0 } }
    }

    /// A column that stays with the record.
    struct Kept: Sendable {
        let column: String
        let name: String

        /// Names that mean something in records.
        private static let reserved: Set<String> = {
            let media = ["text", "image", "video", "audio"]
            return Set(
                media + media.flatMap { ["query_" + $0, "document_" + $0] } + [
                    "query_id", "docid", "title", "positive_document_ids", "negative_document_ids",
                    "positive_document_scores", "negative_document_scores",
                ])
        }()

        /// - Parameters:
        ///   - arguments: names, patterns, and `name=new name`.
        ///   - used: columns that mean something, which no pattern fits.
        static func all(
            _ arguments: [String], _ columns: KnownColumns, _ media: [String: MediaKind], used: [String]
        ) throws -> [Kept] {
            let used = Set(used)
            return try arguments.flatMap { argument -> [Kept] in
                let parts = argument.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(
                    String.init)
                let isRenamed = parts.count == 2 && !columns.has(argument)
                let name = isRenamed ? parts[0] : argument
                return try ColumnPath.all(named: name, option: "keep", among: columns).compactMap { path in
                    // A pattern is all that has a name and is not used for something else.
                    if ColumnPath.isPattern(name),
                        used.contains(path.column) || media[path.column] != nil || path.column.isEmpty
                    {
                        return nil
                    }
                    guard path.fields.isEmpty, media[path.column] == nil else {
                        throw Failure(.usage, "--keep \(argument): whole columns are kept, and none of media")
                    }
                    let kept = Kept(column: path.column, name: isRenamed ? parts[1] : path.column)
                    guard !kept.name.isEmpty else {
                        throw Failure(
                            .usage, "--keep \(argument): a field of a record has a name",
                            advice: "Give it one: --keep \(path.column)=other.")
                    }
                    guard !reserved.contains(kept.name) else {
                        throw Failure(
                            .usage, "--keep \(argument): the name \"\(kept.name)\" has a meaning in records",
                            advice: "Give it another one: --keep \(path.column)=other.")
                    }
                    return kept
                }
            }
        }
    }

    private(set) var queryText: ColumnPath?
    private(set) var queryMedia: [(kind: MediaKind, column: ColumnPath)] = []
    private(set) var queryID: ColumnPath?
    private(set) var positives: [Passages] = []
    private(set) var negatives: [Passages] = []
    private(set) var label: ColumnPath?
    private(set) var keep: [Kept] = []
    /// Patterns that columns may fit which the first rows do not have.
    private(set) var openPositives: [String] = []
    private(set) var openNegatives: [String] = []
    let options: RowOptions

    private static let textFields = [
        "text", "document_text", "passage_text", "contents", "content", "passage", "document", "body",
    ]
    static let idFields = ["docid", "doc_id", "document_id", "_id", "id", "pid", "passage_id", "corpus_id"]

    /// - Throws: `Failure` with status 64 for names that there are not, and for options that do not go together.
    init(_ options: RowOptions, _ columns: KnownColumns) throws {
        self.options = options
        let media = try Self.media(options, columns)
        for argument in options.query {
            let path = try ColumnPath.one(named: argument, option: "query", among: columns)
            if let kind = media[path.name] {
                queryMedia.append((kind, path))
            } else if queryText == nil {
                queryText = path
            } else {
                throw Failure(
                    .usage, "--query: a query has one text, and \(queryText!.name) and \(path.name) are two",
                    advice: "Name one of them; --keep takes the other into the record.")
            }
        }
        guard queryText != nil || !queryMedia.isEmpty else {
            throw Failure(.usage, "--query is needed: the column with the questions")
        }
        queryID = try options.queryID.map { try ColumnPath.one(named: $0, option: "query-id", among: columns) }
        positives = try Self.passages(
            options.positives, "positive", columns, media, hasCorpus: !options.corpus.isEmpty)
        negatives = try Self.passages(
            options.negatives, "negative", columns, media, hasCorpus: !options.corpus.isEmpty)
        guard !positives.isEmpty else {
            throw Failure(
                .usage, "--positive is needed: the column with what answers the queries",
                advice: "For documents without queries there is `tvt-convert corpus`.")
        }
        openPositives = options.positives.texts.filter(ColumnPath.isPattern)
        openNegatives = options.negatives.texts.filter(ColumnPath.isPattern)
        label = try options.label.map { try ColumnPath.one(named: $0, option: "label", among: columns) }
        guard label == nil || positives.count == 1 else {
            throw Failure(.usage, "--label goes with one column of --positive, and there are \(positives.count)")
        }
        guard label != nil || options.labelThreshold == 0 else {
            throw Failure(.usage, "--label-above goes with --label")
        }
        keep = try Kept.all(options.keep, columns, media, used: usedColumns)
        try checkNoColumnTwice()
    }

    /// The columns that mean something.
    var usedColumns: [String] {
        let paths =
            [queryText, queryID, label].compactMap { $0 } + queryMedia.map(\.column)
            + (positives + negatives).flatMap(\.paths)
        return KnownColumns.unique(paths.map(\.column) + keep.map(\.column))
    }

    /// What is taken as texts, with the options that say so.
    var texts: [(option: String, path: ColumnPath)] {
        func texts(_ option: String, _ passages: [Passages]) -> [(option: String, path: ColumnPath)] {
            passages.filter { $0.media == nil && !$0.areReferences }.map { (option, $0.text) }
        }
        return (queryText.map { [("query", $0)] } ?? []) + texts("positive", positives) + texts("negative", negatives)
    }

    private func checkNoColumnTwice() throws {
        let texts = (queryText.map { [$0] } ?? []) + queryMedia.map(\.column) + (positives + negatives).map(\.text)
        var seen: Set<ColumnPath> = []
        for path in texts where !seen.insert(path).inserted {
            throw Failure(
                .usage, "the column \(path.name) is named twice", advice: "It is one of query, positive and negative.")
        }
    }

    /// The columns of images, videos and sounds, and fields of objects in columns, by name.
    static func media(_ options: some MediaColumns, _ columns: KnownColumns) throws -> [String: MediaKind] {
        var media: [String: MediaKind] = [:]
        for column in columns {
            if case .media(let kind) = column.kind { media[column.name] = kind }
        }
        for (option, kind, arguments) in [
            ("image", MediaKind.image, options.images), ("video", .video, options.videos),
            ("audio", .audio, options.audios),
        ] {
            for argument in arguments {
                for path in try ColumnPath.all(named: argument, option: option, among: columns) {
                    media[path.name] = kind
                }
            }
        }
        return media
    }

    private static func passages(
        _ options: RowOptions.Passages, _ option: String, _ columns: KnownColumns, _ media: [String: MediaKind],
        hasCorpus: Bool
    ) throws -> [Passages] {
        func paths(_ arguments: [String], _ ending: String = "") throws -> [ColumnPath] {
            try arguments.flatMap { try ColumnPath.all(named: $0, option: option + ending, among: columns) }
        }
        if options.texts.isEmpty, !options.ids.isEmpty {
            guard hasCorpus else {
                throw Failure(
                    .usage, "--\(option)-id without --\(option) refers to documents of --corpus, and there is none",
                    advice:
                        "Name the column of the texts with --\(option), or the files of the documents with --corpus.")
            }
            guard options.titles.isEmpty else {
                throw Failure(.usage, "--\(option)-title goes with --\(option)")
            }
        }
        var passages = try paths(options.texts.isEmpty ? options.ids : options.texts).map { path in
            Passages(text: path, media: media[path.name])
        }
        if options.texts.isEmpty {
            for number in passages.indices { (passages[number].areReferences, passages[number].media) = (true, nil) }
        }
        for number in passages.indices where passages[number].media == nil && !passages[number].areReferences {
            passages[number] = try completed(passages[number], option, columns)
        }
        func set(
            _ field: WritableKeyPath<Passages, ColumnPath?>, _ arguments: [String], _ ending: String
        ) throws {
            let found = try paths(arguments, ending)
            guard !found.isEmpty else { return }
            guard found.count == passages.count else {
                throw Failure(
                    .usage,
                    "--\(option)\(ending) names \(found.count) columns, and there are \(passages.count) of passages",
                    advice: "They go together, in the same order.")
            }
            for (number, path) in found.enumerated() { passages[number][keyPath: field] = path }
        }
        if !options.texts.isEmpty { try set(\.id, options.ids, "-id") }
        try set(\.title, options.titles, "-title")
        try set(\.score, options.scores, "-score")
        return passages
    }

    /// Of a column of objects the fields that say what they are.
    private static func completed(
        _ passages: Passages, _ option: String, _ columns: KnownColumns
    ) throws -> Passages {
        let kind = columns.named(passages.text.column)?.kind.field(passages.text.fields[...])
        guard case .object(let fields)? = kind else { return passages }
        func path(_ names: [String]) -> ColumnPath? {
            names.first { name in fields.contains { $0.name == name } }.map {
                ColumnPath(passages.text.column, passages.text.fields + [$0])
            }
        }
        guard !ColumnSummary.isStructureOfBytes(fields.map(\.name)) else {
            throw Failure(
                .usage, "--\(option) \(passages.text.name): it holds structures of bytes and path, and no texts",
                advice:
                    "--image \(passages.text.name) takes the images, --video and --audio the like; --assets names the "
                    + "folder that the paths begin in.")
        }
        guard let text = path(textFields) else {
            throw Failure(
                .usage,
                "--\(option) \(passages.text.name): it holds objects of \(fields.map(\.name).joined(separator: ", ")), "
                    + "and none is known to be the text",
                advice: "Name it: --\(option) \(passages.text.name).\(fields.first?.name ?? "text").")
        }
        var passages = passages
        passages.id = path(idFields)
        passages.title = path(["title"])
        passages.text = text
        return passages
    }
}

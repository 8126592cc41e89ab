internal import JSON

/// Which columns of rows are queries, and which are documents that answer them; as a person says it.
///
/// A column is named by its name, or by a pattern with `*` and `?`. Behind a dot stands a field of the objects in it:
/// `passages.text`. Ids, titles and scores are given for the columns of texts in the same order.
public struct RowOptions: MediaColumns, Sendable, Equatable {
    /// Columns of passages.
    public struct Passages: Sendable, Equatable {
        public var texts: [String] = []
        public var ids: [String] = []
        public var titles: [String] = []
        public var scores: [String] = []

        public init() {}

        var isEmpty: Bool { texts.isEmpty && ids.isEmpty && titles.isEmpty && scores.isEmpty }
    }

    /// Where the ids of records come from that have none.
    public enum MadeIDs: String, Sendable, CaseIterable {
        /// A hash of the content: equal records are one.
        case content
        /// File and row: every row is a query of its own, with documents of its own.
        case row
    }

    /// A text, and images, videos or sounds that belong to it.
    public var query: [String] = []
    public var queryID: String?
    public var positives = Passages()
    public var negatives = Passages()
    /// Says how relevant each positive is; those that are not above `labelThreshold` are negatives.
    public var label: String?
    public var labelThreshold = 0.0
    /// Columns that stay with the query, `name` or `name=new name`.
    public var keep: [String] = []
    /// Columns that hold images, videos or sounds, where that is not to be seen.
    public var images: [String] = []
    public var videos: [String] = []
    public var audios: [String] = []
    /// The split whose judgements the links become; nil for links to train on.
    public var judgements: String?
    public var madeIDs = MadeIDs.content
    /// Files of documents that the rows refer to by ids, and their columns; ids without texts are such references.
    public var corpus: [String] = []
    public var corpusID: String?
    public var corpusText: String?
    public var corpusTitle: String?

    public init() {}

    /// Whether anything says what the columns are.
    public var isMapped: Bool {
        !query.isEmpty || queryID != nil || !positives.isEmpty || !negatives.isEmpty || label != nil
    }

    /// As arguments of `tvt-convert rows`, without what is the default.
    var arguments: [(option: String, values: [String])] {
        var arguments: [(option: String, values: [String])] = []
        func add(_ option: String, _ values: [String]) {
            if !values.isEmpty { arguments.append((option, values)) }
        }
        add("query", query)
        add("query-id", queryID.map { [$0] } ?? [])
        for (name, passages) in [("positive", positives), ("negative", negatives)] {
            add(name, passages.texts)
            add(name + "-id", passages.ids)
            add(name + "-title", passages.titles)
            add(name + "-score", passages.scores)
        }
        add("label", label.map { [$0] } ?? [])
        if labelThreshold != 0 { add("label-above", ["\(labelThreshold)"]) }
        add("keep", keep)
        add("image", images)
        add("video", videos)
        add("audio", audios)
        add("judgements", judgements.map { [$0] } ?? [])
        if madeIDs != .content { add("make-ids", [madeIDs.rawValue]) }
        add("corpus", corpus)
        for (name, column) in [("corpus-id", corpusID), ("corpus-text", corpusText), ("corpus-title", corpusTitle)] {
            add(name, column.map { [$0] } ?? [])
        }
        return arguments
    }

    /// As it stands in the manifest: without paths, which are among the inputs.
    var json: JSONObject {
        JSONObject(
            arguments.filter { $0.option != "corpus" }.map { option, values in
                (option, values.count == 1 ? .string(values[0]) : .array(values.map { .string($0) }))
            })
    }
}

/// How files of rows are read.
public struct RowReading: Sendable, Equatable {
    /// `comma`, `tab`, `semicolon`, `pipe`, or the character itself; nil looks.
    public var delimiter: String?
    /// Whether quotes around fields are no part of them; nil looks.
    public var quotes: Bool?
    /// Names of the columns, where the first row does not have them.
    public var columns: [String] = []
    /// Of a folder that has several.
    public var split: String?

    public init() {}

    var arguments: [(option: String, values: [String])] {
        var arguments: [(option: String, values: [String])] = []
        if let delimiter { arguments.append(("delimiter", [delimiter])) }
        if let quotes { arguments.append((quotes ? "quotes" : "no-quotes", [])) }
        if !columns.isEmpty { arguments.append(("columns", columns)) }
        if let split { arguments.append(("split", [split])) }
        return arguments
    }

    var json: JSONObject {
        JSONObject(
            arguments.map { option, values in
                (
                    option,
                    values.isEmpty ? true : values.count == 1 ? .string(values[0]) : .array(values.map { .string($0) })
                )
            })
    }
}

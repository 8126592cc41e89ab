internal import Base
internal import Records

/// What columns probably mean, by their names and what they hold.
struct RowGuess {
    private(set) var options: RowOptions
    /// What was guessed and why, a line each.
    private(set) var reasons: [String] = []
    /// Why it is not to be taken unseen.
    private(set) var doubts: [GuessDoubt] = []
    private let columns: KnownColumns
    private let names: ColumnNames
    /// Of the columns that mean something already.
    private var used: Set<String> = []

    private static let queryNames = [
        "anchor", "query", "question", "query_text", "search_query", "queries", "questions", "user_query", "sentence1",
        "sentence_1", "sentence_a", "premise", "instruction", "prompt", "input", "q",
    ]
    private static let positiveNames = [
        "positive", "positives", "pos", "positive_passages", "positive_passage", "positive_ctxs", "positive_document",
        "positive_documents", "positive_doc", "positive_text", "passage", "passages", "answer", "answers", "document",
        "documents", "doc", "docs", "context", "contexts", "response", "text", "sentence2", "sentence_2", "sentence_b",
        "hypothesis", "output", "completion", "content", "paragraph", "relevant", "chunk",
    ]
    private static let negativeNames = [
        "negative", "negatives", "neg", "negs", "negative_passages", "negative_passage", "negative_ctxs",
        "hard_negative", "hard_negatives", "hard_neg", "hard_negative_ctxs", "negative_document", "negative_documents",
        "negative_doc", "negative_text",
    ]
    private static let queryIDNames = ["query_id", "qid", "queryid", "query-id", "question_id", "anchor_id"]
    private static let positiveIDNames = [
        "positive_id", "positive_ids", "pos_id", "pos_ids", "docid", "doc_id", "document_id", "passage_id", "pid",
        "corpus_id", "corpus-id", "answer_id", "context_id",
    ]
    private static let negativeIDNames = ["negative_id", "negative_ids", "neg_id", "neg_ids"]
    private static let labelNames = [
        "label", "labels", "relevance", "is_relevant", "relevant", "grade", "is_selected", "is_duplicate",
        "is_positive",
        "is_match", "is_correct",
    ]
    private static let similarityNames = ["score", "similarity", "similarity_score"]
    /// Further names of columns that may say which pairs are good.
    private static let otherLabelNames = [
        "scores", "gold_label", "duplicate", "positive_label", "target", "match", "correct", "relevancy", "rel",
        "judgement",
        "judgment", "entailment", "sim",
    ]
    private static let inferenceNames: Set<String> = ["premise", "hypothesis"]
    private static let titleNames = [
        "positive_title", "pos_title", "title", "doc_title", "document_title", "passage_title",
    ]
    private static let scoreNames: [(positive: String, negative: String)] = [
        ("pos_scores", "neg_scores"), ("positive_scores", "negative_scores"), ("positive_score", "negative_score"),
        ("pos_score", "neg_score"),
    ]

    /// - Parameter options: what is known already; what it says stays.
    init(_ columns: KnownColumns, _ options: RowOptions) {
        self.options = options
        let declared = options.declaredMedia
        self.columns = columns.holdingFiles(declared, except: Self.isID)
        names = ColumnNames(columns)
        noteUsed()
        guessQuery()
        noteUsed()
        guessPositives()
        noteUsed()
        guessNegatives()
        noteUsed()
        guessIDs()
        guessLabel()
        noteUsed()
        guessTitleAndScores()
        noteUsed()
        doubtLabels()
        // What a column is by its files is said in the command, and not guessed again from other rows.
        for column in columns where used.contains(column.name) && declared[column.name] == nil && !Self.isID(column) {
            guard let kind = column.assetKind() else { continue }
            self.options.declare(column.name, as: kind)
            reasons.append("--\(kind.rawValue) \(column.name): it names files in the folder of --assets")
        }
    }

    /// Whether a name is one that columns usually have, and not a value of a first row without names.
    static func isUsualName(_ name: String) -> Bool {
        let lowered = name.lowercased()
        return usualNames.contains(lowered) || lowered.hasSuffix("_id") || lowered.hasSuffix("-id") || isNegative(name)
    }

    private static let usualNames: Set<String> = Set(
        queryNames + positiveNames + negativeNames + queryIDNames + positiveIDNames + negativeIDNames + labelNames
            + similarityNames + otherLabelNames + titleNames + scoreNames.flatMap { [$0.positive, $0.negative] }
            + CorpusGuess.usualNames)

    private mutating func noteUsed() {
        for name in options.query + options.positives.texts + options.negatives.texts
            + options.positives.scores + options.negatives.scores + [options.label, options.queryID].compactMap({ $0 })
        {
            if columns.has(name) || !ColumnPath.isPattern(name) {
                used.insert(name)
            } else {
                used.formUnion(columns.names.filter { ColumnPath.matches($0, name) })
            }
        }
    }

    private func isUsed(_ column: ColumnSummary) -> Bool { used.contains(column.name) }

    /// The first column that has one of the names, in the order of the names; case does not matter.
    private func column(_ wanted: [String], where isFitting: (ColumnSummary) -> Bool) -> ColumnSummary? {
        for name in wanted {
            for position in names.positions(of: name) {
                let column = columns[position]
                if !isUsed(column), isFitting(column) { return column }
            }
        }
        return nil
    }

    private static func isText(_ column: ColumnSummary) -> Bool {
        column.kind == .text && !column.isNumeric && !column.isTruth
    }

    private static func isMedia(_ column: ColumnSummary) -> Bool {
        if case .media = column.kind { return true }
        return false
    }

    /// Texts, lists of them, and objects or lists of objects that have texts.
    private static func holdsPassages(_ column: ColumnSummary) -> Bool {
        switch column.kind {
        case .text: isText(column)
        case .list(.text), .media: true
        case .list(.object), .object: RowGuess.hasText(column)
        default: false
        }
    }

    private static func hasText(_ column: ColumnSummary) -> Bool {
        guard case .object(let fields)? = column.kind.field([]) else { return false }
        return fields.contains { ["text", "passage_text", "contents", "content", "document_text"].contains($0.name) }
    }

    private mutating func guessQuery() {
        guard options.query.isEmpty else { return }
        if let found = column(Self.queryNames, where: Self.isText) {
            options.query = [found.name]
            reasons.append("--query \(found.name): by its name")
        } else if let first = columns.first(where: { Self.isText($0) && !isUsed($0) && !Self.isID($0) }),
            columns.count(where: { Self.isText($0) && !Self.isID($0) }) == 2
        {
            options.query = [first.name]
            reasons.append("--query \(first.name): the first of two columns of texts")
        } else if case let texts = columns.filter({ Self.isText($0) && !isUsed($0) && !Self.isID($0) }),
            texts.count == 1,
            columns.contains(where: Self.isMedia)
        {
            options.query = [texts[0].name]
            reasons.append("--query \(texts[0].name): the column of texts beside one of media")
        }
    }

    private static func isID(_ column: ColumnSummary) -> Bool {
        let name = column.name.lowercased()
        return name == "id" || name.hasSuffix("_id") || name.hasSuffix("-id") || name.hasSuffix("id") && name.count < 7
    }

    private mutating func guessPositives() {
        guard options.positives.texts.isEmpty, !options.query.isEmpty else { return }
        if let found = column(Self.positiveNames, where: Self.holdsPassages) {
            options.positives.texts = [found.name]
            reasons.append("--positive \(found.name): by its name")
        } else if let image = columns.first(where: { Self.isMedia($0) && !isUsed($0) }) {
            options.positives.texts = [image.name]
            reasons.append("--positive \(image.name): it holds media")
        } else if case let rest = columns.filter({ Self.holdsPassages($0) && !isUsed($0) && !Self.isID($0) }),
            rest.count == 1
        {
            options.positives.texts = [rest[0].name]
            reasons.append("--positive \(rest[0].name): the other column of texts")
        }
    }

    private mutating func guessNegatives() {
        guard options.negatives.texts.isEmpty, !options.positives.texts.isEmpty else { return }
        // In the order of the file.
        let found = columns.filter { !isUsed($0) && Self.isNegative($0.name) && Self.holdsPassages($0) }
        guard !found.isEmpty else { return }
        options.negatives.texts = found.map(\.name)
        if found.count > 2 { abbreviate() }
        reasons.append("--negative \(options.negatives.texts.joined(separator: " ")): by name")
    }

    /// Whether a column has one of the names, or is numbered: negative_1, negative_2, …, neg1.
    private static func isNegative(_ name: String) -> Bool {
        let lowered = name.lowercased()
        return negativeNames.contains {
            lowered.hasPrefix($0) && lowered.dropFirst($0.count).allSatisfy { $0 == "_" || $0 == "-" || $0.isNumber }
        }
    }

    /// A pattern in the place of many names, where it fits these columns and no other.
    private mutating func abbreviate() {
        let names = options.negatives.texts
        var prefix = names[0]
        while !names.allSatisfy({ $0.hasPrefix(prefix) }) { prefix.removeLast() }
        guard prefix.count > 2 else { return }
        let pattern = prefix + "*"
        if columns.filter({ ColumnPath.matches($0.name, pattern) }).map(\.name) == names {
            options.negatives.texts = [pattern]
        }
    }

    private mutating func guessIDs() {
        func isID(_ column: ColumnSummary) -> Bool { column.kind == .text || column.kind == .integer }
        if options.queryID == nil, let found = column(Self.queryIDNames, where: isID) {
            options.queryID = found.name
            reasons.append("--query-id \(found.name): by its name")
        }
        // Of lists of objects, the objects have them.
        if options.positives.ids.isEmpty, options.positives.texts.count == 1,
            let text = columns.named(options.positives.texts[0]), text.kind.field([]) != nil,
            let found = column(Self.positiveIDNames, where: { text.kind.isList ? isIDList($0, text) : isID($0) })
        {
            options.positives.ids = [found.name]
            reasons.append("--positive-id \(found.name): by its name")
        }
        if options.negatives.ids.isEmpty, options.negatives.texts.count == 1,
            let text = columns.named(options.negatives.texts[0]),
            let found = column(Self.negativeIDNames, where: { text.kind.isList ? isIDList($0, text) : isID($0) })
        {
            options.negatives.ids = [found.name]
            reasons.append("--negative-id \(found.name): by its name")
        }
    }

    private func isIDList(_ column: ColumnSummary, _ text: ColumnSummary) -> Bool {
        text.kind.isList && (column.kind == .list(.text) || column.kind == .list(.integer))
    }

    private mutating func guessLabel() {
        guard options.label == nil, options.positives.texts.count == 1, options.negatives.texts.isEmpty,
            let text = columns.named(options.positives.texts[0])
        else { return }
        func isNumber(_ column: ColumnSummary) -> Bool {
            switch column.kind {
            case .integer, .number, .boolean: !text.kind.isList
            case .text:
                (column.isNumeric || column.isTruth) && !column.examples.isEmpty && !text.kind.isList
            case .list(.integer), .list(.number), .list(.boolean): text.kind.isList
            default: false
            }
        }
        if case .object(let fields)? = text.kind.field([]),
            let field = fields.first(where: { Self.labelNames.contains($0.name) })
        {
            options.label = "\(text.name).\(field.name)"
            return reasons.append(
                "--label \(text.name).\(field.name): by its name; above \(options.labelThreshold) is a positive, others negatives"
            )
        }
        var names = Self.labelNames
        if options.query.first?.lowercased().hasPrefix("sentence") == true { names += Self.similarityNames }
        guard let found = column(names, where: isNumber) else { return }
        if isInference { return doubts.append(.inference(found)) }
        // Ones and zeros are labels whatever they are called; shares and similarities have no threshold that goes for all.
        let isSimilarity = Self.similarityNames.contains(found.name.lowercased())
        if options.labelThreshold == 0, found.hasFractions || isSimilarity && found.range.map({ $0 != 0...1 }) ?? true {
            doubts.append(.threshold(found))
        }
        options.label = found.name
        reasons.append(
            "--label \(found.name): by its name; above \(options.labelThreshold) is a positive, others negatives")
    }

    /// Whether the columns are those of natural language inference.
    private var isInference: Bool {
        (options.query + options.positives.texts).contains { Self.inferenceNames.contains($0.lowercased()) }
    }

    /// Columns that may be labels and are none: the pairs that they call bad would become positives.
    private mutating func doubtLabels() {
        guard !options.query.isEmpty, !options.positives.texts.isEmpty, doubts.isEmpty else { return }
        guard let found = column(Self.labelNames + Self.similarityNames + Self.otherLabelNames, where: { _ in true })
        else { return }
        doubts.append(isInference ? .inference(found) : .unknown(found))
    }

    private mutating func guessTitleAndScores() {
        guard options.positives.texts.count == 1 else { return }
        if options.positives.titles.isEmpty,
            let text = columns.named(options.positives.texts[0]), text.kind == .text,
            let found = column(Self.titleNames, where: { $0.kind == .text })
        {
            options.positives.titles = [found.name]
            reasons.append("--positive-title \(found.name): by its name")
        }
        guard options.positives.scores.isEmpty, options.negatives.scores.isEmpty, options.negatives.texts.count == 1
        else {
            return
        }
        func isScore(_ column: ColumnSummary) -> Bool {
            switch column.kind {
            case .number, .integer, .list(.number), .list(.integer): true
            case .text: column.isNumeric
            default: false
            }
        }
        for (positive, negative) in Self.scoreNames {
            guard let one = column([positive], where: isScore), let two = column([negative], where: isScore) else {
                continue
            }
            options.positives.scores = [one.name]
            options.negatives.scores = [two.name]
            reasons.append("--positive-score \(one.name), --negative-score \(two.name): by name")
            return
        }
    }
}

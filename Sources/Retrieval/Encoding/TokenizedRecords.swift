internal import Base
internal import Examples
internal import JSON
public import Models
public import Records
public import Store
internal import Tokenizers
public import Vectors

/// Where texts come from: one side of a dataset, as a model sees it.
public struct RecordSource: Sendable {
    public let dataset: Dataset
    public let side: VectorsSide
    let tokenizer: RoleTokenizer
    let ignoresMedia: Bool
    /// The split whose judged queries are the only ones; nil where all records are taken.
    let split: String?
    /// What documents are encoded by instead of what they hold; nil for documents as they are.
    let textSide: TextSide?
    /// What happens to blank texts.
    let blankTexts: BlankTexts
    /// Records that are left out because their text is blank, or because they have none.
    public let blankCount: Int
    /// Ordinals of the records that are taken, ascending; nil for all.
    private let selection: [UInt32]?

    /// - Parameters:
    ///   - ignoresMedia: encode the text of records that also have an image, video or audio; without it such a record
    ///     is an error, because the model does not see all of it.
    ///   - split: take only the queries that have judgements in this split; 4 bytes of memory each.
    ///   - textSide: encode documents by this field of the queries that link to them, and leave out those that no query
    ///     gives a text; memory: 12 bytes a document, 4 a link, 1 a query.
    ///   - blankTexts: with `skip` and `error` all records are read once before any is encoded; with `skip` 4 bytes of
    ///     memory each where some are left out.
    /// - Throws: `Failure` where the dataset has no such split, the field gives no text, blank texts are refused, or the
    ///   model's prompt leaves nothing of a text; `DamagedBlob`.
    public init(
        _ dataset: Dataset, _ side: VectorsSide, _ model: EmbeddingModel, ignoresMedia: Bool = false,
        split: String? = nil, textSide: String? = nil, blankTexts: BlankTexts = .encode
    ) throws {
        precondition(split == nil || side == .queries, "documents belong to no split")
        precondition(textSide == nil || side == .corpus, "queries have their own text")
        self.dataset = dataset
        self.side = side
        self.ignoresMedia = ignoresMedia
        self.split = split
        self.textSide = try textSide.map { try TextSide($0, in: dataset) }
        self.blankTexts = blankTexts
        tokenizer = model.texts(of: side == .queries ? .query : .document)
        try Self.checkLimit(tokenizer, side)
        let chosen = try split.map { try Self.queries(of: $0, in: dataset) }
        (selection, blankCount) =
            textSide == nil ? try Self.readable(chosen, side, dataset, blankTexts) : (chosen, 0)
    }

    /// - Throws: `Failure` (78) where prompt and special tokens fill the maximal length.
    private static func checkLimit(_ tokenizer: RoleTokenizer, _ side: VectorsSide) throws {
        guard let count = try tokenizer.tokensWithoutText() else { return }
        let (role, option) = side == .queries ? ("a query", "--query") : ("a document", "--document")
        throw Failure(
            .badConfiguration,
            "the prompt and special tokens of \(role) take \(count) of at most \(tokenizer.side.maxLength) tokens: nothing "
                + "is left for the text",
            advice: "Raise \(option)-max-length, or shorten \(option)-prompt.")
    }

    /// The records that are left of `selection`, and how many are not, as the policy for blank texts wants it.
    private static func readable(
        _ selection: [UInt32]?, _ side: VectorsSide, _ dataset: Dataset, _ policy: BlankTexts
    ) throws -> ([UInt32]?, leftOutCount: Int) {
        guard policy != .encode else { return (selection, 0) }
        let blank = try BlankRecords(side == .queries ? .queries : .documents, of: dataset)
        let count = selection?.count ?? (side == .queries ? dataset.queryCount : dataset.documentCount)
        let found = selection.map { $0.filter { blank.contains(Int($0)) } } ?? blank.ordinals
        guard let first = found.first else { return (selection, 0) }
        guard policy == .skip else {
            let id = try side == .queries ? dataset.queryID(Int(first)) : dataset.documentID(Int(first))
            throw Failure(
                .badData,
                "\(dataset.reference): \(found.count) of \(count) \(side == .queries ? "queries" : "documents") are blank; "
                    + "the first is \(escaped(id))",
                advice: "--blank-texts skip leaves them out, encode gives them a vector.")
        }
        let kept = selection ?? Array(0..<UInt32(count))
        return (kept.filter { !blank.contains(Int($0)) }, found.count)
    }

    private static func queries(of split: String, in dataset: Dataset) throws -> [UInt32] {
        guard let links = dataset.judgements(split: split) else {
            let splits = dataset.judgements.map(\.split)
            throw Failure(
                .missingInput, "\(dataset.reference) has no judgements \(split)",
                advice: splits.isEmpty ? "It has none at all." : "It has \(splits.joined(separator: ", ")).")
        }
        return try (0..<dataset.queryCount).filter { query in
            if query % 65_536 == 0 { try Interruption.check() }
            return try !links.range(of: query).isEmpty
        }.map { UInt32($0) }
    }

    /// How many records there are to encode.
    public var count: Int {
        textSide?.documents.count ?? selection?.count ?? (side == .queries ? dataset.queryCount : dataset.documentCount)
    }

    /// Leading tokens of each text of a batch that pooling leaves out; nil for none.
    func unpooled(_ textCount: Int) -> [Int]? {
        tokenizer.unpooledCount == 0 ? nil : Array(repeating: tokenizer.unpooledCount, count: textCount)
    }

    /// Records that have no vector: documents without a text on the text side, and blank ones that are skipped.
    public var leftOutCount: Int { textSide?.leftOutCount ?? blankCount }

    /// Reads and tokenises a range of records: of ordinals, or of positions among those that are taken.
    ///
    /// - Throws: `InputError` for a record without text, or with media.
    func tokenized(_ range: Range<Int>) throws -> TokenizedRecords {
        var records = TokenizedRecords(range)
        let parser = JSONParser()
        var text: [UInt8] = []
        if let textSide {
            try textSide.forEachText(range, in: dataset) { _, id, text in try append(id, text, to: &records) }
            return records
        }
        switch side {
        case .corpus:
            try forEachRun(of: range) { ordinals in
                try dataset.forEachDocumentRecord(in: ordinals) { ordinal, line in
                    let place = place(ordinal)
                    let document = try Document(jsonLine: line, at: place, parser: parser)
                    text.removeAll(keepingCapacity: true)
                    RecordText.append(title: document.title, text: document.text, to: &text)
                    try check(
                        hasText: document.title != nil || document.text != nil,
                        hasMedia: document.image != nil || document.video != nil || document.audio != nil,
                        document.id, place, &records)
                    try append(document.id, text, to: &records)
                }
            }
        case .queries:
            try forEachRun(of: range) { ordinals in
                try dataset.forEachQueryRecord(in: ordinals) { ordinal, line in
                    let place = place(ordinal)
                    let query = try Query(jsonLine: line, at: place, parser: parser)
                    try check(
                        hasText: query.text != nil,
                        hasMedia: query.image != nil || query.video != nil || query.audio != nil, query.id, place,
                        &records)
                    try append(query.id, query.text ?? [], to: &records)
                }
            }
        }
        return records
    }

    /// Neighbours in the dataset are read together: they share frames.
    private func forEachRun(of range: Range<Int>, _ body: (_ ordinals: Range<Int>) throws -> Void) throws {
        guard let selection else { return try body(range) }
        var position = range.lowerBound
        while position < range.upperBound {
            let first = Int(selection[position])
            let start = position
            repeat {
                position += 1
            } while position < range.upperBound
                && Int(selection[position]) == first + position - start
            try body(first..<first + position - start)
        }
    }

    private func place(_ ordinal: Int) -> Place {
        Place(path: "\(dataset.reference), \(side == .queries ? "query" : "document") \(ordinal)")
    }

    private func check(
        hasText: Bool, hasMedia: Bool, _ id: [UInt8], _ place: Place, _ records: inout TokenizedRecords
    ) throws {
        guard hasText else {
            throw InputError("the record has no text, and the model reads nothing else", at: place, offender: id)
        }
        guard hasMedia else { return }
        guard ignoresMedia else {
            throw InputError(
                "the record has media, and the model reads text only", at: place, offender: id,
                advice: "--ignore-media encodes the text alone")
        }
        records.ignoredMediaCount += 1
    }

    private func append(_ id: [UInt8], _ text: [UInt8], to records: inout TokenizedRecords) throws {
        records.ids.append(id)
        let encoding = try text.withUnsafeBytes { text in
            if BlankTexts.isBlank(text) { records.emptyCount += 1 }
            return try tokenizer.append(text, to: &records.tokens)
        }
        guard encoding.count > 0 else {
            throw InputError(
                "the text has no token, and the tokenizer adds none", at: Place(path: dataset.reference), offender: id,
                advice: "--blank-texts skip leaves blank texts out")
        }
        records.starts.append(records.tokens.count)
        if encoding.wasTruncated { records.truncatedCount += 1 }
    }
}

/// Consecutive records as token ids.
struct TokenizedRecords: Sendable {
    var range: Range<Int>
    var ids = ByteColumn()
    /// All records' tokens, one after another.
    var tokens: [Int32] = []
    /// Where each record's tokens start, and where the last one's end.
    var starts: [Int] = [0]
    /// Records whose text was cut to the maximal length.
    var truncatedCount = 0
    /// Records whose text is blank; they are encoded as they are.
    var emptyCount = 0
    /// Records whose media the model did not see.
    var ignoredMediaCount = 0

    init(_ range: Range<Int>) { self.range = range }

    var count: Int { starts.count - 1 }

    func length(_ index: Int) -> Int { starts[index + 1] - starts[index] }

    func sequence(_ index: Int) -> ArraySlice<Int32> { tokens[starts[index]..<starts[index + 1]] }

    /// Adds the records that follow these.
    mutating func append(_ next: TokenizedRecords) {
        precondition(range.upperBound == next.range.lowerBound, "records are joined in order")
        range = range.lowerBound..<next.range.upperBound
        for index in 0..<next.count { next.ids.withBytes(at: index) { ids.append($0) } }
        let base = tokens.count
        tokens.append(contentsOf: next.tokens)
        for start in next.starts.dropFirst() { starts.append(base + start) }
        truncatedCount += next.truncatedCount
        emptyCount += next.emptyCount
        ignoredMediaCount += next.ignoredMediaCount
    }
}

internal import Base
internal import Examples
package import Inputs
public import Models
public import Records
public import Store
public import Vectors

/// Where texts come from: one side of a dataset, as a model sees it.
public struct RecordSource: Sendable {
    public let dataset: Dataset
    public let side: VectorsSide
    let planner: InputPlanner
    /// The split whose judged queries are the only ones; nil where all records are taken.
    let split: String?
    /// What documents are encoded by instead of what they hold; nil for documents as they are.
    let textSide: TextSide?
    /// What happens to blank texts.
    let blankTexts: BlankTexts
    /// Records that are left out because their text is blank, or because they have none.
    public let blankCount: Int
    /// Whether records that the model cannot be given have no vector.
    let leavesOutFaults: Bool
    /// Ordinals of the records that are taken, ascending; nil for all.
    private let selection: [UInt32]?

    /// - Parameters:
    ///   - ignoresMedia: encode the text of records that also have an image, video or audio; without it such a record
    ///     is an error where the model does not see all of it.
    ///   - settingName: what the user calls a setting, for what has to be asked.
    ///   - split: take only the queries that have judgements in this split; 4 bytes of memory each.
    ///   - textSide: encode documents by this field of the queries that link to them, and leave out those that no query
    ///     gives a text; memory: 12 bytes a document, 4 a link, 1 a query.
    ///   - leavesOutFaults: records that the model cannot be given have no vector; without it the first one is an error.
    ///   - blankTexts: with `skip` and `error` all records are read once before any is encoded; with `skip` 4 bytes of
    ///     memory each where some are left out.
    /// - Throws: `Failure` where the dataset has no such split, the field gives no text, blank texts are refused, or the
    ///   model's prompt leaves nothing of a text; `DamagedBlob`.
    public init(
        _ dataset: Dataset, _ side: VectorsSide, _ model: EmbeddingModel, ignoresMedia: Bool = false,
        split: String? = nil, textSide: String? = nil, blankTexts: BlankTexts = .encode, leavesOutFaults: Bool = false,
        settingName: (ModelCard.Setting) -> String = \.description
    ) throws {
        precondition(split == nil || side == .queries, "documents belong to no split")
        precondition(textSide == nil || side == .corpus, "queries have their own text")
        self.dataset = dataset
        self.side = side
        self.split = split
        self.textSide = try textSide.map { try TextSide($0, in: dataset) }
        self.blankTexts = blankTexts
        let role: Role = side == .queries ? .query : .document
        self.leavesOutFaults = leavesOutFaults
        planner = InputPlanner(
            model.texts(of: role), role, try InputForm(model, settingName: settingName), ignoresMedia: ignoresMedia,
            mediaAdvice: "--ignore-media encodes the text alone"
        ) { digest, body in try dataset.withMedia(digest, body) != nil }
        try model.requireRoomForText(of: role, settingName: settingName)
        let chosen = try split.map { try Self.queries(of: $0, in: dataset) }
        (selection, blankCount) =
            textSide == nil
            ? try Self.readable(chosen, side, dataset, blankTexts, readsMedia: planner.readsMedia) : (chosen, 0)
    }

    /// Some records of a side, as somebody else's planner makes inputs of them.
    ///
    /// - Parameters:
    ///   - planner: of the side's role.
    ///   - ordinals: the records that are taken, ascending; nil for all.
    ///   - blankTexts: as above.
    package init(
        _ dataset: Dataset, _ side: VectorsSide, planner: InputPlanner, ordinals: [UInt32]?, blankTexts: BlankTexts
    ) throws {
        self.dataset = dataset
        self.side = side
        self.planner = planner
        self.blankTexts = blankTexts
        (split, textSide, leavesOutFaults) = (nil, nil, false)
        (selection, blankCount) = try Self.readable(
            ordinals, side, dataset, blankTexts, readsMedia: planner.readsMedia)
    }

    /// The row of the vectors that is the record of an ordinal; for a source that leaves no faults out, and has no texts
    /// of queries in the place of documents'.
    package func row(of ordinal: UInt32) -> Int? {
        guard let selection else { return Int(ordinal) }
        var (low, high) = (0, selection.count)
        while low < high {
            let middle = (low + high) / 2
            if selection[middle] < ordinal { low = middle + 1 } else { high = middle }
        }
        return low < selection.count && selection[low] == ordinal ? low : nil
    }

    /// The records that are left of `selection`, and how many are not, as the policy for blank texts wants it.
    private static func readable(
        _ selection: [UInt32]?, _ side: VectorsSide, _ dataset: Dataset, _ policy: BlankTexts,
        readsMedia: Bool
    ) throws -> ([UInt32]?, leftOutCount: Int) {
        guard policy != .encode else { return (selection, 0) }
        let blank = try BlankRecords(
            side == .queries ? .queries : .documents, of: dataset, readsMedia: readsMedia)
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

    /// Records that have no vector: documents without a text on the text side, and blank ones that are skipped.
    public var leftOutCount: Int { textSide?.leftOutCount ?? blankCount }

    /// About what it costs to encode a range of records, in a unit of its own: their text as it is stored, or their number
    /// where media or a choice of records decide.
    func cost(of range: Range<Int>) throws -> Int {
        guard selection == nil, textSide == nil, !planner.readsMedia else { return range.count }
        return try side == .queries
            ? dataset.storedBytes(ofQueries: range) : dataset.storedBytes(ofDocuments: range)
    }

    /// Reads and plans a range of records: of ordinals, or of positions among those that are taken.
    ///
    /// - Throws: `InputError` for a record that the model cannot be given, unless such records are left out.
    func planned(_ range: Range<Int>) throws -> PlannedRecords {
        var records = PlannedRecords(range)
        if let textSide {
            try textSide.forEachText(range, in: dataset) { _, id, text in
                let place = Place(path: dataset.reference)
                records.append(try planner.plan(text, of: id, at: place), of: id, at: place)
            }
            return records
        }
        let reader = RecordContentReader()
        func append(_ ordinal: Int, _ line: UnsafeRawBufferPointer) throws {
            let content = try reader.content(of: line, planner.role, at: place(ordinal))
            do {
                records.append(try planner.plan(content, at: place(ordinal)), of: content.id, at: place(ordinal))
            } catch let error as InputError where leavesOutFaults && error.exitStatus == .badData {
                records.append(error, of: content.id)
            }
        }
        try forEachRecord(of: range, append)
        return records
    }

    /// What some of the records would be to the model: at most so many, spread evenly over all that are taken.
    ///
    /// - Throws: `InputError` for a record that the model cannot be given.
    package func sampledPlans(_ most: Int) throws -> [InputPlan] {
        precondition(textSide == nil, "records as they are")
        let reader = RecordContentReader()
        var plans: [InputPlan] = []
        let sampleCount = min(most, count)
        for number in 0..<sampleCount {
            let position = number * count / sampleCount
            try forEachRecord(of: position..<position + 1) { ordinal, line in
                let content = try reader.content(of: line, planner.role, at: place(ordinal))
                plans.append(try planner.plan(content, at: place(ordinal)))
            }
        }
        return plans
    }

    private func forEachRecord(
        of range: Range<Int>, _ body: (_ ordinal: Int, _ line: UnsafeRawBufferPointer) throws -> Void
    ) throws {
        try forEachRun(of: range) { ordinals in
            switch side {
            case .corpus: try dataset.forEachDocumentRecord(in: ordinals, body)
            case .queries: try dataset.forEachQueryRecord(in: ordinals, body)
            }
        }
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
}

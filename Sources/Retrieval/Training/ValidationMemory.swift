internal import Encoding
internal import Inputs
internal import Models
internal import Records
internal import Search
internal import Vectors

/// What measuring a model takes of memory beside its weights, in bytes.
///
/// Lengths are those of some of the queries and documents, spread over all of them. Datasets are measured one after another.
/// Processes that train together encode together, and the first one holds it all.
struct ValidationMemory {
    /// Of the batch that costs most, those that were looked at; at least one.
    let inputs: [ModelInput]
    /// How many times as many there will be in it.
    let scale: Double
    /// Of ``inputs``.
    let media: MediaAmounts
    /// Vectors, which are mapped, the records that wait to be encoded, media that are decoded, and results, of the dataset that
    /// has most.
    let held: Int
    /// Beside them while it searches.
    let search: Int

    /// Records of each side that are looked at.
    private static let sampleCount = 512
    /// An id of a result, and its score, about.
    private static let resultByteCount = 32

    init(_ set: ValidationSet, _ plan: TrainingPlan) throws {
        var (held, search) = (0, 0)
        var batch: Batch?
        for part in set.parts {
            let sides = try [VectorsSide.queries, .corpus].map { try Side(part.source($0, blankTexts: .encode)) }
            let (queryCount, documentCount) = (sides[0].count, sides[1].count)
            let batches = sides.compactMap { $0.largestBatch(tokenBudget: set.options.batchTokens) }
            batch = (batches + [batch].compactMap { $0 }).max { $0.cost < $1.cost }
            let vectorByteCount = MemoryLayout<Float>.size * plan.card.dims
            let window = sides.map { $0.windowCount * vectorByteCount + $0.waitingByteCount }.max() ?? 0
            let results = queryCount * min(set.options.depth, documentCount) * Self.resultByteCount
            let own = (queryCount + documentCount) * vectorByteCount + window + results
            let searching = ExactSearch.workingByteCount(
                queryCount: queryCount, documentCount: documentCount, dims: plan.card.dims, depth: set.options.depth)
            if own + searching > held + search { (held, search) = (own, searching) }
        }
        (inputs, scale) = (batch?.plans.map(\.input) ?? [], batch?.scale ?? 1)
        var media = MediaAmounts(processCount: 1, workers: nil)
        media.add([batch?.plans ?? []])
        self.media = media
        self.held = held + Int(Double(media.stepByteCount) * (batch?.scale ?? 1))
        self.search = search
    }

    private struct Batch {
        let plans: [InputPlan]
        let scale: Double
        var cost: Double { scale * Double(plans.reduce(0) { $0 + $1.input.cost }) }
    }

    /// The queries or the documents of a dataset.
    private struct Side {
        let count: Int
        /// Of those that were looked at.
        private let plans: [InputPlan]
        private let encoding = DatasetEncoder.Options()

        init(_ source: RecordSource) throws {
            count = source.count
            plans = try source.sampledPlans(ValidationMemory.sampleCount)
        }

        /// Records of a part, which are sorted and cut into batches together.
        var windowCount: Int { min(encoding.recordsPerPart, count) }

        /// Records of a window for each that was looked at.
        private var windowScale: Double { Double(windowCount) / Double(max(1, plans.count)) }

        /// The first batch of a window, as ``BatchPlan`` cuts it; nil where there are no records.
        func largestBatch(tokenBudget: Int) -> Batch? {
            let costs = plans.map(\.input.cost)
            guard let first = BatchPlan(lengths: costs, tokenBudget: tokenBudget).batches.first else { return nil }
            // Of a batch that takes all there are, a window has more.
            let ofFirst = Double(max(1, first.reduce(0) { $0 + costs[$1] }))
            let scale = first.count < plans.count ? 1 : max(1, min(windowScale, Double(tokenBudget) / ofFirst))
            return Batch(plans: first.map { plans[$0] }, scale: scale)
        }

        /// Tokens of the window that is encoded and of the next one, and media that are decoded ahead.
        var waitingByteCount: Int {
            func ofWindow(_ byteCount: (InputPlan) -> Int) -> Double {
                windowScale * Double(plans.reduce(0) { $0 + byteCount($1) })
            }
            let tokens = 2 * ofWindow { $0.input.tokens.count * MemoryLayout<Int32>.size }
            return Int(tokens + min(ofWindow(\.byteCount), Double(encoding.mediaBudget)))
        }
    }
}

internal import Base
internal import Encoding
internal import Engine
internal import Evaluation
internal import Models
internal import Rankings
internal import Records
internal import Search
internal import SystemPackage
internal import Tensors
internal import Vectors

/// Measures a model as tvt-encode, tvt-search and tvt-eval would.
///
/// Processes that train together encode together, each some of the batches that one would make; the first one searches and
/// measures.
struct Validator {
    let set: ValidationSet
    /// For vectors, which are gone when a validation is over.
    let scratch: FilePath
    /// Of the vectors, as the config has it: see ``TrainingConfig/validationLoss(renormalizes:)``.
    let loss: ContrastiveLoss
    /// Queries that the loss is taken over together.
    let queriesPerBatch: Int
    let masksKnownPositives: Bool
    let blankTexts: BlankTexts
    private let encoding: DatasetEncoder.Options
    /// Those that encode together; nil for this process alone.
    private let joint: JointBatches?

    /// - Parameters:
    ///   - scratch: see ``scratch``.
    ///   - group: the processes that train together, and what each of them runs the model with.
    init(
        _ set: ValidationSet, _ plan: TrainingPlan, scratch: FilePath,
        together group: (TrainingGroup, BlockwiseEncoder)?
    ) {
        let config = plan.config
        self.set = set
        self.scratch = scratch
        loss = config.validationLoss(renormalizes: plan.card.normalize)
        queriesPerBatch = config.queriesPerStep / config.accumulation
        masksKnownPositives = config.masksKnownPositives
        blankTexts = config.blankTexts
        var encoding = DatasetEncoder.Options()
        encoding.tokenBudget = set.options.batchTokens
        self.encoding = encoding
        joint = group.map { group, encoder in
            JointBatches(group.group) { batch in
                try group.checkInterruption()
                return try encoder.encode(batch)
            }
        }
    }

    /// Vectors of the two sides of a dataset.
    private struct Sides {
        let querySource: RecordSource
        let corpusSource: RecordSource
        let queries: VectorsReader
        let corpus: VectorsReader
    }

    /// Where processes train together, the others call ``assist(_:)`` meanwhile.
    ///
    /// - Parameter temperature: of the loss, where it is learned; nil for that of the config.
    /// - Throws: `Failure` with status 130 after an interruption; what reading records throws; `InputError` where a vector
    ///   is not finite.
    func measure(_ model: EmbeddingModel, step: Int, temperature: Double?) throws -> ValidationMetrics {
        let start = Clock.seconds()
        let measures = set.options.measures
        var sums = [Double](repeating: 0, count: measures.count)
        var (queryCount, documentCount) = (0, 0)
        var losses = BatchLosses()
        for part in set.parts {
            try Files.removeTree(scratch)
            defer { try? Files.removeTree(scratch) }
            let sides = try encode(part, model)
            let evaluation = Evaluation(run: try search(sides), qrels: part.qrels, measures: measures)
            for index in measures.indices { sums[index] += evaluation.values[index].reduce(0, +) }
            queryCount += evaluation.queryCount
            documentCount += sides.corpus.count
            try addLosses(of: part, sides, temperature, to: &losses)
        }
        var values = zip(measures, sums).map { measure, sum in
            ValidationMetrics.Value(name: measure.name, value: sum / Double(max(1, queryCount)))
        }
        if let mean = losses.mean {
            values.append(.init(name: TrainingConfig.ValidationOptions.lossName, value: mean))
        }
        return ValidationMetrics(
            step: step, values: values, queryCount: queryCount, documentCount: documentCount,
            seconds: Clock.seconds() - start)
    }

    /// What processes beside the first one do while it measures.
    func assist(_ model: EmbeddingModel) throws {
        for part in set.parts {
            for side in [VectorsSide.queries, .corpus] {
                let source = try part.source(side, blankTexts: blankTexts)
                try DatasetEncoder(source, model, encoding, joint: joint).assist()
            }
        }
    }

    private func encode(_ part: ValidationSet.Part, _ model: EmbeddingModel) throws -> Sides {
        let identity = SHA256Digest.of(Array("the model that is trained".utf8))
        func encoded(_ source: RecordSource, _ name: String) throws -> VectorsReader {
            let encoder = DatasetEncoder(source, model, encoding, joint: joint)
            let folder = scratch.appending(name)
            _ = try encoder.run(into: folder, encoder.description(identity: identity), progress: nil)
            return try VectorsReader(opening: folder)
        }
        let queries = try part.source(.queries, blankTexts: blankTexts)
        let corpus = try part.source(.corpus, blankTexts: blankTexts)
        return Sides(
            querySource: queries, corpusSource: corpus, queries: try encoded(queries, "queries"),
            corpus: try encoded(corpus, "corpus"))
    }

    private func search(_ sides: Sides) throws -> Run {
        var options = SearchOptions()
        options.depth = set.options.depth
        // libtorch has threads of its own for its products.
        options.threadCount = 1
        var run = Run()
        _ = try ExactSearch(
            queries: sides.queries, corpus: [sides.corpus], options: options, product: Self.product
        ).run { run.append($0) }
        return run
    }

    /// Products of rows by libtorch: see the README of the module `OpenBLAS`.
    private static let product: RowProduct = { left, rowCount, right, otherRowCount, columnCount, target in
        guard rowCount > 0, otherRowCount > 0 else { return }
        func matrix(_ rows: UnsafePointer<Float>, _ count: Int) throws -> Tensor {
            try Tensor(
                copying: UnsafeRawBufferPointer(start: rows, count: 4 * count * columnCount),
                shape: [count, columnCount], type: .float32)
        }
        try withoutGradients {
            let products = try matrix(left, rowCount).matmul(matrix(right, otherRowCount).transpose(0, 1)).contiguous()
            try products.copyBytes(
                to: UnsafeMutableRawBufferPointer(start: target, count: 4 * rowCount * otherRowCount))
        }
    }

    /// The mean over batches of equal size.
    private struct BatchLosses {
        private var sum = 0.0
        private var queryCount = 0

        var mean: Double? { queryCount == 0 ? nil : sum / Double(queryCount) }

        mutating func add(_ loss: Double, queryCount: Int) {
            sum += loss * Double(queryCount)
            self.queryCount += queryCount
        }
    }

    /// The loss of the queries in batches as large as those of training, each query with its best document and the first of
    /// its negatives. A last batch that is not full is left out, unless it is the only one: fewer
    /// passages make a lower loss.
    private func addLosses(
        of part: ValidationSet.Part, _ sides: Sides, _ temperature: Double?, to losses: inout BatchLosses
    ) throws {
        var loss = loss
        if let temperature { loss.temperature = temperature }
        let usable = part.pairs.filter {
            sides.querySource.row(of: $0.query) != nil && sides.corpusSource.row(of: $0.positive) != nil
        }
        let size = min(queriesPerBatch, usable.count)
        guard size > 0 else { return }
        for start in stride(from: 0, through: usable.count - size, by: size) {
            try Interruption.check()
            losses.add(try batchLoss(loss, of: usable[start..<(start + size)], sides), queryCount: size)
        }
    }

    private func batchLoss(
        _ loss: ContrastiveLoss, of pairs: ArraySlice<ValidationSet.Pair>, _ sides: Sides
    ) throws -> Double {
        var documents: [UInt32] = []
        var positives: [Int] = []
        for pair in pairs {
            positives.append(documents.count)
            documents.append(pair.positive)
            documents += pair.negatives.filter { sides.corpusSource.row(of: $0) != nil }
        }
        let groups = zip(positives, positives.dropFirst() + [documents.count]).map { $0..<$1 }
        let excluded =
            masksKnownPositives
            ? zip(pairs, positives).map { pair, own in
                documents.indices.filter { $0 != own && pair.known.contains(documents[$0]) }
            } : []
        func vectors(_ ordinals: [UInt32], _ source: RecordSource, _ reader: VectorsReader) throws -> Tensor {
            try Tensor(
                ordinals.flatMap { reader.vector(source.row(of: $0)!) }, shape: [ordinals.count, reader.dims])
        }
        return try withoutGradients {
            try loss(
                queries_BD: vectors(pairs.map(\.query), sides.querySource, sides.queries),
                passages_PD: vectors(documents, sides.corpusSource, sides.corpus),
                BatchFacts(
                    positives: positives, groups: groups, excluded: excluded, passageInputs: documents.map(Int.init))
            ).item()
        }
    }
}

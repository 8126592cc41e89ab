public import Models

/// What the parts of a model compute with in one pass, in rows.
public struct PassSize: Sendable, Equatable {
    /// Of one tower.
    public struct TowerSize: Sendable, Equatable {
        /// Of its layers.
        public var rowCount = 0
        /// Of its last stage, which gives one for each token that stands for an item.
        public var featureCount = 0

        public init(rowCount: Int = 0, featureCount: Int = 0) {
            (self.rowCount, self.featureCount) = (rowCount, featureCount)
        }
    }

    public var tokenCount = 0
    public var towers: [Tower.Name: TowerSize] = [:]
    /// What chunks are cut by: ``ModelInput/cost``.
    public var cost = 0

    public init() {}

    /// - Throws: where a tower cannot be given an item.
    public init(_ inputs: [ModelInput], of model: TextModel) throws {
        for input in inputs {
            tokenCount += input.tokens.count
            cost += input.cost
        }
        for tower in model.towers {
            let items = inputs.flatMap(\.media).filter { $0.tower == tower.name }
            guard !items.isEmpty else { continue }
            towers[tower.name] = TowerSize(
                rowCount: try tower.rowCount(of: items), featureCount: items.reduce(0) { $0 + $1.tokenCount })
        }
    }
}

/// About what the graphs of a pass take of memory.
public struct TraceEstimate: Sendable, Equatable {
    /// Bytes, if the graphs of all stages are kept.
    public let kept: Int
}

extension BlockwiseEncoder {
    /// What linear layers read and write, which is most of a stage's graph, in the rows of each stage; and where weights
    /// are widened to be computed with, their wide copies in each chunk's graph.
    ///
    /// - Parameters:
    ///   - chunkTokens: what a chunk costs at most; nil for one chunk.
    ///   - trained: the parts that gradients are computed for. No graph is kept of what lies before all of them.
    public func estimatedTraces(
        _ size: PassSize, chunkTokens: Int? = nil, trained: Set<ModelPart>, _ precision: Precision
    ) -> TraceEstimate {
        let chunkCount = chunkTokens.map { max(1, (size.cost + $0 - 1) / $0) } ?? 1
        let isWidened = precision.compute != precision.storage
        func isWide(_ layer: Linear) -> Bool {
            isWidened || (layer.weight.isStreamed && layer.weight.tensor.elementType != precision.compute)
        }
        var kept = 0
        func add(_ stages: ArraySlice<any Stage>, rows: Int) {
            for stage in stages {
                let layers = stage.projections.flatMap(\.layers)
                let ofRows = rows * layers.reduce(0) { $0 + $1.inputSize + $1.outputSize }
                let widened = layers.filter(isWide).reduce(0) { $0 + $1.inputSize * $1.outputSize }
                kept += ofRows + chunkCount * widened
            }
        }
        var reachesText = trained.contains(.text)
        for tower in model.towers {
            guard let rows = size.towers[tower.name], rows.rowCount > 0 else { continue }
            let isTrained = trained.contains(tower.name == .vision ? .vision : .audio)
            if isTrained { add(tower.stages.dropLast(), rows: rows.rowCount) }
            guard isTrained || trained.contains(.projectors) else { continue }
            add(tower.stages.suffix(1), rows: rows.featureCount)
            reachesText = true
        }
        if reachesText { add(model.stages[...], rows: size.tokenCount) }
        return TraceEstimate(kept: precision.compute.byteCount * kept)
    }
}

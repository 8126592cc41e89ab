internal import Base
public import Models
public import Tensors

/// Bytes as a function of how many rows are computed with.
public struct RowBytes: Sendable, Equatable {
    public var fixed: Double
    public var perRow: Double

    public init(fixed: Double, perRow: Double) { (self.fixed, self.perRow) = (fixed, perRow) }

    /// The line through two measurements; what would be less than nothing at no rows is nothing.
    init(_ less: (rows: Int, bytes: Int), _ more: (rows: Int, bytes: Int)) {
        guard more.rows > less.rows else {
            self.init(fixed: 0, perRow: Double(more.bytes) / Double(max(1, more.rows)))
            return
        }
        let slope = max(0, Double(more.bytes - less.bytes) / Double(more.rows - less.rows))
        let fixed = Double(more.bytes) - slope * Double(more.rows)
        self =
            fixed < 0
            ? RowBytes(fixed: 0, perRow: Double(more.bytes) / Double(more.rows)) : .init(fixed: fixed, perRow: slope)
    }

    public func callAsFunction(rows: Int) -> Int { Int((fixed + perRow * Double(rows)).rounded()) }
}

/// What a stage takes of memory while it runs, beside its weights and what it was given.
public struct StageMemory: Sendable, Equatable {
    /// Held between forward and backward where the graph is kept: the graph, with the output.
    public var graph: RowBytes
    /// The most at once in a forward pass that keeps nothing.
    public var forward: RowBytes
    /// The most at once in backward with a graph that was kept, which is part of it; gradients of the weights too.
    public var backward: RowBytes

    public init(graph: RowBytes, forward: RowBytes, backward: RowBytes) {
        (self.graph, self.forward, self.backward) = (graph, forward, backward)
    }
}

extension BlockwiseEncoder {
    /// Tokens of the larger of two trials; of a longer text so many are taken.
    private static let trialTokens = 512

    /// What each stage of the text model takes, found by running stages of each shape forward and backward, with few tokens
    /// of the inputs, which is extrapolated. Which tensors a family keeps, and what libtorch's kernels take for the time
    /// being, no formula says.
    ///
    /// Its cost is about that of a step of one block with 1,000 tokens. Media are left out: towers have other chains.
    ///
    /// - Parameters:
    ///   - model: without weights, in the types that it is computed with, adapters attached; the stages that are run get
    ///     some.
    ///   - isTrained: whether all weights of the stages are trained; else the adapters alone are.
    ///   - inputs: of one pass; at least one.
    ///   - type: of hidden states.
    public static func stageMemory(
        of model: TextModel, isTrained: Bool, _ inputs: [ModelInput], dropout: Dropout, computing type: ElementType
    ) throws -> [StageMemory] {
        let lengths = inputs.map { min($0.tokens.count, trialTokens) }.sorted()
        let (less, more) = (texts(lengths, tokens: trialTokens / 4), texts(lengths, tokens: trialTokens))
        var known: [[String]: StageMemory] = [:]
        return try model.stages.map { stage in
            let shape =
                ["\(Swift.type(of: stage))"]
                + stage.parameters.map { "\($0.tensor.shape) \($0.tensor.elementType) \($0.isTrainable)" }
            if let memory = known[shape] { return memory }
            try Interruption.check()
            for parameter in stage.parameters where !parameter.isTrainable {
                try isTrained ? parameter.makeTrainable() : parameter.materialize()
            }
            let small = try trial(of: stage, model.rowSize, type, lengths: less, dropout)
            let large = try trial(of: stage, model.rowSize, type, lengths: more, dropout)
            func line(_ bytes: (Trial) -> Int) -> RowBytes {
                RowBytes((small.rows, bytes(small)), (large.rows, bytes(large)))
            }
            let memory = StageMemory(graph: line(\.graph), forward: line(\.forward), backward: line(\.backward))
            known[shape] = memory
            return memory
        }
    }

    private struct Trial {
        let rows, graph, forward, backward: Int
    }

    private static func trial(
        of stage: any Stage, _ rowSize: Int, _ type: ElementType, lengths: [Int], _ dropout: Dropout
    ) throws -> Trial {
        let batch = try DeviceBatch(PackedBatch(lengths.map { [Int32](repeating: 0, count: $0) }))
        let rows = batch.packed.tokenCount
        let context = batch.context(dropout)
        let input = try Tensor.ones([rows, rowSize], type: type)
        // What a first run makes for good, as tables of rotary angles, is not of its graph.
        let gradient = try withoutGradients { try stage.forward(input, context).zerosLike() }
        let forward = try TensorMemory.measure { _ = try withoutGradients { try stage.forward(input, context) } }.usage
            .most
        try input.requireGradient()
        let variables = [input] + stage.parameters.filter(\.isTrainable).map(\.tensor)
        var graph = 0
        let whole = try TensorMemory.measure {
            let (output, usage) = try TensorMemory.measure { try withGradients { try stage.forward(input, context) } }
            graph = usage.left
            _ = try Tensor.gradients(
                of: [output], withRespectTo: variables, outputGradients: [gradient], allowUnused: true)
        }.usage.most
        return Trial(rows: rows, graph: graph, forward: forward, backward: whole)
    }

    /// Lengths from all over a batch, ascending, of about so many tokens together; at least one.
    private static func texts(_ lengths: [Int], tokens: Int) -> [Int] {
        let mean = max(1, lengths.reduce(0, +) / lengths.count)
        let count = max(1, min(lengths.count, tokens / mean))
        return (0..<count).map { lengths[(2 * $0 + 1) * lengths.count / (2 * count)] }
    }
}

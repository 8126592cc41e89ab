internal import Base
public import Models
public import Tensors

// Shape letters: T tokens of a chunk, U texts of a pass, D hidden size.

/// Forward and backward of a text model, one block at a time.
///
/// A pass cuts the model at its stages: each (the entrance, each block, the head) starts from a detached input, so
/// backward walks from the last stage to the first and hands one gradient down. What a stage keeps in between is its
/// trace; gradients are the same, bit for bit, whatever is kept. Texts run in chunks inside each stage, so a block's
/// weights are fetched once for a whole pass.
public final class BlockwiseEncoder {
    /// What a stage keeps between forward and backward.
    public enum Trace: String, Sendable, CaseIterable {
        /// Its graph: nothing is computed twice.
        case keep
        /// Its input: backward runs it again. A third more work, and the memory of one stage instead of all.
        case recompute
    }

    public let model: TextModel
    public let head: Head
    public let device: Device
    /// What gradients are computed for, in the order of all gradients here.
    public let parameters: [Parameter]
    private let indexes: [ObjectIdentifier: Int]

    /// - Parameter model: with the parameters to train marked as trainable.
    public init(model: TextModel, head: Head, device: Device = .cpu) {
        self.model = model
        self.head = head
        self.device = device
        parameters = model.trainableParameters + head.parameters.filter(\.isTrainable)
        indexes = Dictionary(uniqueKeysWithValues: parameters.enumerated().map { (ObjectIdentifier($1), $0) })
    }

    /// One stage of one chunk between forward and backward.
    fileprivate struct Step {
        let input: Tensor?
        var output: Tensor?
    }

    /// A forward pass that waits for its backward.
    public struct Pass {
        /// `[U, D]`, in the caller's order: a leaf that records gradients.
        public let vectors_UD: Tensor
        /// Tokens that ran through the model.
        public let tokenCount: Int
        fileprivate let chunks: [Chunk]
        fileprivate let dropout: Dropout
        /// `[stage][chunk]`
        fileprivate var steps: [[Step]]
    }

    /// Some of a pass's texts, packed.
    fileprivate struct Chunk {
        let batch: DeviceBatch
        /// The caller's numbers of its texts.
        let members: [Int]
    }

    private var stageCount: Int { model.stages.count + 2 }

    private func trained(stage: Int) -> [Parameter] {
        let all: [Parameter] =
            switch stage {
            case 0: model.entrance.parameters
            case stageCount - 1: head.parameters
            default: model.stages[stage - 1].parameters
            }
        return all.filter(\.isTrainable)
    }

    /// The first stage that a gradient has to reach.
    private var firstTrainedStage: Int { (0..<stageCount).first { !trained(stage: $0).isEmpty } ?? stageCount - 1 }

    private func run(stage: Int, _ input: Tensor?, _ chunk: Chunk, _ dropout: Dropout) throws -> Tensor {
        guard let input else { return try model.entrance.embed(chunk.batch, dropout) }
        guard stage == stageCount - 1 else {
            return try model.stages[stage - 1].forward(input, chunk.batch.context(dropout))
        }
        return try head(input, chunk.batch)
    }

    /// Vectors of texts, and what backward needs.
    ///
    /// - Parameters:
    ///   - inputs: of the texts; none empty.
    ///   - chunkTokens: most tokens of a chunk, unless one text alone has more; nil takes all at once.
    ///   - dropout: for the pass; the same seed drops the same when a stage is run again.
    /// - Throws: `Failure` with status 130 after an interruption: between stages, so no weight has changed.
    public func forward(
        _ inputs: [ModelInput], chunkTokens: Int? = nil, dropout: Dropout = .none, trace: Trace = .keep
    ) throws -> Pass {
        let chunks = try Self.chunks(of: inputs, tokens: chunkTokens).map { members in
            let packed = PackedBatch(members.map { inputs[$0] })
            return Chunk(batch: try DeviceBatch(packed, device: device), members: members)
        }
        let firstTrained = firstTrainedStage
        var steps: [[Step]] = []
        var current = [Tensor?](repeating: nil, count: chunks.count)
        for stage in 0..<stageCount {
            var ofStage: [Step] = []
            for (number, chunk) in chunks.enumerated() {
                try Interruption.check()
                let input = try current[number].map { try stage > firstTrained ? $0.requireGradient() : $0 }
                let keepsGraph = trace == .keep && stage >= firstTrained
                let output =
                    try keepsGraph
                    ? withGradients { try run(stage: stage, input, chunk, dropout) }
                    : withoutGradients { try run(stage: stage, input, chunk, dropout) }
                // What lies before the first trained stage is never asked for again.
                ofStage.append(Step(input: stage >= firstTrained ? input : nil, output: keepsGraph ? output : nil))
                current[number] = try output.detached()
            }
            steps.append(ofStage)
        }
        return Pass(
            vectors_UD: try Self.inCallersOrder(current.map { $0! }, chunks.map(\.members), count: inputs.count),
            tokenCount: inputs.reduce(0) { $0 + $1.tokens.count }, chunks: chunks, dropout: dropout, steps: steps)
    }

    /// Adds the gradients of `Σ vectors · vectorGradients` to `sums`, from the last stage to the first.
    ///
    /// Each stage's trace is freed as soon as it has been used.
    public func backward(_ pass: consuming Pass, vectorGradients_UD: Tensor, into sums: GradientSums) throws {
        let firstTrained = firstTrainedStage
        var flowing: [Tensor] = try pass.chunks.map { chunk in
            try withoutGradients { try vectorGradients_UD.indexSelect(0, Self.rows(chunk.members, device)) }
        }
        var steps = pass.steps
        for stage in stride(from: stageCount - 1, through: firstTrained, by: -1) {
            let weights = trained(stage: stage)
            for (number, chunk) in pass.chunks.enumerated() {
                try Interruption.check()
                let step = steps[stage][number]
                let output =
                    try step.output ?? withGradients { try run(stage: stage, step.input, chunk, pass.dropout) }
                let passesOn = stage > firstTrained
                let inputs = (passesOn ? [step.input!] : []) + weights.map(\.tensor)
                guard !inputs.isEmpty else { continue }
                let gradients = try Tensor.gradients(
                    of: [output], withRespectTo: inputs, outputGradients: [flowing[number]], allowUnused: true)
                steps[stage][number] = Step(input: nil, output: nil)
                for (weight, gradient) in zip(weights, gradients.dropFirst(passesOn ? 1 : 0)) {
                    if let gradient { try sums.add(gradient, at: indexes[ObjectIdentifier(weight)]!) }
                }
                if passesOn { flowing[number] = try gradients[0] ?? step.input!.zerosLike() }
            }
            steps.removeLast()
        }
    }

    /// Inputs by cost, cut where a chunk is full.
    private static func chunks(of inputs: [ModelInput], tokens: Int?) -> [[Int]] {
        let order = inputs.indices.sorted { (inputs[$0].cost, $0) < (inputs[$1].cost, $1) }
        guard let tokens else { return [order] }
        var chunks: [[Int]] = []
        var filled = 0
        for input in order {
            if chunks.isEmpty || filled + inputs[input].cost > tokens {
                chunks.append([])
                filled = 0
            }
            chunks[chunks.count - 1].append(input)
            filled += inputs[input].cost
        }
        return chunks
    }

    private static func rows(_ members: [Int], _ device: Device) throws -> Tensor {
        try Tensor(members.map(Int64.init)).to(device)
    }

    private static func inCallersOrder(_ parts: [Tensor], _ members: [[Int]], count: Int) throws -> Tensor {
        var rows = [Int64](repeating: 0, count: count)
        for (row, member) in members.joined().enumerated() { rows[member] = Int64(row) }
        return try withoutGradients {
            let all = parts.count == 1 ? parts[0] : try Tensor.cat(parts)
            return try all.indexSelect(0, Tensor(rows).to(all.device)).requireGradient()
        }
    }

    /// About how many bytes all traces of a pass of `tokenCount` tokens take if they are kept: what the linear layers
    /// read and write, which is most of a block's graph, and where weights are widened to be computed with, their wide
    /// copies in each chunk's graph.
    public func estimatedTraceBytes(tokenCount: Int, chunkTokens: Int? = nil, _ precision: Precision) -> Int {
        let layers = model.linearLayers
        let rows = tokenCount * layers.reduce(0) { $0 + $1.inputSize + $1.outputSize }
        let chunkCount = chunkTokens.map { max(1, (tokenCount + $0 - 1) / $0) } ?? 1
        let isWidened = precision.compute != precision.storage
        let widened = isWidened ? chunkCount * layers.reduce(0) { $0 + $1.inputSize * $1.outputSize } : 0
        return precision.compute.byteCount * (rows + widened)
    }
}

/// Sums of gradients, one for each trained parameter.
public final class GradientSums {
    private var sums: [Tensor?]

    public init(count: Int) { sums = Array(repeating: nil, count: count) }

    /// Takes the first gradient as it is and adds later ones to it in place.
    public func add(_ gradient: Tensor, at index: Int) throws {
        guard let sum = sums[index] else {
            sums[index] = gradient
            return
        }
        try withoutGradients { try sum.addInPlace(gradient) }
    }

    /// All sums, for parameters in their order; zero for one that nothing depended on. Empties the sums.
    public func take(for parameters: [Parameter]) throws -> [Tensor] {
        defer { sums = Array(repeating: nil, count: sums.count) }
        return try zip(parameters, sums).map { try $1 ?? $0.tensor.zerosLike() }
    }
}

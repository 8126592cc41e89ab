internal import Base
public import Models
public import SystemPackage
public import Tensors

// Shape letters: T tokens of a chunk, U texts of a pass, D hidden size.

/// Forward and backward of a text model, one block at a time.
///
/// A pass cuts the model at its stages: each (the entrance, each block, the head) starts from a detached input, so
/// backward walks from the last stage to the first and hands one gradient down. What a stage keeps in between is its
/// trace; gradients are the same, bit for bit, whatever is kept. Texts run in chunks inside each stage, so a block's
/// weights are fetched once for a whole pass.
public final class BlockwiseEncoder {
    public let model: TextModel
    public let head: Head
    public let device: Device
    /// What gradients are computed for, in the order of all gradients here.
    public let parameters: [Parameter]
    /// For each piece of the model, in the order of a forward pass, the numbers of the ``parameters`` that backward has all
    /// gradients of once it has left the piece. Each is there once.
    public let trainedOfPieces: [[Int]]
    private let indexes: [ObjectIdentifier: Int]
    let pieces: [Piece]
    /// Keeps what frozen towers make; nil computes it each time.
    public var towerCache: TowerCache?
    /// Where inputs are offloaded to on the CPU; nil for the folder of temporary files.
    public var scratchFolder: FilePath?

    /// - Parameter model: with the parameters to train marked as trainable.
    public init(model: TextModel, head: Head, device: Device = .cpu) {
        self.model = model
        self.head = head
        self.device = device
        parameters = model.trainableParameters + head.parameters.filter(\.isTrainable)
        pieces = Self.pieces(of: model)
        let indexes = Dictionary(uniqueKeysWithValues: parameters.enumerated().map { (ObjectIdentifier($1), $0) })
        self.indexes = indexes
        var seen: Set<Int> = []
        trainedOfPieces = pieces.map { piece in
            Self.parameters(of: piece, model, head).compactMap { indexes[ObjectIdentifier($0)] }
                .filter { seen.insert($0).inserted }
        }
        precondition(seen.count == parameters.count, "every trained parameter belongs to a piece")
    }

    /// One piece of one chunk between forward and backward.
    fileprivate struct Step {
        /// What a piece was given, here or elsewhere.
        private enum Input {
            case here(Tensor)
            case elsewhere(OffloadedInputs.Slot)
        }

        /// Nothing for a tower's entrance; for the text model's, the features of each tower.
        private var given: [Input?] = []
        let output: Tensor?

        /// Of a piece that is not run again.
        init() { output = nil }

        /// - Parameter elsewhere: where the inputs wait; nil for here.
        init(_ inputs: [Tensor?], elsewhere: OffloadedInputs?, output: Tensor?) throws {
            self.output = output
            given = try inputs.map { input in
                try input.map { input in try elsewhere.map { .elsewhere(try $0.store(input)) } ?? .here(input) }
            }
        }

        func readAhead(_ offloaded: OffloadedInputs?) throws {
            for case .elsewhere(let slot)? in given { try offloaded?.readAhead(slot) }
        }

        /// - Parameter recordsGradients: of each input.
        func inputs(_ offloaded: OffloadedInputs?, recordsGradients: [Bool]) throws -> [Tensor?] {
            try zip(given, recordsGradients).map { input, isRecorded in
                switch input {
                case .here(let tensor): tensor
                case .elsewhere(let slot): try offloaded!.take(slot).requireGradient(isRecorded)
                case nil: nil
                }
            }
        }
    }

    /// A forward pass that waits for its backward.
    public struct Pass {
        /// `[U, D]`, in the caller's order: a leaf that records gradients.
        public let vectors_UD: Tensor
        /// Tokens that ran through the model.
        public let tokenCount: Int
        fileprivate let chunks: [Chunk]
        fileprivate let dropout: Dropout
        /// `[piece][chunk]`; nil where a chunk has nothing for a tower.
        fileprivate var steps: [[Step?]]
        /// Nil where all inputs are here.
        fileprivate let offloaded: OffloadedInputs?
    }

    /// Some of a pass's inputs, packed.
    struct Chunk {
        let batch: DeviceBatch
        /// The caller's numbers of its inputs.
        let members: [Int]
    }

    /// Vectors of inputs, and what backward needs.
    ///
    /// - Parameters:
    ///   - inputs: none empty.
    ///   - chunkTokens: what a chunk costs at most (``ModelInput/cost``), unless one input alone costs more; nil takes all
    ///     at once.
    ///   - dropout: for the pass; the same seed drops the same when a stage is run again.
    /// - Throws: `Failure` with status 130 after an interruption: between stages, so no weight has changed.
    public func forward(
        _ inputs: [LoadedInput], chunkTokens: Int? = nil, dropout: Dropout = .none, trace: Trace = .keep
    ) throws -> Pass {
        let chunks = try Self.chunks(of: inputs.map(\.input), tokens: chunkTokens).map { members in
            let packed = PackedBatch(members.map { inputs[$0] })
            return Chunk(batch: try DeviceBatch(packed, device: device), members: members)
        }
        let isReached = findTrained()
        let offloaded = trace.offloadsInputs ? try OffloadedInputs(in: scratchFolder) : nil
        var steps: [[Step?]] = []
        // What each piece has made of each chunk, until nothing needs it any more.
        var made: [Int: [Tensor?]] = [:]
        for (number, piece) in pieces.enumerated() {
            if let towerCache, let prefix = frozenPrefix(of: piece, isReached) {
                steps.append(Array(repeating: Step(), count: chunks.count))
                let isLast = number == prefix.last
                made[number] = try chunks.map { chunk in
                    try Interruption.check()
                    return try isLast
                        ? towerCache.rows(of: model.towers[prefix.tower], stageCount: prefix.stageCount, chunk.batch)
                        : nil
                }
                continue
            }
            try parameters(of: piece).arrive()
            if number + 1 < pieces.count { readAhead(pieces[number + 1]) }
            let sources = sources(of: number)
            var ofPiece: [Step?] = []
            var outputs: [Tensor?] = []
            for (index, chunk) in chunks.enumerated() {
                try Interruption.check()
                let inputs = try sources.map { source in
                    try made[source]![index].map { isReached[source] ? try $0.requireGradient() : $0 }
                }
                let distance = pieces.count - 1 - number
                let keepsGraph = trace.keepsGraph(at: distance) && isReached[number]
                let output =
                    try keepsGraph
                    ? withGradients { try run(piece, inputs, chunk, dropout) }
                    : withoutGradients { try run(piece, inputs, chunk, dropout) }
                let waiting = trace.offloads(at: distance) ? offloaded : nil
                // What no gradient reaches is never asked for again.
                if isReached[number] {
                    try ofPiece.append(
                        output.map { try Step(inputs, elsewhere: waiting, output: keepsGraph ? $0 : nil) })
                } else {
                    ofPiece.append(output.map { _ in Step() })
                }
                outputs.append(try output?.detached())
            }
            steps.append(ofPiece)
            leaveMemory(piece)
            for source in sources { made[source] = nil }
            made[number] = outputs
        }
        let vectors = made[pieces.count - 1]!.map { $0! }
        return Pass(
            vectors_UD: try Self.inCallersOrder(vectors, chunks.map(\.members), count: inputs.count),
            tokenCount: inputs.reduce(0) { $0 + $1.input.tokens.count }, chunks: chunks, dropout: dropout, steps: steps,
            offloaded: offloaded)
    }

    /// Vectors of inputs without media.
    public func forward(
        _ inputs: [ModelInput], chunkTokens: Int? = nil, dropout: Dropout = .none, trace: Trace = .keep
    ) throws -> Pass {
        try forward(inputs.map { LoadedInput($0) }, chunkTokens: chunkTokens, dropout: dropout, trace: trace)
    }

    /// Adds the gradients of `Σ vectors · vectorGradients` to `sums`, from the last piece to the first.
    ///
    /// Each piece's trace is freed as soon as it has been used.
    public func backward(_ pass: consuming Pass, vectorGradients_UD: Tensor, into sums: any GradientSink) throws {
        let isReached = findTrained()
        // What flows back to what a piece has made, of each chunk.
        var flowing: [Int: [Tensor?]] = [:]
        flowing[pieces.count - 1] = try pass.chunks.map { chunk in
            try withoutGradients { try vectorGradients_UD.indexSelect(0, Self.rows(chunk.members, device)) }
        }
        // The pass lets go of them, so that each dies when it is taken from here.
        var steps = pass.steps
        pass.steps = []
        for number in pieces.indices.reversed() {
            defer { steps.removeLast() }
            guard isReached[number], let given = flowing.removeValue(forKey: number) else { continue }
            try parameters(of: pieces[number]).arrive()
            if number > 0, isReached[number - 1] { readAhead(pieces[number - 1]) }
            defer { leaveMemory(pieces[number]) }
            let weights = trained(pieces[number])
            let sources = sources(of: number)
            let reached = sources.indices.filter { isReached[sources[$0]] }
            for source in reached { flowing[sources[source]] = Array(repeating: nil, count: pass.chunks.count) }
            for (index, chunk) in pass.chunks.enumerated() {
                try Interruption.check()
                guard let step = steps[number][index], let gradient = given[index] else { continue }
                steps[number][index] = nil
                let next =
                    index + 1 < pass.chunks.count ? steps[number][index + 1] : steps[max(0, number - 1)].first ?? nil
                try next?.readAhead(pass.offloaded)
                let inputs = try step.inputs(pass.offloaded, recordsGradients: sources.map { isReached[$0] })
                let differentiated = reached.filter { inputs[$0] != nil }
                let variables = differentiated.map { inputs[$0]! } + weights.map(\.tensor)
                guard !variables.isEmpty else { continue }
                let output =
                    try step.output ?? withGradients { try run(pieces[number], inputs, chunk, pass.dropout)! }
                let gradients = try Tensor.gradients(
                    of: [output], withRespectTo: variables, outputGradients: [gradient], allowUnused: true)
                for (weight, gradient) in zip(weights, gradients.dropFirst(differentiated.count)) {
                    if let gradient { try sums.add(gradient, at: indexes[ObjectIdentifier(weight)]!) }
                }
                for (input, gradient) in zip(differentiated, gradients) {
                    flowing[sources[input]]![index] = try gradient ?? inputs[input]!.zerosLike()
                }
            }
            if !trainedOfPieces[number].isEmpty { try sums.leave(piece: number) }
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
}

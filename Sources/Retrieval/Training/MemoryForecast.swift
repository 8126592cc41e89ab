internal import Base
internal import Engine
internal import Models
internal import Tensors

/// What one process takes when it takes most, by what holds it, in bytes.
public struct MemoryPeak: Sendable, Equatable {
    /// The program, its libraries and what was opened, but for weights.
    public var process = 0
    /// See ``MemoryForecast/libraryByteCount``.
    public var libraries = 0
    public var weights = 0
    public var moments = 0
    /// Those that are there at that moment.
    public var gradients = 0
    /// Graphs and inputs that wait for backward.
    public var traces = 0
    /// What the stage that runs takes beside its graph, and gradients on their way between stages.
    public var temporaries = 0
    /// Decoded pixels and spectra of the step, and of those read ahead, and what decoding holds beside them.
    public var media = 0
    public var towerCache = 0
    /// Vectors of what the model is measured on, and what finds results among them; 0 where a step takes more than validation.
    public var validation = 0
    /// The largest weight of a checkpoint, which is read back and compared while what steps have freed is still kept.
    public var checkpoint = 0

    public var total: Int {
        process + libraries + weights + moments + gradients + traces + temporaries + media + towerCache
            + validation + checkpoint
    }
}

/// What a run takes of memory with any ``MemoryPlan``: a walk over a step, with what each piece of the model holds.
package struct MemoryForecast {
    /// What libraries take once they compute, beside tensors: their code and tables, laid out weights of products, stacks of
    /// threads, nodes of graphs, batches that were read ahead. No part of it grows with the model; 12 to 93 MiB were found.
    static let libraryByteCount = 48 << 20
    /// Pages around one that is touched come with it.
    private static let pagesAround = 16 * 4096

    let amounts: TrainingAmounts
    /// Towers' stages, the entrance and blocks, in the order of forward; the head comes behind.
    private let pieces: [Piece]
    let processCount: Int
    /// Micro-batches of a step.
    let accumulation: Int
    let isAdapted: Bool
    /// Whether weights can be streamed, as far as is known before their files are looked at.
    let canStream: Bool
    /// Of the run that is planned.
    let residency: WeightResidency
    /// Of the config.
    let configuredChunk: Int?
    package let blockCount: Int
    /// Of the micro-batch, and of its costliest input: see ``ModelInput/cost``.
    let cost: Int
    let longestCost: Int
    /// Different tokens of the micro-batch: as many rows are read of a table that is streamed.
    private let tokenKinds: Int
    private let mediaByteCount: Int
    /// Nil where nothing is validated on.
    private let validation: (memory: ValidationMemory, pieces: [Piece])?

    /// What a piece of the model holds of one micro-batch.
    private struct Piece {
        let rows: Int
        let memory: StageMemory
        /// Of one row, what it is given, and makes.
        let rowByteCount: Int
        /// Of its trained weights.
        let gradientByteCount: Int
        /// Whether gradients reach it.
        let isReached: Bool

        var inputByteCount: Int { rows * rowByteCount }
    }

    /// - Parameters:
    ///   - inputs: of one process, of the micro-batch that takes most.
    ///   - media: of the steps that were looked at.
    ///   - processCount: how many train together.
    init(_ plan: TrainingPlan, _ inputs: [ModelInput], _ media: MediaAmounts, processCount: Int = 1) throws {
        amounts = try TrainingAmounts(plan)
        mediaByteCount = media.heldByteCount
        self.processCount = processCount
        let config = plan.config
        accumulation = config.accumulation
        isAdapted = config.lora != nil
        residency = plan.residency
        canStream = plan.device == .cpu
        configuredChunk = config.chunkTokens
        cost = inputs.reduce(0) { $0 + $1.cost }
        longestCost = inputs.map(\.cost).max() ?? 0
        tokenKinds = Set(inputs.flatMap(\.tokens)).count
        let outline = try plan.outline()
        blockCount = outline.text.stages.count
        pieces = try Self.pieces(plan, outline, inputs, media, amounts, dropout: plan.dropout(of: outline.text))
        if let set = plan.validation {
            let memory = try ValidationMemory(set, plan)
            validation = (
                memory, try Self.pieces(plan, outline, memory.inputs, memory.media, amounts, dropout: .none)
            )
        } else {
            validation = nil
        }
    }

    /// What each piece of the model holds of some inputs, which go through it together.
    ///
    /// - Parameter outline: of the model that is trained; its stages are tried out.
    private static func pieces(
        _ plan: TrainingPlan, _ outline: EmbeddingModel, _ inputs: [ModelInput], _ media: MediaAmounts,
        _ amounts: TrainingAmounts, dropout: Dropout
    ) throws -> [Piece] {
        let config = plan.config
        let isAdapted = config.lora != nil
        let type = plan.precision.compute
        let model = outline.text
        let trained = try plan.trainedParts()
        let size = try PassSize(inputs, of: plan.start.text)
        let memory = try BlockwiseEncoder.stageMemory(
            of: model, isTrained: config.lora == nil && !config.frozen.contains(.text), inputs, dropout: dropout,
            computing: outline.precision.compute)
        var reaches = false
        var pieces: [Piece] = []
        for tower in plan.start.text.towers {
            guard let rows = size.towers[tower.name], rows.rowCount > 0 else { continue }
            let part: ModelPart = tower.name == .vision ? .vision : .audio
            var reachesTower = trained.contains(part)
            let hiddenSize = tower.stages.first?.projections.first?.layers.first?.inputSize ?? model.hiddenSize
            pieces.append(
                Piece(
                    rows: rows.rowCount,
                    memory: Self.entrance(
                        givenPerRow: Double(media.givenByteCounts[tower.name] ?? 0) / Double(rows.rowCount),
                        copyCount: tower.entrance.rowCopyCount,
                        madePerRow: Double(type.byteCount * hiddenSize), type),
                    rowByteCount: 0, gradientByteCount: amounts.gradients(of: tower.entrance.parameters),
                    isReached: reachesTower))
            for (number, stage) in tower.stages.enumerated() {
                let isLast = number == tower.stages.count - 1
                if isLast { reachesTower = reachesTower || trained.contains(.projectors) }
                let layers = stage.projections.flatMap(\.layers)
                pieces.append(
                    Piece(
                        rows: isLast ? rows.featureCount : rows.rowCount,
                        memory: Self.estimate(layers, type.byteCount),
                        rowByteCount: type.byteCount * (layers.first?.inputSize ?? model.hiddenSize),
                        gradientByteCount: amounts.gradients(of: stage.parameters), isReached: reachesTower))
            }
            reaches = reaches || reachesTower
        }
        reaches = reaches || trained.contains(.text)
        let rowByteCount = type.byteCount * model.rowSize
        // What an entrance holds are a few times its rows.
        let rowsOnly = RowBytes(fixed: 0, perRow: 2 * Double(rowByteCount))
        pieces.append(
            Piece(
                rows: size.tokenCount, memory: StageMemory(graph: rowsOnly, forward: rowsOnly, backward: rowsOnly),
                rowByteCount: rowByteCount,
                gradientByteCount: amounts.gradients(of: plan.start.text.entrance.parameters),
                isReached: reaches && (!isAdapted || !size.towers.isEmpty)))
        for (stage, memory) in zip(plan.start.text.stages, memory) {
            pieces.append(
                Piece(
                    rows: size.tokenCount, memory: memory, rowByteCount: rowByteCount,
                    gradientByteCount: amounts.gradients(of: stage.parameters), isReached: reaches))
        }
        return pieces
    }

    /// Of a tower's entrance, whose rows are written out as float32 each time: their product with one weight.
    private static func entrance(
        givenPerRow given: Double, copyCount: Int, madePerRow made: Double, _ type: ElementType
    ) -> StageMemory {
        let converted = type == .float32 ? 0 : given * Double(type.byteCount) / 4
        let kept = converted > 0 ? converted : given
        let most = given * Double(copyCount) + converted
        return StageMemory(
            graph: RowBytes(fixed: 0, perRow: kept + made), forward: RowBytes(fixed: 0, perRow: most + made),
            backward: RowBytes(fixed: 0, perRow: most + 2 * made))
    }

    /// Of a tower's stage, which is not tried out: what its linear layers read and write, and again as much on the way back.
    private static func estimate(_ layers: [Linear], _ byteCount: Int) -> StageMemory {
        let width = Double(byteCount * layers.reduce(0) { $0 + $1.inputSize + $1.outputSize })
        let weights = Double(byteCount * layers.reduce(0) { $0 + $1.inputSize * $1.outputSize })
        return StageMemory(
            graph: RowBytes(fixed: 0, perRow: width), forward: RowBytes(fixed: 0, perRow: width / 2),
            backward: RowBytes(fixed: weights, perRow: 1.5 * width))
    }

    /// Memory of a run that is computed so, at the moment when it takes most.
    ///
    /// - Parameter validates: whether what is between steps counts.
    package func peak(of plan: MemoryPlan, validates: Bool = true) -> MemoryPeak {
        let division = MemoryDivision(plan.sharding, processCount)
        var parts = MemoryPeak()
        parts.process = amounts.process
        parts.libraries = Self.libraryByteCount
        parts.weights = amounts.weights(plan.residency, division)
        if plan.residency == .streamed { parts.weights += min(amounts.table, tokenKinds * Self.pagesAround) }
        parts.moments = division.part(of: amounts.moments, from: .optimizer)
        parts.media = mediaByteCount
        parts.towerCache = amounts.towerCache
        parts.checkpoint = amounts.checkpoint(division)
        // The optimizer's moment: all gradients, in float32.
        parts.gradients = division.part(of: amounts.masterGradients, from: .optimizer)
        let chunkCount = plan.chunkTokens.map { max(1, (cost + $0 - 1) / max($0, longestCost)) } ?? 1
        for moment in moments(plan.trace, chunkCount: chunkCount, division) + (validates ? validationMoments : []) {
            guard moment.total > parts.gradients + parts.traces + parts.temporaries + parts.validation else { continue }
            (parts.gradients, parts.traces, parts.temporaries, parts.validation) =
                (moment.gradients, moment.traces, moment.temporaries, moment.validation)
        }
        return parts
    }

    private struct Moment {
        var gradients, traces, temporaries: Int
        var validation = 0
        var total: Int { gradients + traces + temporaries + validation }
    }

    /// What is held between steps while the model is measured: each piece runs without a graph, and then vectors are searched.
    /// No gradients are there.
    private var validationMoments: [Moment] {
        guard let validation else { return [] }
        let memory = validation.memory
        let encoding = validation.pieces.map { piece in
            let rows = Int(Double(piece.rows) * memory.scale)
            return Moment(
                gradients: 0, traces: 0,
                temporaries: 2 * rows * piece.rowByteCount + piece.memory.forward(rows: rows),
                validation: memory.held)
        }
        return encoding + [
            Moment(gradients: 0, traces: 0, temporaries: 0, validation: memory.held + memory.search)
        ]
    }

    /// What a pass holds while each piece runs, forward and back.
    private func moments(
        _ trace: BlockwiseEncoder.Trace, chunkCount: Int, _ division: MemoryDivision
    ) -> [Moment] {
        let all = pieces.reduce(0) { $0 + $1.gradientByteCount }
        // Sums that wait for another micro-batch are divided with gradients; those of a step that is over, with the optimizer.
        let accumulates = accumulation > 1
        var gradients = accumulates ? division.part(of: all, from: .gradients) : 0
        let accumulatesHere = accumulates && division.sharding < .gradients
        var (traces, held, moments) = (0, [Int](), [Moment]())
        var previousKeeps = false
        for (number, piece) in pieces.enumerated() {
            let rows = (piece.rows + chunkCount - 1) / chunkCount
            moments.append(
                Moment(
                    gradients: gradients, traces: traces,
                    temporaries: 2 * piece.inputByteCount + piece.memory.forward(rows: rows)))
            let distance = pieces.count - number
            let keeps = piece.isReached && trace.keepsGraph(at: distance)
            var own = 0
            if keeps { own += chunkCount * piece.memory.graph(rows: rows) }
            // What the piece before has kept of its output is the same.
            if piece.isReached, !previousKeeps, !trace.offloads(at: distance) { own += piece.inputByteCount }
            held.append(own)
            traces += own
            previousKeeps = keeps
        }
        for (number, piece) in pieces.enumerated().reversed() where piece.isReached {
            let rows = (piece.rows + chunkCount - 1) / chunkCount
            let distance = pieces.count - number
            var temporaries = piece.inputByteCount + piece.memory.backward(rows: rows)
            if trace.keepsGraph(at: distance) { temporaries -= piece.memory.graph(rows: rows) }
            // Of the chunk that runs and of the next one.
            if trace.offloads(at: distance) { temporaries += 2 * rows * piece.rowByteCount }
            // Of divided gradients, two pieces' are on their way at most.
            let behind = pieces.dropFirst(number + 1).prefix(2).filter(\.isReached).map(\.gradientByteCount)
            let underWay = division.sharding == .none ? [] : behind
            let sums = chunkCount > 1 && !accumulatesHere ? piece.gradientByteCount : 0
            moments.append(
                Moment(
                    gradients: gradients + sums, traces: traces,
                    temporaries: max(0, temporaries) + underWay.reduce(0, +)))
            if processCount > 1 {
                // The piece's are laid end to end, when but one other's are on their way.
                let own = (accumulatesHere ? 1 : 2) * piece.gradientByteCount
                moments.append(
                    Moment(
                        gradients: gradients, traces: traces,
                        temporaries: piece.inputByteCount + own + (underWay.first ?? 0)))
            }
            if !accumulates { gradients += division.part(of: piece.gradientByteCount, from: .optimizer) }
            traces -= held[number]
        }
        return moments
    }
}

extension MemoryForecast {
    /// Of the first steps, as ``DryRun`` looks at them.
    ///
    /// - Parameter workers: as ``BatchReader`` has them.
    package init(_ plan: TrainingPlan, processCount: Int, workers: Int? = nil) throws {
        var largest: [ModelInput] = []
        var media = MediaAmounts(processCount: processCount, workers: workers)
        var sequenceCount = 0
        for step in 0..<min(plan.stepCount, DryRun.mostSteps) where sequenceCount < DryRun.mostSequences {
            try Interruption.check()
            let batches = try plan.batches(step: step)
            media.add(batches)
            for batch in batches {
                sequenceCount += batch.sequenceCount
                largest = Self.costlier(largest, batch.inputs, processCount: processCount)
            }
        }
        try self.init(plan, largest, media, processCount: processCount)
    }

    /// The costlier of the inputs of one process, and of those of a micro-batch that go to the process which gets most.
    static func costlier(_ own: [ModelInput], _ all: [ModelInput], processCount: Int) -> [ModelInput] {
        func cost(_ inputs: [ModelInput]) -> Int { inputs.reduce(0) { $0 + $1.cost } }
        let shares = WorkDivision(costs: all.map(\.cost), processCount: processCount).members
            .map { $0.map { all[$0] } }
        return (shares + [own]).max { cost($0) < cost($1) }!
    }
}

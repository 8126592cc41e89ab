internal import Base
internal import Glibc
internal import Models
internal import Tensors

/// What a run holds whatever it does, in bytes: every copy is counted, as the run makes it.
struct TrainingAmounts {
    /// The program, its libraries and what was opened, but for weights.
    let process: Int
    /// Of one step, as they are computed: in the type of the rounded copy where there is one.
    let gradients: Int
    /// Of one step, as the optimizer is given them: float32.
    let masterGradients: Int
    /// AdamW's two, as `optimizer.state` keeps them.
    let moments: Int
    /// The most that is kept of what frozen towers make: `tower_cache`.
    let towerCache: Int
    /// Of the largest matrix of the entrance.
    let table: Int
    /// Of the largest weight that checkpoints have; 0 beside an adapter.
    private let checkpoint: Int
    private let residentWeights: Int
    private let streamedWeights: Int
    /// Float32 weights that rounded ones are made of; 0 where those that are trained are computed with.
    private let masters: Int
    /// What is computed with and not trained, that processes can divide: all of it, and what is not streamed.
    private let frozenWeights: (resident: Int, streamed: Int)
    /// The most of weights that two pieces of the model have which follow each other, likewise.
    private let pairWeights: (resident: Int, streamed: Int)
    /// The most that a piece has of what checkpoints hold, as the optimizer changes it.
    private let largestPiece: Int
    /// Of each parameter that has gradients; adapters' by the weight that they are beside.
    private let gradientByteCounts: [ObjectIdentifier: Int]

    init(_ plan: TrainingPlan) throws {
        let model = plan.start.text
        let config = plan.config
        let isAdapted = config.lora != nil
        let sizes = WeightSizes(plan)
        let all = model.parameters + plan.start.head.parameters
        let gradientByteCounts = try Self.gradientByteCounts(plan, sizes)
        self.gradientByteCounts = gradientByteCounts
        gradients = gradientByteCounts.values.reduce(0, +)
        let trained = all.filter { gradientByteCounts[ObjectIdentifier($0)] != nil }
        masterGradients =
            isAdapted ? gradients : trained.reduce(0) { $0 + 4 * $1.tensor.elementCount }
        let kept = all.reduce(0) { $0 + sizes.resident($1) }
        if isAdapted {
            // An adapter is small.
            checkpoint = 0
            residentWeights = kept + gradients
            // What is a vector stays in memory, and the head; of matrices those of one stage are there.
            let staying = model.parameters.filter { $0.tensor.dimensionCount <= 1 } + plan.start.head.parameters
            let stages = (model.towers.flatMap(\.stages) + model.stages).map { stage in
                stage.parameters.reduce(0) { $0 + ($1.tensor.dimensionCount > 1 ? $1.tensor.byteCount : 0) }
            }
            streamedWeights = staying.reduce(0) { $0 + sizes.resident($1) } + (stages.max() ?? 0) + gradients
        } else {
            checkpoint = all.map { 4 * $0.tensor.elementCount }.max() ?? 0
            residentWeights = kept + all.reduce(0) { $0 + sizes.rounded($1) }
            streamedWeights = residentWeights
        }
        let hasMasters = !isAdapted && config.precision == .bf16
        masters = hasMasters ? trained.reduce(0) { $0 + sizes.resident($1) } : 0
        let pieces = Self.pieces(of: plan.start)
        let divided = Self.dividedWeights(pieces, gradientByteCounts, plan, sizes)
        (frozenWeights, pairWeights) = (
            (divided.resident.frozen, divided.streamed.frozen), (divided.resident.pair, divided.streamed.pair)
        )
        largestPiece =
            pieces.map { piece in
                piece.reduce(0) {
                    $0 + (isAdapted ? gradientByteCounts[ObjectIdentifier($1)] ?? 0 : 4 * $1.tensor.elementCount)
                }
            }.max() ?? 0
        moments = try TrainingPlan.trainedCounts(config, of: plan.start).reduce(0) {
            $0 + config.optimizer.state.byteCount(of: $1)
        }
        towerCache = config.towerCache << 20
        table = model.entrance.parameters.map(\.tensor.byteCount).max() ?? 0
        // All weights have been read, to see whether they are finite, and those that are not streamed are still there.
        let opened =
            plan.device == .cpu && !plan.isOutline
            ? all.reduce(0) { $0 + ($1.isStreamed ? 0 : $1.tensor.byteCount) } : 0
        // What opening has freed is given back when the run begins.
        Compute.trimHeap()
        process = max(0, Self.residentBytes() - opened)
    }

    /// What a weight takes, as ``WeightFiles`` keeps it.
    private struct WeightSizes {
        let precision: Precision
        let isRounded: Bool

        init(_ plan: TrainingPlan) {
            precision = plan.precision
            isRounded = plan.config.precision == .bf16
        }

        /// Of the copy that computes, beside what is trained in float32; 0 where there is none.
        func rounded(_ parameter: Parameter) -> Int {
            guard isRounded else { return 0 }
            let type = parameter.tensor.dimensionCount == 1 ? precision.compute : precision.storage
            return type.byteCount * parameter.tensor.elementCount
        }

        /// As it was loaded, were it resident.
        func resident(_ parameter: Parameter) -> Int {
            parameter.isStreamed
                ? precision.storage.byteCount * parameter.tensor.elementCount : parameter.tensor.byteCount
        }
    }

    /// Gradients of what is trained; those of an adapter by the weight that it is beside.
    private static func gradientByteCounts(
        _ plan: TrainingPlan, _ sizes: WeightSizes
    ) throws -> [ObjectIdentifier: Int] {
        let (model, config) = (plan.start.text, plan.config)
        var counts: [ObjectIdentifier: Int] = [:]
        if let lora = config.lora {
            for layer in try model.targetLayers(of: lora.configuration(for: model), except: config.frozen) {
                counts[ObjectIdentifier(layer.weight)] = 4 * lora.rank * (layer.inputSize + layer.outputSize)
            }
            return counts
        }
        let parts = model.parts.filter { !config.frozen.contains($0) }
        for parameter in parts.flatMap({ model.parameters(of: $0) }) + plan.start.head.parameters {
            let rounded = sizes.rounded(parameter)
            counts[ObjectIdentifier(parameter)] = rounded > 0 ? rounded : 4 * parameter.tensor.elementCount
        }
        return counts
    }

    /// Weights that processes can divide: what of them is not trained, and the most that two neighbouring pieces have,
    /// with all weights resident and with matrices streamed.
    private static func dividedWeights(
        _ pieces: [[Parameter]], _ gradients: [ObjectIdentifier: Int], _ plan: TrainingPlan, _ sizes: WeightSizes
    ) -> (resident: (frozen: Int, pair: Int), streamed: (frozen: Int, pair: Int)) {
        let config = plan.config
        let isAdapted = config.lora != nil
        // Towers whose outputs are kept are whole in each process.
        let whole = Set(
            config.towerCache == 0
                ? [] : config.frozen.flatMap { plan.start.text.parameters(of: $0).map(ObjectIdentifier.init) })
        func frozen(_ parameter: Parameter, isStreamed: Bool) -> Int {
            let id = ObjectIdentifier(parameter)
            guard isAdapted || gradients[id] == nil, !whole.contains(id) else { return 0 }
            if isStreamed, parameter.tensor.dimensionCount > 1 { return 0 }
            return !isAdapted && sizes.isRounded ? sizes.rounded(parameter) : sizes.resident(parameter)
        }
        func sums(isStreamed: Bool) -> (frozen: Int, pair: Int) {
            let frozen = pieces.map { $0.reduce(0) { $0 + frozen($1, isStreamed: isStreamed) } }
            let gathered = zip(frozen, pieces).map { frozen, piece in
                frozen + piece.reduce(0) { $0 + (gradients[ObjectIdentifier($1)] ?? 0) }
            }
            return (frozen.reduce(0, +), zip(gathered, gathered.dropFirst() + [0]).map(+).max() ?? 0)
        }
        return (sums(isStreamed: false), sums(isStreamed: true))
    }

    /// The pieces of a model whose weights are used, and exchanged, one after the other; each weight is there once.
    private static func pieces(of model: EmbeddingModel) -> [[Parameter]] {
        let text = model.text
        let towers = text.towers.flatMap { tower in [tower.entrance.parameters] + tower.stages.map(\.parameters) }
        var seen: Set<ObjectIdentifier> = []
        return (towers + [text.entrance.parameters] + text.stages.map(\.parameters) + [model.head.parameters]).map {
            $0.filter { seen.insert(ObjectIdentifier($0)).inserted }
        }
    }

    /// Everything that is trained, in float32, and what is computed with in another type: with `dtype: bf16` the rounded
    /// copy of the weights, or beside an adapter the only one; of streamed weights those of the largest stage. Of weights
    /// that are divided the process's part, and those of the piece that runs and of the next one.
    func weights(_ residency: WeightResidency, _ division: MemoryDivision = .none) -> Int {
        let isStreamed = residency == .streamed
        var all =
            (isStreamed ? streamedWeights : residentWeights) - masters + division.part(of: masters, from: .optimizer)
        guard division.sharding == .weights else { return all }
        let frozen = isStreamed ? frozenWeights.streamed : frozenWeights.resident
        all += division.part(of: frozen, from: .weights) - frozen
        // Where there are masters, the process's part of these is all it has.
        all += (masters > 0 ? 0 : division.part(of: gradients, from: .weights)) - gradients
        return all + (isStreamed ? pairWeights.streamed : pairWeights.resident)
    }

    /// What writing a checkpoint takes: of weights that no process has all of, a piece is gathered for it.
    func checkpoint(_ division: MemoryDivision) -> Int {
        let isNowhereWhole = division.sharding == .weights || (masters > 0 && division.sharding > .none)
        return checkpoint + (isNowhereWhole ? largestPiece : 0)
    }

    /// Of what is trained of some parameters, adapters beside them included.
    func gradients(of parameters: [Parameter]) -> Int {
        parameters.reduce(0) { $0 + (gradientByteCounts[ObjectIdentifier($1)] ?? 0) }
    }

    /// What the process has in memory now; 0 where the system does not say.
    static func residentBytes() -> Int {
        let fields = ((try? Files.readText("/proc/self/statm")) ?? "").split(separator: " ")
        return fields.count > 1 ? (Int(fields[1]) ?? 0) * Int(sysconf(Int32(_SC_PAGESIZE))) : 0
    }

    /// The most that the process had in memory at once; 0 where the system does not say.
    static func peakResidentBytes() -> Int {
        let lines = ((try? Files.readText("/proc/self/status")) ?? "").split(separator: "\n")
        let kibibytes = lines.first { $0.hasPrefix("VmHWM:") }.flatMap { Int($0.filter(\.isNumber)) }
        return (kibibytes ?? 0) << 10
    }
}

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
    /// Of the largest weight that checkpoints have; 0 beside an adapter, which is small.
    let checkpoint: Int
    private let residentWeights: Int
    private let streamedWeights: Int
    /// Of each parameter that has gradients; adapters' by the weight that they are beside.
    private let gradientByteCounts: [ObjectIdentifier: Int]

    init(_ plan: TrainingPlan) throws {
        let model = plan.start.text
        let config = plan.config
        let precision = plan.precision
        let head = plan.start.head.parameters
        let all = model.parameters + head
        // As WeightFiles keeps them.
        func roundedSize(_ parameter: Parameter) -> Int {
            guard config.precision == .bf16 else { return 0 }
            let type = parameter.tensor.dimensionCount == 1 ? precision.compute : precision.storage
            return type.byteCount * parameter.tensor.elementCount
        }
        func residentSize(_ parameter: Parameter) -> Int {
            parameter.isStreamed
                ? precision.storage.byteCount * parameter.tensor.elementCount : parameter.tensor.byteCount
        }
        let kept = all.reduce(0) { $0 + residentSize($1) }
        let trained: Int
        var gradientByteCounts: [ObjectIdentifier: Int] = [:]
        if let lora = config.lora {
            for layer in try model.targetLayers(of: lora.configuration(for: model), except: config.frozen) {
                gradientByteCounts[ObjectIdentifier(layer.weight)] =
                    4 * lora.rank * (layer.inputSize + layer.outputSize)
            }
            gradients = gradientByteCounts.values.reduce(0, +)
            trained = gradients / 4
            checkpoint = 0
            residentWeights = kept + 4 * trained
            // What is a vector stays in memory; of matrices those of one stage are there.
            func matrices(_ parameters: [Parameter]) -> Int {
                parameters.reduce(0) { $0 + ($1.tensor.dimensionCount > 1 ? $1.tensor.byteCount : 0) }
            }
            let stages = (model.towers.flatMap(\.stages) + model.stages).map { matrices($0.parameters) }
            streamedWeights =
                all.reduce(0) { $0 + residentSize($1) }
                - model.parameters.reduce(0) {
                    $0 + ($1.tensor.dimensionCount > 1 ? residentSize($1) : 0)
                } + (stages.max() ?? 0) + 4 * trained
        } else {
            let parameters =
                model.parts.filter { !config.frozen.contains($0) }.flatMap { model.parameters(of: $0) } + head
            for parameter in parameters {
                let rounded = roundedSize(parameter)
                gradientByteCounts[ObjectIdentifier(parameter)] =
                    rounded > 0 ? rounded : 4 * parameter.tensor.elementCount
            }
            trained = parameters.reduce(0) { $0 + $1.tensor.elementCount }
            checkpoint = all.map { 4 * $0.tensor.elementCount }.max() ?? 0
            gradients = gradientByteCounts.values.reduce(0, +)
            residentWeights = kept + all.reduce(0) { $0 + roundedSize($1) }
            streamedWeights = residentWeights
        }
        self.gradientByteCounts = gradientByteCounts
        masterGradients = 4 * trained
        moments = try TrainingPlan.trainedCounts(config, of: plan.start).reduce(0) {
            $0 + config.optimizer.state.byteCount(of: $1)
        }
        towerCache = config.towerCache << 20
        table = model.entrance.parameters.map(\.tensor.byteCount).max() ?? 0
        // All weights have been read, to see whether they are finite, and those that are not streamed are still there.
        let opened = plan.device == .cpu ? all.reduce(0) { $0 + ($1.isStreamed ? 0 : $1.tensor.byteCount) } : 0
        // What opening has freed is given back when the run begins.
        Compute.trimHeap()
        process = max(0, Self.residentBytes() - opened)
    }

    /// Everything that is trained, in float32, and what is computed with in another type: with `dtype: bf16` the rounded
    /// copy of the weights, or beside an adapter the only one; of streamed weights those of the largest stage.
    func weights(_ residency: WeightResidency) -> Int { residency == .streamed ? streamedWeights : residentWeights }

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

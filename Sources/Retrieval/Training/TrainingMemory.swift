internal import Base
internal import Engine
internal import Glibc
internal import JSON
internal import Models
internal import Tensors

/// What a run takes of memory, by what holds it, in bytes.
///
/// Every copy is counted, as the run makes it; what the libraries take for themselves while they compute is not.
public struct TrainingMemory: Sendable {
    /// What the process has in memory once everything is opened: the program, its libraries, pages of mapped files.
    public let process: Int
    /// Everything that is trained, in float32, and what is computed with in another type: with `dtype: bf16` the rounded
    /// copy of the weights, or beside an adapter the only one; of streamed weights those of the largest stage.
    public let weights: Int
    /// Of one step: float32 for the optimizer, and as they are computed where the rounded copy is of another type.
    public let gradients: Int
    /// AdamW's two, as `optimizer.state` keeps them.
    public let moments: Int
    /// About what the graphs of the largest micro-batch that was looked at take, all of them kept: see
    /// ``BlockwiseEncoder/estimatedTraces(_:chunkTokens:trained:_:)``.
    public let keptTraces: Int
    /// Likewise with `--trace recompute`.
    public let recomputedTraces: Int

    /// The most that is kept of what frozen towers make: `tower_cache`.
    public let towerCache: Int

    /// - Parameter traces: of the largest micro-batch.
    init(_ plan: TrainingPlan, traces: TraceEstimate) throws {
        let model = plan.start.text
        let config = plan.config
        let precision = plan.precision
        let head = plan.start.head.parameters
        let streamed = (model.towers.flatMap(\.stages) + model.stages).map {
            Self.sum($0.parameters.filter(\.isStreamed), \.tensor.byteCount)
        }
        let kept =
            Self.sum((model.parameters + head).filter { !$0.isStreamed }, \.tensor.byteCount) + (streamed.max() ?? 0)
        let counts = try TrainingPlan.trainedCounts(config, of: plan.start)
        let trained = counts.reduce(0, +)
        if config.lora != nil {
            weights = kept + 4 * trained
            gradients = 4 * trained
        } else {
            // As WeightFiles keeps them.
            func roundedSize(_ parameter: Parameter) -> Int {
                guard config.precision == .bf16 else { return 0 }
                let type = parameter.tensor.dimensionCount == 1 ? precision.compute : precision.storage
                return type.byteCount * parameter.tensor.elementCount
            }
            let parameters =
                model.parts.filter { !config.frozen.contains($0) }.flatMap { model.parameters(of: $0) } + head
            weights = kept + Self.sum(model.parameters + head, roundedSize)
            gradients = 4 * trained + Self.sum(parameters, roundedSize)
        }
        moments = counts.reduce(0) { $0 + config.optimizer.state.byteCount(of: $1) }
        towerCache = config.towerCache << 20
        (keptTraces, recomputedTraces) = (traces.kept, traces.recomputed)
        process = Self.residentBytes()
    }

    /// Everything, with all graphs kept.
    public var total: Int { process + weights + gradients + moments + towerCache + keptTraces }

    /// Everything, with `--trace recompute`.
    public var recomputedTotal: Int { total - keptTraces + recomputedTraces }

    private static func sum(_ parameters: [Parameter], _ size: (Parameter) -> Int) -> Int {
        parameters.reduce(0) { $0 + size($1) }
    }

    /// What the process has in memory now; 0 where the system does not say.
    static func residentBytes() -> Int {
        let fields = ((try? Files.readText("/proc/self/statm")) ?? "").split(separator: " ")
        return fields.count > 1 ? (Int(fields[1]) ?? 0) * Int(sysconf(Int32(_SC_PAGESIZE))) : 0
    }

    /// What `--dry-run` prints.
    var lines: [String] {
        func size(_ bytes: Int) -> String { byteSize(bytes) }
        return [
            "memory",
            "  weights \(size(weights)), gradients \(size(gradients)), optimizer \(size(moments)), "
                + "this process \(size(process))",
        ] + (towerCache > 0 ? ["  of frozen towers at most \(size(towerCache)) kept"] : []) + [
            "  traces about \(size(keptTraces)) kept, \(size(recomputedTraces)) with --trace recompute",
            "  together about \(size(total)), or \(size(recomputedTotal))",
        ]
    }

    var json: JSONValue {
        [
            "weights": JSONValue(weights), "gradients": JSONValue(gradients), "optimizer": JSONValue(moments),
            "process": JSONValue(process), "tower_cache": JSONValue(towerCache), "kept_traces": JSONValue(keptTraces),
            "recomputed_traces": JSONValue(recomputedTraces), "total": JSONValue(total),
            "recomputed_total": JSONValue(recomputedTotal),
        ]
    }
}

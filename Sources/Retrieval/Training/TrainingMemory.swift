internal import Base
internal import Engine
internal import Glibc
internal import JSON
internal import Models

/// What a run takes of memory, by what holds it, in bytes.
///
/// Every copy is counted, as the run makes it; what the libraries take for themselves while they compute is not.
public struct TrainingMemory: Sendable {
    /// What the process has in memory once everything is opened: the program, its libraries, pages of mapped files.
    public let process: Int
    /// Float32 weights, adapters included; with `dtype: bf16` also the rounded copy that computes.
    public let weights: Int
    /// Of one step: with `dtype: bf16` as they are computed, and once more in float32 for the optimizer.
    public let gradients: Int
    /// AdamW's two, float32.
    public let moments: Int
    /// About what the graphs of the largest micro-batch that was looked at take, all of them kept: see
    /// ``BlockwiseEncoder/estimatedTraceBytes(tokenCount:)``.
    public let keptTraces: Int
    /// Likewise with `--trace recompute`: the inputs of all blocks and the graph of one.
    public let recomputedTraces: Int

    init(_ plan: TrainingPlan, largestBatch tokenCount: Int) {
        let model = plan.start.text
        let config = plan.config
        let isRounded = config.precision == .bf16
        let elements = (model.parameters + plan.start.head.parameters).reduce(0) { $0 + $1.tensor.elementCount }
        let trained: Int
        let adapters: Int
        if let lora = config.lora {
            let targets = model.linearLayers.filter { lora.configuration.isTarget($0.name) }
            adapters = targets.reduce(0) { $0 + lora.rank * ($1.inputSize + $1.outputSize) }
            trained = adapters
        } else {
            adapters = 0
            trained = (model.activeParameters + plan.start.head.parameters).reduce(0) {
                $0 + $1.tensor.elementCount
            }
        }
        weights = 4 * (elements + adapters) + (isRounded ? 2 * elements : 0)
        gradients = 4 * trained + (isRounded ? 2 * trained : 0)
        moments = 8 * trained
        let encoder = BlockwiseEncoder(model: model, head: plan.start.head, device: plan.device)
        let elementSize = isRounded ? 2 : 4
        func traces(_ tokenCount: Int) -> Int { encoder.estimatedTraceBytes(tokenCount: tokenCount) * elementSize / 4 }
        keptTraces = traces(tokenCount)
        let inputs = elementSize * tokenCount * model.hiddenSize * model.stages.count
        let chunk = min(tokenCount, config.chunkTokens ?? tokenCount)
        recomputedTraces = inputs + traces(chunk) / max(1, model.stages.count)
        process = Self.residentBytes()
    }

    /// Everything, with all graphs kept.
    public var total: Int { process + weights + gradients + moments + keptTraces }

    /// Everything, with `--trace recompute`.
    public var recomputedTotal: Int { process + weights + gradients + moments + recomputedTraces }

    /// What the process has in memory now; 0 where the system does not say.
    private static func residentBytes() -> Int {
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
            "  traces about \(size(keptTraces)) kept, \(size(recomputedTraces)) with --trace recompute",
            "  together about \(size(total)), or \(size(recomputedTotal))",
        ]
    }

    var json: JSONValue {
        [
            "weights": JSONValue(weights), "gradients": JSONValue(gradients), "optimizer": JSONValue(moments),
            "process": JSONValue(process), "kept_traces": JSONValue(keptTraces),
            "recomputed_traces": JSONValue(recomputedTraces), "total": JSONValue(total),
            "recomputed_total": JSONValue(recomputedTotal),
        ]
    }
}

internal import Base
internal import JSON
internal import Engine
internal import Models

/// What a run takes of memory, by what holds it, in bytes, and what it would take with other plans.
public struct TrainingMemory: Sendable {
    /// The program, its libraries and what was opened, but for weights.
    public let process: Int
    /// Everything that is trained, in float32, and what is computed with in another type: with `dtype: bf16` the rounded
    /// copy of the weights, or beside an adapter the only one; of streamed weights those of the largest stage; of
    /// divided ones the process's part, and what is gathered of them at once.
    public let weights: Int
    /// Of one step, as they are computed; of gradients that are divided the process's part.
    public let gradients: Int
    /// AdamW's two, as `optimizer.state` keeps them; likewise.
    public let moments: Int
    /// The most that is kept of what frozen towers make: `tower_cache`.
    public let towerCache: Int
    /// The peaks of a run that keeps all graphs, and of one that keeps none.
    public let kept: MemoryPeak
    public let recomputed: MemoryPeak
    /// What waits for backward in a step of either.
    private let traces: (kept: Int, recomputed: Int)
    /// The plan that the user asks for, or that is chosen by `--memory`; nil where each step decides.
    public let chosen: (candidate: MemoryCandidate, peak: MemoryPeak)?
    /// All that come into question, the fastest first.
    public let candidates: [MemoryCandidate]
    /// How many processes take as much each.
    public let processCount: Int
    private let keptPlan: MemoryPlan
    private let budget: Int?
    private let blockCount: Int

    /// - Throws: `Failure` (78) where no plan fits into what was wished for.
    init(_ plan: TrainingPlan, _ forecast: MemoryForecast, _ wish: MemoryWish) throws {
        let amounts = forecast.amounts
        let division = MemoryDivision(wish.sharding ?? .none, forecast.processCount)
        process = amounts.process
        weights = amounts.weights(plan.residency, division)
        gradients = division.part(of: amounts.gradients, from: .gradients)
        moments = division.part(of: amounts.moments, from: .optimizer)
        towerCache = amounts.towerCache
        keptPlan = MemoryPlan(
            trace: .keep, chunkTokens: forecast.configuredChunk, residency: plan.residency, sharding: division.sharding)
        kept = forecast.peak(of: keptPlan)
        var recomputing = keptPlan
        recomputing.trace = .recompute
        recomputed = forecast.peak(of: recomputing)
        traces = (
            forecast.peak(of: keptPlan, validates: false).traces,
            forecast.peak(of: recomputing, validates: false).traces
        )
        var wish = wish
        // What nobody wished for, nor asked to choose, is as the plan was opened.
        if wish.budget == nil {
            wish.residency = wish.residency ?? plan.residency
            wish.sharding = division.sharding
        }
        let (first, all) = try forecast.choice(wish)
        candidates = all
        chosen = wish.budget == nil && wish.trace == nil ? nil : (first, forecast.peak(of: first.plan))
        (budget, blockCount, processCount) = (wish.budget, forecast.blockCount, forecast.processCount)
    }

    /// Everything, with all graphs kept.
    public var total: Int { kept.total }

    /// Everything, with `--trace recompute`.
    public var recomputedTotal: Int { recomputed.total }

    /// Why a plan was chosen.
    public static func reason(_ candidate: MemoryCandidate, budget: Int) -> String {
        "--memory \(memorySize(budget)): \(candidate.plan.text) is the fastest plan that fits, with about "
            + "\(memorySize(candidate.byteCount))"
            + (candidate.relativeTime > 1
                ? ", and takes about \(decimal(candidate.relativeTime, digits: 2)) times as long as one that keeps all"
                : "")
    }

    /// What `--dry-run` prints.
    var lines: [String] {
        let shown = chosen?.peak ?? kept
        var lines = ["memory" + (processCount > 1 ? " of each of \(processCount) processes" : "")]
        if let chosen, let budget { lines.append("  " + Self.reason(chosen.candidate, budget: budget)) }
        lines += [
            "  at its peak\(shown.validation > 0 ? ", in validation," : "") with \((chosen?.candidate.plan ?? keptPlan).text): weights \(byteSize(shown.weights)), "
                + "gradients \(byteSize(shown.gradients)), optimizer \(byteSize(shown.moments)),",
            "    traces \(byteSize(shown.traces)), temporaries \(byteSize(shown.temporaries)), this process "
                + "\(byteSize(shown.process)), libraries \(byteSize(shown.libraries)), checkpoint \(byteSize(shown.checkpoint))",
        ]
        if shown.media > 0 {
            lines.append("    pixels and spectra \(byteSize(shown.media)), of the step and of those read ahead")
        }
        if shown.validation > 0 {
            lines.append(
                "    vectors and results \(byteSize(shown.validation)); validation.batch_tokens lowers temporaries")
        }
        if towerCache > 0 { lines.append("  of frozen towers at most \(byteSize(towerCache)) kept") }
        lines.append(
            chosen.map { "  together about \(byteSize($0.peak.total))" }
                ?? "  together about \(byteSize(total)), or \(byteSize(recomputedTotal)) with --trace recompute")
        guard budget != nil else { return lines }
        lines.append("  plans, with memory and the relative time of a step")
        var least = Int.max
        for candidate in candidates where isShown(candidate) {
            // What is slower and takes no less is no choice.
            guard candidate.byteCount < least || candidate == chosen?.candidate else { continue }
            least = min(least, candidate.byteCount)
            let text = candidate.plan.text
            lines.append(
                "    \(text)\(String(repeating: " ", count: max(2, 60 - text.utf8.count)))"
                    + "\(memorySize(candidate.byteCount))  \(decimal(candidate.relativeTime, digits: 2))"
                    + (candidate == chosen?.candidate ? "  chosen" : ""))
        }
        return lines
    }

    /// Of plans that differ in how many blocks keep their graphs, every fourth of the model, and the chosen one.
    private func isShown(_ candidate: MemoryCandidate) -> Bool {
        guard let kept = candidate.plan.trace.keptBlocks, kept > 0, candidate != chosen?.candidate else { return true }
        return kept % max(1, blockCount / 4) == 0
    }

    var json: JSONValue {
        var json: JSONObject = [
            "weights": JSONValue(weights), "gradients": JSONValue(gradients), "optimizer": JSONValue(moments),
            "process": JSONValue(process), "tower_cache": JSONValue(towerCache),
            "kept_traces": JSONValue(traces.kept), "recomputed_traces": JSONValue(traces.recomputed),
            "total": JSONValue(total), "recomputed_total": JSONValue(recomputedTotal),
            "processes": JSONValue(processCount),
            "plans": .array(candidates.map(Self.json)),
        ]
        if let chosen {
            json["chosen"] = Self.json(chosen.candidate)
            json["peak"] = chosen.peak.json
        }
        return .object(json)
    }

    private static func json(_ candidate: MemoryCandidate) -> JSONValue {
        [
            "plan": candidate.plan.json, "bytes": JSONValue(candidate.byteCount),
            "relative_time": JSONValue((candidate.relativeTime * 1000).rounded() / 1000),
        ]
    }
}

extension MemoryPeak {
    var json: JSONValue {
        [
            "process": JSONValue(process), "libraries": JSONValue(libraries), "weights": JSONValue(weights),
            "optimizer": JSONValue(moments), "gradients": JSONValue(gradients), "traces": JSONValue(traces),
            "temporaries": JSONValue(temporaries), "media": JSONValue(media), "tower_cache": JSONValue(towerCache),
            "validation": JSONValue(validation), "checkpoint": JSONValue(checkpoint),
            "total": JSONValue(total),
        ]
    }
}

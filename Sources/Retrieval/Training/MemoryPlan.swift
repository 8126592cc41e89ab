internal import Base
public import Engine
internal import JSON
public import Models
public import Tensors

/// How a run is computed, as far as it decides how much memory it takes.
///
/// Losses and weights do not depend on it, bit for bit, but for chunks: these sum a weight's gradient in another order, and
/// draw anew what is dropped, as several processes do. So a run may be resumed with any other.
public struct MemoryPlan: Sendable, Equatable {
    public var trace: BlockwiseEncoder.Trace
    /// Most tokens that run through a block at once; nil for all of a micro-batch.
    public var chunkTokens: Int?
    public var residency: WeightResidency
    /// What each of several processes has a share of alone.
    public var sharding: Sharding

    public init(
        trace: BlockwiseEncoder.Trace, chunkTokens: Int? = nil, residency: WeightResidency = .resident,
        sharding: Sharding = .none
    ) {
        (self.trace, self.chunkTokens, self.residency, self.sharding) = (trace, chunkTokens, residency, sharding)
    }

    /// What users call it: the options and keys that ask for it.
    public var text: String {
        var parts = ["--trace \(trace.keptBlocks == nil ? "keep" : trace.offloadsInputs ? "offload" : "recompute")"]
        if let kept = trace.keptBlocks, kept > 0 { parts.append("--kept-blocks \(kept)") }
        if let chunkTokens { parts.append("chunk_tokens \(chunkTokens)") }
        if residency == .streamed { parts.append("--weights streamed") }
        if sharding > .none { parts.append("--shard \(sharding.rawValue)") }
        return parts.joined(separator: ", ")
    }

    var json: JSONValue {
        [
            "trace": .string(trace.keptBlocks == nil ? "keep" : trace.offloadsInputs ? "offload" : "recompute"),
            "kept_blocks": trace.keptBlocks.map { JSONValue($0) } ?? .null,
            "chunk_tokens": chunkTokens.map { JSONValue($0) } ?? .null, "weights": .string(residency.rawValue),
            "shard": .string(sharding.rawValue),
        ]
    }
}

extension TrainingRun.TraceChoice {
    /// What it stands for; nil where that depends on the memory that is free.
    ///
    /// - Parameter keptBlocks: see ``BlockwiseEncoder/Trace``.
    public func policy(keptBlocks: Int? = nil) -> BlockwiseEncoder.Trace? {
        switch self {
        case .auto: nil
        case .keep: .keep
        case .recompute: .recompute(keeping: keptBlocks ?? 0)
        case .offload: .offload(keeping: keptBlocks ?? 0)
        }
    }
}

/// What the user has fixed of a ``MemoryPlan``; nil is open.
public struct MemoryWish: Sendable {
    public var trace: BlockwiseEncoder.Trace?
    public var residency: WeightResidency?
    public var sharding: Sharding?
    /// The most that a process may take; nil: nothing is chosen by it.
    public var budget: Int?
    /// Threads that read and decode, as ``TrainingRun`` is given them.
    public var workers: Int?

    public init(
        trace: BlockwiseEncoder.Trace? = nil, residency: WeightResidency? = nil, sharding: Sharding? = nil,
        budget: Int? = nil, workers: Int? = nil
    ) {
        (self.trace, self.residency, self.sharding, self.budget) = (trace, residency, sharding, budget)
        self.workers = workers
    }
}

/// A plan with what it is expected to take.
public struct MemoryCandidate: Sendable, Equatable {
    public let plan: MemoryPlan
    /// Of a process, at the most.
    public let byteCount: Int
    /// Of a step, relative to keeping all graphs: by counting products and passes over memory, not measured.
    public let relativeTime: Double
}

extension TrainingPlan {
    /// The fastest way to compute the run within what the user wishes.
    ///
    /// What a process has in memory before it trains differs a little from one to another: that of all is chosen, in which
    /// each of them fits.
    ///
    /// - Parameter group: those that train together, of which each may take the budget, and which all call this.
    /// - Throws: `Failure` (78) with the least that would do, where nothing fits.
    public func memoryChoice(_ wish: MemoryWish, with group: ProcessGroup? = nil) throws -> MemoryCandidate {
        let forecast = try MemoryForecast(self, processCount: group?.size ?? 1, workers: wish.workers)
        return try forecast.choice(wish) { fits in
            guard let group else { return fits }
            // All have the same candidates in the same order: those follow from the config and the data.
            let refusals = try Tensor(fits.map { $0 ? 0 : 1 } as [Float])
            try group.sum(refusals)
            return try refusals.floats().map { $0 == 0 }
        }.chosen
    }
}

extension MemoryForecast {
    /// The fewest tokens of a chunk: with fewer, a weight is read for less than it costs.
    private static let leastChunk = 256
    /// By how much a step takes longer, beside what is run again: each time that chunks are halved; where inputs are written
    /// and read; where weights are, which has to come from the disk where the system has no memory to keep the files in; where
    /// gradients are exchanged once more; where weights are gathered for forward and for backward.
    private static let (chunkTime, offloadTime, streamTime, exchangeTime, gatherTime) = (0.01, 0.03, 0.75, 0.02, 0.1)

    /// Plans within what the user has fixed, the fastest first.
    package func candidates(_ wish: MemoryWish) -> [MemoryCandidate] {
        let residencies: [WeightResidency] =
            wish.residency.map { [$0] } ?? (isAdapted && canStream ? [.resident, .streamed] : [residency])
        // One process has nobody to share with.
        let shardings = processCount == 1 ? [.none] : wish.sharding.map { [$0] } ?? Sharding.allCases
        var plans: [MemoryPlan] = []
        for (residency, sharding) in residencies.flatMap({ residency in shardings.map { (residency, $0) } }) {
            func add(_ trace: BlockwiseEncoder.Trace, _ chunkTokens: Int?) {
                plans.append(
                    MemoryPlan(trace: trace, chunkTokens: chunkTokens, residency: residency, sharding: sharding))
            }
            if let trace = wish.trace {
                for chunk in chunks { add(trace, chunk) }
                continue
            }
            add(.keep, configuredChunk)
            for kept in stride(from: blockCount - 1, to: 0, by: -1) { add(.recompute(keeping: kept), configuredChunk) }
            for chunk in chunks { add(.recompute, chunk) }
            for chunk in chunks { add(.offload, chunk) }
        }
        return plans.map {
            MemoryCandidate(plan: $0, byteCount: peak(of: $0).total, relativeTime: relativeTime(of: $0))
        }.enumerated().sorted { ($0.element.relativeTime, $0.offset) < ($1.element.relativeTime, $1.offset) }
            .map(\.element)
    }

    /// The fastest plan that fits.
    ///
    /// - Parameter agreed: of all candidates, which fit, given those that do so in this process.
    /// - Throws: `Failure` (78) with the least that would do, where none fits.
    package func choice(
        _ wish: MemoryWish, agreed: ([Bool]) throws -> [Bool] = { $0 }
    ) throws -> (chosen: MemoryCandidate, all: [MemoryCandidate]) {
        let all = candidates(wish)
        guard let budget = wish.budget else { return (all[0], all) }
        if let chosen = try agreed(all.map { $0.byteCount <= budget }).firstIndex(of: true) {
            return (all[chosen], all)
        }
        let least = all.min { $0.byteCount < $1.byteCount }!
        throw Failure(
            .badConfiguration,
            "no plan fits into \(memorySize(budget)): the least is \(memorySize(least.byteCount)), with \(least.plan.text)",
            advice: all.contains { peak(of: $0.plan, validates: false).total <= budget }
                ? "Raise --memory, or lower validation.batch_tokens, .corpus or .queries: training alone would fit."
                : isAdapted
                    ? "Raise --memory or accumulation, or lower max_lengths or lora.r."
                    : "Raise --memory or accumulation, lower max_lengths, or train an adapter (lora).")
    }

    /// Of chunks, from all of a micro-batch on; the config's alone where it has some.
    private var chunks: [Int?] {
        if let configuredChunk { return [configuredChunk] }
        var sizes: [Int?] = [nil]
        var size = 1
        while size < cost { size *= 2 }
        size /= 2
        while size >= max(Self.leastChunk, longestCost) {
            sizes.append(size)
            size /= 2
        }
        return sizes
    }

    private func relativeTime(of plan: MemoryPlan) -> Double {
        // Products of a block: forward, back to its input, and back to its weights where these are trained.
        let products = isAdapted ? 2.0 : 3.0
        let kept = plan.trace.keptBlocks.map { min($0, blockCount) } ?? blockCount
        var time = 1 + Double(blockCount - kept) / Double(max(1, blockCount)) / products
        if plan.chunkTokens != nil, configuredChunk == nil {
            time += Self.chunkTime * Double(1 + Double(max(1, cost / plan.chunkTokens!)).exponent)
        }
        if plan.trace.offloadsInputs { time += Self.offloadTime }
        if plan.residency == .streamed { time += Self.streamTime }
        if plan.sharding >= .gradients { time += Self.exchangeTime * Double(accumulation - 1) }
        if plan.sharding == .weights { time += Self.gatherTime }
        return time
    }
}

/// A size as `--memory` takes it: `1.9 GiB`, `913 MiB`; rounded up, so that it is enough.
func memorySize(_ bytes: Int) -> String {
    let mebibytes = (bytes + (1 << 20) - 1) >> 20
    guard mebibytes >= 10_000 else { return "\(mebibytes) MiB" }
    return "\(decimal((Double(bytes) / Double(1 << 30) * 10).rounded(.up) / 10, digits: 1)) GiB"
}

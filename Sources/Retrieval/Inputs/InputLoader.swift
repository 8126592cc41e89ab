public import Base
public import Models

/// Decodes the media of batches ahead of whoever computes, on workers.
///
/// Batches go in whole and come out whole, in their order; inputs without media pass through. What is decoded, or about to
/// be, is bounded in bytes. Not Sendable: one thread drives it.
public final class InputLoader {
    /// An input to be loaded.
    public struct Job: Sendable {
        public let plan: InputPlan
        public let planner: InputPlanner
        public let place: Place

        public init(_ plan: InputPlan, _ planner: InputPlanner, at place: Place) {
            self.plan = plan
            self.planner = planner
            self.place = place
        }
    }

    public typealias Output = Result<LoadedInput, any Error>

    private struct Batch {
        var outputs: [Output?]
        /// Numbers of the inputs that workers have, or had, in order.
        var pending: [Int]
        let byteCount: Int
    }

    /// Of what is decoded ahead, where nobody says otherwise.
    public static let defaultByteBudget = 256 << 20

    private let workers: OrderedWorkers<Job, Output>
    private let byteBudget: Int
    private var batches: [Batch] = []
    private var byteCount = 0

    /// - Parameters:
    ///   - workers: threads that decode.
    ///   - byteBudget: of what is decoded ahead; one batch may be larger.
    public init(workers: Int, byteBudget: Int = defaultByteBudget) throws {
        self.byteBudget = byteBudget
        self.workers = try OrderedWorkers(workers: workers, window: 4 * workers) {
            let loader = MediaLoader()
            return { job in Output { try loader.load(job.plan, job.planner, at: job.place) } }
        }
    }

    /// Whether another batch should wait until one was taken.
    public func isFull(for jobs: [Job]) -> Bool {
        !batches.isEmpty && byteCount + Self.byteCount(jobs) > byteBudget
    }

    private static func byteCount(_ jobs: [Job]) -> Int { jobs.reduce(0) { $0 + $1.plan.byteCount } }

    /// Takes a batch in.
    public func submit(_ jobs: [Job]) throws {
        let bytes = Self.byteCount(jobs)
        byteCount += bytes
        batches.append(Batch(outputs: Array(repeating: nil, count: jobs.count), pending: [], byteCount: bytes))
        let batch = batches.count - 1
        for (number, job) in jobs.enumerated() {
            guard !job.plan.media.isEmpty else {
                batches[batch].outputs[number] = .success(LoadedInput(job.plan.input))
                continue
            }
            batches[batch].pending.append(number)
            try workers.submit(job, write: take)
        }
    }

    /// Outputs come in the order of the inputs: the oldest that is missing is this one.
    private func take(_ output: Output) {
        let batch = batches.firstIndex { !$0.pending.isEmpty }!
        batches[batch].outputs[batches[batch].pending.removeFirst()] = output
    }

    /// The oldest batch, once all of it is loaded; what went wrong with an input stands in its place.
    ///
    /// - Precondition: one was submitted.
    public func next() throws -> [Output] {
        precondition(!batches.isEmpty, "a batch that was submitted")
        while !batches[0].pending.isEmpty, let output = try workers.takeOldest() { take(output) }
        let batch = batches.removeFirst()
        byteCount -= batch.byteCount
        return batch.outputs.map { $0! }
    }
}

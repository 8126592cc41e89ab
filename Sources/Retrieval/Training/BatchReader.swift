internal import Base
internal import Examples
internal import Inputs

/// The micro-batches of a run's steps in their order, read, tokenised and with their media decoded ahead of the thread that
/// computes.
///
/// Batches and errors are those of ``TrainingPlan/batches(step:)``; what goes wrong with a step is thrown in its place,
/// after all steps before it. Memory: what ``ExampleReader`` reads ahead, the tokens of ``stepsAhead`` steps, and the media
/// of one step, or of as many as ``InputLoader`` has room for.
final class BatchReader {
    private let plan: TrainingPlan
    private let reader: ExampleReader
    /// The next step to be read.
    private var nextStep: Int
    /// Of reading; thrown after all steps that were read before.
    private var failure: (any Error)?
    /// Steps that are tokenised, the oldest first.
    private var ready: [Step] = []
    private var underWayCount = 0
    private let tokenizing: OrderedWorkers<[Example], Step>
    /// Nil where no media are read.
    private let loader: InputLoader?
    /// Steps whose media are being decoded, the oldest first.
    private var loading: [Step] = []

    /// Steps that are read ahead of the one that is computed.
    static func stepsAhead(workers: Int?) -> Int { max(3, workers ?? 1) }

    /// Threads that decode media.
    static func decoderCount(workers: Int?) -> Int { workers ?? max(1, min(4, processorCount / 2)) }

    private typealias Step = Result<[TrainingBatch], any Error>

    /// Steps that may wait, or be under way.
    private let stepsAhead: Int

    /// - Parameters:
    ///   - first: the step to begin with, from 0.
    ///   - workers: threads that read, as many that tokenise, and as many that decode; nil: one of the former each, which
    ///     keep up with any model that is worth training, and a few of the latter. The other cores compute.
    ///   - place: of this process among those that share each micro-batch; nil where it computes all.
    init(_ plan: TrainingPlan, from first: Int, workers: Int? = nil, place: (rank: Int, size: Int)? = nil) throws {
        self.plan = plan
        nextStep = first
        stepsAhead = Self.stepsAhead(workers: workers)
        let size = UInt64(plan.config.queriesPerStep)
        var reading = ExampleReader.Options(workers: workers ?? 1)
        reading.windows = max(reading.windows, reading.workers)
        reader = try ExampleReader(
            plan.source, slots: (UInt64(first) * size)..<(UInt64(plan.stepCount) * size), options: reading)
        loader = try plan.readsMedia ? InputLoader(workers: Self.decoderCount(workers: workers)) : nil
        let batching = plan.batching
        tokenizing = try OrderedWorkers(workers: workers ?? 1, window: stepsAhead) {
            { examples in
                Result {
                    var batches = try batching.batches(examples)
                    if let place {
                        for index in batches.indices { try batches[index].divide(among: place.size, rank: place.rank) }
                    }
                    return batches
                }
            }
        }
    }

    /// The batches of the next step.
    ///
    /// - Precondition: there is one.
    func next() throws -> [TrainingBatch] {
        while failure == nil, ready.count + underWayCount < stepsAhead, nextStep < plan.stepCount {
            do {
                underWayCount += 1
                try tokenizing.submit(examplesOfNextStep(), write: take)
                nextStep += 1
            } catch {
                underWayCount -= 1
                failure = error
            }
        }
        if ready.isEmpty, loading.isEmpty, let step = try tokenizing.takeOldest() { take(step) }
        guard let loader else {
            guard !ready.isEmpty else { throw failure ?? Failure(.bug, "no step is left") }
            return try ready.removeFirst().get()
        }
        while let step = ready.first, loading.count < stepsAhead {
            let jobs = (try? step.get())?.flatMap { $0.jobs.compactMap { $0 } } ?? []
            guard !loader.isFull(for: jobs) else { break }
            try loader.submit(jobs)
            loading.append(ready.removeFirst())
        }
        guard !loading.isEmpty else { throw failure ?? Failure(.bug, "no step is left") }
        var outputs = try loader.next()[...]
        return try loading.removeFirst().get().map { batch in
            var batch = batch
            let count = batch.jobs.reduce(0) { $0 + ($1 == nil ? 0 : 1) }
            batch.take(try outputs.prefix(count).map { try $0.get() })
            outputs = outputs.dropFirst(count)
            return batch
        }
    }

    private func take(_ step: Step) {
        underWayCount -= 1
        ready.append(step)
    }

    private func examplesOfNextStep() throws -> [Example] {
        try (0..<plan.config.queriesPerStep).map { _ in
            guard let example = try reader.next() else { throw Failure(.bug, "the examples end early") }
            return example
        }
    }
}

/// How examples become micro-batches; may be used by any thread.
struct Batching: Sendable {
    /// Of each part of the config.
    let planners: [TrainingConfig.Sides<InputPlanner>]
    /// Of each part, for messages.
    let references: [String]
    let masksKnownPositives: Bool
    /// Nil where the loss has no teacher.
    let teacher: TeacherScores?
    /// Nil where the loss has no guide.
    let guide: GuideVectors?
    /// Queries of a micro-batch.
    let size: Int

    /// - Parameter examples: of one step.
    func batches(_ examples: [Example]) throws -> [TrainingBatch] {
        let reader = RecordContentReader()
        return try stride(from: 0, to: examples.count, by: size).map { start in
            try TrainingBatch(
                Array(examples[start..<(start + size)]), planners: planners, references: references, reader,
                masksKnownPositives: masksKnownPositives, teacher: teacher, guide: guide)
        }
    }
}

internal import Inputs
internal import Models

/// What decoded media take of memory in one process.
struct MediaAmounts {
    /// Pixels as bytes, and spectra, of the step that has most.
    private var stepByteCount = 0
    /// Bytes of the float32 numbers that a tower is given at once, of the micro-batch that has most.
    private(set) var givenByteCounts: [Tower.Name: Int] = [:]
    private let processCount: Int

    /// - Parameter processCount: how many share each micro-batch.
    init(processCount: Int) { self.processCount = processCount }

    /// Held at once: of the step that is computed, and of those that ``BatchReader`` has decoded ahead of it.
    var heldByteCount: Int {
        let ahead = min(BatchReader.leastStepsAhead * stepByteCount, InputLoader.defaultByteBudget)
        return stepByteCount + max(stepByteCount, ahead)
    }

    mutating func add(_ step: [TrainingBatch]) {
        var byteCount = 0
        for batch in step {
            let media = batch.jobs.flatMap { $0?.plan.media ?? [] }
            byteCount += batch.jobs.reduce(0) { $0 + ($1?.plan.byteCount ?? 0) }
            for tower in Tower.Name.allCases {
                let valueCount = media.reduce(0) { $0 + ($1.tower == tower ? $1.valueCount : 0) }
                givenByteCounts[tower] = max(
                    givenByteCounts[tower] ?? 0, MemoryLayout<Float>.size * share(of: valueCount))
            }
        }
        stepByteCount = max(stepByteCount, share(of: byteCount))
    }

    private func share(of count: Int) -> Int { (count + processCount - 1) / processCount }
}

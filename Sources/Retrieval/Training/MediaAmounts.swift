internal import Inputs
internal import Models

/// What media take of memory in one process, decoded and while they are.
struct MediaAmounts {
    /// Pixels as bytes, and spectra, of the step that has most.
    private(set) var stepByteCount = 0
    /// Of the item that takes most while it is decoded.
    private var decodingByteCount = 0
    /// Of the largest image: what its decoder gives is copied once, by one thread at a time.
    private var copiedByteCount = 0
    /// Bytes of the float32 numbers that a tower is given at once, of the micro-batch that has most.
    private(set) var givenByteCounts: [Tower.Name: Int] = [:]
    private let processCount: Int
    private let workers: Int?

    /// - Parameters:
    ///   - processCount: how many share each micro-batch.
    ///   - workers: as ``BatchReader`` has them.
    init(processCount: Int, workers: Int?) { (self.processCount, self.workers) = (processCount, workers) }

    /// Held at once: of the step that is computed, of those that ``BatchReader`` has decoded ahead of it, and by the threads
    /// that decode.
    var heldByteCount: Int {
        let ahead = min(BatchReader.stepsAhead(workers: workers) * stepByteCount, InputLoader.defaultByteBudget)
        let decoding = BatchReader.decoderCount(workers: workers) * decodingByteCount
        return stepByteCount + max(stepByteCount, ahead) + decoding + copiedByteCount
    }

    mutating func add(_ step: [TrainingBatch]) { add(step.map { $0.jobs.compactMap { $0?.plan } }) }

    /// - Parameter step: what each of its micro-batches has, those without media among them or not.
    mutating func add(_ step: [[InputPlan]]) {
        var byteCount = 0
        for batch in step {
            var valueCounts: [Tower.Name: Int] = [:]
            for plan in batch {
                byteCount += plan.byteCount
                for (item, media) in zip(plan.input.media, plan.media) {
                    valueCounts[item.tower, default: 0] += media.valueCount
                    decodingByteCount = max(decodingByteCount, media.decodingByteCount)
                    if case .image = media.extent { copiedByteCount = max(copiedByteCount, media.decodingByteCount) }
                }
            }
            for (tower, count) in valueCounts {
                givenByteCounts[tower] = max(givenByteCounts[tower] ?? 0, MemoryLayout<Float>.size * share(of: count))
            }
        }
        stepByteCount = max(stepByteCount, share(of: byteCount))
    }

    private func share(of count: Int) -> Int { (count + processCount - 1) / processCount }
}

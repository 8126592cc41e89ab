internal import Tensors

/// How often numbers lie in equal intervals between the smallest and the largest.
public struct ScoreHistogram: Sendable, Equatable {
    public let least: Double
    public let greatest: Double
    public let count: Int
    public let sum: Double
    public let sumOfSquares: Double
    /// Upper ends of the intervals, ascending; the first begins at ``least``.
    public let limits: [Double]
    public let counts: [Int]

    public static let intervalCount = 40

    /// - Returns: nil where there are no numbers, or one is not finite.
    public init?(of values: [Float]) {
        guard let smallest = values.min(), let largest = values.max(), values.allSatisfy(\.isFinite) else { return nil }
        let (least, greatest) = (Double(smallest), Double(largest))
        let width = (greatest - least) / Double(Self.intervalCount)
        // Equal numbers have one interval, which is not empty.
        let limits =
            width > 0
            ? (1..<Self.intervalCount).map { least + width * Double($0) } + [greatest] : [greatest.nextUp]
        var counts = [Int](repeating: 0, count: limits.count)
        for value in values {
            let interval = width > 0 ? Int((Double(value) - least) / width) : 0
            counts[min(interval, limits.count - 1)] += 1
        }
        self.limits = limits
        self.counts = counts
        (self.least, self.greatest) = (least, greatest)
        count = values.count
        sum = values.reduce(0) { $0 + Double($1) }
        sumOfSquares = values.reduce(0) { $0 + Double($1) * Double($1) }
    }
}

/// Similarities of a step's queries with its passages, not divided by the temperature.
public struct ScoreSample: Sendable, Equatable {
    /// Of each query with its own positive.
    public var positives: [Float] = []
    /// Of each query with the passages that it is told apart from: not its own positive, nor any that is left out.
    public var negatives: [Float] = []

    /// Scores of a micro-batch that are kept at most.
    static let mostOfBatch = 1 << 16

    public init() {}

    /// Adds the scores of a micro-batch; of more than ``mostOfBatch`` every so many-th.
    ///
    /// - Parameter vectors_UD: of its inputs.
    mutating func add(_ vectors_UD: Tensor, _ batch: TrainingBatch) throws {
        let passageCount = batch.passageRows.count
        let scores = try withoutGradients {
            func rows(_ rows: [Int]) throws -> Tensor {
                try vectors_UD.detached().indexSelect(0, Tensor(rows.map(Int64.init)).to(vectors_UD.device))
            }
            return try rows(batch.queryRows).matmul(rows(batch.passageRows).transpose(0, 1)).to(.cpu).contiguous()
                .floats()
        }
        let interval = max(1, scores.count / Self.mostOfBatch)
        for (query, own) in batch.positives.enumerated() {
            positives.append(scores[query * passageCount + own])
            let excluded = batch.excluded.isEmpty ? [] : Set(batch.excluded[query])
            for passage in 0..<passageCount where passage != own && !excluded.contains(passage) {
                let place = query * passageCount + passage
                if place % interval == 0 { negatives.append(scores[place]) }
            }
        }
    }
}

/// How far from its neighbours a shuffled record lies, and how evenly a stretch of the order covers the dataset.
///
/// For a uniform shuffle `|record(t + 1) − record(t)| / n` has the density `2 − 2x`: a mean of 1/3, and 1 − 0.99² =
/// 1.99 % of the distances below n/100. Every ``z`` is in standard deviations of a uniform shuffle, so a sound order
/// stays within ±4 or so.
public struct OrderSpread: Sendable {
    /// Of neighbours, as a share of n.
    public let meanDistance: Double
    /// Neighbours less than n/100 apart, as a share.
    public let closeShare: Double
    /// Neighbours next to each other or the same.
    public let adjacentCount: Int
    /// Of record(t) with record(t + 1), from −1 to 1.
    public let serialCorrelation: Double
    /// How much the distances differ from their density, over 64 equal classes: (χ² − 63) / √126.
    public let distanceZ: Double
    /// How unevenly the records fall into 1,024 equal parts of the dataset, corrected for drawing without replacement:
    /// (χ² − 1023) / √2046.
    public let coverageZ: Double
    /// The largest number of records in one of the parts, by the mean.
    public let fullestPart: Double

    private static let classCount = 64
    private static let partCount = 1024

    /// - Parameters:
    ///   - count: n, far above 1,024.
    ///   - records: different numbers below n, in their order; some ten thousands or more.
    public init(of records: some Sequence<UInt64>, count: UInt64) {
        let n = Double(count)
        var previous: UInt64?
        var drawn = 0
        var (distances, close, adjacent) = (0.0, 0, 0)
        var (sum, squares, products) = (0.0, 0.0, 0.0)
        var classes = [Int](repeating: 0, count: Self.classCount)
        var classified = 0
        var parts = [Int](repeating: 0, count: Self.partCount)
        for record in records {
            let place = Double(record) / n - 0.5
            sum += place
            squares += place * place
            parts[Int(record.multipliedFullWidth(by: UInt64(Self.partCount)).low / count)] += 1
            if let previous {
                let distance = record > previous ? record - previous : previous - record
                let share = Double(distance) / n
                distances += share
                if share < 0.01 { close += 1 }
                if distance <= 1 { adjacent += 1 }
                products += place * (Double(previous) / n - 0.5)
                // Every other pair only: neighbouring distances share a record and are not independent.
                if drawn % 2 == 1 {
                    // The distribution function is 2x − x²; classes of equal probability end where it is k/64.
                    classes[min(Self.classCount - 1, Int((2 * share - share * share) * Double(Self.classCount)))] += 1
                    classified += 1
                }
            }
            previous = record
            drawn += 1
        }
        let pairs = Double(max(1, drawn - 1))
        meanDistance = distances / pairs
        closeShare = Double(close) / pairs
        adjacentCount = adjacent
        let mean = sum / Double(max(1, drawn))
        let variance = squares / Double(max(1, drawn)) - mean * mean
        serialCorrelation = variance > 0 ? (products / pairs - mean * mean) / variance : 0
        distanceZ = Self.z(classes, total: classified, drawnShare: 0)
        coverageZ = Self.z(parts, total: drawn, drawnShare: Double(drawn) / n)
        fullestPart = Double(parts.max() ?? 0) * Double(Self.partCount) / Double(max(1, drawn))
    }

    private static func z(_ counts: [Int], total: Int, drawnShare: Double) -> Double {
        guard total > 0, drawnShare < 1 else { return 0 }
        let expected = Double(total) / Double(counts.count)
        let square = counts.reduce(0.0) { $0 + (Double($1) - expected) * (Double($1) - expected) / expected }
        let freedom = Double(counts.count - 1)
        return (square / (1 - drawnShare) - freedom) / (2 * freedom).squareRoot()
    }
}

internal import Base

/// Two runs compared on the same judgements, measure by measure.
public struct Comparison: Sendable, Equatable {
    public let measure: Measure
    /// Mean over queries of second − first.
    public let meanDifference: Double
    /// Queries where the second run is better, worse, equal.
    public let wins: Int
    public let losses: Int
    public let ties: Int
    /// Two-sided p-value of the paired randomisation test: how often differences with random signs have a mean as far
    /// from 0 as the one observed. Between 1 / (permutations + 1) and 1.
    public let pValue: Double

    /// Compares two evaluations of the same judgements.
    ///
    /// The null hypothesis is that a query's two values might as well be exchanged: the sign of each difference is
    /// random. p = (1 + #{|Σ ±d| ≥ |Σ d|}) / (permutations + 1). Source: Smucker, Allan & Carterette 2007.
    ///
    /// - Throws: `Failure` with status 130 after an interruption.
    /// - Complexity: O(permutations × queries) for each measure.
    public static func compare(
        _ first: Evaluation, _ second: Evaluation, permutations: Int = 10_000, seed: UInt64 = 0
    ) throws -> [Comparison] {
        precondition(first.measures == second.measures && first.queries == second.queries && permutations > 0)
        return try first.measures.indices.map { index in
            let differences = zip(first.values[index], second.values[index]).map { $1 - $0 }
            let count = differences.count
            return Comparison(
                measure: first.measures[index],
                meanDifference: count == 0 ? 0 : differences.reduce(0, +) / Double(count),
                wins: differences.count { $0 > 0 }, losses: differences.count { $0 < 0 },
                ties: differences.count { $0 == 0 },
                pValue: try pValue(
                    differences.filter { $0 != 0 }, permutations: permutations, seed: seed, UInt64(index)))
        }
    }

    /// - Parameter differences: those that are not 0; a sign does not matter to 0.
    private static func pValue(
        _ differences: [Double], permutations: Int, seed: UInt64, _ key: UInt64
    ) throws -> Double {
        guard !differences.isEmpty else { return 1 }
        let observed = abs(differences.reduce(0, +))
        // Sums of the same numbers in the same order differ by rounding only; such are as far as the observed.
        let limit = observed - 1e-12 * differences.reduce(0) { $0 + abs($1) }
        var random = SplitMix64(seed: seed, key)
        var asFar = 0
        for permutation in 0..<permutations {
            if permutation % 1024 == 0 { try Interruption.check() }
            var sum = 0.0
            var signs: UInt64 = 0
            for (index, difference) in differences.enumerated() {
                if index % 64 == 0 { signs = random.next() }
                // The lowest bit becomes the sign bit.
                sum += Double(bitPattern: difference.bitPattern ^ (signs << 63))
                signs >>= 1
            }
            if abs(sum) >= limit { asFar += 1 }
        }
        return Double(asFar + 1) / Double(permutations + 1)
    }
}

public import JSON

/// Counts of whole numbers by power of two, zero apart, with the exact extremes and sum.
public struct CountHistogram: Sendable, Equatable {
    public private(set) var count = 0
    public private(set) var total = 0
    /// Over all numbers; 0 where there are none.
    public private(set) var smallest = 0
    public private(set) var largest = 0
    /// `bins[0]` counts zeros, `bins[k]` numbers from `2^(k−1)` to `2^k − 1`. No trailing zeros.
    public private(set) var bins: [Int] = []

    public init() {}

    public var mean: Double { count == 0 ? 0 : Double(total) / Double(count) }

    public mutating func add(_ value: Int, times: Int = 1) {
        guard times > 0 else { return }
        smallest = count == 0 ? value : min(smallest, value)
        largest = max(largest, value)
        count += times
        total += value * times
        let bin = value <= 0 ? 0 : Int.bitWidth - value.leadingZeroBitCount
        while bins.count <= bin { bins.append(0) }
        bins[bin] += times
    }

    public mutating func add(_ other: CountHistogram) {
        guard other.count > 0 else { return }
        smallest = count == 0 ? other.smallest : min(smallest, other.smallest)
        largest = max(largest, other.largest)
        count += other.count
        total += other.total
        while bins.count < other.bins.count { bins.append(0) }
        for (bin, times) in other.bins.enumerated() { bins[bin] += times }
    }

    /// `0`, `1`, `2–3`, `4–7`, …
    public static func label(of bin: Int) -> String {
        guard bin > 0 else { return "0" }
        let low = 1 << (bin - 1)
        return bin == 1 ? "1" : "\(low)–\(2 * low - 1)"
    }

    /// Bins from the first to the last that hold anything.
    public var filledBins: Range<Int> {
        (bins.firstIndex { $0 > 0 } ?? 0)..<bins.count
    }

    public var json: JSONValue {
        [
            "count": JSONValue(count), "total": JSONValue(total), "smallest": JSONValue(smallest),
            "mean": JSONValue(mean), "largest": JSONValue(largest), "bins": .array(bins.map { JSONValue($0) }),
        ]
    }
}

public import JSON

/// How many values fell between bounds.
public struct Histogram: Sendable, Equatable {
    /// One bar: values from `first` to `last`, both included save for scores, where `last` belongs to the next bar
    /// (and to the last bar of all).
    public struct Bar: Sendable, Equatable {
        public var first: Double
        public var last: Double
        public var count: Int
    }

    public private(set) var bars: [Bar]

    /// Ranks in bars that grow: 1, 2–3, 4–5, 6–10, 11–20, 21–50, 51–100, 101–200, …
    public init(ranks: [Int: Int]) {
        bars = []
        var lower = 1
        var bounds = [1, 3, 5, 10, 20, 50][...]
        var scale = 100
        let largest = ranks.keys.max() ?? 0
        while lower <= largest {
            if bounds.isEmpty {
                bounds = [scale, 2 * scale, 5 * scale]
                scale *= 10
            }
            let upper = bounds.removeFirst()
            let count = ranks.reduce(0) { (lower...upper).contains($1.key) ? $0 + $1.value : $0 }
            bars.append(Bar(first: Double(lower), last: Double(upper), count: count))
            lower = upper + 1
        }
    }

    /// Scores in `barCount` bars of equal width between the lowest and the highest; one bar where they are equal.
    init(scores: [Float], barCount: Int = 10) {
        bars = []
        guard let lowest = scores.min().map(Double.init), let highest = scores.max().map(Double.init) else { return }
        guard lowest < highest else {
            bars = [Bar(first: lowest, last: highest, count: scores.count)]
            return
        }
        let width = (highest - lowest) / Double(barCount)
        bars = (0..<barCount).map { index in
            Bar(
                first: lowest + Double(index) * width,
                last: index + 1 == barCount ? highest : lowest + Double(index + 1) * width, count: 0)
        }
        for score in scores { bars[min(barCount - 1, Int((Double(score) - lowest) / width))].count += 1 }
    }

    public var json: JSONValue {
        // Whole numbers as such, so that what a manifest gives back equals what was put in.
        func number(_ value: Double) -> JSONValue { Int(exactly: value).map { JSONValue($0) } ?? .number(value) }
        return .array(bars.map { ["from": number($0.first), "to": number($0.last), "count": JSONValue($0.count)] })
    }

    /// One line a bar, the longest of 40 characters.
    func text(_ label: (Bar) -> String) -> String {
        let largest = bars.map(\.count).max() ?? 0
        let labels = bars.map(label)
        let labelWidth = labels.map(\.count).max() ?? 0
        let countWidth = String(largest).count
        var text = ""
        for (bar, label) in zip(bars, labels) {
            let length = largest == 0 ? 0 : (bar.count * 40 + largest - 1) / largest
            text += "  " + aligned(label, labelWidth) + "  " + aligned(String(bar.count), countWidth)
            text += length == 0 ? "\n" : "  " + String(repeating: "█", count: length) + "\n"
        }
        return text
    }
}

/// Right-aligned.
func aligned(_ text: String, _ width: Int) -> String {
    String(repeating: " ", count: max(0, width - text.count)) + text
}

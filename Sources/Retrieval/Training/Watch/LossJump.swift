internal import JSON

/// What is told of a step whose loss is far above those of the steps before.
public struct LossJump: Sendable, Equatable {
    /// Of the losses of the steps before.
    public var median: Double
    /// Their median distance from the median, times 1.4826: of normally distributed numbers, the standard deviation.
    public var spread: Double
    /// The step's queries by dataset and id, `dataset/id`.
    public var queries: [String]

    public init(median: Double, spread: Double, queries: [String]) {
        self.median = median
        self.spread = spread
        self.queries = queries
    }

    var json: JSONValue {
        [
            "median": JSONValue(median), "spread": JSONValue(spread),
            "queries": .array(queries.map { .string($0) }),
        ]
    }

    init?(_ json: JSONValue) {
        guard let median = json["median"]?.double, let spread = json["spread"]?.double,
            let queries = json["queries"]?.array
        else { return nil }
        self.init(median: median, spread: spread, queries: queries.compactMap(\.string))
    }
}

/// Tells a sudden rise of the loss from its usual ups and downs.
///
/// A loss is a jump where it exceeds the median of the last 50 by more than 8 of their spreads, half of the median, and 0.5
/// nats. Losses that follow belong to the same event until one is below that again; all of them enter the window, so that a
/// loss that stays high becomes the usual one.
public struct JumpDetector: Sendable {
    public static let windowSize = 50
    /// Losses that have to be there before one is judged.
    public static let leastCount = 20
    static let spreads = 8.0
    static let leastShare = 0.5
    static let leastRise = 0.5

    private var window: [Double] = []
    private var isWithinEvent = false

    public init() {}

    /// Takes the next loss.
    ///
    /// - Returns: median and spread of the losses before, where this one begins an event.
    public mutating func take(_ loss: Double) -> (median: Double, spread: Double)? {
        defer {
            window.append(loss)
            if window.count > Self.windowSize { window.removeFirst() }
        }
        guard window.count >= Self.leastCount else { return nil }
        let median = Self.median(window)
        let spread = 1.4826 * Self.median(window.map { abs($0 - median) })
        let rise = max(Self.spreads * spread, Self.leastShare * abs(median), Self.leastRise)
        let wasWithinEvent = isWithinEvent
        isWithinEvent = loss - median > rise
        return isWithinEvent && !wasWithinEvent ? (median, spread) : nil
    }

    static func median(_ values: [Double]) -> Double {
        let sorted = values.sorted()
        let middle = sorted.count / 2
        return sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
    }
}

/// The poolings of a model, side by side in its vectors in this order; written `mean`, or `cls+mean` for several.
public struct Poolings: Sendable, Hashable, RawRepresentable {
    /// At least one.
    public let modes: [Pooling]

    /// Vectors of more than so many poolings are nobody's.
    private static let most = 16

    /// - Returns: nil for no pooling, and for more than 16.
    public init?(_ modes: [Pooling]) {
        guard (1...Self.most).contains(modes.count) else { return nil }
        self.modes = modes
    }

    public init(_ mode: Pooling) { modes = [mode] }

    public init?(rawValue: String) {
        let words = rawValue.split(separator: "+", omittingEmptySubsequences: false)
        let modes = words.compactMap { Pooling(rawValue: String($0)) }
        guard modes.count == words.count else { return nil }
        self.init(modes)
    }

    public var rawValue: String { modes.map(\.rawValue).joined(separator: "+") }

    public static let mean = Poolings(.mean)
    public static let cls = Poolings(.cls)
    public static let last = Poolings(.last)

    /// `mean, cls, …`
    static let modeNames = Pooling.allCases.map(\.rawValue).joined(separator: ", ")
    /// What ``init(rawValue:)`` takes, for people.
    public static let values = "one of \(modeNames), or several joined by +"
}

/// A kind of number that options and configurations take.
public protocol RangedNumber: Comparable, Sendable, LosslessStringConvertible {
    /// `a whole number`, `a number`.
    static var noun: String { get }
    /// Whether it is neither NaN nor infinite.
    var isFinite: Bool { get }
}

extension Int: RangedNumber {
    public static var noun: String { "a whole number" }
    public var isFinite: Bool { true }
}

extension UInt64: RangedNumber {
    public static var noun: String { "a whole number" }
    public var isFinite: Bool { true }
}

extension Double: RangedNumber {
    public static var noun: String { "a number" }
}

/// The numbers that an option or a key of a configuration takes: stated where it is explained, and checked where it is
/// read, before anything is allocated.
public struct NumberRange<Number: RangedNumber>: Sendable, CustomStringConvertible {
    public let bounds: ClosedRange<Number>
    private let includesLower: Bool
    private let includesUpper: Bool

    public init(_ bounds: ClosedRange<Number>) {
        (self.bounds, includesLower, includesUpper) = (bounds, true, true)
    }

    /// Numbers up to, and not, the upper bound.
    public init(_ range: Range<Number>) {
        (bounds, includesLower, includesUpper) = (range.lowerBound...range.upperBound, true, false)
    }

    /// Numbers above one bound, up to the other.
    public init(above lower: Number, through upper: Number) {
        (bounds, includesLower, includesUpper) = (lower...upper, false, true)
    }

    public func contains(_ number: Number) -> Bool {
        number.isFinite && bounds.contains(number) && (includesLower || number > bounds.lowerBound)
            && (includesUpper || number < bounds.upperBound)
    }

    /// `from 1 to 1024`, `above 0 up to 10`, `from 0 to below 1`.
    public var description: String {
        let (lower, upper) = (Self.text(bounds.lowerBound), Self.text(bounds.upperBound))
        return (includesLower ? "from \(lower) " : "above \(lower) ")
            + (includesUpper ? (includesLower ? "to \(upper)" : "up to \(upper)") : "to below \(upper)")
    }

    /// The number that a text stands for.
    ///
    /// - Throws: ``NotInRange`` for another text, NaN and infinities included.
    public func number(of text: String) throws(NotInRange) -> Number {
        guard let number = Number(text), contains(number) else {
            throw NotInRange(description: "must be \(Number.noun) \(self), not \"\(text)\"")
        }
        return number
    }

    /// A number for people: whole ones without a fraction.
    public static func text(_ number: Number) -> String {
        let text = number.description
        return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
    }
}

/// A text that is no number, or one outside of the range that is stated.
public struct NotInRange: Error, CustomStringConvertible {
    /// `must be a whole number from 1 to 1024, not "many"`
    public let description: String
}

extension NumberRange where Number == Int {
    /// Threads of one process: more than a few for each processor only wait for each other, and thousands never end.
    public static let threads = NumberRange(1...max(64, 4 * processorCount))
    /// Threads that read ahead of those that compute: they may wait for disks, so more than there are processors make sense.
    public static let workers = NumberRange(1...1024)
    /// Items of a list that is shown to people.
    public static let shownItems = NumberRange(0...1_000_000)
}

extension NumberRange where Number == UInt64 {
    /// Seeds of random choices.
    public static let seeds = NumberRange(0...UInt64.max)
}

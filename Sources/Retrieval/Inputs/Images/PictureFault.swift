public import Base

/// A picture or a video that a processor cannot take.
public struct PictureFault: Error, Sendable, Equatable, CustomStringConvertible {
    public let reason: String
    /// What the user can do about it.
    public let advice: String?

    package init(_ reason: String, advice: String? = nil) {
        self.reason = reason
        self.advice = advice
    }

    public var description: String { advice.map { "\(reason)\n  \($0)" } ?? reason }

    public func error(at place: Place, offender: [UInt8]? = nil) -> InputError {
        InputError(reason, at: place, offender: offender, advice: advice)
    }
}

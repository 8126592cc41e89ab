public import Base
internal import CAV

/// An image, sound or video that cannot be used.
public struct MediaError: StatusError, Equatable {
    public enum Reason: String, Sendable {
        /// Of no known kind, damaged or cut off.
        case badData = "bad data"
        /// Beyond the limits in pixels, pictures or samples.
        case tooLarge = "too large"
        /// Beyond the limit in time.
        case tooSlow = "too slow"
        /// A video without pictures, or a sound without samples.
        case missing = "missing stream"
        case noMemory = "no memory"
    }

    public let reason: Reason
    /// The library's own words.
    public let message: String

    init(_ reason: Reason, _ message: String) {
        self.reason = reason
        self.message = message
    }

    /// The doors agree on their statuses.
    init(status: Int32, _ message: [CChar]) {
        let reason: Reason =
            switch Int(status) {
            case TVT_AV_TOO_LARGE: .tooLarge
            case TVT_AV_NO_MEMORY: .noMemory
            case TVT_AV_TOO_SLOW: .tooSlow
            case TVT_AV_MISSING: .missing
            default: .badData
            }
        self.init(reason, message.withUnsafeBufferPointer { String(cString: $0.baseAddress!) })
    }

    public var exitStatus: ExitStatus { .badData }
    public var description: String { "\(reason.rawValue): \(message)" }
}

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
        /// A video without pictures, or audio without samples.
        case missing = "missing stream"
        /// A format, or a variant of one, that is not read; the bytes may be whole.
        case unsupported
        case noMemory = "no memory"
        /// libav cannot be loaded: the machine is at fault, not the bytes.
        case notLoaded = "not loaded"
    }

    public let reason: Reason
    /// The library's own words.
    public let message: String

    init(_ reason: Reason, _ message: String) {
        self.reason = reason
        self.message = message
    }

    /// The C shims agree on their statuses.
    init(status: Int32, _ message: [CChar]) {
        let reason: Reason =
            switch Int(status) {
            case TVT_AV_TOO_LARGE: .tooLarge
            case TVT_AV_NO_MEMORY: .noMemory
            case TVT_AV_TOO_SLOW: .tooSlow
            case TVT_AV_MISSING: .missing
            case TVT_AV_NOT_LOADED: .notLoaded
            case TVT_AV_UNSUPPORTED: .unsupported
            default: .badData
            }
        self.init(reason, message.withUnsafeBufferPointer { String(cString: $0.baseAddress!) })
    }

    public var exitStatus: ExitStatus {
        switch reason {
        case .notLoaded: .badConfiguration
        case .noMemory: .unavailable
        default: .badData
        }
    }

    public var description: String {
        reason == .notLoaded
            ? "sounds, videos and some images cannot be read, because libav cannot be loaded: \(message)"
            : "\(reason.rawValue): \(message)"
    }
}

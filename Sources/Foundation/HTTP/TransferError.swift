public import Base

/// An exchange with a server that failed.
public struct TransferError: StatusError {
    public enum Reason: Sendable, Equatable {
        /// No whole answer arrived: libcurl's code.
        case connection(code: Int)
        /// The server answered with another status than success.
        case status(Int)
        /// The answer was not what the protocol demands, or shorter than it should be.
        case body
        /// Less moved over a time than has to.
        case tooSlow
    }

    public let reason: Reason
    public let url: String
    public let message: String
    /// Whether the same request may succeed later.
    public let isTransient: Bool
    /// How long the server asks to wait, in seconds.
    public let retryAfterSeconds: Double?

    public init(
        _ reason: Reason, url: String, _ message: String, isTransient: Bool, retryAfterSeconds: Double? = nil
    ) {
        self.reason = reason
        self.url = withoutSecrets(url)
        self.message = message
        self.isTransient = isTransient
        self.retryAfterSeconds = retryAfterSeconds
    }

    public var status: Int? {
        if case .status(let status) = reason { status } else { nil }
    }

    public var exitStatus: ExitStatus {
        switch status {
        // Keys, region or address are not those that the server wants.
        case 301, 307, 400, 401, 403, 405: .badConfiguration
        case 404, 410: .missingInput
        default: .unavailable
        }
    }

    public var description: String {
        switch status {
        case 401, 403:
            "\(url): \(message)\n  The server refuses access: check the credentials and what they permit."
        default: "\(url): \(message)"
        }
    }

    /// 501 and 505 tell of what a server never does; all other failures of servers pass.
    static func isTransient(status: Int) -> Bool {
        switch status {
        case 408, 425, 429: true
        case 501, 505: false
        default: status >= 500
        }
    }
}

/// `https://user:password@host/x?token=1` as `https://host/x`: what may be printed of an address.
public func withoutSecrets(_ url: String) -> String {
    let url = url.prefix { $0 != "?" }
    guard let scheme = url.firstRange(of: "://") else { return String(url) }
    let rest = url[scheme.upperBound...]
    guard let at = rest.prefix(while: { $0 != "/" }).lastIndex(of: "@") else { return String(url) }
    return String(url[..<scheme.upperBound] + rest[rest.index(after: at)...])
}

/// The first digits of a digest, as people type them: at least 8, with or without `sha256:` before them.
public struct DigestPrefix: Sendable, CustomStringConvertible {
    public static let leastDigitCount = 8
    private let digits: String

    /// Nil for what is no beginning of a digest, and for a whole one of more than 64 digits.
    public init?(_ text: String) {
        let digits = text.hasPrefix("sha256:") ? text.dropFirst(7) : text[...]
        guard (Self.leastDigitCount...64).contains(digits.utf8.count),
            digits.utf8.allSatisfy({ (48...57).contains($0) || (97...102).contains($0) })
        else { return nil }
        self.digits = String(digits)
    }

    public func matches(_ digest: SHA256Digest) -> Bool { digest.hex.hasPrefix(digits) }

    public var description: String { "sha256:" + digits }
}

extension SHA256Digest {
    /// Enough of the digest to name a dataset in a message: `sha256:` and 12 digits.
    public var short: String { "sha256:" + hex.prefix(12) }
}

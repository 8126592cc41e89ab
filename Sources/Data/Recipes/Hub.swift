internal import Base
internal import HTTP
internal import Glibc

/// Where published datasets are fetched from: any server that has files at
/// `{address}/{repository}/resolve/{revision}/{path}`.
public struct Hub: Sendable {
    /// Without a slash at its end.
    let address: String
    /// Proves to the hub who asks, for sets that are not open to all.
    let token: String?
    let retries = RetryPolicy()

    /// - Parameters:
    ///   - address: nil for `$TVT_HUB`; there is no default.
    ///   - token: nil for `$TVT_HUB_TOKEN`, if that is set.
    /// - Throws: `Failure` where no address is given, or one that is none.
    public init(address: String? = nil, token: String? = nil) throws {
        guard var address = address ?? Self.variable("TVT_HUB") else {
            throw Failure(
                .usage, "no hub is named, and there are no raw files",
                advice: "--hub URL or $TVT_HUB names the server; --raw DIR takes files that are there already.")
        }
        while address.hasSuffix("/") { address.removeLast() }
        guard address.hasPrefix("https://") || address.hasPrefix("http://"), !address.contains("?"),
            !address.contains("#"), !address.utf8.contains(where: { $0 <= 0x20 || $0 == 0x7F })
        else { throw Failure(.usage, "\(escaped(withoutSecrets(address).utf8)) is no address of a hub: https://…") }
        self.address = address
        self.token = token ?? Self.variable("TVT_HUB_TOKEN")
        if let token = self.token {
            guard !token.utf8.contains(where: { $0 <= 0x20 || $0 >= 0x7F }) else {
                throw Failure(.badConfiguration, "$TVT_HUB_TOKEN holds characters that no token has")
            }
            if address.hasPrefix("http://") {
                log.warning("$TVT_HUB_TOKEN is sent to \(withoutSecrets(address)) without encryption")
            }
        }
    }

    private static func variable(_ name: String) -> String? {
        getenv(name).flatMap { $0.pointee == 0 ? nil : String(cString: $0) }
    }

    /// The address of a file.
    func url(of file: Recipe.File, in source: Recipe.Source) -> String {
        let parts = [source.repository, "resolve", source.revision, file.path].map(Self.percentEncoded)
        return "\(address)/\(parts.joined(separator: "/"))"
    }

    /// Everything but slashes and what RFC 3986 leaves unreserved becomes `%XX`.
    private static func percentEncoded(_ path: String) -> String {
        var text = ""
        for byte in path.utf8 {
            switch byte {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
                UInt8(ascii: "~"), UInt8(ascii: "/"):
                text.unicodeScalars.append(Unicode.Scalar(byte))
            default: text += "%" + hexadecimal([byte]).uppercased()
            }
        }
        return text
    }
}

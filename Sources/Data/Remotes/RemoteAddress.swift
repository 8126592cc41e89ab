internal import Base
internal import SystemPackage

/// Turns what a user writes into a remote: `s3://bucket/prefix`, `https://host/path`, `file:///path` or a folder.
package func openRemote(_ address: String, options: TransferOptions = TransferOptions()) throws -> any Remote {
    guard let scheme = try RemoteScheme(address) else { return FolderRemote(FilePath(address)) }
    switch scheme {
    case .bucket: return try BucketRemote(address, options: options)
    case .web: return try WebRemote(address, options: options)
    case .file: return FolderRemote(FilePath(String(address.dropFirst("file://".count))))
    }
}

enum RemoteScheme {
    case bucket, web, file

    /// - Returns: nil for a path.
    /// - Throws: `Failure` with status 64 for a scheme that is not known.
    init?(_ address: String) throws {
        guard let end = address.firstRange(of: "://") else { return nil }
        switch address[..<end.lowerBound] {
        case "s3": self = .bucket
        case "http", "https": self = .web
        case "file": self = .file
        case let other:
            throw Failure(
                .usage, "\(other): is not a way to reach a store",
                advice: "A remote is a folder, s3://bucket/prefix, https://host/path or http://host/path.")
        }
    }
}

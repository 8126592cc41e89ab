public import Base
public import JSON
public import Rankings
internal import StoreFormat
public import SystemPackage

/// A run file as an input of mining, with what is known of its origin.
public struct MiningRun: Sendable {
    let file: RunFile
    /// Size and digest of the file as it lies there.
    public let size: Int
    public let sha256: SHA256Digest

    public var path: FilePath { file.path }
    /// What stands in the file `RUN.json` beside it, if that belongs to this very file: the model's card, the datasets.
    public var origin: JSONObject? { file.sidecar?.fields }

    /// - Parameters:
    ///   - format: nil to decide it by the lines.
    ///   - hasEscapedIDs: whether ids are percent-escaped. What `RUN.json` says of either must agree.
    /// - Throws: `SystemError` if it cannot be read; `InputError` if its `RUN.json` is damaged; `Failure` where that
    ///   says otherwise than the caller.
    public init(_ path: FilePath, format: RunFormat? = nil, hasEscapedIDs: Bool = false) throws {
        size = try Files.size(path)
        sha256 = try SHA256Digest.ofFile(path)
        file = try RunFile(path, format: format, hasEscapedIDs: hasEscapedIDs, digest: sha256)
    }

    var input: Provenance.Input { Provenance.Input(uri: path.string, size: size, sha256: sha256) }
}

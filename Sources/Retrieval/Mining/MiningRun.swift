public import Base
public import JSON
public import Rankings
internal import StoreFormat
public import SystemPackage

/// A run file as an input of mining, with what is known of its origin.
public struct MiningRun: Sendable {
    public let path: FilePath
    /// Nil to take it from the first line.
    public let format: RunFormat?
    /// Whether ids are written with `%XX` for whitespace.
    public let hasEscapedIDs: Bool
    /// Size and digest of the file as it lies there.
    public let size: Int
    public let sha256: SHA256Digest
    /// What stands in the file `RUN.json` beside it, if that belongs to this very file: the model's card, the datasets.
    public let origin: JSONObject?

    /// - Throws: `SystemError` if it cannot be read; `InputError` if its `RUN.json` is no object.
    public init(_ path: FilePath, format: RunFormat? = nil, hasEscapedIDs: Bool = false) throws {
        self.path = path
        self.format = format
        self.hasEscapedIDs = hasEscapedIDs
        size = try Files.size(path)
        sha256 = try SHA256Digest.ofFile(path)
        let sidecar = FilePath(path.string + ".json")
        guard Files.exists(sidecar) else {
            origin = nil
            return
        }
        guard let object = try JSONValue.parse(file: sidecar).object else {
            throw InputError("not a JSON object", at: Place(path: sidecar.string))
        }
        if let declared = object["sha256"]?.string, declared == sha256.hex || declared == sha256.description {
            origin = object
        } else {
            log.warning("\(sidecar.string) tells of another file than \(path.string); its origin is not recorded")
            origin = nil
        }
    }

    var input: Provenance.Input { Provenance.Input(uri: path.string, size: size, sha256: sha256) }
}

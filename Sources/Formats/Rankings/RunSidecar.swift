public import Base
public import JSON
public import SystemPackage

/// `RUN.json`, the file beside a run: what the run is, for whoever reads it, and what it was made from.
public struct RunSidecar: Sendable, Equatable {
    public static func path(of run: FilePath) -> FilePath { FilePath(run.string + ".json") }

    /// Everything in it.
    public let fields: JSONObject
    /// Nil in files of older versions, like ``hasEscapedIDs``.
    public let format: RunFormat?
    public let hasEscapedIDs: Bool?

    /// Describes a run that is about to appear under its name.
    ///
    /// - Parameter origin: what the run was made from.
    init(format: RunFormat, hasEscapedIDs: Bool, digest: SHA256Digest, origin: JSONObject) {
        var fields: JSONObject = [
            "sha256": .string(digest.hex), "format": .string(format.rawValue), "escaped_ids": .bool(hasEscapedIDs),
        ]
        for (key, value) in origin { fields[key] = value }
        self.fields = fields
        self.format = format
        self.hasEscapedIDs = hasEscapedIDs
    }

    /// The sidecar of a run; nil where there is none, or where it is that of another file, which is logged.
    ///
    /// - Parameter digest: of the run; asked for only where there is a sidecar.
    /// - Throws: `InputError` that names the field at fault.
    public init?(of run: FilePath, digest: () throws -> SHA256Digest) throws {
        let path = RunSidecar.path(of: run)
        guard run != "-", Files.exists(path) else { return nil }
        func fault(_ reason: String, _ field: String) -> InputError {
            InputError(reason, at: Place(path: path.string, field: field))
        }
        let digest = try digest()
        guard let fields = try JSONValue.parse(file: path).object, let declared = fields["sha256"]?.string,
            declared == digest.hex || declared == digest.description
        else {
            log.warning("\(path) describes another file than \(run) and is not used")
            return nil
        }
        self.fields = fields
        format = try fields["format"].map { value in
            guard let format = value.string.flatMap(RunFormat.init(rawValue:)) else {
                throw fault("not a format of runs: trec, tevatron or marco", "format")
            }
            return format
        }
        hasEscapedIDs = try fields["escaped_ids"].map { value in
            guard let isEscaped = value.bool else { throw fault("neither true nor false", "escaped_ids") }
            return isEscaped
        }
    }
}

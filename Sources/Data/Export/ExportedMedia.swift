internal import Ingest
internal import Records
internal import SystemPackage

/// The items of an export in the v2 form: files by their digests. Names stay as they are.
struct ExportedMedia: MediaSource {
    private let folder: AssetFolder

    init(_ folder: FilePath) throws { self.folder = try AssetFolder(folder) }

    func content(of reference: MediaReference, as kind: MediaKind) throws -> MediaContent? {
        reference.name == nil && reference.digest != nil ? try folder.content(of: reference, as: kind) : nil
    }
}

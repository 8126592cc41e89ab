public import Base
internal import Glibc
internal import JSON
public import StoreFormat
public import SystemPackage

/// A folder of immutable dataset versions and the names that point at them.
///
/// Any number of processes may read and write one store at the same time; readers take no lock.
public final class Store: Sendable {
    public let root: FilePath
    package let layout: StoreLayout
    /// Nil outside tests.
    package let observer: CommitObserver?
    /// Where the blobs of a store on a server come from, which is read only; nil for a store in a folder.
    package let server: (any ServedBlobs)?

    /// Makes an empty store; an existing one is opened.
    ///
    /// - Throws: `Failure` with status 73 where the folder holds something else.
    public static func create(at root: FilePath) throws -> Store {
        let layout = StoreLayout(root: root)
        if Files.exists(layout.layoutFile) { return try Store(opening: root) }
        // A half-made store lacks `oci-layout`, which is written last.
        let known: Set<String> = ["blobs", "tmp", "index.json"]
        func isOfStore(_ name: String) -> Bool {
            // A killed process may have left the file that was to become `index.json` or `oci-layout`.
            known.contains(name)
                || name.hasSuffix(".tmp") && (name.hasPrefix(".index.json.") || name.hasPrefix(".oci-layout."))
        }
        if Files.isDirectory(root), let stranger = try Files.list(root).first(where: { !isOfStore($0) }) {
            throw Failure(
                .cannotCreate, "\(root) is not empty and no store: it holds \(stranger)",
                advice: "Choose a new or an empty folder.")
        }
        try Files.makeDirectory(layout.blobs, isDurable: true)
        // Also where a killed process had made them: a commit syncs what is in them, not their own names.
        try Files.syncFolder(layout.blobs.removingLastComponent())
        try Files.makeDirectory(layout.tmp)
        if !Files.exists(layout.index) { try Files.replace(layout.index, with: ReferenceIndex().canonicalBytes) }
        try Files.replace(layout.layoutFile, with: StoreLayout.layoutContents)
        return try Store(opening: root)
    }

    /// - Throws: `Failure` with status 66 where there is no store, 65 where it is of a version that is not known.
    public convenience init(opening root: FilePath) throws { try self.init(opening: root, observer: nil) }

    package init(opening root: FilePath, observer: CommitObserver?) throws {
        self.root = root
        self.observer = observer
        server = nil
        layout = StoreLayout(root: root)
        guard Files.exists(layout.layoutFile) else {
            throw Failure(
                .missingInput, "\(root) is no store",
                advice: "Make one with `tvt-store init --store \(root)`, or name another with --store or $TVT_STORE.")
        }
        // What cannot be read as JSON has no version.
        let layoutBytes = try Files.readAll(layout.layoutFile)
        let version = (try? JSONValue.parse(layoutBytes, path: ""))?["imageLayoutVersion"]?.string
        guard version == "1.0.0" else {
            throw Failure(
                .badData, "\(layout.layoutFile): layout version \(version ?? "none") is not known",
                advice: "Use a newer tvt. If the file is damaged, take it from any other store: they are all alike.")
        }
        guard Files.exists(layout.index) else {
            throw Failure(
                .badData, "\(layout.index) is missing", advice: ReferenceIndex.advice(path: layout.index.string))
        }
    }

    /// A store on a server, to read from.
    ///
    /// - Parameters:
    ///   - cache: folder with `index.json` as the server has it now, and with what was read of blobs.
    ///   - server: fills the blobs' files.
    package init(cache: FilePath, server: any ServedBlobs) {
        root = cache
        self.server = server
        observer = nil
        layout = StoreLayout(root: cache)
    }

    /// What messages call the store.
    public var name: String { server?.address ?? root.string }

    /// Where readers open blobs.
    package var origin: any BlobOrigin { server ?? LocalBlobs() }

    /// - Throws: `Failure` with status 73 for a store on a server.
    package func checkWritable() throws {
        guard let server else { return }
        throw Failure(
            .cannotCreate, "\(server.address) can only be read",
            advice: "`tvt-store pull` copies datasets into a store of your own; `tvt-store push` brings them back.")
    }

    /// The path of a blob, whether it exists or not.
    public func path(of digest: SHA256Digest) -> FilePath { layout.blob(digest) }

    /// All references, in the order of their names' bytes.
    public func references() throws -> [Reference] { try readIndex().references }

    package func readIndex() throws -> ReferenceIndex {
        try ReferenceIndex(Files.readAll(layout.index), path: layout.index.string)
    }

    /// Opens a version by reference (`name`, `name@tag`) or by digest (`sha256:…`).
    ///
    /// - Throws: `Failure` with status 66 that lists near names where there is none.
    public func dataset(_ reference: String) throws -> Dataset {
        if let digest = SHA256Digest(hex: reference) {
            guard try size(of: digest) != nil else {
                throw Failure(.missingInput, "\(name) has no dataset \(digest)")
            }
            return try Dataset(store: self, digest: try datasetDigest(of: digest), reference: reference)
        }
        let index = try readIndex()
        guard let found = index[reference] else {
            throw Failure(
                .missingInput, "\(name) has no dataset \(escaped(reference.utf8))",
                advice: Self.advice(for: reference, among: index.references.map(\.name)))
        }
        return try Dataset(store: self, digest: found.dataset, reference: found.name)
    }

    /// A digest may name the tvt manifest or the OCI manifest that carries it.
    private func datasetDigest(of digest: SHA256Digest) throws -> SHA256Digest {
        guard let size = try size(of: digest), size < 1 << 28,
            let json = try? JSONValue.parse(blobBytes(digest), path: layout.blob(digest).string),
            json["mediaType"]?.string == ImageManifest.mediaType
        else { return digest }
        return json["config"]?["digest"]?.string.flatMap { SHA256Digest(hex: $0) } ?? digest
    }

    /// The manifest that a digest names.
    public func manifest(_ digest: SHA256Digest) throws -> Manifest {
        let path = located(digest).string
        return try Manifest(JSONValue.parse(checkedBlob(digest), path: path), path: path)
    }

    /// When the version that a reference points at was committed, as RFC 3339; nil where it is not recorded.
    public func createdAt(_ reference: Reference) throws -> String? {
        let path = located(reference.image.digest)
        return try ImageManifest.createdAt(checkedBlob(reference.image.digest), path: path.string)
    }

    /// The changes of all references, oldest first.
    public func reflog() throws -> [ReflogEntry] { try Reflog(path: layout.reflog).entries() }

    private static func advice(for name: String, among names: [String]) -> String {
        guard !names.isEmpty else { return "The store is empty; `tvt-convert` fills it." }
        let near = Base.names(near: name, among: names, atMost: 5) { $0.hasPrefix(name) || name.hasPrefix($0) }
        if near.isEmpty { return "`tvt-store ls` lists what there is." }
        return "Did you mean \(near.joined(separator: ", "))?"
    }
}

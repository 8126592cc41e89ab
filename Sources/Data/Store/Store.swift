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
    /// Whether a name that exists may be made to point at another version.
    package let movesNames: Bool

    /// Makes an empty store; an existing one is opened.
    ///
    /// - Throws: `Failure` with status 73 where the folder holds something else.
    public static func create(at root: FilePath) throws -> Store {
        let layout = StoreLayout(root: root)
        if Files.exists(layout.layoutFile) { return try Store(opening: root) }
        // A half-made store lacks `oci-layout`, which is written last.
        var known: Set<String> = ["blobs", "tmp", "index.json"]
        // One that lost it has more; but a reflog without an index is no store to begin anew.
        if isHalfMade(layout) { known.formUnion(["leases", "lock", "quarantine", "reflog", "trash"]) }
        func isOfStore(_ name: String) -> Bool {
            // A killed process may have left the file that was to become `index.json` or `oci-layout`.
            known.contains(name) || name.hasPrefix("catalog.sqlite")
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

    /// Whether making a store was interrupted, by a full disk for example: `oci-layout` is written last.
    private static func isHalfMade(_ layout: StoreLayout) -> Bool {
        Files.exists(layout.index) && Files.isDirectory(layout.blobs)
    }

    /// - Throws: `Failure` with status 66 where there is no store, 65 where it is of a version that is not known.
    public convenience init(opening root: FilePath) throws { try self.init(opening: root, observer: nil) }

    package init(opening root: FilePath, observer: CommitObserver?) throws {
        self.root = root
        self.observer = observer
        server = nil
        movesNames = true
        layout = StoreLayout(root: root)
        guard Files.exists(layout.layoutFile) else {
            guard !Self.isHalfMade(layout) else {
                throw Failure(
                    .missingInput, "\(root) is an incomplete store: oci-layout is missing",
                    advice: "`tvt-store init --store \(root)` completes it; so does the next command that creates a "
                        + "dataset there."
                )
            }
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
        movesNames = true
        layout = StoreLayout(root: cache)
    }

    private init(_ store: Store, movesNames: Bool) {
        root = store.root
        layout = store.layout
        observer = store.observer
        server = store.server
        self.movesNames = movesNames
    }

    /// The same store, in which a name that exists is refused where a new version is to get it, with status 73.
    ///
    /// - Parameter isWanted: false gives the store as it is.
    public func refusingKnownNames(_ isWanted: Bool = true) -> Store {
        isWanted ? Store(self, movesNames: false) : self
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

    /// Opens a version by reference (`name`, `name@tag`) or by digest (`sha256:…`, or at least 8 digits of it).
    ///
    /// - Throws: `Failure` with status 66 that lists near names where there is none, with 64 for digits with which several
    ///   digests begin.
    public func dataset(_ reference: String) throws -> Dataset {
        if SHA256Digest(hex: reference) == nil, let found = try readIndex()[reference] {
            return try Dataset(store: self, digest: found.dataset, reference: found.name)
        }
        return try Dataset(store: self, digest: datasetDigest(of: reference), reference: reference)
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

    static func advice(for name: String, among names: [String]) -> String {
        guard !names.isEmpty else { return "The store is empty; `tvt-convert` fills it." }
        let near = Base.names(near: name, among: names, atMost: 5) { $0.hasPrefix(name) || name.hasPrefix($0) }
        if near.isEmpty { return "`tvt-store ls` lists what there is." }
        return "Did you mean \(near.joined(separator: ", "))?"
    }
}

public import Base
internal import JSON
public import SystemPackage

/// Where the blobs of a store come from that is not in a folder of this machine.
///
/// The store's root is then a folder with copies of what was read; a blob's file is made when the blob is first asked
/// for, has the blob's size, and holds only the bytes that were needed.
public protocol BlobOrigin: Sendable {
    /// What people call it, such as `https://data.example.org/store`.
    var address: String { get }
    /// The blob's size in bytes; nil where there is no such blob.
    func size(of digest: SHA256Digest) throws -> Int?
    /// The blob, whose bytes come when they are asked for with `ensure`.
    ///
    /// - Throws: `SystemError` with `ENOENT` where there is none.
    func map(_ digest: SHA256Digest, at path: FilePath) throws -> MappedFile
    /// Drops what was read of a blob, because it turned out to be wrong.
    func forget(_ digest: SHA256Digest, at path: FilePath) throws
}

extension Optional where Wrapped == any BlobOrigin {
    /// A blob by the path that it has in the store, mapped.
    func mapped(_ path: FilePath) throws -> MappedFile {
        guard let origin = self else { return try MappedFile.blob(path) }
        guard let digest = path.lastComponent.flatMap({ SHA256Digest(hex: $0.string) }) else {
            throw Failure(.bug, "\(path) is not a blob's path")
        }
        return try origin.map(digest, at: path)
    }

    /// Opens a blob; where it is damaged and comes from a server, once more with fresh bytes.
    func opening<Opened>(_ path: FilePath, _ open: () throws -> Opened) throws -> Opened {
        do {
            return try open()
        } catch let error as DamagedBlob {
            guard let origin = self, let digest = path.lastComponent.flatMap({ SHA256Digest(hex: $0.string) }) else {
                throw error
            }
            try origin.forget(digest, at: path)
            return try open()
        }
    }
}

extension Store {
    /// A store on a server, to read from.
    ///
    /// - Parameters:
    ///   - cache: folder with `index.json` as the server has it now, and with what was read of blobs.
    ///   - origin: fills the blobs' files.
    package convenience init(cache: FilePath, origin: any BlobOrigin) {
        self.init(root: cache, origin: origin)
    }

    /// What messages call the store.
    public var name: String { origin?.address ?? root.string }

    /// - Throws: `Failure` with status 73 for a store on a server.
    func checkWritable() throws {
        guard let origin else { return }
        throw Failure(
            .cannotCreate, "\(origin.address) can only be read",
            advice: "`tvt-store pull` copies datasets into a store of your own; `tvt-store push` brings them back.")
    }

    /// The size of a blob that exists; nil for one that does not.
    func size(of digest: SHA256Digest) throws -> Int? {
        if let origin { return try origin.size(of: digest) }
        let path = located(digest)
        return Files.exists(path) ? try Files.size(path) : nil
    }

    /// All bytes of a small blob, as they are.
    func blobBytes(_ digest: SHA256Digest) throws -> [UInt8] {
        guard origin != nil else { return try Files.readAll(located(digest)) }
        let file = try origin.mapped(layout.blob(digest))
        try file.ensure(0..<file.count)
        // A manifest has no checksum inside; this is the place to notice that a server answered with wrong bytes.
        if SHA256Digest.of(file.bytes) != digest { _ = try file.fetchAgain(0..<file.count) }
        return Array(file.bytes)
    }

    /// SHA-256 of a blob's bytes by its path.
    func digest(of path: FilePath) throws -> SHA256Digest {
        guard origin != nil else { return try SHA256Digest.ofFile(path) }
        let file = try origin.mapped(path)
        try file.ensure(0..<file.count)
        return SHA256Digest.of(file.bytes)
    }
}

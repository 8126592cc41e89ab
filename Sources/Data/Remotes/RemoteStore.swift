internal import Base
internal import Glibc
package import Store
package import SystemPackage

/// Opens the store that a user names: a folder, or an address of one on a server, which can then be read.
package func openStore(_ location: String, options: TransferOptions = TransferOptions()) throws -> Store {
    switch try RemoteScheme(location) {
    case nil: return try Store(opening: FilePath(location))
    case .file: return try Store(opening: FilePath(String(location.dropFirst("file://".count))))
    case .bucket, .web:
        let remote = try openRemote(location, options: options)
        let cache = try RemoteCache.forStore(remote.address, endpoint: options.endpoint)
        guard let index = try remote.index() else {
            throw Failure(
                .missingInput, "\(remote.address) is no store: it has no index.json",
                advice: "Name the folder that holds index.json and blobs.")
        }
        try cache.keepIndex(index.references.canonicalBytes)
        let limit = try CacheLimit.fromEnvironment()
        try limit?.makeRoom()
        return Store(cache: cache.folder, server: RemoteBlobs(remote: remote, limit: limit))
    }
}

/// What was read of stores on servers: one folder for each, which can be deleted at any time.
package struct RemoteCache: Sendable {
    package let folder: FilePath

    /// `${XDG_CACHE_HOME:-~/.cache}/tvt/remote`.
    package static func root() throws -> FilePath {
        func variable(_ name: String) -> String? {
            getenv(name).map { String(cString: $0) }.flatMap { $0.isEmpty ? nil : $0 }
        }
        if let base = variable("XDG_CACHE_HOME") { return FilePath(base).appending("tvt").appending("remote") }
        guard let home = variable("HOME") else {
            throw Failure(.badConfiguration, "there is no place for a cache: neither XDG_CACHE_HOME nor HOME is set")
        }
        return FilePath(home).appending(".cache").appending("tvt").appending("remote")
    }

    static func forStore(_ address: String, endpoint: String?) throws -> RemoteCache {
        let full = try BucketSettings.serverAddress(address, endpoint: endpoint)
        let name = String(SHA256Digest.of(Array(full.utf8)).hex.prefix(32))
        let cache = RemoteCache(folder: try root().appending(name))
        try Files.makeDirectory(cache.folder.appending("blobs").appending("sha256"))
        let about = cache.folder.appending("address")
        if !Files.exists(about) { try Files.replace(about, with: full + "\n") }
        return cache
    }

    /// All caches there are.
    package static func all() throws -> [RemoteCache] {
        let root = try root()
        guard Files.isDirectory(root) else { return [] }
        return try Files.list(root).map { RemoteCache(folder: root.appending($0)) }
    }

    /// The store's address; nil where it is not recorded.
    package var address: String? {
        (try? Files.readText(folder.appending("address"))).map { String($0.prefix { $0 != "\n" }) }
    }

    /// The blobs of which something is kept.
    func blobs() throws -> [KeptBlob] {
        let blobs = folder.appending("blobs").appending("sha256")
        do {
            // Not the tables, nor what is being written.
            let names = try Files.list(blobs).filter { SHA256Digest(hex: $0) != nil }
            return names.compactMap { KeptBlob(blobs.appending($0)) }
        } catch let error as SystemError where error.errno == ENOENT {
            // Somebody removes the cache.
            return []
        }
    }

    /// Bytes on disk.
    package func storedBytes() throws -> Int { try blobs().reduce(0) { $0 + $1.byteCount } }

    package func remove() throws { try Files.removeTree(folder) }

    /// Readers find the references here, as the server had them when the store was opened last.
    func keepIndex(_ bytes: [UInt8]) throws {
        let path = folder.appending("index.json")
        if (try? Files.readAll(path)) != bytes { try Files.replace(path, with: bytes) }
    }
}

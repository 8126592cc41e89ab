internal import Base
internal import Glibc
internal import Synchronization
internal import SystemPackage

/// How much the caches of all stores on servers may take on this machine together.
///
/// Blobs go whole, the longest unused first, and never one that a process has open: what it has read and checked is mapped.
/// So a process that has more open at once than the limit takes what it needs, and the next one makes room.
package final class CacheLimit: Sendable {
    private let byteCount: Int
    /// By this process since room was made last.
    private let fetchedBytes = Atomic<Int>(0)

    private init(byteCount: Int) { self.byteCount = byteCount }

    /// `$TVT_CACHE_BYTES`; nil where it is not set: no limit.
    ///
    /// - Throws: `Failure` with status 78 where it is no number.
    static func fromEnvironment() throws -> CacheLimit? {
        guard let text = getenv("TVT_CACHE_BYTES"), text.pointee != 0 else { return nil }
        guard let byteCount = Int(String(cString: text)), byteCount >= 0 else {
            throw Failure(
                .badConfiguration, "TVT_CACHE_BYTES is \(escaped(String(cString: text).utf8))",
                advice: "Write a number of bytes, such as 50000000000.")
        }
        return CacheLimit(byteCount: byteCount)
    }

    func makeRoom() throws {
        let removed = try Self.trim(to: byteCount)
        if removed.blobs > 0 { log.info("\(removed.blobs) blobs, \(removed.bytes) bytes, left the cache") }
    }

    /// To be told of what was fetched: room is made after each eighth of the limit.
    func add(_ count: Int) throws {
        guard fetchedBytes.add(count, ordering: .relaxed).newValue > byteCount / 8 else { return }
        fetchedBytes.store(0, ordering: .relaxed)
        try makeRoom()
    }

    /// Removes blobs from all caches, the longest unused first, until they take no more than so many bytes on disk, or all
    /// that are left are in use.
    package static func trim(to byteCount: Int) throws -> (blobs: Int, bytes: Int) {
        var removed = (blobs: 0, bytes: 0)
        let kept = try RemoteCache.all().flatMap { try $0.blobs() }
        var total = kept.reduce(0) { $0 + $1.byteCount }
        for blob in kept.sorted(by: { ($0.usedAt, $0.path.string) < ($1.usedAt, $1.path.string) })
        where total > byteCount {
            guard try blob.removeIfUnused() else { continue }
            total -= blob.byteCount
            removed = (removed.blobs + 1, removed.bytes + blob.byteCount)
        }
        return removed
    }
}

/// A blob's file in a cache, as others see it.
struct KeptBlob {
    let path: FilePath
    /// Bytes on disk, those of the chunk table included; a blob of which little was read takes little.
    let byteCount: Int
    /// When it was opened last, in seconds since 1970.
    let usedAt: Double

    /// - Returns: nil where there is none any more.
    init?(_ path: FilePath) {
        var file = stat()
        guard stat(path.string, &file) == 0 else { return nil }
        var table = stat()
        // Of a file without a table nothing can be used.
        if stat(ChunkTable.path(of: path).string, &table) != 0 { table = stat() }
        self.path = path
        byteCount = 512 * Int(file.st_blocks + table.st_blocks)
        usedAt = Double(table.st_mtim.tv_sec) + Double(table.st_mtim.tv_nsec) * 1e-9
    }

    /// Readers hold a shared lock on the file that they have open. One who waits for it now makes a new file.
    ///
    /// - Returns: whether it is gone.
    func removeIfUnused() throws -> Bool {
        let descriptor = open(path.string, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return errno == ENOENT }
        defer { close(descriptor) }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else { return false }
        // In this order: a table tells of a file's chunks, not the other way round.
        try Files.remove(ChunkTable.path(of: path))
        try Files.remove(path)
        return true
    }
}

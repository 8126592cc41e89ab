internal import Base
internal import Glibc
internal import Store
internal import StoreFormat
internal import Synchronization
internal import SystemPackage

/// The blobs of a store on a server; what was read of them is kept in the cache.
struct RemoteBlobs: ServedBlobs {
    let remote: any Remote
    /// Of the cache; nil for none.
    let limit: CacheLimit?

    var address: String { remote.address }

    func size(of digest: SHA256Digest) throws -> Int? { try remote.size(of: digest) }

    func map(_ blob: FilePath) throws -> MappedFile {
        guard let digest = blob.lastComponent.flatMap({ SHA256Digest(hex: $0.string) }) else {
            throw Failure(.bug, "\(blob) is not a blob's path")
        }
        let size: Int
        if let known = ChunkTable.size(at: ChunkTable.path(of: blob)) {
            size = known
        } else {
            guard let found = try remote.size(of: digest) else { throw SystemError("open", blob, errno: ENOENT) }
            size = found
        }
        return try MappedFile(blob, fetcher: CachedBlob(digest, size: size, at: blob, remote: remote, limit: limit))
    }

    func forget(_ blob: FilePath) throws -> Bool {
        try Files.remove(ChunkTable.path(of: blob))
        try Files.remove(blob)
        return true
    }
}

/// A blob's file in the cache, filled in chunks as they are asked for.
///
/// A chunk counts as there when its checksum in the chunk table matches its bytes, so whatever a crash or another process
/// leaves is noticed. Several processes may fill one file: they write the same bytes. The checksum of a chunk is compared
/// once a process; from then on asking for it costs one byte.
final class CachedBlob: ByteFetcher {
    static let chunkBytes = 1 << 18
    /// Readers that go on where they stopped get up to so many chunks at once.
    private static let mostChunksAtOnce = 16

    private let digest: SHA256Digest
    private let remote: any Remote
    private let limit: CacheLimit?
    private let file: MappedFile
    private let descriptor: Int32
    private let table: ChunkTable
    private let chunkCount: Int
    // One atomic flag a chunk, freed in deinit.
    private nonisolated(unsafe) let flags: UnsafeMutablePointer<Atomic<UInt8>>
    /// Of neighbouring chunks only one thread fetches at a time; those far apart are fetched side by side.
    private let gates = (0..<8).map { _ in Gate() }
    /// Behind the last chunk that was fetched, and how many were fetched then.
    private let lastFetch = Mutex<(next: Int, count: Int)>((-1, 1))

    private final class Gate: Sendable { let mutex = Mutex<Void>(()) }

    init(_ digest: SHA256Digest, size: Int, at path: FilePath, remote: any Remote, limit: CacheLimit?) throws {
        self.digest = digest
        self.remote = remote
        self.limit = limit
        try Files.makeDirectory(path.removingLastComponent())
        let opened = try Self.openLocked(path)
        do {
            // All by the descriptor: another process may put a new file under the path, and then what is written and what
            // is read would be two files.
            guard ftruncate(opened, off_t(size)) == 0 else { throw SystemError.last("write", path) }
            file = try MappedFile(descriptor: opened, path: path)
            chunkCount = (size + Self.chunkBytes - 1) / Self.chunkBytes
            table = try ChunkTable(of: path, size: size, chunkCount: chunkCount)
            // What is used now is the last to go.
            try? Files.setModificationTime(ChunkTable.path(of: path), to: Clock.epochSeconds())
        } catch {
            close(opened)
            throw error
        }
        descriptor = opened
        guard let memory = calloc(max(1, chunkCount), 1) else {
            close(opened)
            throw SystemError("keep track of \(chunkCount) chunks of", path, errno: ENOMEM)
        }
        flags = memory.bindMemory(to: Atomic<UInt8>.self, capacity: max(1, chunkCount))
    }

    deinit {
        close(descriptor)
        free(flags)
    }

    /// Opens the file, which then stays as long as it is open: see ``CacheLimit``.
    private static func openLocked(_ path: FilePath) throws -> Int32 {
        while true {
            let opened = open(path.string, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
            guard opened >= 0 else { throw SystemError.last("create", path) }
            // Where files cannot be locked, none is ever taken away.
            while flock(opened, LOCK_SH) != 0, errno == EINTR {}
            if Files.names(path, opened) { return opened }
            close(opened)
        }
    }

    private func bytes(of chunk: Int) -> Range<Int> {
        chunk * Self.chunkBytes..<min((chunk + 1) * Self.chunkBytes, file.count)
    }

    private func chunks(of range: Range<Int>) -> Range<Int> {
        range.isEmpty ? 0..<0 : range.lowerBound / Self.chunkBytes..<(range.upperBound - 1) / Self.chunkBytes + 1
    }

    func ensure(_ range: Range<Int>) throws {
        let wanted = chunks(of: range.clamped(to: 0..<file.count))
        for chunk in wanted where flags[chunk].load(ordering: .acquiring) == 0 {
            try bring(chunk, wantedUpTo: wanted.upperBound)
        }
    }

    func fetchAgain(_ range: Range<Int>) throws {
        let wanted = chunks(of: range.clamped(to: 0..<file.count))
        for chunk in wanted {
            flags[chunk].store(0, ordering: .releasing)
            table[chunk] = 0
        }
        for chunk in wanted where flags[chunk].load(ordering: .acquiring) == 0 {
            try bring(chunk, wantedUpTo: wanted.upperBound)
        }
    }

    /// Whether a chunk is in the file as it was fetched.
    private func isThere(_ chunk: Int) -> Bool {
        if flags[chunk].load(ordering: .acquiring) != 0 { return true }
        let checksum = table[chunk]
        guard checksum != 0, ChunkTable.checksum(file.bytes[bytes(of: chunk)]) == checksum else { return false }
        flags[chunk].store(1, ordering: .releasing)
        return true
    }

    private func bring(_ chunk: Int, wantedUpTo end: Int) throws {
        try gates[chunk / Self.mostChunksAtOnce % gates.count].mutex.withLock { _ in
            guard !isThere(chunk) else { return }
            // Twice as much each time while reading goes on in order, and at least what is wanted now.
            let ahead = lastFetch.withLock { $0.next == chunk ? min(2 * $0.count, Self.mostChunksAtOnce) : 1 }
            let most = min(chunkCount, chunk + max(ahead, min(end - chunk, Self.mostChunksAtOnce)))
            var last = chunk + 1
            while last < most, !isThere(last) { last += 1 }
            try fetch(chunk..<last)
            let fetched = (next: last, count: last - chunk)
            lastFetch.withLock { $0 = fetched }
        }
    }

    private func fetch(_ chunks: Range<Int>) throws {
        let range = bytes(of: chunks.lowerBound).lowerBound..<bytes(of: chunks.upperBound - 1).upperBound
        // What came without a gap. A server that knows no ranges sends all of the blob, and nothing of it is wasted.
        var first = range.lowerBound
        var end = range.lowerBound
        try remote.get(digest, range) { offset, piece in
            guard offset + piece.count <= file.count else {
                throw remote.wrongBytes(BlobDescriptor(digest: digest, size: file.count))
            }
            if offset < first || offset > end {
                first = offset
                end = offset
            }
            let count = piece.count
            var written = 0
            while written < count {
                let result = pwrite(descriptor, piece.baseAddress! + written, count - written, off_t(offset + written))
                if result < 0 {
                    if errno == EINTR { continue }
                    throw SystemError.last("write", file.path)
                }
                written += result
            }
            end = max(end, offset + count)
        }
        for chunk in (first + Self.chunkBytes - 1) / Self.chunkBytes..<chunkCount {
            let bytes = bytes(of: chunk)
            guard bytes.upperBound <= end else { break }
            table[chunk] = ChunkTable.checksum(file.bytes[bytes])
            flags[chunk].store(1, ordering: .releasing)
        }
        try limit?.add(max(0, end - first))
    }
}

/// `<hex>.chunks` beside a blob's file in the cache: which chunks are there, with their checksums.
///
/// Mapped and shared with all processes that use the cache; an entry is one aligned word.
///
/// `@unchecked Sendable`: entries are atomic.
final class ChunkTable: @unchecked Sendable {
    private static let signature = Array("TVTCHNK1".utf8)
    private static let headerBytes = 32

    private let memory: UnsafeMutableRawPointer
    private let byteCount: Int
    private let entries: UnsafeMutablePointer<Atomic<UInt64>>

    static func path(of blob: FilePath) -> FilePath { FilePath(blob.string + ".chunks") }

    /// Never 0, which stands for a chunk that is not there.
    static func checksum(_ chunk: Slice<UnsafeRawBufferPointer>) -> UInt64 {
        max(1, XXH3.hash64(UnsafeRawBufferPointer(rebasing: chunk)))
    }

    private static func header(size: Int) -> [UInt8] {
        var header = signature
        withUnsafeBytes(of: UInt64(CachedBlob.chunkBytes).littleEndian) { header += $0 }
        withUnsafeBytes(of: UInt64(size).littleEndian) { header += $0 }
        header += [UInt8](repeating: 0, count: headerBytes - header.count)
        return header
    }

    /// The blob's size as a table knows it; nil where there is no usable table.
    static func size(at path: FilePath) -> Int? {
        guard let bytes = try? MappedFile(path), bytes.count >= headerBytes else { return nil }
        let size = Int(
            UInt64(littleEndian: bytes.bytes.loadUnaligned(fromByteOffset: 16, as: UInt64.self)) & (1 << 62 - 1))
        guard bytes.bytes[0..<headerBytes].elementsEqual(header(size: size)),
            bytes.count == headerBytes + (size + CachedBlob.chunkBytes - 1) / CachedBlob.chunkBytes * 8
        else { return nil }
        return size
    }

    init(of blob: FilePath, size: Int, chunkCount: Int) throws {
        let path = Self.path(of: blob)
        byteCount = Self.headerBytes + chunkCount * 8
        if Self.size(at: path) != size {
            // Two processes may both do this; the one whose table is replaced fetches some chunks for nothing.
            try Files.replace(path, with: Self.header(size: size) + [UInt8](repeating: 0, count: chunkCount * 8))
        }
        let descriptor = open(path.string, O_RDWR | O_CLOEXEC)
        guard descriptor >= 0 else { throw SystemError.last("open", path) }
        defer { close(descriptor) }
        guard try Files.size(path) == byteCount,
            let address = mmap(nil, byteCount, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0), address != MAP_FAILED
        else { throw SystemError.last("map", path) }
        memory = address
        entries = (address + Self.headerBytes).bindMemory(to: Atomic<UInt64>.self, capacity: chunkCount)
    }

    deinit { munmap(memory, byteCount) }

    subscript(chunk: Int) -> UInt64 {
        get { entries[chunk].load(ordering: .acquiring) }
        set { entries[chunk].store(newValue, ordering: .releasing) }
    }
}

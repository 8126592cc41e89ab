internal import Base
internal import Glibc
package import StoreFormat
internal import SystemPackage

/// A blob on its way into a store from elsewhere, hashed as it comes.
///
/// What has arrived stays in `tmp/incoming/<hex>` when the process dies, and the next intake of the same blob goes on
/// from there. Only bytes that have the blob's digest ever get its name. Two processes never write one blob together.
package final class BlobIntake {
    package let blob: BlobDescriptor
    /// Bytes that are there.
    package private(set) var position = 0
    /// Those of them that an earlier process left.
    package private(set) var resumedBytes = 0

    private let store: Store
    private let path: FilePath
    private let lock: FileLock
    private let lockPath: FilePath
    private var descriptor: Int32 = -1
    private var hash = SHA256Stream()
    private var isFinished = false

    fileprivate init(_ blob: BlobDescriptor, store: Store, lock: FileLock, lockPath: FilePath) throws {
        self.blob = blob
        self.store = store
        self.lock = lock
        self.lockPath = lockPath
        path = store.layout.incoming.appending(blob.digest.hex)
        func open() -> Int32 { Glibc.open(path.string, O_RDWR | O_CREAT | O_CLOEXEC, 0o644) }
        var opened = open()
        // It was whole and write-protected when its process died, just before it got its name.
        if opened < 0, errno == EACCES, chmod(path.string, 0o644) == 0 { opened = open() }
        guard opened >= 0 else { throw SystemError.last("create", path) }
        descriptor = opened
        try hashWhatIsThere()
    }

    deinit {
        if descriptor >= 0 { close(descriptor) }
        if position == 0 { unlink(path.string) }
        // Only where the blob is there: whoever waits for the lock then finds the blob.
        if isFinished { unlink(lockPath.string) }
    }

    private func hashWhatIsThere() throws {
        var buffer = [UInt8](repeating: 0, count: 1 << 18)
        while true {
            let count = read(descriptor, &buffer, buffer.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw SystemError.last("read", path) }
            if count == 0 { break }
            buffer.withUnsafeBytes { hash.update(UnsafeRawBufferPointer(rebasing: $0[0..<count])) }
            position += count
        }
        // Too long for what it is to become: it cannot be a beginning of it.
        if position > blob.size { try restart() }
        resumedBytes = position
    }

    /// Takes bytes that belong at an offset; what is there already is passed over.
    ///
    /// - Throws: `Failure` with status 65 for more bytes than the blob has; `SystemError`.
    package func receive(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws {
        guard offset <= position else { throw Failure(.bug, "bytes of \(blob.digest) arrive with a gap") }
        var rest = bytes.dropFirst(min(bytes.count, position - offset))
        guard position + rest.count <= blob.size else {
            throw Failure(.badData, "\(blob.digest) should have \(blob.size) bytes, but more arrive")
        }
        hash.update(UnsafeRawBufferPointer(rebasing: rest))
        while !rest.isEmpty {
            let slice = UnsafeRawBufferPointer(rebasing: rest)
            let count = pwrite(descriptor, slice.baseAddress, slice.count, position)
            if count < 0 {
                if errno == EINTR { continue }
                throw SystemError.last("write", path)
            }
            position += count
            rest = rest.dropFirst(count)
        }
    }

    /// Begins again, from nothing.
    package func restart() throws {
        guard ftruncate(descriptor, 0) == 0 else { throw SystemError.last("write", path) }
        hash = SHA256Stream()
        position = 0
        resumedBytes = 0
    }

    /// Gives the blob its name, durably.
    ///
    /// - Returns: false where the bytes are not those that the digest names; ``restart()`` or give up.
    package func finish() throws -> Bool {
        guard position == blob.size, hash.finalize() == blob.digest else { return false }
        guard fchmod(descriptor, 0o444) == 0 else { throw SystemError.last("protect", path) }
        guard fsync(descriptor) == 0 || errno == EINVAL else { throw SystemError.last("sync", path) }
        store.observer?("incoming blob synced")
        try Files.makeDirectory(store.layout.blobs)
        try Files.rename(path, to: store.layout.blob(blob.digest))
        isFinished = true
        store.observer?("incoming blob renamed")
        return true
    }
}

extension Store {
    /// Held while blobs are taken in, however long that takes: a collection spares what has come since it began.
    package func transferSession(purpose: String) throws -> any Sendable {
        try WriterSession(store: self, purpose: purpose)
    }

    /// Prepares to take a blob in; waits while another process takes in the same one.
    ///
    /// - Returns: nil where the blob is there.
    package func intake(of blob: BlobDescriptor) throws -> BlobIntake? {
        try checkWritable()
        while true {
            if try keepIfHere(blob) { return nil }
            let lockPath = layout.incoming.appending(blob.digest.hex + ".lock")
            do {
                let lock = try FileLock(acquiring: lockPath, purpose: "fetching \(blob.digest)")
                // The one who had it may have finished between the two lines above, and have taken the file away.
                if try keepIfHere(blob) {
                    try Files.remove(lockPath)
                    return nil
                }
                return try BlobIntake(blob, store: self, lock: lock, lockPath: lockPath)
            } catch let failure as Failure where failure.exitStatus == .locked {
                try Interruption.check()
                usleep(100_000)
            }
        }
    }

    /// Whether a blob is here, with its size. It is made young then, so that no collection takes it before it has a name.
    package func keepIfHere(_ blob: BlobDescriptor) throws -> Bool {
        let places = [layout.blob(blob.digest), layout.trashed(blob.digest)]
        guard let place = places.first(where: { Files.exists($0) }), try Files.size(place) == blob.size else {
            return false
        }
        try keep([blob])
        return true
    }

    /// Removes what intakes left that nobody has gone on with for a week.
    package func removeStaleIntakes(olderThanSeconds age: Double = 7 * 86_400) throws {
        guard Files.isDirectory(layout.incoming) else { return }
        // A lock may be left alone: its holder died between the renaming of the blob and the end.
        let names = Set(try Files.list(layout.incoming).map { $0.hasSuffix(".lock") ? String($0.dropLast(5)) : $0 })
        for name in names.sorted() {
            let path = layout.incoming.appending(name)
            let lockPath = layout.incoming.appending(name + ".lock")
            let times = [path, lockPath].compactMap { try? Files.modificationTime($0) }
            guard let last = times.max(), Clock.epochSeconds() - last > age else { continue }
            guard let lock = try? FileLock(acquiring: lockPath, purpose: "removing an old download") else { continue }
            try Files.remove(path)
            try Files.remove(lockPath)
            withExtendedLifetime(lock) {}
        }
    }
}

internal import Base
internal import Synchronization
internal import Zstandard

/// A decompression context with the last frame that it read. Belongs to one thread at a time.
package final class FrameCursor {
    private var decompressor: Decompressor
    private var buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 14, alignment: 64)
    private var frameBytes = 0
    private var shard: ShardReader?
    private var frame = -1

    package init() throws { decompressor = try Decompressor() }

    deinit { buffer.deallocate() }

    /// The decompressed frame; valid until the cursor's next use.
    func contents(of frame: Int, in shard: ShardReader) throws -> UnsafeRawBufferPointer {
        if self.shard !== shard || self.frame != frame {
            self.frame = -1
            self.shard = shard
            frameBytes = try read(frame, of: shard) { size in
                if buffer.count < size {
                    buffer.deallocate()
                    buffer = .allocate(byteCount: max(size, 2 * buffer.count), alignment: 64)
                }
                return buffer
            }
            self.frame = frame
        }
        return UnsafeRawBufferPointer(rebasing: buffer[0..<frameBytes])
    }

    /// Decompresses a frame into a buffer of one's own; where it is damaged and comes from a server, once more with
    /// fresh bytes.
    ///
    /// - Parameter buffer: gives room for as many bytes as it is called with.
    /// - Returns: the number of bytes.
    func read(
        _ frame: Int, of shard: ShardReader, into buffer: (Int) throws -> UnsafeMutableRawBufferPointer
    ) throws -> Int {
        let compressed = try shard.frameBytes(frame)
        do {
            return try decompress(compressed, frame, of: shard, into: buffer)
        } catch let error as DamagedBlob {
            // A server may have answered with wrong bytes once.
            guard try shard.fetchAgain(compressed) else { throw error }
            return try decompress(compressed, frame, of: shard, into: buffer)
        }
    }

    /// Hands out a frame's content piece by piece; its checksum is checked behind the last one.
    ///
    /// What comes from a server is checked before the first piece is handed out, so that it can be fetched once more.
    package func forEachPiece(
        of frame: Int, in shard: ShardReader, _ body: (UnsafeRawBufferPointer) throws -> Void
    ) throws {
        let compressed = try shard.frameBytes(frame)
        if shard.canFetchAgain {
            do {
                try decompressor.forEachPiece(of: compressed) { _ in }
            } catch is ZstandardError {
                _ = try shard.fetchAgain(compressed)
            }
        }
        do {
            try decompressor.forEachPiece(of: compressed, body)
        } catch let error as ZstandardError {
            throw DamagedBlob(shard.path, "frame \(frame): \(error.message)")
        }
    }

    /// Lets go of a buffer that only a large item of media needed.
    func shrink() {
        guard buffer.count > Self.keptBytes else { return }
        buffer.deallocate()
        buffer = .allocate(byteCount: 1 << 14, alignment: 64)
        frame = -1
    }

    private static let keptBytes = 8 << 20

    private func decompress(
        _ compressed: UnsafeRawBufferPointer, _ frame: Int, of shard: ShardReader,
        into buffer: (Int) throws -> UnsafeMutableRawBufferPointer
    ) throws -> Int {
        let size = try shard.contentSize(of: compressed, frame: frame)
        let output = try buffer(size)
        let dictionary = try shard.dictionary()
        let count: Int
        do throws(ZstandardError) {
            count = try decompressor.decompress(compressed, into: output, dictionary: dictionary)
        } catch {
            throw DamagedBlob(shard.path, "frame \(frame): \(error.message)")
        }
        guard count == size else {
            throw DamagedBlob(shard.path, "frame \(frame) has \(count) bytes instead of \(size)")
        }
        return count
    }
}

extension ShardReader {
    /// What a frame's header says that it holds.
    ///
    /// - Throws: `DamagedBlob` also where it is more than the shard can hold, so that nobody allocates because of it.
    package func contentSize(of compressed: UnsafeRawBufferPointer, frame: Int) throws -> Int {
        let size: Int
        do throws(ZstandardError) {
            size = try Frame.contentSize(compressed)
        } catch {
            throw DamagedBlob(path, "frame \(frame): \(error.message)")
        }
        guard size <= trailer.rawBytes else {
            throw DamagedBlob(path, "frame \(frame) claims \(size) bytes, more than the whole shard")
        }
        return size
    }
}

/// Decompression contexts to borrow.
package final class CursorPool: Sendable {
    /// `@unchecked Sendable`: a cursor is either in the pool or with the one who took it.
    private struct Parked: @unchecked Sendable {
        let cursor: FrameCursor
    }

    private let parked = Mutex<[Parked]>([])

    package func take() throws -> FrameCursor {
        if let cursor = parked.withLock({ $0.popLast() }) { return cursor.cursor }
        return try FrameCursor()
    }

    package func put(_ cursor: FrameCursor) {
        cursor.shrink()
        let returned = Parked(cursor: cursor)
        parked.withLock { if $0.count < 64 { $0.append(returned) } }
    }
}

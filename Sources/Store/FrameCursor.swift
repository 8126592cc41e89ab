internal import Base
internal import Zstandard

/// A decompression context with the last frame that it read. Belongs to one thread at a time.
final class FrameCursor {
    private var decompressor: Decompressor
    private var buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 14, alignment: 64)
    private var frameBytes = 0
    private var shard: ShardReader?
    private var frame = -1

    init() throws { decompressor = try Decompressor() }

    deinit { buffer.deallocate() }

    /// The decompressed frame; valid until the cursor's next use.
    func contents(of frame: Int, in shard: ShardReader) throws -> UnsafeRawBufferPointer {
        if self.shard !== shard || self.frame != frame {
            self.frame = -1
            self.shard = shard
            let compressed = try shard.frameBytes(frame)
            do {
                try decompress(compressed, frame, of: shard)
            } catch let error as DamagedBlob {
                // A server may have answered with wrong bytes once.
                guard try shard.fetchAgain(compressed) else { throw error }
                try decompress(compressed, frame, of: shard)
            }
            self.frame = frame
        }
        return UnsafeRawBufferPointer(rebasing: buffer[0..<frameBytes])
    }

    private func decompress(_ compressed: UnsafeRawBufferPointer, _ frame: Int, of shard: ShardReader) throws {
        let size: Int
        do throws(ZstandardError) {
            size = try Frame.contentSize(compressed)
        } catch {
            throw DamagedBlob(shard.path, "frame \(frame): \(error.message)")
        }
        // A damaged header must not make us allocate more than the shard can hold.
        guard size <= shard.trailer.rawBytes else {
            throw DamagedBlob(shard.path, "frame \(frame) claims \(size) bytes, more than the whole shard")
        }
        if buffer.count < size {
            buffer.deallocate()
            buffer = .allocate(byteCount: max(size, 2 * buffer.count), alignment: 64)
        }
        let dictionary = try shard.dictionary()
        do throws(ZstandardError) {
            frameBytes = try decompressor.decompress(compressed, into: buffer, dictionary: dictionary)
        } catch {
            throw DamagedBlob(shard.path, "frame \(frame): \(error.message)")
        }
        guard frameBytes == size else {
            throw DamagedBlob(shard.path, "frame \(frame) has \(frameBytes) bytes instead of \(size)")
        }
    }
}

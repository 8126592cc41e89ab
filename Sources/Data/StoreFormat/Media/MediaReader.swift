internal import Base
internal import Synchronization
internal import Zstandard

/// An item of media that is handed out piece by piece, as far as somebody asks. May be used from any thread.
///
/// Its checksum stands behind its last byte: what is read before is not verified. Memory: 256 KiB; up to 2 MiB more for
/// an item that was worth compressing.
public final class MediaReader: Sendable {
    private let shard: ShardReader
    private let frame: Int
    private let stream: Mutex<FrameStream>

    package init(_ shard: ShardReader, frame: Int) throws {
        self.shard = shard
        self.frame = frame
        // The bytes are the mapping's, which the shard holds.
        let stream = try FrameStream(shard.frameBytes(frame))
        self.stream = Mutex(stream)
    }

    /// The next bytes of the item, as many as were asked for unless it ends; none behind its end.
    ///
    /// - Throws: `DamagedBlob` where the bytes are not what was written.
    public func read(upTo byteCount: Int) throws -> [UInt8] {
        try stream.withLock { stream in
            do {
                return try Array(unsafeUninitializedCapacity: byteCount) { buffer, count in
                    count = try stream.read(into: UnsafeMutableRawBufferPointer(buffer))
                }
            } catch let error as ZstandardError {
                throw DamagedBlob(shard.path, "frame \(frame): \(error.message)")
            }
        }
    }

    /// Goes over bytes: to those that a range begins with.
    public func skip(_ byteCount: Int) throws {
        var rest = byteCount
        while rest > 0 {
            let count = try read(upTo: min(rest, Self.pieceBytes)).count
            guard count > 0 else { return }
            rest -= count
        }
    }

    /// What is worth asking for at once.
    public static let pieceBytes = 256 << 10
}

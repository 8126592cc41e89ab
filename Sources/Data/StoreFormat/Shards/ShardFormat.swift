package import Base

/// Constants and fixed-size parts of a `.tvz` shard; see `docs/formats.md`.
enum ShardFormat {
    static let version: UInt16 = 1

    // Skippable frames, in file order.
    static let headerMagic: UInt32 = 0x184D_2A50
    static let dictionaryMagic: UInt32 = 0x184D_2A51
    static let indexMagic: UInt32 = 0x184D_2A52
    static let contentHashMagic: UInt32 = 0x184D_2A53
    static let trailerMagic: UInt32 = 0x184D_2A54
    static let seekTableMagic: UInt32 = 0x184D_2A5E
    /// Ends a file in zstd's seekable format.
    static let seekableFooterMagic: UInt32 = 0x8F92_EAB1

    static let skippableHeaderBytes = 8
    static let headerBytes = 48
    static let trailerBytes = 64
    static let seekFooterBytes = 9
    static let headerSignature = Array("TVTSHRD1".utf8)
    static let trailerSignature = Array("TVTEND1\0".utf8)
    /// Flag of the header: the frames need the dictionary.
    static let usesDictionary: UInt32 = 1

    static func skippableHeader(_ magic: UInt32, _ byteCount: Int) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.append(littleEndian: magic)
        bytes.append(littleEndian: UInt32(byteCount))
        return bytes
    }
}

/// What the frames of a shard hold; its raw value stands in the headers of shards and indexes.
package enum ShardKind: UInt16, Sendable {
    case documents = 1
    case queries = 2
    /// Images, videos and sounds: a frame each.
    case media = 3

    package init(_ kind: RecordKind) {
        switch kind {
        case .documents: self = .documents
        case .queries: self = .queries
        }
    }

    /// Nil for media.
    package var records: RecordKind? { RecordKind(rawValue: rawValue) }

    /// Of the hash that the shard keeps of each of its contents: XXH3-128 of a record, SHA-256 of an item of media.
    var hashBytes: Int { self == .media ? 32 : 16 }
}

/// The first skippable frame's payload.
package struct ShardHeader {
    var kind: ShardKind
    /// SHA-256 of the dictionary that follows; nil for none.
    package var dictionary: SHA256Digest?

    var bytes: [UInt8] {
        var bytes = ShardFormat.headerSignature
        bytes.append(littleEndian: ShardFormat.version)
        bytes.append(littleEndian: kind.rawValue)
        bytes.append(littleEndian: dictionary == nil ? UInt32(0) : ShardFormat.usesDictionary)
        bytes += dictionary?.bytes ?? [UInt8](repeating: 0, count: 32)
        return bytes
    }
}

/// The last skippable frame's payload before the seek table.
package struct ShardTrailer: Equatable {
    package var recordCount: Int
    package var frameCount: Int
    /// Bytes of all records with their newlines.
    package var rawBytes: Int
    /// Where the skippable frame of the record index starts; all frames end here.
    var indexOffset: Int
    /// Where the skippable frame of the content hashes starts.
    var contentHashOffset: Int
    /// Low 64 bits of XXH3-128 of everything before `indexOffset`.
    var bodyHash: UInt64

    var bytes: [UInt8] {
        var bytes: [UInt8] = []
        bytes.append(littleEndian: UInt64(recordCount))
        bytes.append(littleEndian: UInt32(frameCount))
        bytes.append(littleEndian: UInt32(0))
        bytes.append(littleEndian: UInt64(rawBytes))
        bytes.append(littleEndian: UInt64(indexOffset))
        bytes.append(littleEndian: UInt64(contentHashOffset))
        bytes.append(littleEndian: bodyHash)
        bytes.append(littleEndian: bytes.withUnsafeBytes { XXH3.hash64($0) })
        bytes += ShardFormat.trailerSignature
        return bytes
    }

    /// - Parameter bytes: 64 bytes.
    /// - Returns: nil where the signature, the checksum or a count cannot be right.
    init?(_ bytes: UnsafeRawBufferPointer) {
        guard bytes.count == ShardFormat.trailerBytes,
            bytes[56...].elementsEqual(ShardFormat.trailerSignature),
            bytes.integer(at: 48, as: UInt64.self) == XXH3.hash64(bytes.slice(0..<48)),
            let recordCount = Int(exactly: bytes.integer(at: 0, as: UInt64.self)),
            let rawBytes = Int(exactly: bytes.integer(at: 16, as: UInt64.self)),
            let indexOffset = Int(exactly: bytes.integer(at: 24, as: UInt64.self)),
            let contentHashOffset = Int(exactly: bytes.integer(at: 32, as: UInt64.self))
        else { return nil }
        self.init(
            recordCount: recordCount, frameCount: Int(bytes.integer(at: 8, as: UInt32.self)), rawBytes: rawBytes,
            indexOffset: indexOffset, contentHashOffset: contentHashOffset,
            bodyHash: bytes.integer(at: 40, as: UInt64.self))
    }

    init(
        recordCount: Int, frameCount: Int, rawBytes: Int, indexOffset: Int, contentHashOffset: Int, bodyHash: UInt64
    ) {
        self.recordCount = recordCount
        self.frameCount = frameCount
        self.rawBytes = rawBytes
        self.indexOffset = indexOffset
        self.contentHashOffset = contentHashOffset
        self.bodyHash = bodyHash
    }
}

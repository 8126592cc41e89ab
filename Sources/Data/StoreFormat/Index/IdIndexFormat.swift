package import Base

/// Constants of an id index blob; see `docs/formats.md`.
package enum IdIndexFormat {
    package static let version: UInt16 = 1
    package static let headerBytes = 4096
    static let trailerBytes = 32
    static let bucketBytes = 64
    static let slotsPerBucket = 7
    /// Keys that home buckets are provided for: a load of 5/7.
    static let keysPerBucket = 5
    package static let signature = Array("TVTIDX1\0".utf8)
    static let trailerSignature = Array("TVTIEND1".utf8)
    /// "tvt_idx1".
    package static let seed: UInt64 = 0x7476_745F_6964_7831

    @inline(__always)
    package static func hash(_ id: UnsafeRawBufferPointer) -> UInt64 { XXH3.hash64(id, seed: seed) }

    static func homeBucketCount(keys: Int) -> Int { max(1, (keys + keysPerBucket - 1) / keysPerBucket) }

    /// Where a key's search begins: monotone in the hash, so that sorted keys fill the table from front to back.
    @inline(__always)
    static func homeBucket(_ hash: UInt64, of count: Int) -> Int {
        Int(hash.multipliedFullWidth(by: UInt64(count)).high)
    }

    @inline(__always)
    static func fingerprint(_ hash: UInt64) -> UInt32 { UInt32(truncatingIfNeeded: hash) }

    /// All that the table depends on.
    package static func header(kind: ShardKind, keys: Int, recordsDigest: SHA256Digest) -> [UInt8] {
        var bytes = signature
        bytes.append(littleEndian: version)
        bytes.append(littleEndian: kind.rawValue)
        bytes.append(littleEndian: UInt32(0))
        bytes.append(littleEndian: UInt64(keys))
        bytes.append(littleEndian: UInt64(homeBucketCount(keys: keys)))
        bytes.append(littleEndian: seed)
        bytes += recordsDigest.bytes
        bytes += [UInt8](repeating: 0, count: headerBytes - 8 - bytes.count)
        bytes.append(littleEndian: bytes.withUnsafeBytes { XXH3.hash64($0) })
        return bytes
    }

    /// Bucket count with overflow buckets, then a checksum and a signature.
    package static func trailer(bucketCount: Int) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.append(littleEndian: UInt64(bucketCount))
        bytes.append(littleEndian: UInt64(0))
        bytes.append(littleEndian: bytes.withUnsafeBytes { XXH3.hash64($0) })
        return bytes + trailerSignature
    }
}

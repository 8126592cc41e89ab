package import Base
package import SystemPackage

/// Finds the ordinals that an id may have: one cache line, seldom more.
///
/// Memory: none but the mapped pages that are touched.
package final class IdIndex: Sendable {
    package let path: FilePath
    package let keyCount: Int
    package let recordsDigest: SHA256Digest
    let bucketCount: Int
    private let homeBucketCount: Int
    private let buckets: CheckedPages

    /// - Throws: `DamagedBlob` for a file that is no whole index; `Failure` for a newer format version.
    package init(_ path: FilePath, kind: ShardKind, origin: any BlobOrigin = LocalBlobs()) throws {
        self.path = path
        let file = try origin.map(path)
        file.advise(.random)
        let bytes = file.bytes
        typealias Format = IdIndexFormat
        func damaged(_ reason: String) -> DamagedBlob { DamagedBlob(path, reason) }
        guard bytes.count >= Format.headerBytes + Format.bucketBytes + 8 + Format.trailerBytes else {
            throw damaged("\(bytes.count) bytes are too few for an id index")
        }
        try file.ensure(0..<Format.headerBytes)
        try file.ensure(bytes.count - Format.trailerBytes..<bytes.count)
        guard bytes[0..<8].elementsEqual(Format.signature) else { throw damaged("it is no id index") }
        let version = bytes.integer(at: 8, as: UInt16.self)
        guard version == Format.version else {
            throw Failure(.badData, "\(path): id index version \(version) is not known", advice: "Use a newer tvt.")
        }
        guard
            bytes.integer(at: Format.headerBytes - 8, as: UInt64.self)
                == XXH3.hash64(bytes.slice(0..<Format.headerBytes - 8)),
            bytes.integer(at: 10, as: UInt16.self) == kind.rawValue,
            bytes.integer(at: 32, as: UInt64.self) == Format.seed,
            let keyCount = Int(exactly: bytes.integer(at: 16, as: UInt64.self)),
            let homeBucketCount = Int(exactly: bytes.integer(at: 24, as: UInt64.self))
        else { throw damaged("its header is damaged") }
        self.keyCount = keyCount
        self.homeBucketCount = homeBucketCount
        recordsDigest = SHA256Digest(bytes: Array(bytes[40..<72]))

        let trailerOffset = bytes.count - Format.trailerBytes
        let trailer = bytes.slice(trailerOffset..<bytes.count)
        guard trailer[24...].elementsEqual(Format.trailerSignature),
            trailer.integer(at: 16, as: UInt64.self) == XXH3.hash64(trailer.slice(0..<16)),
            let bucketCount = Int(exactly: trailer.integer(at: 0, as: UInt64.self)),
            bucketCount <= bytes.count / Format.bucketBytes, keyCount <= bucketCount * Format.slotsPerBucket,
            homeBucketCount == Format.homeBucketCount(keys: keyCount), homeBucketCount <= bucketCount
        else { throw damaged("its trailer is damaged: it is cut off, or no id index") }
        self.bucketCount = bucketCount
        let region = Format.headerBytes..<Format.headerBytes + bucketCount * Format.bucketBytes
        guard region.upperBound + CheckedPages.checksumBytes(for: region.count) == trailerOffset else {
            throw damaged("its size does not fit its number of buckets")
        }
        buckets = CheckedPages(file, path: path, region: region, checksumOffset: region.upperBound, name: "buckets")
    }

    /// The ordinal of the key with this hash that `matches` accepts.
    ///
    /// - Parameter matches: whether the record with the ordinal has the id that is looked for; called for equal
    ///   32-bit fingerprints only, so almost never in vain.
    package func ordinal(hash: UInt64, where matches: (Int) throws -> Bool) throws -> Int? {
        let home = IdIndexFormat.homeBucket(hash, of: homeBucketCount)
        let fingerprint = IdIndexFormat.fingerprint(hash)
        var bucket = home
        var last = home
        while true {
            let offset = bucket * IdIndexFormat.bucketBytes
            try buckets.check(offset..<offset + IdIndexFormat.bucketBytes)
            let count = Int(buckets.bytes.integer(at: offset + 56, as: UInt32.self))
            guard count <= IdIndexFormat.slotsPerBucket else { throw DamagedBlob(path, "bucket \(bucket) is overfull") }
            for slot in 0..<count
            where buckets.bytes.integer(at: offset + slot * 4, as: UInt32.self) == fingerprint {
                let ordinal = Int(buckets.bytes.integer(at: offset + 28 + slot * 4, as: UInt32.self))
                if try matches(ordinal) { return ordinal }
            }
            if bucket == home {
                last = home + Int(buckets.bytes.integer(at: offset + 60, as: UInt32.self))
                guard last < bucketCount else { throw DamagedBlob(path, "bucket \(home) overflows the table") }
            }
            if bucket == last { return nil }
            bucket += 1
        }
    }

    /// Checks every page, that the padding is zero, and that the table holds each ordinal exactly once.
    package func checkAll() throws {
        try buckets.check(0..<buckets.bytes.count)
        var seen = [UInt64](repeating: 0, count: (keyCount + 63) / 64)
        var found = 0
        for bucket in 0..<bucketCount {
            let offset = bucket * IdIndexFormat.bucketBytes
            let count = Int(buckets.bytes.integer(at: offset + 56, as: UInt32.self))
            guard count <= IdIndexFormat.slotsPerBucket else { throw DamagedBlob(path, "bucket \(bucket) is overfull") }
            for slot in 0..<count {
                let ordinal = Int(buckets.bytes.integer(at: offset + 28 + slot * 4, as: UInt32.self))
                guard ordinal < keyCount, seen[ordinal / 64] >> UInt64(ordinal % 64) & 1 == 0 else {
                    throw DamagedBlob(path, "bucket \(bucket) holds an ordinal that is impossible or repeated")
                }
                seen[ordinal / 64] |= 1 << UInt64(ordinal % 64)
            }
            found += count
        }
        guard found == keyCount else { throw DamagedBlob(path, "it holds \(found) keys instead of \(keyCount)") }
    }
}

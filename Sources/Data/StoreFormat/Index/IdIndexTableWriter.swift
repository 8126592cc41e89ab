internal import Base

/// Writes the buckets of an id index from front to back, for keys that come in the order of their hashes.
///
/// Only the buckets between the current home and the last one in use are in memory.
struct TableWriter: ~Copyable {
    /// 7 fingerprints, 7 ordinals, count, overflow.
    private typealias Bucket = SIMD16<UInt32>
    private static let countLane = 14
    private static let overflowLane = 15

    var blob: BlobWriter
    private let homeBucketCount: Int
    /// Number of the first bucket that is not written yet.
    private var base = 0
    private var open: [Bucket] = []
    /// Buckets at the start of `open` that are written already.
    private var head = 0
    /// Number of the first bucket with room, where that is behind the current home.
    private var cursor = 0
    private var page: [UInt8] = []
    private var checksums: [UInt8] = []

    init(_ blob: consuming BlobWriter, homeBucketCount: Int) {
        self.blob = blob
        self.homeBucketCount = homeBucketCount
        page.reserveCapacity(CheckedPages.pageBytes)
    }

    mutating func insert(hash: UInt64, ordinal: UInt32) throws {
        let home = IdIndexFormat.homeBucket(hash, of: homeBucketCount)
        try writeBuckets(upTo: home)
        cursor = max(cursor, home)
        while bucketCount <= cursor { open.append(Bucket(repeating: 0)) }
        if open[head + cursor - base][Self.countLane] == UInt32(IdIndexFormat.slotsPerBucket) {
            cursor += 1
            if bucketCount <= cursor { open.append(Bucket(repeating: 0)) }
        }
        let position = head + cursor - base
        let slot = Int(open[position][Self.countLane])
        open[position][slot] = IdIndexFormat.fingerprint(hash)
        open[position][IdIndexFormat.slotsPerBucket + slot] = ordinal
        open[position][Self.countLane] = UInt32(slot + 1)
        open[head + home - base][Self.overflowLane] = UInt32(cursor - home)
    }

    /// Buckets so far, written ones included.
    private var bucketCount: Int { base + open.count - head }

    private mutating func writeBuckets(upTo end: Int) throws {
        while base < end {
            let bucket = head < open.count ? open[head] : Bucket(repeating: 0)
            if head < open.count { head += 1 }
            for lane in 0..<16 { page.append(littleEndian: bucket[lane]) }
            base += 1
            if page.count == CheckedPages.pageBytes { try writePage() }
        }
        if head == open.count || head > 4096 {
            open.removeFirst(head)
            head = 0
        }
    }

    private mutating func writePage() throws {
        guard !page.isEmpty else { return }
        checksums += page.withUnsafeBytes { CheckedPages.checksums(of: $0) }
        try blob.write(page)
        page.removeAll(keepingCapacity: true)
    }

    consuming func finish() throws -> StagedBlob {
        let count = max(bucketCount, homeBucketCount)
        try writeBuckets(upTo: count)
        try writePage()
        try blob.write(checksums)
        try blob.write(IdIndexFormat.trailer(bucketCount: count))
        return try blob.finish()
    }
}

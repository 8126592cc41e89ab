internal import Base
internal import Store
internal import StoreFormat

/// Which part of a record is its text.
enum ComparedText: Sendable {
    case text
    /// Title, then text.
    case titleAndText
}

/// Makes what texts are compared by, record after record. Belongs to one thread.
struct TextFingerprints {
    private let dataset: Dataset
    private let kind: RecordKind
    private let compared: ComparedText
    private let unit: ShingleUnit
    private let includesMedia: Bool
    private let reader: RecordText
    private var normalized = NormalizedText()
    private var hashes: [UInt64] = []
    private var signature: [UInt32] = []

    /// What is known of a record's text.
    struct Fingerprint {
        /// Of the text's bytes as they are.
        var text: ContentHash
        /// Of the normalised text; nil where it has no token.
        var normalized: ContentHash?
    }

    /// - Parameter includesMedia: also the texts of records with image, video or audio, and of those that have none.
    init(_ dataset: Dataset, _ kind: RecordKind, _ compared: ComparedText, includesMedia: Bool = false) {
        self.dataset = dataset
        self.kind = kind
        self.compared = compared
        self.includesMedia = includesMedia
        unit = kind == .documents ? .tokens : .characters
        reader = RecordText(dataset, kind)
    }

    /// - Parameter keys: gets the band keys, if there is a `minHash` and the text has a token.
    /// - Returns: nil for a record without text, and for one with image, video or audio, whose text is not what it says; never
    ///   where media are included.
    mutating func fingerprint(
        of line: UnsafeRawBufferPointer, ordinal: Int, minHash: MinHash?, keys: inout [UInt64]
    ) throws -> Fingerprint? {
        guard let text = try normalize(line, ordinal: ordinal) else { return nil }
        guard !normalized.isEmpty else { return Fingerprint(text: text, normalized: nil) }
        if let minHash {
            hashes.removeAll(keepingCapacity: true)
            Shingles.append(normalized, unit: unit, to: &hashes)
            minHash.signature(of: hashes, into: &signature)
            MinHash.appendBandKeys(of: signature, to: &keys)
        }
        return Fingerprint(text: text, normalized: ContentHash.of(normalized.bytes))
    }

    /// The set of the record's shingles; empty for one that is not compared by its text.
    mutating func shingles(of line: UnsafeRawBufferPointer, ordinal: Int) throws -> [UInt64] {
        guard try normalize(line, ordinal: ordinal) != nil else { return [] }
        var set: [UInt64] = []
        Shingles.append(normalized, unit: unit, to: &set)
        Shingles.makeSet(&set)
        return set
    }

    /// - Returns: the hash of the text as it is; nil where the record is not compared by its text.
    private mutating func normalize(_ line: UnsafeRawBufferPointer, ordinal: Int) throws -> ContentHash? {
        // Taken out for the closure's time, because a closure over one property borrows them all.
        var normalized = NormalizedText()
        swap(&normalized, &self.normalized)
        defer { swap(&normalized, &self.normalized) }
        normalized.removeAll()
        return try reader.withContents(of: line, ordinal: ordinal) { contents in
            guard includesMedia || (contents.text != nil && contents.modalities.isDisjoint(with: .media)) else {
                return nil
            }
            if compared == .titleAndText, let title = contents.title { normalized.append(title) }
            guard let text = contents.text else { return ContentHash.of([]) }
            normalized.append(text)
            return ContentHash.of(text)
        }
    }
}

/// Sets of shingles that are needed again and again, read when they are first asked for.
///
/// Memory: 32 MiB and the largest set; when it is full, all are forgotten.
struct ShingleCache {
    private let kind: RecordKind
    private let reader: RecordReader
    private var fingerprints: TextFingerprints
    private var sets: [Int: [UInt64]] = [:]
    private var hashCount = 0
    private static let largestHashCount = 4 << 20

    init(_ dataset: Dataset, _ kind: RecordKind, _ compared: ComparedText, includesMedia: Bool = false) throws {
        self.kind = kind
        reader = try RecordReader(dataset)
        fingerprints = TextFingerprints(dataset, kind, compared, includesMedia: includesMedia)
    }

    mutating func shingles(of ordinal: Int) throws -> [UInt64] {
        if let set = sets[ordinal] { return set }
        var fingerprints = fingerprints
        let set = try reader.withRecord(kind, ordinal) { try fingerprints.shingles(of: $0, ordinal: ordinal) }
        if hashCount + set.count > Self.largestHashCount {
            sets.removeAll()
            hashCount = 0
        }
        // An empty entry costs some bytes as well.
        hashCount += set.count + 16
        sets[ordinal] = set
        return set
    }
}

/// A record under a hash.
struct HashEntry: BitwiseCopyable, Comparable {
    var hash: SortedHash
    /// 0 unless records of several datasets are sorted together.
    var source: UInt32 = 0
    var ordinal: UInt32

    init(_ hash: ContentHash, source: Int = 0, ordinal: Int) {
        self.hash = SortedHash(high: hash.high, low: hash.low)
        self.source = UInt32(source)
        self.ordinal = UInt32(ordinal)
    }

    static func < (left: HashEntry, right: HashEntry) -> Bool {
        if left.hash != right.hash { return left.hash < right.hash }
        return (left.source, left.ordinal) < (right.source, right.ordinal)
    }
}

/// A record in a band's bucket.
struct BandEntry: BitwiseCopyable, Comparable {
    var key: UInt64
    var source: UInt32 = 0
    var ordinal: UInt32

    static func < (left: BandEntry, right: BandEntry) -> Bool {
        if left.key != right.key { return left.key < right.key }
        return (left.source, left.ordinal) < (right.source, right.ordinal)
    }
}

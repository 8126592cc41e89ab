public import Base
public import JSON

/// What counts as a duplicate.
public struct DeduplicationOptions: Sendable {
    /// Also documents whose texts are similar, not only equal ones.
    public var isNear = false
    /// Compare the text alone: titles and extras may differ.
    public var isTextOnly = false
    /// The least Jaccard similarity of near-duplicates' shingles.
    public var threshold = 0.8
    /// Also documents whose images show the same, with equal texts, or with ``isNear`` similar ones; nil for no.
    public var nearImages: NearImages?
    /// Of the hash functions that find candidates.
    public var seed: UInt64 = 42
    /// Threads; the result does not depend on them.
    public var workers = processorCount
    /// For each of the sorters.
    package var sortedBytes = 32 << 20

    public init() {}

    /// When two images show the same.
    public struct NearImages: Sendable {
        /// Bits of their hashes that may differ, of 64.
        public var bits = 8
        /// The least correlation of their small pictures.
        public var similarity = 0.95
        /// Images that cannot be decoded, or are not there, are left out and counted; otherwise they are an error.
        public var skipsBroken = false

        public static let bitRange = NumberRange(0...12)
        public static let similarityRange = NumberRange(above: 0.0, through: 1)

        public init() {}
    }

    public var json: JSONObject {
        var json: JSONObject = ["near": JSONValue(isNear), "text_only": JSONValue(isTextOnly)]
        if isNear {
            json["threshold"] = JSONValue(threshold)
            json["seed"] = .integer(Int64(bitPattern: seed))
            json["shingle"] = JSONValue(Shingles.length)
            json["bands"] = JSONValue(MinHash.bandCount)
            json["rows"] = JSONValue(MinHash.rowsPerBand)
        }
        if let nearImages {
            json["near_images"] = true
            json["image_bits"] = JSONValue(nearImages.bits)
            json["image_similarity"] = JSONValue(nearImages.similarity)
            json["broken_images"] = .string(nearImages.skipsBroken ? "skip" : "error")
        }
        return json
    }
}

public import JSON

/// What was found.
public struct DeduplicationReport: Sendable {
    public var documentCount = 0
    /// Documents that another stands for: from the parent's aliases, by equal contents or text, by similar text, by images.
    public var inheritedCount = 0
    public var exactCount = 0
    public var nearCount = 0
    public var nearImageCount = 0
    public var clusterCount = 0
    public var largestCluster = 0
    /// Pairs whose similarity was computed, and those that reached the threshold.
    public var verifiedPairCount = 0
    public var similarPairCount = 0
    /// What was seen of images; nil where nobody asked.
    public var images: Images?
    public var links: [Rewriting] = []

    public var aliasCount: Int { inheritedCount + exactCount + nearCount + nearImageCount }

    public struct Images: Sendable {
        /// Documents with an image, and neither video nor sound.
        public var documentCount = 0
        /// Documents with a video or a sound, of which only equal contents count.
        public var recordingCount = 0
        /// Different images that were decoded; those of them with too little to see to be compared.
        public var count = 0
        public var flatCount = 0
        /// Different images that could not be decoded, and the first of them.
        public var brokenCount = 0
        public var broken: [BrokenImage] = []
        /// Documents whose image the dataset does not hold.
        public var absentCount = 0
        /// Pairs whose hashes were near enough, and those whose small pictures and texts were, too.
        public var comparedPairCount = 0
        public var similarPairCount = 0
    }

    public struct BrokenImage: Sendable {
        /// The first document that shows it.
        public let documentID: [UInt8]
        public let reason: String
    }

    /// What became of the links of one table.
    public struct Rewriting: Sendable {
        /// `positives`, `negatives` or `judgements/<split>`.
        public let name: String
        public var before = 0
        public var after = 0
        /// Links that point at another document now.
        public var redirectedCount = 0
        /// Links that repeat another of the same query.
        public var mergedCount = 0
        /// Negatives that are positives of the same query.
        public var droppedCount = 0
        /// Merged judgements whose grades differed; the highest was kept.
        public var regradedCount = 0
    }

    public var json: JSONObject {
        var json: JSONObject = [
            "documents": JSONValue(documentCount), "aliases": JSONValue(aliasCount),
            "inherited": JSONValue(inheritedCount), "exact": JSONValue(exactCount), "near": JSONValue(nearCount),
            "clusters": JSONValue(clusterCount), "largest_cluster": JSONValue(largestCluster),
            "verified_pairs": JSONValue(verifiedPairCount), "similar_pairs": JSONValue(similarPairCount),
        ]
        if let images {
            json["near_images"] = JSONValue(nearImageCount)
            json["images"] = [
                "documents": JSONValue(images.documentCount), "recordings": JSONValue(images.recordingCount),
                "decoded": JSONValue(images.count), "flat": JSONValue(images.flatCount),
                "broken": JSONValue(images.brokenCount), "absent": JSONValue(images.absentCount),
                "compared_pairs": JSONValue(images.comparedPairCount),
                "similar_pairs": JSONValue(images.similarPairCount),
            ]
        }
        var tables = JSONObject()
        for table in links {
            tables[table.name] = [
                "before": JSONValue(table.before), "after": JSONValue(table.after),
                "redirected": JSONValue(table.redirectedCount), "merged": JSONValue(table.mergedCount),
                "dropped": JSONValue(table.droppedCount), "regraded": JSONValue(table.regradedCount),
            ]
        }
        json["links"] = .object(tables)
        return json
    }
}

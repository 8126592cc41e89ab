public import Base
internal import JSON
public import Store

/// Clusters of documents that say the same, and the version whose links point at one document of each.
///
/// Nothing is deleted: duplicates stay where they are, and an alias map says which they are of. The representative of a
/// cluster is its first document. Clusters are transitive: documents of one cluster are joined by a chain of pairs that
/// are equal or similar enough.
public final class Deduplication {
    public let dataset: Dataset
    public let options: DeduplicationOptions
    public internal(set) var report = DeduplicationReport()
    let clusters: Clusters

    /// Finds the clusters.
    ///
    /// Memory: 32 MiB for sorting each of content hashes and, for near-duplicates, normalised texts and band keys; 32 MiB
    /// of shingles; a bit a document; the members of one bucket; with images, for each worker one and its pixels. Scratch
    /// space: 32 bytes a document, near-duplicates 248 more; with images, 1,040 bytes each, 4 an item of media, and 72 a
    /// document with one (near-duplicates 392).
    ///
    /// - Parameters:
    ///   - progress: of documents that are read.
    ///   - imageProgress: of images that are decoded.
    /// - Throws: `Failure` with status 64 for numbers out of their ranges; `InputError` for an image that cannot be
    ///   compared, where those are not skipped.
    public init(
        of dataset: Dataset, options: DeduplicationOptions, progress: Progress? = nil, imageProgress: Progress? = nil
    ) throws {
        guard options.threshold > 0, options.threshold <= 1 else {
            throw Failure(.usage, "a similarity threshold lies above 0 and is at most 1")
        }
        if let images = options.nearImages {
            guard DeduplicationOptions.NearImages.bitRange.contains(images.bits),
                DeduplicationOptions.NearImages.similarityRange.contains(images.similarity)
            else {
                throw Failure(.usage, "images differ in 0 to 12 bits; their similarity lies above 0 and is at most 1")
            }
        }
        self.dataset = dataset
        self.options = options
        clusters = try Clusters(count: dataset.documentCount)
        report.documentCount = dataset.documentCount
        if let aliases = dataset.aliases {
            for position in 0..<aliases.count {
                let (alias, representative) = try aliases.pair(at: position)
                if clusters.unite(alias, representative) { report.inheritedCount += 1 }
            }
        }
        try cluster(progress, imageProgress)
        let sizes = try OrdinalMap(count: dataset.documentCount)
        for document in 0..<dataset.documentCount {
            let representative = clusters.representative(of: document)
            guard representative != document else { continue }
            if sizes[representative] == 0 { report.clusterCount += 1 }
            sizes[representative] += 1
            report.largestCluster = max(report.largestCluster, Int(sizes[representative]) + 1)
        }
    }

    /// What a worker makes of a range of documents.
    private struct Fingerprinted: Sendable {
        var exact: [ContentHash] = []
        /// By position in the range.
        var normalized: [(Int, ContentHash)] = []
        var bandKeys: [UInt64] = []
        var images: [DocumentImage] = []
        var recordingCount = 0
    }

    private func cluster(_ progress: Progress?, _ imageProgress: Progress?) throws {
        var exact = ExternalSorter<HashEntry>(memoryBytes: options.sortedBytes)
        var normalized = ExternalSorter<HashEntry>(memoryBytes: options.sortedBytes)
        var bands = ExternalSorter<BandEntry>(memoryBytes: options.sortedBytes)
        var images = try options.nearImages.map { try ImageDuplicates(in: dataset, options, $0, uniting: clusters) }
        report.images = options.nearImages.map { _ in .init() }
        if options.isNear || options.isTextOnly || options.nearImages != nil {
            let (dataset, options) = (dataset, options)
            let minHash = options.isNear ? MinHash(seed: options.seed) : nil
            var ranges = OrdinalRanges(count: dataset.documentCount, size: 1024)
            var first = 0
            try orderedPipeline(
                workers: options.workers, window: 4 * max(1, options.workers),
                read: {
                    try Interruption.check()
                    return ranges.nextRange()
                },
                transform: { try Self.fingerprint(dataset, $0, options, minHash) },
                write: { batch in
                    for (offset, hash) in batch.exact.enumerated() {
                        try exact.append(HashEntry(hash, ordinal: first + offset))
                    }
                    for (offset, hash) in batch.normalized {
                        try normalized.append(HashEntry(hash, ordinal: first + offset))
                    }
                    for (position, key) in batch.bandKeys.enumerated() {
                        let ordinal = first + batch.normalized[position / MinHash.bandCount].0
                        try bands.append(BandEntry(key: key, ordinal: UInt32(ordinal)))
                    }
                    for image in batch.images { try append(image, to: &images) }
                    report.images?.recordingCount += batch.recordingCount
                    first += batch.exact.count
                    progress?.advance(by: batch.exact.count)
                })
        } else {
            for document in 0..<dataset.documentCount {
                if document % 65536 == 0 {
                    try Interruption.check()
                    progress?.advance(by: min(65536, dataset.documentCount - document))
                }
                try exact.append(HashEntry(dataset.documentContentHash(document), ordinal: document))
            }
        }
        // Of documents with the same text, only the first is looked for in buckets.
        var repeats = OrdinalSet(capacity: dataset.documentCount)
        func unite(_ sorter: inout ExternalSorter<HashEntry>) throws -> Int {
            var count = 0
            var first: HashEntry?
            try sorter.forEachSorted { entry in
                guard let start = first, start.hash == entry.hash else {
                    first = entry
                    return
                }
                repeats.insert(Int(entry.ordinal))
                if clusters.unite(Int(start.ordinal), Int(entry.ordinal)) { count += 1 }
            }
            return count
        }
        report.exactCount = try unite(&exact)
        if options.isNear {
            report.nearCount = try unite(&normalized)
            try uniteSimilarTexts(&bands, without: repeats)
        }
        if images != nil { try uniteNearImages(&images!, imageProgress) }
    }

    /// - Parameter repeats: documents whose text another has.
    private func uniteSimilarTexts(_ bands: inout ExternalSorter<BandEntry>, without repeats: OrdinalSet) throws {
        var cache = try ShingleCache(dataset, .documents, options.isTextOnly ? .text : .titleAndText)
        var bucket: [UInt32] = []
        var key: UInt64 = 0
        try bands.forEachSorted { entry in
            if entry.key != key {
                try verify(bucket, &cache)
                bucket.removeAll(keepingCapacity: true)
                key = entry.key
            }
            if !repeats.contains(Int(entry.ordinal)) { bucket.append(entry.ordinal) }
        }
        try verify(bucket, &cache)
    }

    private static func fingerprint(
        _ dataset: Dataset, _ range: Range<Int>, _ options: DeduplicationOptions, _ minHash: MinHash?
    ) throws -> Fingerprinted {
        var result = Fingerprinted()
        let compared: ComparedText = options.isTextOnly ? .text : .titleAndText
        var fingerprints = TextFingerprints(dataset, .documents, compared)
        var pictured = options.nearImages.map { _ in DocumentImages(dataset, compared, minHash) }
        try dataset.forEachDocumentRecord(in: range) { ordinal, line in
            let fingerprint = try fingerprints.fingerprint(
                of: line, ordinal: ordinal, minHash: minHash, keys: &result.bandKeys)
            if options.isTextOnly, let fingerprint {
                result.exact.append(fingerprint.text)
            } else {
                result.exact.append(try dataset.documentContentHash(ordinal))
            }
            if minHash != nil, let hash = fingerprint?.normalized {
                result.normalized.append((ordinal - range.lowerBound, hash))
            }
            switch try pictured?.find(in: line, ordinal: ordinal) {
            case .image(let image): result.images.append(image)
            case .recording: result.recordingCount += 1
            case .nothing, nil: break
            }
        }
        return result
    }

    /// Unites the documents of a bucket that are similar enough; after it, each pair that is lies in one cluster.
    private func verify(_ bucket: [UInt32], _ cache: inout ShingleCache) throws {
        guard bucket.count > 1 else { return }
        // The bucket's documents so far, by cluster: a pair within one need not be looked at.
        var groups: [[Int]] = []
        for document in bucket.map({ Int($0) }) {
            try Interruption.check()
            var joined: [Int] = []
            for (number, group) in groups.enumerated() {
                if clusters.representative(of: group[0]) == clusters.representative(of: document) {
                    joined.append(number)
                    continue
                }
                let shingles = try cache.shingles(of: document)
                for member in group {
                    report.verifiedPairCount += 1
                    guard try Shingles.jaccard(shingles, cache.shingles(of: member)) >= options.threshold else {
                        continue
                    }
                    report.similarPairCount += 1
                    if clusters.unite(member, document) { report.nearCount += 1 }
                    joined.append(number)
                    break
                }
            }
            guard let first = joined.first else {
                groups.append([document])
                continue
            }
            groups[first].append(document)
            for number in joined.dropFirst().reversed() {
                groups[first] += groups[number]
                groups.remove(at: number)
            }
        }
    }

    /// Calls `body` with each duplicate and the document that stands for it, in the order of the duplicates.
    public func forEachAlias(_ body: (_ alias: Int, _ representative: Int) throws -> Void) throws {
        for document in 0..<dataset.documentCount {
            let representative = clusters.representative(of: document)
            if representative != document { try body(document, representative) }
        }
    }

    /// Writes one JSON line for each duplicate: `docid` and `representative`.
    public func writeAliases(to file: inout StagedFile) throws {
        let reader = try RecordReader(dataset)
        let representatives = try RecordReader(dataset)
        var line: [UInt8] = []
        try forEachAlias { alias, representative in
            line.removeAll(keepingCapacity: true)
            JSONText.appendLiteral("{\"docid\":", to: &line)
            JSONText.appendString(try reader.documentID(alias), to: &line)
            JSONText.appendLiteral(",\"representative\":", to: &line)
            JSONText.appendString(try representatives.documentID(representative), to: &line)
            JSONText.appendLiteral("}\n", to: &line)
            try file.write(line)
        }
    }
}

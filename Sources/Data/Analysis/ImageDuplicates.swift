internal import Base
internal import Media
internal import Store

/// Finds documents whose images show the same and whose texts say the same.
///
/// Two images are near if their hashes differ in few bits and their small pictures are alike. The texts (titles too,
/// unless texts alone are compared) must be equal after normalisation, or, where near texts count, similar; a document
/// without a text is near to others without one only.
///
/// Memory: 32 MiB for sorting, 32 MiB of shingles with near texts, the documents that share a key.
/// Scratch space: 56 bytes a document with an image, with near texts 112 more, and while it is sorted 16 (224).
struct ImageDuplicates {
    /// A document with an image.
    struct Entry: BitwiseCopyable {
        var document: UInt32
        /// The number of its image among the items.
        var item: UInt32
        /// Of the normalised text.
        var textKey: UInt64
        /// Whether the text can be similar to another: it has band keys.
        var hasBands: Bool
    }

    private struct Compared: BitwiseCopyable {
        var bits: UInt64
        var textKey: UInt64
        var document: UInt32
        var slot: UInt32
        /// Of the text's band keys; nil where the text must be equal.
        var bands: UInt32?
    }

    private let dataset: Dataset
    private let options: DeduplicationOptions
    private let nearImages: DeduplicationOptions.NearImages
    private let clusters: Clusters
    private let entries: ScratchColumn<Entry>
    private let bandKeys: ScratchColumn<UInt64>
    private(set) var unitedCount = 0
    private(set) var pairCount = 0
    private(set) var similarPairCount = 0

    init(
        in dataset: Dataset, _ options: DeduplicationOptions, _ nearImages: DeduplicationOptions.NearImages,
        uniting clusters: Clusters
    ) throws {
        self.dataset = dataset
        self.options = options
        self.nearImages = nearImages
        self.clusters = clusters
        entries = try ScratchColumn()
        bandKeys = try ScratchColumn()
    }

    /// - Parameter keys: the band keys of the text; none where texts must be equal.
    mutating func append(document: Int, item: Int, textKey: UInt64, keys: ArraySlice<UInt64>) throws {
        try entries.append(
            Entry(document: UInt32(document), item: UInt32(item), textKey: textKey, hasBands: !keys.isEmpty))
        for key in keys { try bandKeys.append(key) }
    }

    /// Looks at all images and unites the documents that are near.
    ///
    /// - Throws: `InputError` for an image that cannot be decoded, where those are not skipped.
    mutating func unite(progress: Progress?) throws -> ImageHashes {
        try entries.seal()
        try bandKeys.seal()
        let shown = try OrdinalMap(count: dataset.mediaCount)
        for position in (0..<entries.count).reversed() {
            let entry = entries[position]
            shown[Int(entry.item)] = entry.document + 1
        }
        let hashes = try ImageHashes(
            of: dataset, showing: shown, skipsBroken: nearImages.skipsBroken, workers: options.workers,
            progress: progress)
        let compared = try ScratchColumn<Compared>()
        var bands: UInt32 = 0
        for position in 0..<entries.count {
            let entry = entries[position]
            if let slot = hashes.slot(ofItem: Int(entry.item)) {
                try compared.append(
                    Compared(
                        bits: hashes[slot].bits, textKey: entry.textKey, document: entry.document,
                        slot: UInt32(slot), bands: entry.hasBands ? bands : nil))
            }
            if entry.hasBands { bands += 1 }
        }
        try compared.seal()
        var cache = try ShingleCache(
            dataset, .documents, options.isTextOnly ? .text : .titleAndText, includesMedia: true)
        for mask in HashBands(distance: nearImages.bits, hashCount: compared.count).masks {
            try unite(compared, hashes, equalIn: mask, &cache)
        }
        return hashes
    }

    private mutating func unite(
        _ compared: ScratchColumn<Compared>, _ hashes: ImageHashes, equalIn mask: UInt64, _ cache: inout ShingleCache
    ) throws {
        var sorter = ExternalSorter<BandEntry>(memoryBytes: options.sortedBytes)
        for position in 0..<compared.count {
            if position % 65536 == 0 { try Interruption.check() }
            let image = compared[position]
            func append(_ text: UInt64) throws {
                let key = withUnsafeBytes(of: (image.bits & mask, text)) { XXH3.hash64($0) }
                try sorter.append(BandEntry(key: key, ordinal: UInt32(position)))
            }
            if let bands = image.bands {
                for band in 0..<MinHash.bandCount { try append(bandKeys[Int(bands) * MinHash.bandCount + band]) }
            } else {
                try append(image.textKey)
            }
        }
        var bucket: [Compared] = []
        var key: UInt64 = 0
        try sorter.forEachSorted { entry in
            if entry.key != key {
                try verify(bucket, hashes, &cache)
                bucket.removeAll(keepingCapacity: true)
                key = entry.key
            }
            bucket.append(compared[Int(entry.ordinal)])
        }
        try verify(bucket, hashes, &cache)
    }

    /// Images of a bucket that are in one cluster.
    private struct Group {
        var representative: Int
        var members: [Compared]
    }

    /// Unites the documents of a bucket that are near; after it, each pair that is lies in one cluster.
    private mutating func verify(_ bucket: [Compared], _ hashes: ImageHashes, _ cache: inout ShingleCache) throws {
        guard bucket.count > 1 else { return }
        var groups: [Group] = []
        for image in bucket {
            try Interruption.check()
            var own = clusters.representative(of: Int(image.document))
            var joined: [Int] = []
            for number in groups.indices {
                if groups[number].representative != own {
                    guard try groups[number].members.contains(where: { try isNear($0, image, hashes, &cache) }) else {
                        continue
                    }
                    if clusters.unite(groups[number].representative, own) { unitedCount += 1 }
                    own = clusters.representative(of: own)
                }
                joined.append(number)
            }
            guard let first = joined.first else {
                groups.append(Group(representative: own, members: [image]))
                continue
            }
            groups[first].members.append(image)
            for number in joined.dropFirst().reversed() {
                groups[first].members += groups[number].members
                groups.remove(at: number)
            }
            groups[first].representative = own
        }
    }

    private mutating func isNear(
        _ left: Compared, _ right: Compared, _ hashes: ImageHashes, _ cache: inout ShingleCache
    ) throws -> Bool {
        guard (left.bits ^ right.bits).nonzeroBitCount <= nearImages.bits else { return false }
        pairCount += 1
        guard
            left.slot == right.slot
                || hashes[Int(left.slot)].similarity(to: hashes[Int(right.slot)]) >= nearImages.similarity
        else { return false }
        if left.textKey != right.textKey {
            guard left.bands != nil, right.bands != nil else { return false }
            let shingles = try cache.shingles(of: Int(left.document))
            guard try Shingles.jaccard(shingles, cache.shingles(of: Int(right.document))) >= options.threshold else {
                return false
            }
        }
        similarPairCount += 1
        return true
    }
}

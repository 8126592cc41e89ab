public import Base
public import Store
public import StoreFormat

/// What a dataset consists of, counted from its records.
public struct DatasetStatistics: Sendable {
    public struct Records: Sendable {
        public var count = 0
        public var rawBytes = 0
        /// Of shards; dictionaries and indexes apart.
        public var storedBytes = 0
        public var indexBytes = 0
        public var dictionaryBytes = 0
        public var shardCount = 0
        /// Of stored lines.
        public var bytes = CountHistogram()
        /// Of texts, titles included; only records with a title or a text count. Words are what stands between white
        /// space, characters are Unicode scalars.
        public var words = CountHistogram()
        public var characters = CountHistogram()
        /// Records that have each of `title`, `text`, `image`, `video`, `audio`.
        public var modalities: [(name: String, count: Int)] = []
        /// Records that have exactly these modalities, as `text+image`, most frequent first; titles apart.
        public var combinations: [(name: String, count: Int)] = []
        /// Records whose contents an earlier record has.
        public var duplicateCount = 0
        /// Contents that more than one record has, and how many records have the most frequent.
        public var duplicatedContentCount = 0
        public var largestDuplicateCount = 0
        public var dictionaryGain: DictionaryGain?
    }

    public struct LinkTable: Sendable {
        /// `positives`, `negatives` or `judgements/<split>`.
        public let name: String
        public var storedBytes = 0
        /// Links of each query; queries without any count as 0.
        public var perQuery = CountHistogram()
        /// Judgements by grade, lowest first; nil for links without grades, and for more than 64 grades.
        public var grades: [(grade: Float, count: Int)]?

        public var linkCount: Int { perQuery.total }
        public var linkedQueryCount: Int { perQuery.count - (perQuery.bins.first ?? 0) }
        public var meanOfLinked: Double { linkedQueryCount == 0 ? 0 : Double(linkCount) / Double(linkedQueryCount) }
    }

    public var reference = ""
    public var digest = ""
    public var documents = Records()
    public var queries = Records()
    /// Images, videos and sounds, as the manifest has them; nil where it tells of none.
    public var media: Manifest.MediaTable?
    public var links: [LinkTable] = []
    /// Neither a positive link nor a judgement above 0.
    public var queriesWithoutPositives = 0
    /// Nothing points at them.
    public var unlinkedDocuments = 0
    /// Of the alias map, where there is one.
    public var aliasCount: Int?

    /// Reads every record once.
    ///
    /// Memory: 32 MiB for sorting content hashes, a bit a document, a frame a worker. Scratch space: 16 bytes a record.
    public init(
        of dataset: Dataset, in store: Store, workers: Int = processorCount, progress: Progress? = nil
    ) throws {
        reference = dataset.reference
        digest = dataset.digest.description
        documents = try Self.records(.documents, of: dataset, store, workers, progress)
        queries = try Self.records(.queries, of: dataset, store, workers, progress)
        aliasCount = dataset.aliases?.count
        media = dataset.manifest.media
        var isLinked = OrdinalSet(capacity: dataset.documentCount)
        var hasPositive = OrdinalSet(capacity: dataset.queryCount)
        for (name, table) in dataset.linkTables {
            var statistics = LinkTable(name: name)
            statistics.storedBytes = Self.storedBytes(of: name, in: dataset)
            var grades: [Float: Int] = [:]
            for query in 0..<table.queryCount {
                if query % 65536 == 0 { try Interruption.check() }
                let targets = try table.targets(of: query)
                statistics.perQuery.add(targets.count)
                for target in targets {
                    guard Int(target) < dataset.documentCount else { throw outOfRange(dataset, name, query) }
                    isLinked.insert(Int(target))
                }
                if table.role == .positive, !targets.isEmpty { hasPositive.insert(query) }
                if table.role == .judgement, let scores = try table.scores(of: query) {
                    for score in scores where grades.count <= Self.mostGrades {
                        grades[score, default: 0] += 1
                    }
                    if scores.contains(where: { $0 > 0 }) { hasPositive.insert(query) }
                }
            }
            if table.role == .judgement, grades.count <= Self.mostGrades {
                statistics.grades = grades.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
            }
            links.append(statistics)
        }
        queriesWithoutPositives = dataset.queryCount - hasPositive.count
        unlinkedDocuments = dataset.documentCount - isLinked.count
    }

    private static let mostGrades = 64

    private static func storedBytes(of name: String, in dataset: Dataset) -> Int {
        let manifest = dataset.manifest
        switch name {
        case "positives": return manifest.positives?.blob.size ?? 0
        case "negatives": return manifest.negatives?.blob.size ?? 0
        default:
            let table = manifest.judgements.first { "judgements/\($0.split)".utf8.elementsEqual(name.utf8) }
            return table?.links.blob.size ?? 0
        }
    }

    /// What one worker counts in a range of records.
    private struct Counted: Sendable {
        var bytes = CountHistogram()
        var words = CountHistogram()
        var characters = CountHistogram()
        var combinations = [Int](repeating: 0, count: 32)
    }

    private static func records(
        _ kind: RecordKind, of dataset: Dataset, _ store: Store, _ workers: Int, _ progress: Progress?
    ) throws -> Records {
        let table = dataset.table(kind)
        var result = Records()
        result.count = table.recordCount
        result.rawBytes = table.rawBytes
        result.storedBytes = table.storedBytes
        result.indexBytes = table.idIndex.size
        result.dictionaryBytes = table.dictionaries.reduce(0) { $0 + $1.size }
        result.shardCount = table.shards.count
        var ranges = OrdinalRanges(count: table.recordCount)
        var combinations = [Int](repeating: 0, count: 32)
        try orderedPipeline(
            workers: workers, window: 4 * max(1, workers),
            read: {
                try Interruption.check()
                return ranges.nextRange()
            },
            transform: { try count(kind, of: dataset, in: $0) },
            write: { counted in
                result.bytes.add(counted.bytes)
                result.words.add(counted.words)
                result.characters.add(counted.characters)
                for (set, count) in counted.combinations.enumerated() { combinations[set] += count }
                progress?.advance(by: counted.bytes.count)
            })
        result.modalities = Modalities.names.map { modality, name in
            (
                name,
                combinations.enumerated().reduce(0) { sum, entry in
                    sum + (Modalities(rawValue: UInt8(entry.offset)).contains(modality) ? entry.element : 0)
                }
            )
        }
        result.combinations = Self.combinations(combinations)
        try countDuplicates(kind, of: dataset, in: &result)
        result.dictionaryGain = try DictionaryGain(kind, of: dataset, in: store)
        return result
    }

    private static func count(_ kind: RecordKind, of dataset: Dataset, in range: Range<Int>) throws -> Counted {
        var counted = Counted()
        let reader = RecordText(dataset, kind)
        try dataset.forEachRecord(kind, in: range) { ordinal, line in
            counted.bytes.add(line.count)
            try reader.withContents(of: line, ordinal: ordinal) { contents in
                counted.combinations[Int(contents.modalities.rawValue)] += 1
                guard contents.title != nil || contents.text != nil else { return }
                var words = 0
                var characters = 0
                for part in [contents.title, contents.text] {
                    guard let part else { continue }
                    let counts = countText(part)
                    words += counts.words
                    characters += counts.characters
                }
                counted.words.add(words)
                counted.characters.add(characters)
            }
        }
        return counted
    }

    /// Words between white space, and Unicode scalars. White space is ASCII's, U+00A0, U+2000 to U+200A, U+2028, U+2029
    /// and U+3000.
    static func countText(_ text: UnsafeRawBufferPointer) -> (words: Int, characters: Int) {
        var words = 0
        var characters = 0
        var isInWord = false
        var position = 0
        while position < text.count {
            let byte = text[position]
            var isSpace = byte == 0x20 || byte >= 0x09 && byte <= 0x0D
            var length = 1
            if byte >= 0xC0 {
                length = byte >= 0xF0 ? 4 : byte >= 0xE0 ? 3 : 2
                if position + length <= text.count {
                    let next = text[position + 1]
                    if byte == 0xC2 {
                        isSpace = next == 0xA0
                    } else if byte == 0xE2, next == 0x80 {
                        let last = text[position + 2]
                        isSpace = last <= 0x8A || last == 0xA8 || last == 0xA9
                    } else if byte == 0xE3, next == 0x80 {
                        isSpace = text[position + 2] == 0x80
                    }
                }
            }
            if isSpace {
                isInWord = false
            } else if !isInWord {
                isInWord = true
                words += 1
            }
            characters += 1
            position += length
        }
        return (words, characters)
    }

    private static func combinations(_ counts: [Int]) -> [(name: String, count: Int)] {
        var byName: [(name: String, count: Int)] = []
        for (set, count) in counts.enumerated() where count > 0 {
            let modalities = Modalities(rawValue: UInt8(set))
            let names = Modalities.names.dropFirst().filter { modalities.contains($0.0) }.map(\.1)
            let name = names.isEmpty ? "none" : names.joined(separator: "+")
            if let known = byName.firstIndex(where: { $0.name == name }) {
                byName[known].count += count
            } else {
                byName.append((name, count))
            }
        }
        return byName.sorted { ($1.count, $0.name) < ($0.count, $1.name) }
    }

    private static func countDuplicates(
        _ kind: RecordKind, of dataset: Dataset, in result: inout Records
    ) throws {
        var sorter = ExternalSorter<SortedHash>()
        for ordinal in 0..<result.count {
            if ordinal % 65536 == 0 { try Interruption.check() }
            let hash = try dataset.contentHash(kind, ordinal)
            try sorter.append(SortedHash(high: hash.high, low: hash.low))
        }
        var last: SortedHash?
        var run = 0
        func endRun() {
            guard run > 1 else { return }
            result.duplicatedContentCount += 1
            result.duplicateCount += run - 1
            result.largestDuplicateCount = max(result.largestDuplicateCount, run)
        }
        try sorter.forEachSorted { hash in
            if hash == last {
                run += 1
            } else {
                endRun()
                last = hash
                run = 1
            }
        }
        endRun()
    }
}

/// A content hash that can be copied byte by byte.
struct SortedHash: BitwiseCopyable, Comparable {
    var high: UInt64
    var low: UInt64

    static func < (left: SortedHash, right: SortedHash) -> Bool {
        left.high != right.high ? left.high < right.high : left.low < right.low
    }
}

func outOfRange(_ dataset: Dataset, _ table: String, _ query: Int) -> Failure {
    Failure(
        .badData, "\(dataset.reference): \(table) of query \(query) point outside the documents",
        advice: "`tvt-store verify --level meta` tells more.")
}

internal import Base
internal import JSON

/// Folders that hold vectors of one side of a dataset together: the shards of one encoding, each of them once.
///
/// Made from any folders it says whether they belong together, and which records they lack.
public struct VectorsSet: Sendable {
    public let folders: [VectorsReader]
    /// Records that no folder holds, of each encoding among the folders, by ordinal.
    public let gaps: [Gap]
    /// Whether the folders are of several encodings.
    public let isMixture: Bool
    /// Folders of older versions, which do not say how many records there are in all.
    public let unboundedFolders: [VectorsReader]

    /// Records of an encoding that none of its folders holds.
    public struct Gap: Sendable, Equatable {
        /// By ordinal; nil for a shard of which nothing but its number is known.
        public let ordinals: Range<Int>?
        /// What is missing, for people.
        public let description: String
    }

    /// - Parameter allowsMixture: take folders of several encodings (models, datasets, prompts) as one set; each has to be
    ///   without overlaps.
    /// - Throws: `Failure` that names two folders and what differs, or the records that both hold.
    public init(_ folders: [VectorsReader], allowsMixture: Bool = false) throws {
        var encodings: [[VectorsReader]] = []
        for folder in folders {
            let same = encodings.firstIndex {
                folder.manifest.description.mixture(with: $0[0].manifest.description).isEmpty
            }
            if let same {
                encodings[same].append(folder)
            } else if encodings.isEmpty || allowsMixture {
                encodings.append([folder])
            } else {
                throw Self.mixed(encodings[0][0], folder)
            }
        }
        self.folders = folders
        isMixture = encodings.count > 1
        gaps = try encodings.flatMap(Self.gaps)
        unboundedFolders = folders.filter { $0.manifest.description.recordCount == nil }
    }

    /// Records that are missing, as far as their number is known.
    public var missingCount: Int { gaps.reduce(0) { $0 + ($1.ordinals?.count ?? 0) } }

    /// Records that the folders hold no vector of because the model could not be given them.
    public var leftOutCount: Int { folders.reduce(0) { $0 + $1.manifest.leftOutCount } }

    private static func mixed(_ one: VectorsReader, _ other: VectorsReader) -> Failure {
        let differences = other.manifest.description.mixture(with: one.manifest.description)
            .map { "\($0.field) (\($0.theirs) and \($0.own))" }
        return Failure(
            .badData,
            "\(one.folder) and \(other.folder) are not vectors of one corpus: they differ in "
                + differences.joined(separator: ", "),
            advice: "encode all of it alike, or give --allow-mismatch to search them as one corpus all the same")
    }

    /// What the folders of one encoding lack.
    private static func gaps(_ folders: [VectorsReader]) throws -> [Gap] {
        var pieces: [(ordinals: Range<Int>, folder: VectorsReader)] = []
        for folder in folders {
            // A part without rows is there as well: all its records may have been left out.
            for part in folder.manifest.parts where !part.ordinals.isEmpty { pieces.append((part.ordinals, folder)) }
        }
        pieces.sort { $0.ordinals.lowerBound < $1.ordinals.lowerBound }
        for (one, other) in zip(pieces, pieces.dropFirst()) where one.ordinals.overlaps(other.ordinals) {
            let both = one.ordinals.clamped(to: other.ordinals)
            throw Failure(
                .badData,
                one.folder.folder == other.folder.folder
                    ? "\(one.folder.folder) is given twice"
                    : "\(one.folder.folder) and \(other.folder.folder) both hold the records \(text(both)) of "
                        + one.folder.manifest.description.datasetReference,
                advice: "give each shard once")
        }
        let shards = Shards(folders)
        var gaps: [Gap] = []
        var next = 0
        let total = folders.lazy.compactMap { $0.manifest.description.recordCount }.first
        let ends = pieces.map(\.ordinals) + (total.map { [$0..<$0] } ?? [])
        for piece in ends {
            if piece.lowerBound > next {
                let range = next..<piece.lowerBound
                gaps.append(Gap(ordinals: range, description: shards.description(of: range, total: total)))
            }
            next = max(next, piece.upperBound)
        }
        // Where nobody knows the end, the last shards may still be known by their numbers.
        if total == nil, let shards {
            for index in shards.missing where index > (shards.present.max() ?? -1) {
                gaps.append(Gap(ordinals: nil, description: "shard \(index)/\(shards.count)"))
            }
        }
        return gaps
    }

    static func text(_ range: Range<Int>) -> String {
        range.count == 1 ? "\(range.lowerBound)" : "\(range.lowerBound) to \(range.upperBound - 1)"
    }

    /// The numbers of folders that are shards of equally many.
    fileprivate struct Shards {
        let count: Int
        let present: Set<Int>

        var missing: [Int] { (0..<count).filter { !present.contains($0) } }

        init?(_ folders: [VectorsReader]) {
            let shards = folders.map { folder -> (index: Int, count: Int)? in
                let numbers = folder.manifest.description.encoding["shard"]?.string?.split(separator: "/").map {
                    Int($0)
                }
                guard let numbers, numbers.count == 2, let index = numbers[0], let count = numbers[1],
                    0..<count ~= index, count <= 1 << 20
                else { return nil }
                return (index, count)
            }
            guard let first = shards.first ?? nil, shards.allSatisfy({ $0?.count == first.count }) else { return nil }
            count = first.count
            present = Set(shards.compactMap { $0?.index })
        }
    }
}

extension VectorsSet.Shards? {
    /// A range of missing records, with the shards that it is.
    fileprivate func description(of range: Range<Int>, total: Int?) -> String {
        let records =
            "record\(range.count == 1 ? "" : "s") \(VectorsSet.text(range))" + (total.map { " of \($0)" } ?? "")
        guard let self, let total else { return records }
        let lost = self.missing.filter { index in
            let shard = total * index / self.count..<total * (index + 1) / self.count
            return !shard.isEmpty && range.overlaps(shard)
        }
        guard !lost.isEmpty else { return records }
        return "shard\(lost.count == 1 ? "" : "s") " + lost.map { "\($0)/\(self.count)" }.joined(separator: ", ")
            + " (\(records))"
    }
}

extension VectorsDescription {
    /// The fields in which vectors of one corpus must agree, and which differ; shards are of one corpus.
    func mixture(with other: VectorsDescription) -> [(field: String, own: String, theirs: String)] {
        func fields(_ description: VectorsDescription) -> JSONObject {
            var fields = description.json
            fields["dataset_reference"] = nil
            fields["encoding"] = nil
            if recordCount == nil || other.recordCount == nil { fields["records"] = nil }
            for (key, value) in description.encoding where key != "shard" { fields["encoding.\(key)"] = value }
            return fields
        }
        func text(_ value: JSONValue?, _ field: String, of description: VectorsDescription) -> String {
            let text = value.map { $0.string ?? String(decoding: $0.canonical(), as: UTF8.self) } ?? "none"
            return field == "dataset" ? "\(description.datasetReference), \(text)" : text
        }
        let (own, theirs) = (fields(self), fields(other))
        let keys = own.map(\.key) + theirs.map(\.key).filter { own[$0] == nil }
        return keys.filter { own[$0] != theirs[$0] }.map { key in
            (key, text(own[key], key, of: self), text(theirs[key], key, of: other))
        }
    }
}

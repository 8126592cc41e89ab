import Base
import JSON
import SystemPackage
import TestKit
import Vectors

/// Rows of vectors with ids, to be written as folders.
struct Rows {
    var ids: [[UInt8]]
    var vectors: [[Float]]

    /// How the vectors lie: spread, in tight clusters, with copies of each other, or with very different lengths.
    enum Shape: String, CaseIterable, Sendable { case spread, clustered, copied, uneven }

    init(_ shape: Shape, prefix: String, count: Int, dims: Int, seed: UInt64) {
        var random = SplitMix64(seed: seed, UInt64(count))
        func normal() -> Float {
            Float((0..<12).reduce(-6.0) { sum, _ in sum + random.nextUnit() })
        }
        let centres = (0..<4).map { _ in (0..<dims).map { _ in normal() } }
        vectors = []
        for index in 0..<count {
            switch shape {
            case .spread: vectors.append((0..<dims).map { _ in normal() })
            case .clustered:
                let centre = centres[Int(random.next(below: 4))]
                vectors.append(centre.map { $0 + 1e-7 * normal() })
            case .copied:
                let isCopy = index > 3 && random.next(below: 4) > 0
                vectors.append(isCopy ? vectors[Int(random.next(below: 4))] : (0..<dims).map { _ in normal() })
            case .uneven:
                let scale = [1e-20, 1e-3, 1, 1e3, 1e12][Int(random.next(below: 5))] as Float
                vectors.append((0..<dims).map { _ in normal() * scale })
            }
        }
        ids = (0..<count).map { Array("\(prefix)\($0)".utf8) }
    }

    /// One of several shares of the records.
    struct Shard {
        var index = 0
        var count = 1
    }

    /// Writes a folder in `partCount` parts.
    ///
    /// - Parameters:
    ///   - isOld: leave out of `vectors.json` what older versions did not write.
    ///   - leftOut: ordinals of records that get no row, as if no model could be given them.
    func write(
        to folder: FilePath, side: VectorsSide, partCount: Int = 1, type: VectorType = .f32, isNormalised: Bool = false,
        card: String = "model", dataset: String = "test", shard: Shard = Shard(), prompt: String = "",
        isOld: Bool = false, leftOut: Set<Int> = []
    ) throws {
        var encoding: JSONObject = ["prompt": .string(prompt)]
        if shard.count > 1 { encoding["shard"] = .string("\(shard.index)/\(shard.count)") }
        let writer = try VectorsWriter(
            folder,
            VectorsDescription(
                side: side, modelCard: SHA256Digest.of(Array(card.utf8)), dataset: SHA256Digest.of(Array(dataset.utf8)),
                datasetReference: dataset, dims: vectors.first?.count ?? 3, type: type, isNormalised: isNormalised,
                encoding: encoding, recordCount: isOld ? nil : ids.count))
        let first = ids.count * shard.index / shard.count
        let count = ids.count * (shard.index + 1) / shard.count - first
        for part in 0..<partCount {
            let ordinals = first + count * part / partCount..<first + count * (part + 1) / partCount
            let lines = ordinals.filter(leftOut.contains).map { Array("{\"id\":\"\($0)\"}\n".utf8) }
            var output = try writer.part(part, ordinals, leftOut: lines)
            for ordinal in ordinals where !leftOut.contains(ordinal) {
                try ids[ordinal].withUnsafeBytes { id in
                    try vectors[ordinal].withUnsafeBufferPointer { try output.append(id: id, vector: $0) }
                }
            }
            try writer.accept(output.commit(truncatedCount: 0))
        }
        _ = try writer.finish(partIndices: 0..<partCount)
    }
}

/// What an exact search must find, by the plainest means.
func expectedResults(_ queries: Rows, _ corpus: Rows, depth: Int) -> [[(id: [UInt8], score: Float)]] {
    queries.vectors.map { query in
        let scored = zip(corpus.ids, corpus.vectors).map { id, vector in
            (id: id, score: Float(zip(query, vector).reduce(0.0) { $0 + Double($1.0) * Double($1.1) }))
        }
        return Array(
            scored.sorted { left, right in
                left.score != right.score ? left.score > right.score : right.id.lexicographicallyPrecedes(left.id)
            }.prefix(depth))
    }
}

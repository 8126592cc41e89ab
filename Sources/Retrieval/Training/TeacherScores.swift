internal import Base
internal import Examples
internal import Rankings
internal import Store
internal import StoreFormat
internal import SystemPackage

/// What a teacher thinks of queries' passages: the scores of a dataset's links, or those of a run.
///
/// Memory: nothing for links; for a run 12 bytes for each of its results that is a positive or a negative of its query.
/// May be used from any thread.
struct TeacherScores: Sendable {
    private let parts: [Part]
    private let unscored: TrainingConfig.LossOptions.Unscored
    /// SHA-256 of each run.
    let runDigests: [SHA256Digest]

    fileprivate struct Part: Sendable {
        let dataset: Dataset
        /// Nil: the scores are those of the links.
        let run: RunScores?
    }

    /// - Throws: `Failure` or `InputError` where a dataset's links have no scores, or a run has none of them.
    init(_ options: TrainingConfig.LossOptions, _ source: ExampleSource, _ places: KeyPlaces) throws {
        unscored = options.teacher.unscored
        let paths = options.teacher.runs.map { FilePath($0) }
        let digests = try paths.map { try SHA256Digest.ofFile($0) }
        runDigests = digests
        parts = try source.parts.enumerated().map { number, part in
            let dataset = part.dataset
            guard paths.isEmpty else {
                return Part(
                    dataset: dataset,
                    run: try RunScores(paths[number], digest: digests[number], dataset, part.options.reference))
            }
            let lacking = [("positives", dataset.positives), ("negatives", dataset.negatives)].first {
                $0.1?.hasScores != true
            }
            if let lacking {
                throw places.failure(
                    "loss",
                    "needs a teacher's scores, and the \(lacking.0) of dataset \(part.options.reference) have none",
                    advice: "Convert it with scores of both, or give a run as loss.teacher.runs.")
            }
            return Part(dataset: dataset, run: nil)
        }
    }

    /// The scores of an example's passages, in their order; nil where one has none and that is to be passed over.
    ///
    /// - Throws: `InputError` where one has none and that is not.
    func scores(of example: Example) throws -> [Float]? {
        let part = parts[example.entry.part]
        var scores: [Float] = []
        for (number, passage) in example.passages.enumerated() {
            if let score = try part.score(example.query, passage.document, isPositive: number < example.positiveCount) {
                scores.append(score)
                continue
            }
            guard unscored == .error else { return nil }
            throw InputError(
                "the teacher has no score for \(escaped(try part.dataset.documentID(passage.document))), "
                    + "a \(number < example.positiveCount ? "positive" : "negative") of the query",
                at: Place(path: part.dataset.reference, field: "loss.teacher"),
                offender: try part.dataset.queryID(example.query),
                advice: "Score it as well, or say loss.teacher.unscored: skip in the config.")
        }
        return scores
    }
}

extension TeacherScores.Part {
    fileprivate func score(_ query: Int, _ document: Int, isPositive: Bool) throws -> Float? {
        if let run { return run.score(query, document) }
        guard let links = isPositive ? dataset.positives : dataset.negatives,
            let place = try links.targets(of: query).firstIndex(of: UInt32(document))
        else { return nil }
        return try links.scores(of: query)?[place]
    }
}

/// The results of a run that are links of their queries, by ordinals.
private struct RunScores: Sendable {
    /// Query and document, ascending.
    private var keys: [UInt64] = []
    private var scores: [Float] = []

    init(_ path: FilePath, digest: SHA256Digest, _ dataset: Dataset, _ reference: String) throws {
        var reader = try RunReader(try RunFile(path, digest: digest))
        var list = RankedList()
        var found: [(key: UInt64, score: Float)] = []
        while try reader.next(into: &list) {
            try Interruption.check()
            guard let query = try dataset.queryOrdinal(id: list.query) else { continue }
            var linked = Set<UInt32>()
            for links in [dataset.positives, dataset.negatives] {
                linked.formUnion(try links?.targets(of: query) ?? .empty)
            }
            for index in 0..<list.count {
                guard let document = try dataset.documentOrdinal(id: list.documents[index]),
                    linked.contains(UInt32(document))
                else { continue }
                found.append((UInt64(query) << 32 | UInt64(document), list.scores[index]))
            }
        }
        guard !found.isEmpty else {
            throw InputError(
                "no result is a positive or negative document of its query in dataset \(reference)",
                at: Place(path: path.string), advice: "Are these the ids of this dataset?")
        }
        found.sort { $0.key < $1.key }
        keys = found.map(\.key)
        scores = found.map(\.score)
    }

    func score(_ query: Int, _ document: Int) -> Float? {
        let key = UInt64(query) << 32 | UInt64(document)
        var (low, high) = (0, keys.count)
        while low < high {
            let middle = (low + high) / 2
            if keys[middle] < key { low = middle + 1 } else { high = middle }
        }
        return low < keys.count && keys[low] == key ? scores[low] : nil
    }
}

extension UnsafeBufferPointer {
    fileprivate static var empty: UnsafeBufferPointer { UnsafeBufferPointer(start: nil, count: 0) }
}

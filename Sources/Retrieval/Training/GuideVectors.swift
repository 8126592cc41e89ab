internal import Base
internal import Examples
internal import Store
internal import SystemPackage
internal import Vectors

/// Vectors that another model gave the queries and documents of the datasets, as `tvt-encode` writes them: what
/// ``ContrastiveLoss/FalseNegatives`` goes by where a guide judges.
///
/// Memory: mapped, and read where a batch needs them. May be used from any thread.
struct GuideVectors: Sendable {
    private let parts: [TrainingConfig.Sides<VectorsReader>]
    /// Of all vectors.
    let width: Int
    /// SHA-256 of each folder's `vectors.json`, which has the digests of its parts: queries and documents of each dataset.
    let digests: [SHA256Digest]

    /// - Throws: `Failure` or `InputError` for folders that are not the vectors of a dataset's whole side, or that are of
    ///   more than one model.
    init(_ options: TrainingConfig.LossOptions.Guide, _ source: ExampleSource, _ places: KeyPlaces) throws {
        var digests: [SHA256Digest] = []
        func open(_ folder: String, _ side: VectorsSide, _ dataset: Dataset) throws -> VectorsReader {
            let key = side == .queries ? "loss.guide.queries" : "loss.guide.documents"
            let reader = try VectorsReader(opening: FilePath(folder))
            let description = reader.manifest.description
            let recordCount = side == .queries ? dataset.queryCount : dataset.documentCount
            guard description.side == side, description.dataset == dataset.digest else {
                throw places.failure(
                    key,
                    "names \(folder), which has the \(description.side.rawValue) vectors of \(description.datasetReference) "
                        + "(\(description.dataset)), not those of \(dataset.reference) (\(dataset.digest))")
            }
            guard reader.count == recordCount, reader.manifest.leftOutCount == 0 else {
                throw places.failure(
                    key, "names \(folder), which has \(reader.count) vectors of the dataset's \(recordCount)",
                    advice: "Encode all of it, in one shard and with --blank-texts encode.")
            }
            digests.append(try SHA256Digest.ofFile(FilePath(folder).appending(VectorsManifest.fileName)))
            return reader
        }
        parts = try source.parts.enumerated().map { number, part in
            .init(
                query: try open(options.queries[number], .queries, part.dataset),
                document: try open(options.documents[number], .corpus, part.dataset))
        }
        let readers = parts.flatMap { [$0.query, $0.document] }
        width = readers[0].dims
        let card = readers[0].manifest.description.modelCard
        for reader in readers where reader.dims != width || reader.manifest.description.modelCard != card {
            throw places.failure(
                "loss.guide", "names \(readers[0].folder) and \(reader.folder), which are of different models")
        }
        self.digests = digests
    }

    /// The vectors of examples, query by query and passage by passage.
    func vectors(of examples: [Example]) -> BatchFacts.Guide {
        var guide = BatchFacts.Guide(width: width)
        for example in examples {
            let readers = parts[example.entry.part]
            guide.queries += readers.query.vector(example.query)
            for passage in example.passages { guide.passages += readers.document.vector(passage.document) }
        }
        return guide
    }
}

public import Base
public import JSON
internal import Store
public import SystemPackage

/// What a recipe gave, to the digest: `manifests/<name>.lock.json`.
///
/// Canonical JSON without times, hosts and paths of the machine: equal inputs give equal locks.
public struct DatasetLock: Sendable, Equatable {
    static let schema = "tvt.dataset-lock/1"
    public let json: JSONValue

    /// A version of the dataset that the recipe made.
    public struct Version: Sendable, Equatable {
        public let reference: String
        public let dataset: SHA256Digest
        public let logicalDigest: SHA256Digest
    }

    init(
        _ plan: RecipePlan, inputs: InputListing, results: [String: SHA256Digest], output: FilePath, store: FilePath,
        version: String
    ) throws {
        let store = try Store(opening: store)
        var versions: [JSONValue] = []
        for stage in plan.stages {
            guard case .version(let reference) = stage.result, let digest = results[stage.name] else { continue }
            let manifest = try store.manifest(digest)
            versions.append([
                "reference": .string(reference), "dataset": .string(digest.description),
                "logicalDigest": .string(manifest.logicalDigest.description),
                "documents": JSONValue(manifest.documents.recordCount),
                "queries": JSONValue(manifest.queries.recordCount),
                "positives": JSONValue(manifest.positives?.linkCount ?? 0),
                "negatives": JSONValue(manifest.negatives?.linkCount ?? 0),
                "judgements": JSONValue(manifest.judgements.reduce(0) { $0 + $1.links.linkCount }),
                "mediaItems": JSONValue(manifest.media?.itemCount ?? 0),
            ])
        }
        var object: JSONObject = [
            "schema": .string(Self.schema), "version": .string(version), "licence": .string(plan.recipe.licence),
            "recipe": [
                "name": .string(plan.recipe.name), "digest": .string(plan.recipe.digest.description),
                "sample": .bool(plan.isSample),
            ],
            "inputs": inputs.json, "stages": .array(plan.stages.map(\.json)), "versions": .array(versions),
        ]
        if let run = results["search"] {
            object["run"] = .string(run.description)
            object["vectors"] = try Self.vectors(in: output, "corpus", "queries")
        }
        if results[RecipePlan.measuring] != nil, let evaluation = plan.recipe.evaluation {
            let run = results[RecipePlan.name("search")]
            object["evaluation"] = try MeasuredRetriever.json(
                evaluation, on: evaluation.dataset(of: plan.recipe), fileAt: output.appending(RecipePlan.measures),
                run: run ?? results["search"],
                vectors: try run.map { _ in
                    try Self.vectors(in: output, "evaluation-corpus", "evaluation-queries")
                })
        }
        object["documents"] = plan.view.map { ["form": .string($0.name), "reason": .string($0.reason)] }
        object["stop"] = plan.stop.map { .string($0) }
        object["unmeasured"] = plan.unmeasured.map { .string($0) }
        json = .object(object)
    }

    /// What two folders of vectors are: `corpus` and `queries`.
    private static func vectors(in output: FilePath, _ corpus: String, _ queries: String) throws -> JSONValue {
        .object(
            JSONObject(
                try [("corpus", corpus), ("queries", queries)].map { side, folder in
                    let path = output.appending("vectors").appending(folder).appending("vectors.json")
                    let vectors = try JSONValue.parse(file: path)
                    return (
                        side,
                        [
                            "modelCard": vectors["model_card"] ?? .null, "count": vectors["count"] ?? .null,
                            "encoding": vectors["encoding"] ?? .null,
                            "leftOut": vectors["left_out_count"] ?? 0,
                        ]
                    )
                }))
    }

    /// - Throws: `InputError` for a file that is no lock.
    public init(reading path: FilePath) throws {
        json = try JSONValue.parse(file: path)
        guard json["schema"]?.string == Self.schema, json["versions"]?.array != nil else {
            throw InputError("not a lock of \(Self.schema)", at: Place(path: path.string, field: "schema"))
        }
    }

    /// Nil where the retriever was not measured.
    public var evaluation: MeasuredRetriever? { MeasuredRetriever(json["evaluation"]) }

    /// In the order of the stages.
    public var versions: [Version] {
        (json["versions"]?.array ?? []).compactMap { version in
            guard let reference = version["reference"]?.string,
                let dataset = version["dataset"]?.string.flatMap({ SHA256Digest(hex: $0) }),
                let logical = version["logicalDigest"]?.string.flatMap({ SHA256Digest(hex: $0) })
            else { return nil }
            return Version(reference: reference, dataset: dataset, logicalDigest: logical)
        }
    }

    func write(to path: FilePath) throws {
        let bytes = json.canonical() + [0x0A]
        if Files.exists(path), try Files.readAll(path) == bytes { return }
        try Files.replace(path, with: bytes)
    }

    /// What an earlier lock says otherwise of the data, though its recipe, inputs, commands and model were the same.
    func differences(fromFileAt path: FilePath) throws -> [String] {
        guard Files.exists(path), let other = try? DatasetLock(reading: path) else { return [] }
        for key in ["recipe", "inputs", "stages", "vectors"] where json[key] != other.json[key] { return [] }
        let before = other.versions
        return versions.compactMap { version in
            guard let old = before.first(where: { $0.reference == version.reference }),
                old.logicalDigest != version.logicalDigest
            else { return nil }
            return "\(version.reference): logical digest \(old.logicalDigest) before, \(version.logicalDigest) now"
        }
    }
}

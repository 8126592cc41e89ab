internal import Base
internal import JSON
internal import Mining
internal import Records
internal import Store
internal import SystemPackage

/// What a recipe made of the data: counts, examples, histograms, sizes. `report.html` for people, `report.json` for
/// programs.
///
/// A function of the versions, the run and the recipe: no times. Memory: 16 bytes a document, 4 a negative, 1 a query, and
/// some tens of examples.
struct DatasetReport {
    static let pageName = "report.html"
    static let jsonName = "report.json"

    /// A version with its sizes.
    struct Version {
        let reference: String
        let dataset: Dataset
        let storedBytes: Int
        /// Nil where the version has no form in v1.
        let inline: InlineSize?

        var json: JSONValue {
            let manifest = dataset.manifest
            var object: JSONObject = [
                "reference": .string(reference), "dataset": .string(dataset.digest.description),
                "logicalDigest": .string(manifest.logicalDigest.description),
                "documents": JSONValue(dataset.documentCount), "queries": JSONValue(dataset.queryCount),
                "positives": JSONValue(positiveCount), "negatives": JSONValue(negativeCount),
                "judgements": JSONValue(judgementCount), "mediaItems": JSONValue(dataset.mediaCount),
                "storedBytes": JSONValue(storedBytes),
            ]
            if let inline {
                object["inlineRowBytes"] = JSONValue(inline.rowBytes)
                object["inlineMediaBytes"] = JSONValue(inline.mediaBytes)
            }
            return .object(object)
        }

        var positiveCount: Int { dataset.positives?.linkCount ?? 0 }
        var negativeCount: Int { dataset.negatives?.linkCount ?? 0 }
        var judgementCount: Int { dataset.judgements.reduce(0) { $0 + $1.links.linkCount } }
    }

    let plan: RecipePlan
    let lock: DatasetLock
    let versions: [Version]
    /// What the conversion counted, by name.
    let conversion: JSONObject
    /// Why versions have no form in v1.
    let inlineObstacle: String?
    let filter: FilterExamples?
    let negatives: MinedNegatives?
    /// What the mining of negatives counted.
    let negativesCounts: JSONObject
    let minedExamples: [MinedExample]

    var recipe: Recipe { plan.recipe }
    /// What is trained on: the last version that is not for measuring alone.
    var lastVersion: Version? {
        versions.last { $0.reference == recipe.name || $0.reference == "\(recipe.name)@mined" }
    }

    init(_ plan: RecipePlan, lock: DatasetLock, output: FilePath, store: FilePath) throws {
        self.plan = plan
        self.lock = lock
        let store = try Store(opening: store)
        let sizes = InlineSizes()
        var obstacle: String?
        versions = try lock.versions.map { version in
            let dataset = try store.dataset(version.dataset.description)
            var inline: InlineSize?
            if obstacle == nil {
                do {
                    inline = try sizes.size(of: dataset)
                } catch let fault as RecordFault {
                    obstacle = fault.reason + (fault.field.map { ": \($0)" } ?? "")
                }
            }
            return Version(
                reference: version.reference, dataset: dataset,
                storedBytes: dataset.manifest.blobs.reduce(0) { $0 + $1.size }, inline: inline)
        }
        inlineObstacle = obstacle
        guard let base = versions.first?.dataset else {
            throw InputError(
                "no version is in it", at: Place(path: "the lock of \(plan.recipe.name)", field: "versions"))
        }
        conversion = base.manifest.provenance.statistics
        guard let mining = plan.recipe.mining(isSample: plan.isSample),
            let mined = versions.first(where: { $0.reference == "\(plan.recipe.name)@mined" })?.dataset
        else {
            (filter, negatives, negativesCounts, minedExamples) = (nil, nil, [:], [])
            return
        }
        let run = try MiningRun(output.appending(RecipePlan.run), format: .tevatron)
        filter = try FilterExamples(base, run, depth: mining.filter.depth)
        negatives = try MinedNegatives(of: mined, in: run)
        negativesCounts = mined.manifest.provenance.statistics
        minedExamples = try MinedExample.choose(from: mined)
    }

    func write(into folder: FilePath) throws {
        try Files.replace(folder.appending(Self.jsonName), with: json.pretty())
        try Files.replace(folder.appending(Self.pageName), with: page)
    }

    var json: JSONValue {
        var object: JSONObject = [
            "recipe": .string(recipe.name), "title": .string(recipe.title), "licence": .string(recipe.licence),
            "citation": .string(recipe.citation), "sample": .bool(plan.isSample),
            "versions": .array(versions.map(\.json)), "conversion": .object(conversion),
        ]
        object["inlineObstacle"] = inlineObstacle.map { .string($0) }
        object["filter"] = filter?.json
        if let negatives {
            object["negatives"] = [
                "links": JSONValue(negatives.linkCount), "notInRanking": JSONValue(negatives.unrankedCount),
                "ranks": negatives.ranks.json, "scores": negatives.scores.json, "counts": .object(negativesCounts),
                "examples": .array(minedExamples.map(\.json)),
            ]
        }
        for key in ["vectors", "evaluation", "documents", "stop", "unmeasured", "stages"] {
            object[key] = lock.json[key]
        }
        return .object(object)
    }
}

internal import Base
public import JSON
internal import SystemPackage

/// What the retriever came to on the judged queries, as a lock holds it.
public struct MeasuredRetriever: Sendable, Equatable {
    public struct Value: Sendable, Equatable {
        public let measure: String
        public let value: Double
    }

    /// Reference of the version that was measured on.
    public let dataset: String
    public let split: String
    /// In the recipe's order.
    public let values: [Value]
    public let queryCount: Int
    /// Counted as zero.
    public let queriesWithoutResults: Int

    /// - Parameter json: `evaluation` of a lock; nil for anything else.
    public init?(_ json: JSONValue?) {
        guard let dataset = json?["dataset"]?.string, let split = json?["split"]?.string,
            let measures = json?["measures"]?.object, let queryCount = json?["queries"]?.integer,
            let queriesWithoutResults = json?["queriesWithoutResults"]?.integer
        else { return nil }
        self.dataset = dataset
        self.split = split
        values = measures.compactMap { name, value in value.double.map { Value(measure: name, value: $0) } }
        self.queryCount = queryCount
        self.queriesWithoutResults = queriesWithoutResults
    }
}

extension MeasuredRetriever: CustomStringConvertible {
    /// A line for people.
    public var description: String {
        let values = values.map { "\($0.measure) \(decimal($0.value, digits: 4))" }.joined(separator: ", ")
        let missing = queriesWithoutResults > 0 ? ", \(grouped(queriesWithoutResults)) of them without results" : ""
        return "\(dataset), split \(split): \(values) (\(grouped(queryCount)) queries\(missing))"
    }
}

extension MeasuredRetriever {
    /// What a lock says of an evaluation: what `tvt-eval` wrote, and the run and vectors that it is of.
    ///
    /// - Throws: `Failure` for a file that is not what `tvt-eval` writes.
    static func json(
        _ evaluation: Recipe.Evaluation, on dataset: String, fileAt path: FilePath, run: SHA256Digest?,
        vectors: JSONValue?
    ) throws -> JSONValue {
        let written = try JSONValue.parse(file: path)["runs"]?.array?.first
        guard let measures = written?["measures"]?.object, let queries = written?["queries"],
            let missing = written?["queries_without_results"]
        else { throw Failure(.bug, "\(path) is not as tvt-eval writes it: is that of another version?") }
        var object: JSONObject = [
            "dataset": .string(dataset), "split": .string(evaluation.split), "measures": .object(measures),
            "queries": queries, "queriesWithoutResults": missing,
        ]
        object["run"] = run.map { .string($0.description) }
        object["vectors"] = vectors
        return .object(object)
    }
}

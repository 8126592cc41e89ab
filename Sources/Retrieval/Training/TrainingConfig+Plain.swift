internal import JSON

extension TrainingConfig {
    /// One pass over datasets with the defaults of a config and the model's own dropout. Queries without positives, as those
    /// that were held out to evaluate with, are left out.
    ///
    /// - Parameters:
    ///   - model: folder of the model to start from.
    ///   - overrides: as `--set` takes them.
    /// - Throws: `Failure` with status 78 for an override that no config could have.
    public init(training model: String, on datasets: [String], overrides: [String] = []) throws {
        // Strings of JSON are strings of YAML.
        func quoted(_ text: String) -> String {
            var json: [UInt8] = []
            JSONText.appendString(text, to: &json)
            return String(decoding: json, as: UTF8.self)
        }
        // Datasets with weights have no end, and a length in steps that is to be given.
        let isLong = overrides.contains { $0.hasPrefix("steps=") || $0.hasPrefix("datasets") && $0.contains("weight") }
        let length = isLong ? "" : "epochs: 1\n"
        try self.init(
            yaml: """
                model: \(quoted(model))
                datasets: [\(datasets.map { "{name: \(quoted($0))}" }.joined(separator: ", "))]
                dropout: true
                without_positives: skip
                \(length)
                """, path: "--dataset and --model", overrides: overrides, hasLines: false)
    }
}

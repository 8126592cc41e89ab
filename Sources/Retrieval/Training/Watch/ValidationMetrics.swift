public import JSON

/// What a model was found to be worth after some step: a line of `metrics.jsonl`.
public struct ValidationMetrics: Sendable, Equatable {
    /// 0 before training.
    public var step: Int
    /// By the names of the config's `validation.metrics`, in its order; and `loss`, in nats, last.
    public var values: [Value]
    public var queryCount: Int
    public var documentCount: Int
    public var seconds: Double
    /// Whether no earlier one since training began was as good.
    public var isBest: Bool
    /// Validations since the best, 0 for the best itself.
    public var sinceBest: Int
    /// Whether the run ends here, its patience being at an end.
    public var stopsRun: Bool

    public struct Value: Sendable, Equatable {
        public var name: String
        public var value: Double

        public init(name: String, value: Double) {
            self.name = name
            self.value = value
        }
    }

    public init(
        step: Int, values: [Value], queryCount: Int, documentCount: Int, seconds: Double, isBest: Bool = false,
        sinceBest: Int = 0, stopsRun: Bool = false
    ) {
        self.step = step
        self.values = values
        self.queryCount = queryCount
        self.documentCount = documentCount
        self.seconds = seconds
        self.isBest = isBest
        self.sinceBest = sinceBest
        self.stopsRun = stopsRun
    }

    /// The value of a metric; nil where it was not computed.
    public subscript(name: String) -> Double? { values.first { $0.name.utf8.elementsEqual(name.utf8) }?.value }

    public var json: JSONValue {
        var validation = JSONObject(values.map { ($0.name, JSONValue($0.value)) })
        validation["queries"] = JSONValue(queryCount)
        validation["documents"] = JSONValue(documentCount)
        validation["seconds"] = JSONValue((seconds * 1000).rounded() / 1000)
        validation["best"] = .bool(isBest)
        validation["since_best"] = JSONValue(sinceBest)
        if stopsRun { validation["stops_run"] = true }
        return ["step": JSONValue(step), "validation": .object(validation)]
    }

    private static let ownFields = ["queries", "documents", "seconds", "best", "since_best", "stops_run"]

    init?(_ json: JSONValue) {
        guard let step = json["step"]?.integer, let fields = json["validation"]?.object,
            let queryCount = fields["queries"]?.integer, let documentCount = fields["documents"]?.integer,
            let seconds = fields["seconds"]?.double, let isBest = fields["best"]?.bool,
            let sinceBest = fields["since_best"]?.integer
        else { return nil }
        self.init(
            step: step,
            values: fields.compactMap { name, value in
                guard !Self.ownFields.contains(name) else { return nil }
                return value.double.map { Value(name: name, value: $0) }
            },
            queryCount: queryCount, documentCount: documentCount, seconds: seconds, isBest: isBest,
            sinceBest: sinceBest, stopsRun: fields["stops_run"]?.bool ?? false)
    }
}

/// Which validation of a run was the best, and whether there is hope for a better one.
struct ValidationHistory: Sendable {
    /// Nil before the first after training began.
    private(set) var best: (step: Int, value: Double)?
    private(set) var sinceBest = 0
    private(set) var isStopped = false
    private(set) var lastStep: Int?

    private let metric: String
    private let isLowerBetter: Bool
    private let patience: Int

    init(_ options: TrainingConfig.ValidationOptions) {
        metric = options.best
        isLowerBetter = metric == TrainingConfig.ValidationOptions.lossName
        patience = options.patience
    }

    /// Takes in what was found, and gives it with what it means for the run.
    ///
    /// The model before training is no candidate: there is no checkpoint of it.
    mutating func take(_ found: ValidationMetrics) -> ValidationMetrics {
        var found = found
        lastStep = found.step
        guard found.step > 0, let value = found[metric] else { return found }
        found.isBest = best.map { isLowerBetter ? value < $0.value : value > $0.value } ?? true
        if found.isBest {
            best = (found.step, value)
            sinceBest = 0
        } else {
            sinceBest += 1
        }
        found.sinceBest = sinceBest
        isStopped = patience > 0 && sinceBest >= patience
        found.stopsRun = isStopped
        return found
    }
}

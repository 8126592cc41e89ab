internal import Base
public import JSON
public import SystemPackage

/// What one optimizer step did: a line of `metrics.jsonl`.
public struct StepMetrics: Sendable, Equatable {
    /// From 1.
    public var step: Int
    /// Mean over the step's queries, in nats, before the weights changed.
    public var loss: Double
    public var learningRate: Double
    /// Before clipping.
    public var gradientNorm: Double
    /// Tokens that went through the model, special ones included; equal texts once.
    public var tokenCount: Int
    /// Wall time of the step.
    public var seconds: Double
    /// Queries of the step; nil in files of before this was written down.
    public var queryCount: Int?
    /// What the process had in memory after the step, in bytes; likewise.
    public var residentByteCount: Int?
    /// The most bytes that tensors took of a GPU's memory so far; nil on the CPU.
    public var deviceByteCount: Int?
    /// Queries of each dataset by its name, in the order of the config; empty where there is one alone.
    public var shares: [DatasetShare] = []
    /// What similarities were divided by, where it is learned.
    public var temperature: Double?
    /// Where the loss is far above those of the steps before.
    public var jump: LossJump?

    public struct DatasetShare: Sendable, Equatable {
        public var reference: String
        public var queryCount: Int

        public init(reference: String, queryCount: Int) {
            self.reference = reference
            self.queryCount = queryCount
        }
    }

    public init(
        step: Int, loss: Double, learningRate: Double, gradientNorm: Double, tokenCount: Int, seconds: Double
    ) {
        self.step = step
        self.loss = loss
        self.learningRate = learningRate
        self.gradientNorm = gradientNorm
        self.tokenCount = tokenCount
        self.seconds = seconds
    }

    public var json: JSONValue {
        var json: JSONObject = [
            "step": JSONValue(step), "loss": JSONValue(loss), "learning_rate": JSONValue(learningRate),
            "gradient_norm": JSONValue(gradientNorm), "tokens": JSONValue(tokenCount),
            "seconds": JSONValue((seconds * 1000).rounded() / 1000),
        ]
        if let queryCount { json["queries"] = JSONValue(queryCount) }
        if let residentByteCount { json["resident_bytes"] = JSONValue(residentByteCount) }
        if let deviceByteCount { json["device_bytes"] = JSONValue(deviceByteCount) }
        if !shares.isEmpty {
            json["datasets"] = .object(JSONObject(shares.map { ($0.reference, JSONValue($0.queryCount)) }))
        }
        if let temperature { json["temperature"] = JSONValue(temperature) }
        if let jump { json["jump"] = jump.json }
        return .object(json)
    }

    init?(_ json: JSONValue) {
        guard
            let step = json["step"]?.integer, let loss = json["loss"]?.double,
            let learningRate = json["learning_rate"]?.double, let gradientNorm = json["gradient_norm"]?.double,
            let tokenCount = json["tokens"]?.integer, let seconds = json["seconds"]?.double
        else { return nil }
        self.init(
            step: step, loss: loss, learningRate: learningRate, gradientNorm: gradientNorm, tokenCount: tokenCount,
            seconds: seconds)
        queryCount = json["queries"]?.integer
        residentByteCount = json["resident_bytes"]?.integer
        deviceByteCount = json["device_bytes"]?.integer
        temperature = json["temperature"]?.double
        jump = json["jump"].flatMap { LossJump($0) }
        shares = (json["datasets"]?.object ?? [:]).compactMap { reference, count in
            count.integer.map { DatasetShare(reference: reference, queryCount: $0) }
        }
    }
}

/// A line of `metrics.jsonl`.
public enum MetricsLine: Sendable, Equatable {
    case step(StepMetrics)
    case validation(ValidationMetrics)

    /// The step after which it was written.
    public var step: Int {
        switch self {
        case .step(let metrics): metrics.step
        case .validation(let metrics): metrics.step
        }
    }

    public var json: JSONValue {
        switch self {
        case .step(let metrics): metrics.json
        case .validation(let metrics): metrics.json
        }
    }

    init?(_ json: JSONValue) {
        if json["validation"] != nil {
            guard let metrics = ValidationMetrics(json) else { return nil }
            self = .validation(metrics)
        } else {
            guard let metrics = StepMetrics(json) else { return nil }
            self = .step(metrics)
        }
    }

    fileprivate func append(to bytes: inout [UInt8]) {
        json.appendLine(to: &bytes)
        bytes.append(0x0a)
    }
}

/// `metrics.jsonl` of a run: a line a step, in order, none twice; behind a step's line that of the validation after
/// it.
public final class MetricsFile {
    private let path: FilePath

    /// Where the lines of an earlier process were moved; nil where there were none, or the run resumes after them.
    public private(set) var movedAside: FilePath?
    /// The lines that were there and stay.
    public private(set) var earlier: [MetricsLine] = []

    /// Opens the file to go on after `step`: lines of later steps, which a resumed run makes anew, are dropped, as is a
    /// last line that a killed process did not finish. A run that starts anew, at step 0, moves the file of the earlier
    /// process aside, as `metrics.before-restart-1.jsonl` or with the next free number.
    public init(_ path: FilePath, after step: Int) throws {
        self.path = path
        guard Files.exists(path) else { return }
        guard step > 0 else {
            movedAside = try Self.moveAside(path)
            return
        }
        earlier = try Self.lines(path).filter { $0.step <= step }
        var bytes: [UInt8] = []
        for line in earlier { line.append(to: &bytes) }
        try Files.replace(path, with: bytes)
    }

    private static func moveAside(_ path: FilePath) throws -> FilePath {
        let stem = path.stem ?? "metrics"
        var number = 1
        while true {
            let target = path.removingLastComponent().appending(
                "\(stem).before-restart-\(number).\(path.extension ?? "jsonl")")
            if !Files.exists(target) {
                try Files.rename(path, to: target)
                return target
            }
            number += 1
        }
    }

    /// Adds a line; it is in the file when this returns.
    public func append(_ line: MetricsLine) throws {
        var bytes: [UInt8] = []
        line.append(to: &bytes)
        var file = try OutputFile(appendingTo: path)
        try file.write(bytes)
        try file.close()
    }

    public func append(_ metrics: StepMetrics) throws { try append(.step(metrics)) }

    /// Those of all complete lines that are of steps.
    ///
    /// - Throws: as ``lines(_:)`` does.
    public static func read(_ path: FilePath) throws -> [StepMetrics] {
        try lines(path).compactMap { if case .step(let metrics) = $0 { metrics } else { nil } }
    }

    /// All complete lines.
    ///
    /// - Throws: `InputError` for a line that is none of metrics, unless it is a last one without its end.
    public static func lines(_ path: FilePath) throws -> [MetricsLine] {
        let bytes = try Files.readAll(path)
        var lines: [MetricsLine] = []
        var start = bytes.startIndex
        while let end = bytes[start...].firstIndex(of: 0x0a) {
            let value = try JSONValue.parse(Array(bytes[start..<end]), path: path.string)
            guard let line = MetricsLine(value) else {
                throw InputError(
                    "not a step's metrics", at: Place(path: path.string, line: lines.count + 1, byteOffset: start))
            }
            lines.append(line)
            start = end + 1
        }
        return lines
    }
}

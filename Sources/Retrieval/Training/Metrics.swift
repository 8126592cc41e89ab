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
        [
            "step": JSONValue(step), "loss": JSONValue(loss), "learning_rate": JSONValue(learningRate),
            "gradient_norm": JSONValue(gradientNorm), "tokens": JSONValue(tokenCount),
            "seconds": JSONValue((seconds * 1000).rounded() / 1000),
        ]
    }

    func appendLine(to bytes: inout [UInt8]) {
        json.appendLine(to: &bytes)
        bytes.append(0x0a)
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
    }
}

/// `metrics.jsonl` of a run: one line a step, in order, none twice.
public final class MetricsFile {
    private let path: FilePath

    /// Where the lines of an earlier process were moved; nil where there were none, or the run resumes after them.
    public private(set) var movedAside: FilePath?

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
        let kept = try Self.read(path).filter { $0.step <= step }
        var bytes: [UInt8] = []
        for metrics in kept { metrics.appendLine(to: &bytes) }
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
    public func append(_ metrics: StepMetrics) throws {
        var bytes: [UInt8] = []
        metrics.appendLine(to: &bytes)
        var file = try OutputFile(appendingTo: path)
        try file.write(bytes)
        try file.close()
    }

    /// All complete lines.
    ///
    /// - Throws: `InputError` for a line that is not a step's metrics, unless it is a last one without its end.
    public static func read(_ path: FilePath) throws -> [StepMetrics] {
        let bytes = try Files.readAll(path)
        var metrics: [StepMetrics] = []
        var start = bytes.startIndex
        var line = 1
        while let end = bytes[start...].firstIndex(of: 0x0a) {
            let value = try JSONValue.parse(Array(bytes[start..<end]), path: path.string)
            guard let step = StepMetrics(value) else {
                throw InputError("not a step's metrics", at: Place(path: path.string, line: line, byteOffset: start))
            }
            metrics.append(step)
            start = end + 1
            line += 1
        }
        return metrics
    }
}

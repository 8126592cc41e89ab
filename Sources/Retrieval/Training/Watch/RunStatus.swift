internal import Base
public import JSON
public import SystemPackage

/// Where a run stands, as its folder says; reads nothing else, and may be asked while the run goes on.
public struct RunStatus: Sendable, Equatable {
    public enum State: String, Sendable {
        case running
        /// With its model in place.
        case finished
        /// No process trains there, and the run is not done.
        case stopped
    }

    public let state: State
    /// Steps of the whole run.
    public let stepCount: Int
    public let steps: [StepMetrics]
    public let validations: [ValidationMetrics]
    /// What the best validation is told by; nil where nothing is validated on.
    public let bestMetric: String?

    public init(
        state: State, stepCount: Int, steps: [StepMetrics], validations: [ValidationMetrics], bestMetric: String? = nil
    ) {
        self.state = state
        self.stepCount = stepCount
        self.steps = steps
        self.validations = validations
        self.bestMetric = bestMetric
    }

    /// - Throws: `InputError` or `Failure` for a folder that holds no run.
    public init(reading folder: FilePath) throws {
        let lockFile = folder.appending("lock.json")
        guard Files.exists(lockFile) else {
            throw Failure(
                .missingInput, "\(folder) is not the folder of a run: it has no lock.json",
                advice: "Name what tvt-train was given as --output.")
        }
        let lock = try JSONValue.parse(file: lockFile)
        guard let stepCount = lock["steps"]?.integer else {
            throw InputError("not the lock of a run", at: Place(path: lockFile.string, field: "steps"))
        }
        // Whether anybody trains is asked first: what is written until the metrics are read is then among them.
        let isHeld = try FileLock.probe(folder.appending(".lock")) == .held
        let isFinished = Files.exists(folder.appending("model"))
        let path = folder.appending("metrics.jsonl")
        let lines = Files.exists(path) ? try MetricsFile.lines(path) : []
        self.init(
            state: isFinished ? .finished : isHeld ? .running : .stopped, stepCount: stepCount,
            steps: lines.compactMap { if case .step(let metrics) = $0 { metrics } else { nil } },
            validations: lines.compactMap { if case .validation(let found) = $0 { found } else { nil } },
            bestMetric: lock["mix"]?["validation"]?["best"]?.string)
    }

    /// Steps whose figures are shown together.
    private static let recentCount = 50

    /// Seconds until the last step, at the median pace of the last 50, validations not counted; nil where there is no pace.
    public var secondsLeft: Double? {
        let seconds = steps.suffix(Self.recentCount).map(\.seconds)
        guard state == .running, !seconds.isEmpty, let done = steps.last?.step else { return nil }
        return JumpDetector.median(seconds) * Double(max(0, stepCount - done))
    }

    private var best: ValidationMetrics? { validations.last { $0.isBest } }

    /// - Parameter width: of a line, in characters.
    public func text(width: Int) -> String {
        var lines = [headline]
        if let last = steps.last {
            let recent = steps.suffix(Self.recentCount)
            let seconds = max(recent.reduce(0) { $0 + $1.seconds }, 1e-9)
            let median = JumpDetector.median(recent.map(\.loss))
            lines.append(
                "loss \(decimal(last.loss, digits: 4)), median of the last \(recent.count) \(decimal(median, digits: 4)); "
                    + "rate \(Self.short(last.learningRate)), gradient norm \(Self.short(last.gradientNorm))")
            var pace = "\(decimal(Double(recent.reduce(0) { $0 + $1.tokenCount }) / seconds, digits: 0)) tokens/s"
            let queries = recent.compactMap(\.queryCount)
            if queries.count == recent.count {
                pace += ", \(decimal(Double(queries.reduce(0, +)) / seconds, digits: 1)) examples/s"
            }
            pace += ", \(decimal(seconds / Double(recent.count), digits: 2)) s a step"
            if let bytes = last.residentByteCount { pace += ", \(byteSize(bytes)) of memory" }
            lines.append(pace)
            lines.append("loss " + Self.sparkline(steps.map(\.loss), width: max(10, width - 5)))
        }
        if let jump = steps.last(where: { $0.jump != nil }) {
            lines.append("the loss jumped at step \(jump.step), to \(decimal(jump.loss, digits: 4))")
        }
        lines += validationLines(width: width)
        return lines.map { String($0.prefix(width)) + "\n" }.joined()
    }

    private var headline: String {
        let done = steps.last?.step ?? 0
        var line = "step \(grouped(done)) of \(grouped(stepCount)) (\(percent(done, of: stepCount))), \(state.rawValue)"
        if let left = secondsLeft { line += ", \(duration(left)) left" }
        if state == .finished, validations.last?.stopsRun == true { line += " early: validation found no better one" }
        return line
    }

    private func validationLines(width: Int) -> [String] {
        guard let last = validations.last else { return [] }
        var lines = [
            "after step \(grouped(last.step)): "
                + last.values.map { "\($0.name) \(decimal($0.value, digits: 4))" }.joined(separator: ", ")
        ]
        guard let bestMetric else { return lines }
        let curve = validations.compactMap { $0[bestMetric] }
        if curve.count > 1 {
            lines.append(
                "\(bestMetric) " + Self.sparkline(curve, width: max(10, width - bestMetric.count - 1)))
        }
        if let best, let value = best[bestMetric] {
            lines.append("best \(bestMetric) \(decimal(value, digits: 4)), after step \(grouped(best.step))")
        }
        return lines
    }

    /// Three significant digits.
    private static func short(_ value: Double) -> String {
        guard value != 0, value.isFinite else { return value == 0 ? "0" : "\(value)" }
        var (mantissa, exponent) = (abs(value), 0)
        while mantissa >= 10 { (mantissa, exponent) = (mantissa / 10, exponent + 1) }
        while mantissa < 1 { (mantissa, exponent) = (mantissa * 10, exponent - 1) }
        if (-2...4).contains(exponent) { return decimal(value, digits: max(0, 2 - exponent)) }
        return "\(value < 0 ? "-" : "")\(decimal(mantissa, digits: 2))e\(exponent)"
    }

    /// Numbers as blocks of eight heights between the smallest and the largest; of more than `width` the means of equal
    /// stretches.
    static func sparkline(_ values: [Double], width: Int) -> String {
        let values = values.filter(\.isFinite)
        guard !values.isEmpty else { return "" }
        let columnCount = min(width, values.count)
        let means = (0..<columnCount).map { column in
            let part = values[(values.count * column / columnCount)..<(values.count * (column + 1) / columnCount)]
            return part.reduce(0, +) / Double(part.count)
        }
        let (least, greatest) = (means.min()!, means.max()!)
        let blocks = Array("▁▂▃▄▅▆▇█")
        return String(
            means.map { mean in
                greatest > least ? blocks[min(7, Int((mean - least) / (greatest - least) * 8))] : blocks[3]
            })
    }

    public var json: JSONValue {
        var json: JSONObject = [
            "state": .string(state.rawValue), "step": JSONValue(steps.last?.step ?? 0), "steps": JSONValue(stepCount),
            "seconds_left": secondsLeft.map { JSONValue(($0 * 1000).rounded() / 1000) } ?? .null,
            "last": steps.last?.json ?? .null,
        ]
        if let bestMetric {
            json["best_metric"] = .string(bestMetric)
            json["best"] = best?.json ?? .null
            json["last_validation"] = validations.last?.json ?? .null
        }
        return .object(json)
    }
}

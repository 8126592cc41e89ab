internal import Base
public import JSON

extension DryRun {
    /// The length that `share` of the inputs do not exceed.
    func length(atShare share: Double) -> Int {
        lengths.isEmpty ? 0 : lengths[min(lengths.count - 1, Int(share * Double(lengths.count)))]
    }

    /// What `--dry-run` prints.
    public var text: String {
        var lines = [
            "lock      \(lock ?? "none: the model's folder has no weights")", "steps     \(stepCount)", "datasets",
        ]
        lines += parts.flatMap(\.lines) + batchLines
        if let validation {
            lines.append(
                "validation  \(grouped(validation.queryCount)) queries among \(grouped(validation.documentCount)) documents"
            )
        }
        lines.append("first examples, as the model is given them")
        for (number, example) in examples.enumerated() {
            lines.append("  \(number + 1). \(example.dataset)")
            lines += example.query.lines("query") + example.positives.flatMap { $0.lines("positive") }
            lines += example.negatives.flatMap { $0.lines("negative") }
        }
        lines += tokenLines + lossLines + ["trained"] + trained.map(\.line) + memory.lines
        return lines.joined(separator: "\n") + "\n"
    }

    private var tokenLines: [String] {
        func percent(_ part: Int, of whole: Int) -> String {
            "\(decimal(100 * Double(part) / Double(max(1, whole)), digits: 2)) %"
        }
        var lines = ["tokens, over the first \(sampledStepCount) steps of \(stepCount)"]
        lines.append(
            "  \(tokensPerStep) a step; a query or passage has \(length(atShare: 0.5)) (median), "
                + "\(length(atShare: 0.95)) (95 %), \(lengths.last ?? 0) (longest)")
        lines += mediaLines { percent($0, of: $1) }
        lines.append("  blank \(blankCount) of \(sequenceCount) queries and passages")
        if ignoredMediaCount > 0 { lines.append("  media not seen \(ignoredMediaCount) of \(sequenceCount)") }
        lines.append(
            "  text cut \(truncatedCount) of \(sequenceCount) (\(percent(truncatedCount, of: sequenceCount)))")
        lines.append(
            "  equal to another of their batch \(repeatedCount), "
                + "\(loss.terms.positives == .all ? "further" : "masked as") known positives \(maskedCount)")
        return lines
    }

    private var lossLines: [String] {
        let recipe = loss.recipe.map { ", by the recipe \($0.rawValue)" } ?? ""
        var lines = ["loss", "  temperature \(temperature)\(learnsTemperature ? " at first, learned" : "")\(recipe)"]
        if !loss.isPlain {
            lines += loss.json.map { "  \($0.key) \(String(decoding: $0.value.canonical(), as: UTF8.self))" }
        }
        if let unscoredCount { lines.append("  queries without scores of the teacher \(unscoredCount)") }
        return lines
    }

    /// Nothing where there are no media.
    private func mediaLines(_ percent: (Int, Int) -> String) -> [String] {
        guard media.inputCount > 0 else { return [] }
        let all = lengths.reduce(0, +)
        let steps = max(1, sampledStepCount)
        var lines = [
            "  of media \(media.tokenCount / steps) a step (\(percent(media.tokenCount, all))), in \(media.inputCount) of "
                + "\(lengths.count) different queries and passages; decoded about \(byteSize(media.byteCount / steps)) a step",
            "  at most \(media.largest.mediaTokenCount) of media in one batch, of \(media.largest.tokenCount)",
        ]
        lines.append(
            "  none is decoded here: broken ones are found by their steps, or before by tvt-convert --media-check full")
        if media.cutSoundCount > 0 { lines.append("  sounds whose end is not heard \(media.cutSoundCount)") }
        return lines
    }

    public var json: JSONValue {
        var json: JSONObject = [
            "lock": lock.map { JSONValue($0) } ?? .null, "steps": JSONValue(stepCount),
            "datasets": .array(parts.map(\.json)), "batches": batching.json,
            "examples": .array(
                examples.map { example in
                    [
                        "dataset": JSONValue(example.dataset), "query": example.query.json,
                        "positive": example.positives[0].json,
                        "further_positives": .array(example.positives.dropFirst().map(\.json)),
                        "negatives": .array(example.negatives.map(\.json)),
                    ]
                }),
            "tokens": tokensJSON, "loss": lossJSON, "trained": .array(trained.map(\.json)), "memory_bytes": memory.json,
        ]
        if let validation {
            json["validation"] = [
                "queries": JSONValue(validation.queryCount), "documents": JSONValue(validation.documentCount),
            ]
        }
        return .object(json)
    }

    private var lossJSON: JSONValue {
        var json: JSONObject = ["temperature": JSONValue(temperature)]
        if learnsTemperature { json["learned_temperature"] = .bool(true) }
        if let recipe = loss.recipe { json["recipe"] = JSONValue(recipe.rawValue) }
        for (key, value) in loss.json { json[key] = value }
        if let unscoredCount { json["unscored"] = JSONValue(unscoredCount) }
        return .object(json)
    }

    private var tokensJSON: JSONValue {
        let steps = max(1, sampledStepCount)
        return [
            "sampled_steps": JSONValue(sampledStepCount), "per_step": JSONValue(tokensPerStep),
            "median": JSONValue(length(atShare: 0.5)), "p95": JSONValue(length(atShare: 0.95)),
            "longest": JSONValue(lengths.last ?? 0), "texts": JSONValue(sequenceCount),
            "truncated": JSONValue(truncatedCount), "repeated": JSONValue(repeatedCount),
            "blank": JSONValue(blankCount), "ignored_media": JSONValue(ignoredMediaCount),
            "masked": JSONValue(loss.terms.positives == .all ? 0 : maskedCount),
            "further_positives": JSONValue(loss.terms.positives == .all ? maskedCount : 0),
            "media_per_step": JSONValue(media.tokenCount / steps),
            "inputs": JSONValue(lengths.count), "inputs_with_media": JSONValue(media.inputCount),
            "media_bytes_per_step": JSONValue(media.byteCount / steps),
            "largest_media_of_batch": JSONValue(media.largest.mediaTokenCount),
            "cut_sounds": JSONValue(media.cutSoundCount),
        ]
    }
}

internal import Base
internal import Engine
internal import Inputs
internal import JSON
internal import ModelCommandLine
internal import Models
internal import Records
internal import SystemPackage

/// What a folder is, and where each answer comes from.
struct ModelDescription {
    /// One answer.
    struct Line {
        /// For people.
        let name: String
        /// For programs.
        let key: String
        let value: JSONValue
        let source: String
        /// The value for people, where it reads differently.
        var text: String?
    }

    let lines: [Line]
    let unused: [String]
    let notes: [String]

    init(_ model: EmbeddingModel) throws {
        let weights = try WeightSummary(model)
        unused = weights.unused
        let random = try RandomModel.seed(of: model.folder)
        notes = model.notes
        lines =
            try Self.identity(model, weights) + Self.randomness(random) + Self.usage(model)
            + Self.media(model) + [Self.golden(model)] + Self.presets(model)
    }

    private static func identity(_ model: EmbeddingModel, _ weights: WeightSummary) throws -> [Line] {
        let config = model.configuration.string
        let names = weights.files.map { $0.lastComponent?.string ?? "" }
        let files = names.count > 1 ? "\(names.count) files" : names[0]
        let types = weights.kinds.map { "\($0.type)" }
        let tokenizer = try JSONValue.parse(model.tokenizer.configurationBytes, path: "tokenizer.json")
        let kind = tokenizer["model"]?["type"]?.string ?? "WordPiece"
        let position = "the files' headers"
        return [
            Line(
                name: "family", key: "family", value: .string(model.card.family),
                source: "\(Place(path: config, field: "model_type"))"),
            Line(
                name: "parameters", key: "parameters", value: JSONValue(weights.parameterCount), source: position,
                text: grouped(weights.parameterCount)),
            Line(
                name: "weights", key: "bytes", value: JSONValue(weights.byteCount), source: files,
                text: byteSize(weights.byteCount)),
            Line(
                name: "types", key: "types", value: .array(types.map { .string($0) }), source: position,
                text: types.joined(separator: ", ")),
            Line(
                name: "tokenizer", key: "tokenizer", value: .string(kind), source: "tokenizer.json",
                text: "\(kind), \(grouped(model.tokenizer.vocabularySize)) tokens"),
            Line(name: "positions", key: "positions", value: JSONValue(model.text.maxLength), source: config),
            Line(name: "dims", key: "dims", value: JSONValue(model.card.dims), source: "the model"),
        ]
            + (model.adapter.map {
                [Line(name: "adapter", key: "adapter", value: .string($0.string), source: "merged into the weights")]
            } ?? [])
    }

    /// - Parameter seed: nil where weights were not drawn.
    private static func randomness(_ seed: String?) -> [Line] {
        guard let seed else { return [] }
        return [
            Line(
                name: "RANDOM WEIGHTS", key: "random_seed", value: .string(seed), source: "the headers of the weights",
                text: "seed \(seed)")
        ]
    }

    private static func usage(_ model: EmbeddingModel) -> [Line] {
        func line(
            _ name: String, _ key: String, _ setting: ModelCard.Setting, _ value: JSONValue, _ text: String? = nil
        )
            -> Line
        {
            Line(name: name, key: key, value: value, source: model.sources[setting]?.description ?? "", text: text)
        }
        let card = model.card
        var lines = [
            line("pooling", "pooling", .pooling, .string(card.pooling.rawValue)),
            line("normalize", "normalize", .normalize, .bool(card.normalize), card.normalize ? "yes" : "no"),
        ]
        if let kept = card.truncateDim {
            lines.append(
                line("kept dims", "truncate_dim", .truncateDim, JSONValue(kept), "the first \(grouped(kept))"))
        }
        lines.append(
            Line(
                name: "similarity", key: "similarity", value: .string(card.givesUnitVectors ? "cosine" : "dot"),
                source: card.givesUnitVectors ? "vectors have length 1" : "vectors do not have length 1"))
        lines += model.attention.map { [line("attention", "attention", .attention, .string($0.rawValue))] } ?? []
        lines.append(line("end of text", "eos", .endOfText, .string(card.endOfText.rawValue)))
        lines += head(card).map { name, setting, layers in
            line(name, setting == .layers ? "head" : "token_head", setting, layers, text(layers))
        }
        if !card.includesPrompt {
            lines.append(
                line("prompts", "include_prompt", .includesPrompt, false, "their tokens are left out of pooling"))
        }
        for role in Role.allCases {
            let side = card.side(role)
            lines.append(
                line(
                    "\(role) prompt", "\(role)_prompt", .prompt(role), .string(side.prompt),
                    side.prompt.isEmpty ? "none" : escaped(side.prompt.utf8)))
            lines.append(
                line("\(role) length", "\(role)_max_length", .maxLength(role), JSONValue(side.maxLength)))
        }
        if let instruction = card.instruction {
            lines.append(
                line(
                    "instruction", "instruction", .instruction, .string(instruction.task),
                    escaped(instruction.task.utf8)))
        }
        if !card.inputs.isEmpty {
            lines.append(line("inputs", "inputs", .inputs, .object(card.inputs.json), card.inputs.summary))
        }
        return lines + promptNames(model)
    }

    /// What the model is given beside text, and what its files leave open of the rest.
    private static func media(_ model: EmbeddingModel) throws -> [Line] {
        let planner = try InputForm(model, settingName: \.flag).media
        let taken = planner.map { planner in MediaKind.allCases.filter { planner.obstacle(to: $0) == nil } } ?? []
        let names = ["text"] + taken.map(\.rawValue)
        var lines = [
            Line(
                name: "takes", key: "takes", value: .array(names.map { .string($0) }),
                source: planner == nil ? "\(model.card.family) reads text alone" : "config.json, processors' files",
                text: names.joined(separator: ", "))
        ]
        let obstacles = MediaKind.allCases.compactMap { kind -> (String, String)? in
            guard let planner, planner.hasTower(for: kind) else { return nil }
            return planner.obstacle(to: kind).map { (kind.rawValue, $0) }
        }
        if !obstacles.isEmpty {
            lines.append(
                Line(
                    name: "takes not", key: "takes_not",
                    value: .object(JSONObject(obstacles.map { ($0, .string($1)) })), source: "processors' files",
                    text: obstacles.map { "\($0): \($1)" }.joined(separator: "; ")))
        }
        return lines
    }

    private static func promptNames(_ model: EmbeddingModel) -> [Line] {
        let names = model.namedPrompts.map(\.name)
        guard !names.isEmpty else { return [] }
        return [
            Line(
                name: "prompt names", key: "prompt_names", value: .array(names.map { .string($0) }),
                source: "config_sentence_transformers.json; tvt-encode --query-prompt-name NAME",
                text: names.map { escaped($0.utf8) }.joined(separator: ", "))
        ]
    }

    /// Layers of the head as the card has them, where there are any.
    private static func head(_ card: ModelCard) -> [(name: String, setting: ModelCard.Setting, layers: JSONValue)] {
        [("token layers", .tokenLayers, card.json["tokenHead"]), ("head", .layers, card.json["head"])].compactMap {
            name, setting, layers in layers.map { (name, setting, $0) }
        }
    }

    private static func golden(_ model: EmbeddingModel) throws -> Line {
        let file = GoldenCheck.file(of: model)
        guard Files.exists(file) else {
            return Line(
                name: "golden", key: "golden", value: .null, source: "`tvt-model golden` makes them", text: "none")
        }
        let golden = try GoldenVectors(file: file)
        return Line(
            name: "golden", key: "golden", value: JSONValue(golden.entries.count),
            source: "\(file), by \(golden.tool) in \(golden.kind.rawValue)", text: "\(golden.entries.count) texts")
    }

    private static func presets(_ model: EmbeddingModel) -> [Line] {
        let names = ModelPreset.all.filter { $0.families.contains(model.card.family) }.map(\.name)
        guard !names.isEmpty else { return [] }
        return [
            Line(
                name: "presets", key: "presets", value: .array(names.map { .string($0) }),
                source: "those for models of this family; --preset NAME", text: names.joined(separator: ", "))
        ]
    }

    /// Nested by key: `{value, source}`.
    var json: JSONValue {
        var object = JSONObject()
        for line in lines { object[line.key] = ["value": line.value, "source": .string(line.source)] }
        object["unused_tensors"] = .array(unused.map { .string($0) })
        object["notes"] = .array(notes.map { .string($0) })
        return .object(object)
    }

    var rows: [[String]] { lines.map { [$0.name, $0.text ?? Self.text($0.value), $0.source] } }

    private static func text(_ value: JSONValue) -> String {
        if let string = value.string { return string }
        var bytes: [UInt8] = []
        value.appendLine(to: &bytes)
        return String(decoding: bytes, as: UTF8.self)
    }
}

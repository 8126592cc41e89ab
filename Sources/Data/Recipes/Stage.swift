internal import Base
internal import JSON
internal import SystemPackage

/// One command of a recipe.
public struct Stage: Sendable, Equatable {
    /// What a stage leaves, by which it is known to be done.
    enum Result: Sendable, Equatable {
        /// A version in the store.
        case version(String)
        /// Vectors in a folder of the output.
        case vectors(String)
        /// A file of the output.
        case file(String)
    }

    /// What a stage depends on besides its command.
    enum Input: Sendable, Equatable {
        case raw
        case retriever
        /// The result of an earlier stage.
        case result(String)
    }

    public let name: String
    public let tool: String
    /// With `{store}` and `{retriever}` in them; all other paths are relative to the output folder.
    public let arguments: [String]
    let inputs: [Input]
    let result: Result
    /// What was decided for it, and why; nil where there was nothing to decide.
    var decision: String?

    /// With values for `{store}` and `{retriever}`; what has none stays.
    public func arguments(with values: [String: String]) -> [String] { arguments.map { substituting(values, in: $0) } }

    /// The command as a lock keeps it: nothing in it depends on the machine.
    var json: JSONValue { ["name": .string(name), "command": .array(([tool] + arguments).map { .string($0) })] }
}

/// The stages of a recipe, in their order. Where its files lie is no part of it.
public struct RecipePlan: Sendable {
    /// What `{raw}` becomes: a link in the output folder, so that manifests hold the same paths on every machine.
    public static let raw = "raw"
    static let run = "run.tsv"

    public let recipe: Recipe
    public let isSample: Bool
    public let stages: [Stage]
    /// What the retriever is given of documents with media; nil for recipes without.
    public let view: DocumentView?
    /// Why the recipe ends after the conversion; nil where it does not.
    public let stop: String?

    /// - Parameters:
    ///   - precision: of encoding, instead of the recipe's.
    ///   - device: of encoding.
    ///   - usage: arguments of `tvt-encode` behind the recipe's, about how the model is used.
    ///   - view: nil for texts, where the recipe has some.
    public init(
        _ recipe: Recipe, isSample: Bool, precision: String? = nil, device: String? = nil, usage: [String] = [],
        view: DocumentView? = nil
    ) {
        self.recipe = recipe
        self.isSample = isSample
        self.view = view
        stop = recipe.stop ?? (view?.form == .nothing ? view?.reason : nil)
        let conversion = recipe.conversion(isSample: isSample)
        let name = recipe.name
        let convert = Stage(
            name: "convert", tool: "tvt-convert",
            arguments: [conversion.command]
                + conversion.arguments.map { substituting(["raw": Self.raw], in: $0) }
                + ["--dataset", name, "--licence", recipe.licence, "--store", "{store}"],
            inputs: [.raw], result: .version(name))
        guard let mining = recipe.mining(isSample: isSample), stop == nil else {
            stages = [convert]
            return
        }
        var showsMedia = false
        if case .media = view?.form { showsMedia = true }
        var encoding = ["--model", "{retriever}"] + mining.encoding + mining.usage + usage
        if mining.ignoresMedia, !showsMedia { encoding.append("--ignore-media") }
        if let precision = precision ?? mining.precision { encoding += ["--dtype", precision] }
        if let device { encoding += ["--device", device] }
        func encode(_ side: String, _ more: [String] = []) -> Stage {
            // One broken image among millions does not end a recipe: what is left out is listed, and counted in the report.
            let quarantine = showsMedia ? ["--quarantine", "stages/encode-\(side).left-out.jsonl"] : []
            return Stage(
                name: "encode \(side)", tool: "tvt-encode",
                arguments: [side, name, "--output", "vectors/\(side)", "--resume"] + more + quarantine + encoding
                    + ["--store", "{store}"],
                inputs: [.result("convert"), .retriever], result: .vectors("vectors/\(side)"),
                decision: view?.description)
        }
        let depth = max(mining.filter.depth, mining.negatives.depth)
        let negatives = mining.negatives
        stages = [
            convert,
            encode("corpus", showsMedia ? [] : mining.textSide.map { ["--text-side", $0] } ?? []),
            encode("queries"),
            // Ids may hold blanks, for which TREC's format has no place.
            Stage(
                name: "search", tool: "tvt-search",
                arguments: [
                    "--queries", "vectors/queries", "--corpus", "vectors/corpus", "--depth", "\(depth)", "--format",
                    "tevatron", "--output", Self.run,
                ],
                inputs: [.result("encode corpus"), .result("encode queries")], result: .file(Self.run)),
            Stage(
                name: "filter", tool: "tvt-mine",
                arguments: [
                    "filter", name, "--run", Self.run, "--format", "tevatron", "--depth", "\(mining.filter.depth)",
                    "--as", "\(name)@filtered", "--store", "{store}",
                ],
                inputs: [.result("convert"), .result("search")], result: .version("\(name)@filtered")),
            Stage(
                name: "negatives", tool: "tvt-mine",
                arguments: [
                    "negatives", "\(name)@filtered", "--run", Self.run, "--format", "tevatron", "--depth",
                    "\(negatives.depth)", "--count", "\(negatives.count)", "--seed", "\(negatives.seed)",
                ] + negatives.options + ["--as", "\(name)@mined", "--store", "{store}"],
                inputs: [.result("filter"), .result("search")], result: .version("\(name)@mined")),
        ]
    }

    /// Whether a model is needed.
    public var needsRetriever: Bool { stages.contains { $0.inputs.contains(.retriever) } }
}

/// Replaces `{key}` by its value, once; braces around anything else stay.
func substituting(_ values: [String: String], in template: String) -> String {
    let longest = values.keys.reduce(0) { max($0, $1.count) }
    var text = ""
    var rest = template[...]
    while let open = rest.firstIndex(of: "{") {
        text += rest[..<open]
        rest = rest[open...].dropFirst()
        // No further than a key can reach, so that many braces cost no square.
        let key = rest.prefix(longest + 1).prefix { $0 != "}" }
        if let value = values[String(key)], key.endIndex < rest.endIndex {
            text += value
            rest = rest[key.endIndex...].dropFirst()
        } else {
            text += "{"
        }
    }
    return text + rest
}

/// A command as a shell would take it.
public func shellQuoted(_ command: [String]) -> String {
    command.map { argument in
        let isPlain =
            !argument.isEmpty
            && argument.utf8.allSatisfy {
                0x30...0x39 ~= $0 || 0x41...0x5A ~= $0 || 0x61...0x7A ~= $0 || "-._/@:=,+%".utf8.contains($0)
            }
        return isPlain ? argument : "'" + argument.replacing("'", with: "'\\''") + "'"
    }.joined(separator: " ")
}

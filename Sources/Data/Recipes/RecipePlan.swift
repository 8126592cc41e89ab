internal import Base

/// The stages of a recipe, in their order. Where its files lie is no part of it.
public struct RecipePlan: Sendable {
    /// What `{raw}` becomes: a link in the output folder, so that manifests hold the same paths on every machine.
    public static let raw = "raw"
    static let run = "run.tsv"
    static let evaluationRun = "evaluation.tsv"
    /// What `tvt-eval` wrote.
    static let measures = "evaluation.json"

    public let recipe: Recipe
    public let isSample: Bool
    public let stages: [Stage]
    /// What the retriever is given of documents with media; nil for recipes without.
    public let view: DocumentView?
    /// Why nothing is filtered and mined; nil where it is.
    public let stop: String?
    /// Why the retriever is not measured, though the recipe has an evaluation that was not left out.
    public let unmeasured: String?

    /// - Parameters:
    ///   - precision: of encoding, instead of the recipe's.
    ///   - device: of encoding.
    ///   - usage: arguments of `tvt-encode` behind the recipe's, about how the model is used.
    ///   - view: nil for texts, where the recipe has some.
    ///   - leavesOutEvaluation: whether the recipe's evaluation is left out.
    public init(
        _ recipe: Recipe, isSample: Bool, precision: String? = nil, device: String? = nil, usage: [String] = [],
        view: DocumentView? = nil, leavesOutEvaluation: Bool = false
    ) {
        self.recipe = recipe
        self.isSample = isSample
        self.view = view
        let obstacle = view?.form == .nothing ? view?.reason : nil
        stop = recipe.stop ?? obstacle
        let conversion = recipe.conversion(isSample: isSample)
        var stages = [Self.convert(recipe, conversion, name: "convert", dataset: recipe.name)]
        let evaluation = leavesOutEvaluation ? nil : recipe.evaluation
        if let evaluation, let arguments = evaluation.arguments {
            // Of other documents, and before anything is encoded: what it finds amiss is known early.
            stages.append(
                Self.convert(
                    recipe, .init(command: conversion.command, arguments: arguments), name: Self.name("convert"),
                    dataset: evaluation.dataset(of: recipe)))
        }
        unmeasured = evaluation.flatMap { _ in obstacle ?? Self.obstacle(recipe.encoding, view) }
        let measured = unmeasured == nil ? evaluation : nil
        let encoder = recipe.encoding.map {
            Encoder(recipe: $0, precision: precision, device: device, usage: usage, view: view)
        }
        let mining = stop == nil ? recipe.mining(isSample: isSample) : nil
        if let encoder, let mining {
            let shared = measured.flatMap { $0.arguments == nil ? $0.depth : nil }
            stages += Self.mine(recipe.name, mining, encoder, depth: shared ?? 0)
        }
        if let encoder, let measured {
            stages += Self.measure(recipe, measured, encoder, isMined: mining != nil)
        }
        self.stages = stages
    }

    /// Whether a model is needed.
    public var needsRetriever: Bool { stages.contains { $0.inputs.contains(.retriever) } }

    /// What is not done, and why, for people.
    public var notes: [String] {
        var notes: [String] = []
        if let stop {
            notes.append(
                (needsRetriever ? "Nothing is filtered and mined: " : "The recipe ends after the conversion: ") + stop)
        }
        if let unmeasured, unmeasured != stop { notes.append("The retriever is not measured: " + unmeasured) }
        return notes
    }

    private static func convert(
        _ recipe: Recipe, _ conversion: Recipe.Conversion, name: String, dataset: String
    ) -> Stage {
        Stage(
            name: name, tool: "tvt-convert",
            arguments: [conversion.command]
                + conversion.arguments.map { substituting(["raw": Self.raw], in: $0) }
                + ["--dataset", dataset, "--licence", recipe.licence, "--store", "{store}"],
            inputs: [.raw], result: .version(dataset))
    }

    /// - Parameter depth: results a query that something else wants of the same run.
    private static func mine(_ name: String, _ mining: Recipe.Mining, _ encoder: Encoder, depth: Int) -> [Stage] {
        let negatives = mining.negatives
        let (corpus, queries) = (
            encoder.corpus("corpus", of: name, after: "convert"), encoder.queries("queries", of: name, after: "convert")
        )
        return [
            corpus, queries,
            search("search", corpus, queries, depth: max(mining.filter.depth, negatives.depth, depth), into: run),
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

    static func search(_ name: String, _ corpus: Stage, _ queries: Stage, depth: Int, into run: String) -> Stage {
        // Ids may hold blanks, for which TREC's format has no place.
        Stage(
            name: name, tool: "tvt-search",
            arguments: [
                "--queries", queries.result.path, "--corpus", corpus.result.path, "--depth", "\(depth)", "--format",
                "tevatron", "--output", run,
            ],
            inputs: [.result(corpus.name), .result(queries.name)], result: .file(run))
    }
}

extension RecipePlan {
    /// How records become vectors, by runs of `tvt-encode`.
    struct Encoder {
        private let arguments: [String]
        private let textSide: [String]
        private let showsMedia: Bool
        private let decision: String?

        init(
            recipe: Recipe.Encoding, precision: String?, device: String?, usage: [String], view: DocumentView?
        ) {
            if case .media = view?.form { showsMedia = true } else { showsMedia = false }
            var arguments = ["--model", "{retriever}"] + recipe.options + recipe.usage + usage
            if recipe.ignoresMedia, !showsMedia { arguments.append("--ignore-media") }
            if let precision = precision ?? recipe.precision { arguments += ["--dtype", precision] }
            if let device { arguments += ["--device", device] }
            self.arguments = arguments
            textSide = showsMedia ? [] : recipe.textSide.map { ["--text-side", $0] } ?? []
            decision = view?.description
        }

        func corpus(_ name: String, of dataset: String, after conversion: String) -> Stage {
            stage("corpus", name, of: dataset, after: conversion, textSide)
        }

        /// - Parameter split: nil for all queries.
        func queries(_ name: String, of dataset: String, split: String? = nil, after conversion: String) -> Stage {
            stage("queries", name, of: dataset, after: conversion, split.map { ["--split", $0] } ?? [])
        }

        private func stage(
            _ side: String, _ name: String, of dataset: String, after conversion: String, _ more: [String]
        ) -> Stage {
            let file = name.split(separator: " ").joined(separator: "-")
            // One broken image among millions does not end a recipe: what is left out is listed, and counted in the report.
            let quarantine = showsMedia ? ["--quarantine", "stages/encode-\(file).left-out.jsonl"] : []
            return Stage(
                name: "encode \(name)", tool: "tvt-encode",
                arguments: [side, dataset, "--output", "vectors/\(file)", "--resume"] + more + quarantine + arguments
                    + ["--store", "{store}"],
                inputs: [.result(conversion), .retriever], result: .vectors("vectors/\(file)"), decision: decision)
        }
    }
}

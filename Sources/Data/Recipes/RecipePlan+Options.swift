internal import Base
internal import SystemPackage

extension RecipePlan {
    /// Decides what the retriever is given of documents with media, which it is asked for, and plans.
    ///
    /// - Throws: `Failure` where the retriever, its settings and the recipe do not go together.
    public init(_ recipe: Recipe, _ options: RecipeRun.Options) throws {
        let usage = (options.preset.map { ["--preset", $0] } ?? []) + options.inputs.flatMap { ["--inputs", $0] }
        if options.leavesOutEvaluation, recipe.evaluation == nil {
            throw Failure(
                .usage, "--no-evaluation finds nothing to act on: the recipe \(recipe.name) has no evaluation")
        }
        guard let encoding = recipe.encoding, recipe.mining != nil || !options.leavesOutEvaluation else {
            try Self.requireNothing(options, usage, recipe.stop ?? "")
            self.init(recipe, isSample: options.isSample, leavesOutEvaluation: options.leavesOutEvaluation)
            return
        }
        // What a recipe without media has no question for is known before the conversion all the same.
        var retriever: RetrieverKinds?
        if let folder = options.retriever, !usage.isEmpty || encoding.media != nil && options.documents != .text {
            retriever = try RetrieverKinds(of: folder, encoding.usage + usage)
        }
        var view: DocumentView?
        if let kind = encoding.media {
            view = try DocumentView(of: kind, hasText: encoding.hasText, options.documents, retriever)
        } else if options.documents != .auto {
            throw Failure(
                .usage,
                "--documents \(options.documents.rawValue): the recipe \(recipe.name) names no media of documents",
                advice: "Leave it out: documents are encoded as the recipe says.")
        }
        self.init(
            recipe, isSample: options.isSample, precision: options.precision, device: options.device, usage: usage,
            view: view, leavesOutEvaluation: options.leavesOutEvaluation)
        if !needsRetriever { try Self.requireNothing(options, usage, unmeasured ?? stop ?? "") }
    }

    /// - Throws: `Failure` for options of encoding where nothing is encoded.
    private static func requireNothing(_ options: RecipeRun.Options, _ usage: [String], _ stop: String) throws {
        let name = usage.first ?? (options.documents == .auto ? nil : "--documents")
        guard let name else { return }
        throw Failure(.usage, "\(name) finds nothing to act on: the recipe ends after the conversion", advice: stop)
    }
}

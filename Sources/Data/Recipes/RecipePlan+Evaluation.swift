extension RecipePlan {
    /// Of a stage that measures, by that of the stage that does the same to mine.
    static func name(_ stage: String) -> String { "\(stage) evaluation" }
    static let measuring = "evaluate"

    /// Why a retriever is not measured that is given these documents; nil for nothing.
    static func obstacle(_ encoding: Recipe.Encoding?, _ view: DocumentView?) -> String? {
        // What a query says of its document would be found by that query.
        guard let encoding, let field = encoding.textSide, view == nil || view?.form == .text else { return nil }
        return
            "texts of the queries' field \"\(field)\" stand for the documents, and would be searched by the same queries"
    }

    /// Encodes and searches the judged queries where no run does it already, and measures.
    ///
    /// - Parameter isMined: whether there is a run of all queries on the recipe's own dataset.
    static func measure(
        _ recipe: Recipe, _ evaluation: Recipe.Evaluation, _ encoder: Encoder, isMined: Bool
    ) -> [Stage] {
        let dataset = evaluation.dataset(of: recipe)
        let conversion = evaluation.arguments == nil ? "convert" : name("convert")
        var stages: [Stage] = []
        var (searching, run) = ("search", run)
        if evaluation.arguments != nil || !isMined {
            let corpus = encoder.corpus("evaluation corpus", of: dataset, after: conversion)
            let queries = encoder.queries(
                "evaluation queries", of: dataset, split: evaluation.split, after: conversion)
            (searching, run) = (name("search"), evaluationRun)
            stages = [corpus, queries, search(searching, corpus, queries, depth: evaluation.depth, into: run)]
        }
        stages.append(
            Stage(
                name: measuring, tool: "tvt-eval",
                arguments: [
                    "--run", run, "--qrels", dataset, "--split", evaluation.split, "--metrics",
                    evaluation.metrics.joined(separator: ","), "--format", "json", "--output", measures, "--store",
                    "{store}",
                ],
                inputs: [.result(conversion), .result(searching)], result: .file(measures)))
        return stages
    }
}

internal import Base
internal import Evaluation
internal import YAML

extension Recipe.Evaluation {
    static let keys = ["split", "metrics", "depth", "arguments"]

    init(_ section: YAMLSection) throws {
        split = try section.required("split")
        depth = try section.integer("depth", in: Recipe.depths) ?? depth
        arguments = try Recipe.conversionArguments(section)
        if arguments != nil, !Recipe.isName(split) || ["filtered", "mined"].contains(split) {
            throw section.failure(
                "split",
                "names the version of \"arguments\": it must consist of letters and digits with single '-', '_' or '.' "
                    + "between them, and be neither filtered nor mined")
        }
        metrics = try section.texts("metrics") ?? []
        guard !metrics.isEmpty else { throw section.failure("metrics", "must list at least one measure") }
        for name in metrics {
            let measures: [Measure]
            do {
                measures = try Measure.parse(list: name)
            } catch {
                throw section.failure("metrics", "has no measure of tvt-eval in \(excerpt(name, upTo: 80))")
            }
            if let cutoff = measures.compactMap(\.cutoff).first(where: { $0 > depth }) {
                throw section.failure(
                    "metrics", "has \(excerpt(name, upTo: 80)), which looks at \(cutoff) results of \(depth)",
                    advice: "\"evaluation.depth\" is how many there are.")
            }
        }
    }

    /// The dataset that is measured on.
    func dataset(of recipe: Recipe) -> String { arguments == nil ? recipe.name : "\(recipe.name)@\(split)" }
}

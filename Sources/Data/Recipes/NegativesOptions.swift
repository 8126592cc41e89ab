internal import Base

/// The options of `tvt-mine negatives` that a recipe may give, and their values: a fault in the last stage is found before the
/// first.
enum NegativesOptions {
    private enum Value {
        case none
        case whole(NumberRange<Int>)
        case number(NumberRange<Double>)
        case choice([String])
    }

    private static let scores = Value.number(NumberRange(-1e30...1e30))

    private static let known: [String: Value] = [
        "--skip-top": .whole(NumberRange(0...1_000_000_000)), "--max-score": scores, "--min-score": scores,
        "--absolute-margin": scores, "--relative-margin": scores, "--positive-ref": .choice(["min", "max", "mean"]),
        "--unscored": .choice(["drop", "keep"]), "--strategy": .choice(["random", "top"]),
        "--shortage": .choice(["keep", "drop", "fill"]), "--own-documents": .choice(["auto", "exclude", "keep"]),
        "--exclude-duplicates": .none, "--exclude-answers": .none, "--escape-ids": .none, "--ignore-unknown": .none,
        "--max-unknown": .number(NumberRange(0.0...1.0)),
    ]

    /// Keys of the recipe, and what stages say themselves.
    private static let taken: Set<String> = [
        "--depth", "--count", "--seed", "--run", "--format", "--as", "--store", "--new", "--json",
    ]

    /// What is wrong with a list of arguments; nil for nothing.
    static func fault(_ arguments: [String]) -> String? {
        var rest = arguments[...]
        while let argument = rest.popFirst() {
            let parts = argument.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            let name = parts[0]
            if taken.contains(name) {
                return ["--depth", "--count", "--seed"].contains(name)
                    ? "must not have \(name): it is a key of its own" : "must not have \(name): the stage says it"
            }
            guard let value = known[name] else {
                return "must be options of tvt-mine negatives, and \(escaped(name.utf8.prefix(80))) is none"
            }
            if case .none = value {
                if parts.count == 2 { return "must give \(name) without a value" }
                continue
            }
            guard let text = parts.count == 2 ? parts[1] : rest.popFirst() else {
                return "must have a value behind \(name)"
            }
            if let fault = fault(text, of: value) { return "with \(name) \(fault)" }
        }
        return nil
    }

    private static func fault(_ text: String, of value: Value) -> String? {
        do throws(NotInRange) {
            switch value {
            case .none: break
            case .whole(let range): _ = try range.number(of: text)
            case .number(let range): _ = try range.number(of: text)
            case .choice(let names):
                guard !names.contains(text) else { return nil }
                return "must be one of \(names.joined(separator: ", ")), not \(escaped(text.utf8.prefix(80)))"
            }
            return nil
        } catch {
            return error.description
        }
    }
}

/// Why a guess is shown, and not taken unseen: what would be lost or turned round without a word.
struct GuessDoubt {
    let reason: String
    let advice: String
    /// The column that says which pairs are good, and options of the command that are to be filled in.
    var label: String?
    var labelWords: [String] = []
    /// Names for the columns, where the first row may be data.
    var columns: [String] = []

    // MARK: - The first row may be data

    /// - Parameters:
    ///   - columns: of a file of delimited text whose first row gave the names.
    ///   - areDocuments: whether its rows are documents alone.
    /// - Returns: nil where one of them is a name that columns usually have.
    static func header(_ columns: KnownColumns, areDocuments: Bool) -> GuessDoubt? {
        guard !columns.isEmpty, !columns.contains(where: { RowGuess.isUsualName($0.name) }) else { return nil }
        let guess = RowGuess(columns, RowOptions()).options
        let text = CorpusGuess(columns).options.text
        let names = columns.enumerated().map { position, column in
            if columns.count == 1 || areDocuments && column.name == text { return "text" }
            if areDocuments { return "column-\(position + 1)" }
            if guess.query == [column.name] { return "query" }
            return guess.positives.texts == [column.name] ? "passage" : "column-\(position + 1)"
        }
        return GuessDoubt(
            reason: "the first row may be data: none of the names in it is one that columns usually have",
            advice:
                "If it is data, name the columns with --columns \(KnownColumns.shortened(names, " ")). If it is names, "
                + "say what they mean with \(areDocuments ? "--text" : "--query and --positive").",
            columns: names)
    }

    // MARK: - Labels

    static func inference(_ label: ColumnSummary) -> GuessDoubt {
        GuessDoubt(
            reason: "\(label.name): of premise and hypothesis, labels are classes and no grades",
            advice:
                "In SNLI, MNLI and AllNLI 0 is entailment, 1 neutral and 2 contradiction, and --label takes what is "
                + "high for positives: keep the rows of entailment only, or write labels that are high for it.",
            label: label.name, labelWords: ["--label", label.name, "--label-above", "X"])
    }

    static func threshold(_ label: ColumnSummary) -> GuessDoubt {
        let range = label.range.map { " (here from \(number($0.lowerBound)) to \(number($0.upperBound)))" } ?? ""
        return GuessDoubt(
            reason: "\(label.name): it holds scores\(range), and from which on a pair is a positive is not known",
            advice: "Say it with --label-above.", label: label.name,
            labelWords: ["--label", label.name, "--label-above", "X"])
    }

    static func unknown(_ label: ColumnSummary) -> GuessDoubt {
        let examples = label.examples.isEmpty ? "" : " (\(label.examples.joined(separator: ", ")))"
        return GuessDoubt(
            reason: "\(label.name): by its name it may say which pairs are good, and its values\(examples) are not "
                + "understood as that",
            advice: "If it does, name it with --label: numbers, or true and false. Without it all pairs are positives.",
            label: label.name, labelWords: ["--label", label.name, "--label-above", "X"])
    }

    private static func number(_ value: Double) -> String {
        value == value.rounded() && abs(value) < 1e9 ? "\(Int(value))" : "\(value)"
    }
}

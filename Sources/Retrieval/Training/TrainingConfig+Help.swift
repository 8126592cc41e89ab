internal import YAML

extension TrainingConfig {
    /// Every key with what it takes, its default and its meaning, for `--help`: two lines or more a key, none longer
    /// than `width`.
    ///
    /// - Parameter indent: put before every line.
    public static func help(width: Int, indent: String) -> String {
        keyDescriptions.map { key in
            let standard = key.standard.map { " (default: \($0))" } ?? ""
            return indent + "\(key.path): \(key.values)\(standard)\n"
                + wrapped(key.meaning, width: width - indent.count - 4).map { indent + "    \($0)\n" }.joined()
        }.joined()
    }

    /// Path, values, default and meaning of every key.
    public static var keyDescriptions: [(path: String, values: String, standard: String?, meaning: String)] {
        keys.descriptions(of: TrainingConfig(model: "", datasets: [], length: .steps(1))).map {
            ($0.path, $0.values, $0.standard, $0.meaning)
        }
    }

    /// The words of a text in lines of at most `width` characters, unless a word alone is longer.
    private static func wrapped(_ text: String, width: Int) -> [String] {
        var lines = [""]
        for word in text.split(separator: " ") {
            let line = lines[lines.count - 1]
            if !line.isEmpty, line.count + 1 + word.count > width {
                lines.append(String(word))
            } else {
                lines[lines.count - 1] = line.isEmpty ? String(word) : line + " " + word
            }
        }
        return lines
    }
}

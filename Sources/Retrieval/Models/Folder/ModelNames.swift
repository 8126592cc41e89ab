internal import Base
internal import JSON
internal import SystemPackage

/// Names of published models in a folder's own files.
enum ModelNames {
    /// The most of a README that is looked at.
    private static let longestFrontMatter = 1 << 20

    /// Names and where they stand, the surest first: what the README's front matter calls the model, what an adapter calls
    /// its base, and what `config.json` was loaded from, which for a fine-tuned model is another's name.
    static func inFiles(of folder: ModelFolder) throws -> [(name: String, place: Place)] {
        var names: [(String, Place)] = []
        for path in [folder.description] + (folder.description == folder.path ? [] : [folder.path]) {
            let file = path.appending("README.md")
            if Files.exists(file), let name = try frontMatterName(file) {
                names.append((name, Place(path: file.string, field: "model-index")))
            }
        }
        if let adapter = folder.adapter {
            let file = adapter.appending("adapter_config.json")
            let field = "base_model_name_or_path"
            if Files.exists(file), let name = try JSONValue.parse(pythonFile: file)[field]?.string {
                names.append((name, Place(path: file.string, field: field)))
            }
        }
        if let name = folder.configuredName {
            names.append((name, Place(path: folder.path.appending("config.json").string, field: "_name_or_path")))
        }
        return names
    }

    /// The name of the first entry of `model-index`, which publishers of measured models write.
    ///
    /// Looks at lines alone: a README is a page for people, whose YAML nobody has checked.
    static func frontMatterName(_ file: FilePath) throws -> String? {
        guard try Files.size(file) <= longestFrontMatter,
            let text = String(validating: try Files.readAll(file), as: UTF8.self)
        else { return nil }
        var lines = text.split(separator: "\n", omittingEmptySubsequences: false).map { line in
            line.last == "\r" ? line.dropLast() : line
        }[...]
        guard lines.popFirst() == "---" else { return nil }
        lines = lines.prefix { $0 != "---" }
        guard let index = lines.firstIndex(of: "model-index:") else { return nil }
        for line in lines[(index + 1)...] {
            let words = line.drop { $0 == " " || $0 == "-" }
            // The next key of the same level: the index has no name.
            guard line.first == " " || line.first == "-" else { return nil }
            guard words.hasPrefix("name:") else { continue }
            let name = words.dropFirst("name:".count).filter { $0 != " " && $0 != "\"" && $0 != "'" }
            return name.isEmpty ? nil : String(name)
        }
        return nil
    }
}

public import Base
public import Yams

/// Where values come from: a file, or `--set` for the paths that it replaced.
public struct YAMLSource {
    public let file: String
    /// What the file is, with its article: `a config`.
    let noun: String
    /// Whether its lines mean something to whoever reads a message: not those of a text that options stand for.
    let hasLines: Bool
    /// Dotted paths given by `--set`.
    public var overridden: [String] = []

    /// A text with more references to anchors is refused: each may repeat all that an earlier one stands for, and so make
    /// a few lines into billions of values.
    static let mostAliases = 32

    public init(file: String, noun: String, hasLines: Bool = true) {
        self.file = file
        self.noun = noun
        self.hasLines = hasLines
    }

    /// The root of the file's text, which may begin with a byte order mark.
    ///
    /// - Throws: `Failure` with status 78 for text that is no YAML, or none at all.
    public func root(of yaml: String) throws -> Node {
        let yaml = yaml.unicodeScalars.first == "\u{FEFF}" ? String(yaml.unicodeScalars.dropFirst()) : yaml
        let aliases = Self.aliasCount(in: yaml)
        guard aliases <= Self.mostAliases else {
            throw failure("\(aliases) references to anchors (*name), and at most \(Self.mostAliases) are taken")
        }
        do {
            guard let node = try Yams.compose(yaml: yaml, .default, .default, .utf8) else {
                throw failure("the \(noun.split(separator: " ").last ?? "file") is empty")
            }
            return node
        } catch let error as YamlError {
            throw failure(error)
        }
    }

    /// What libyaml says of a text, without the line that it prints with it, however long that is.
    private func failure(_ error: YamlError) -> Failure {
        switch error {
        case .scanner(let context, let problem, let mark, _), .parser(let context, let problem, let mark, _),
            .composer(let context, let problem, let mark, _):
            let context = context.map { $0.text.isEmpty ? "" : "\($0.text) in line \($0.mark.line), " } ?? ""
            return failure("\(context)\(problem)", line: mark.line, column: mark.column)
        case .duplicatedKeysInMapping(let keys, let context):
            return failure("the key \(excerpt(keys.first ?? "")) is given twice", line: context.mark.line)
        case .reader(let problem, let offset, _, _):
            return failure(offset.map { "\(problem) at byte \($0)" } ?? problem)
        default: return failure(excerpt("\(error)"))
        }
    }

    private func failure(_ reason: String, line: Int? = nil, column: Int? = nil) -> Failure {
        let place = (hasLines ? [line, column] : []).compactMap { $0.map { ":\($0)" } }.joined()
        return Failure(.badConfiguration, "\(file)\(place): \(reason)")
    }

    /// Words `*name` of whose name there is a word `&name`.
    private static func aliasCount(in yaml: String) -> Int {
        var anchors: Set<Substring> = []
        var aliases: [Substring: Int] = [:]
        for word in yaml.utf8.split(whereSeparator: { $0 <= 0x20 || ":,[]{}".utf8.contains($0) }) {
            guard word.first == UInt8(ascii: "&") || word.first == UInt8(ascii: "*") else { continue }
            let name = Substring(word.dropFirst())
            if word.first == UInt8(ascii: "&") { anchors.insert(name) } else { aliases[name, default: 0] += 1 }
        }
        return aliases.reduce(0) { $0 + (anchors.contains($1.key) ? $1.value : 0) }
    }

    /// Where a dotted path stands, for what only a later step finds out: `file:line`, `--set path`, or the file alone.
    public func place(of path: String, in root: Node) -> String {
        // Of what is missing in a section, the section's.
        var found: Node?
        for name in path.split(separator: ".") {
            let next: Node? =
                switch found ?? root {
                case .mapping(let mapping): mapping[String(name)]
                case .sequence(let sequence):
                    Int(name).flatMap { sequence.indices.contains($0) ? sequence[$0] : nil }
                default: nil
                }
            guard let next else { break }
            found = next
        }
        return place(at: found, path: path)
    }

    private func place(at node: Node?, path: String) -> String {
        if let setting = overridden.first(where: { path == $0 || path.hasPrefix($0 + ".") }) {
            return "--set \(setting)"
        }
        guard hasLines else { return file }
        return node?.mark.map { "\(file):\($0.line)" } ?? file
    }

    /// A configuration error at a node's line, or at the `--set` that put it there.
    public func failure(_ reason: String, at node: Node?, path: String = "", advice: String? = nil) -> Failure {
        Failure(.badConfiguration, "\(place(at: node, path: path)): \(reason)", advice: advice)
    }
}

public import Base
public import Yams

/// A mapping of a YAML file, read strictly: unknown keys and wrong types are errors that name file, line and key.
public struct YAMLSection {
    private let values: [(key: String, value: Node)]
    private let source: YAMLSource
    /// Dotted path from the root; empty for the root.
    public let path: String

    /// - Parameter keys: every key the section may have.
    public init(_ node: Node, path: String, keys: [String], source: YAMLSource) throws {
        self.path = path
        self.source = source
        guard case .mapping(let mapping) = node else {
            throw source.failure(
                path.isEmpty ? "\(source.noun) is a mapping of keys to values" : "\"\(path)\" must be a mapping",
                at: node)
        }
        var values: [(key: String, value: Node)] = []
        for (keyNode, value) in mapping {
            let key = keyNode.scalar?.string ?? ""
            guard keys.contains(where: { $0.utf8.elementsEqual(key.utf8) }) else {
                let near = names(near: key, among: keys, atMost: 2)
                throw source.failure(
                    "unknown key \"\(YAMLSection.join(path, key))\"", at: keyNode, path: YAMLSection.join(path, key),
                    advice: near.isEmpty
                        ? "Known here: \(keys.joined(separator: ", "))."
                        : "Did you mean \(near.map { "\"\($0)\"" }.joined(separator: " or "))?")
            }
            values.append((key, value))
        }
        self.values = values
    }

    public static func join(_ path: String, _ key: String) -> String { path.isEmpty ? key : path + "." + key }

    /// The value, unless the key is absent or null.
    public func node(_ key: String) -> Node? {
        guard let value = values.last(where: { $0.key.utf8.elementsEqual(key.utf8) })?.value else { return nil }
        if case .scalar(let scalar) = value, scalar.style == .plain, ["", "~", "null"].contains(scalar.string) {
            return nil
        }
        return value
    }

    public func failure(_ key: String, _ reason: String, advice: String? = nil) -> Failure {
        let path = YAMLSection.join(path, key)
        return source.failure("\"\(path)\" \(reason)", at: node(key), path: path, advice: advice)
    }

    public func string(_ key: String) throws -> String? {
        guard let node = node(key) else { return nil }
        guard case .scalar(let scalar) = node else { throw failure(key, "must be a text") }
        return scalar.string
    }

    public func required(_ key: String) throws -> String {
        guard let value = try string(key), !value.isEmpty else {
            throw source.failure(
                "\"\(YAMLSection.join(path, key))\" is missing", at: nil, path: path, advice: nil)
        }
        return value
    }

    public func integer(_ key: String, atLeast least: Int) throws -> Int? {
        guard let text = try string(key) else { return nil }
        guard let value = Int(text) else { throw failure(key, "must be a whole number, not \"\(text)\"") }
        guard value >= least else { throw failure(key, "must be at least \(least), not \(value)") }
        return value
    }

    /// A finite number in the range.
    public func number(_ key: String, in range: PartialRangeFrom<Double>) throws -> Double? {
        guard let text = try string(key) else { return nil }
        guard let value = Double(text), value.isFinite else {
            throw failure(key, "must be a number, not \"\(text)\"")
        }
        guard range.contains(value) else { throw failure(key, "must be at least \(range.lowerBound), not \(text)") }
        return value
    }

    /// A number above 0.
    public func positive(_ key: String) throws -> Double? {
        let value = try number(key, in: 0...)
        if value == 0 { throw failure(key, "must be more than 0") }
        return value
    }

    /// A number in `[0, 1)`.
    public func fraction(_ key: String) throws -> Double? {
        guard let value = try number(key, in: 0...) else { return nil }
        guard value < 1 else { throw failure(key, "must be less than 1") }
        return value
    }

    public func bool(_ key: String) throws -> Bool? {
        guard let text = try string(key) else { return nil }
        switch text {
        case "true": return true
        case "false": return false
        default: throw failure(key, "must be true or false, not \"\(text)\"")
        }
    }

    public func choice<Choice: RawRepresentable<String> & CaseIterable>(_ key: String, of: Choice.Type) throws
        -> Choice?
    {
        guard let text = try string(key) else { return nil }
        guard let value = Choice(rawValue: text) else {
            let names = Choice.allCases.map(\.rawValue).joined(separator: ", ")
            throw failure(key, "must be one of \(names), not \"\(text)\"")
        }
        return value
    }

    public func list(_ key: String) throws -> [Node]? {
        guard let node = node(key) else { return nil }
        guard case .sequence(let sequence) = node else { throw failure(key, "must be a list") }
        return Array(sequence)
    }

    public func section(_ key: String, keys: [String]) throws -> YAMLSection? {
        guard let node = node(key) else { return nil }
        return try YAMLSection(node, path: YAMLSection.join(path, key), keys: keys, source: source)
    }
}

/// Where values come from: a file, or `--set` for the paths that it replaced.
public struct YAMLSource {
    public let file: String
    /// What the file is, with its article: `a mix`.
    let noun: String
    /// Dotted paths given by `--set`.
    public var overridden: [String] = []

    public init(file: String, noun: String) {
        self.file = file
        self.noun = noun
    }

    /// The root of the file's text.
    ///
    /// - Throws: `Failure` with status 78 for text that is no YAML, or none at all.
    public func root(of yaml: String) throws -> Node {
        do {
            guard let node = try Yams.compose(yaml: yaml) else {
                throw Failure(.badConfiguration, "\(file): the \(noun.split(separator: " ").last ?? "file") is empty")
            }
            return node
        } catch let error as YamlError {
            throw Failure(.badConfiguration, "\(file): \(error)")
        }
    }

    /// A configuration error at a node's line, or at the `--set` that put it there.
    public func failure(_ reason: String, at node: Node?, path: String = "", advice: String? = nil) -> Failure {
        let place: String
        if let setting = overridden.first(where: { path == $0 || path.hasPrefix($0 + ".") }) {
            place = "--set \(setting)"
        } else if let mark = node?.mark {
            place = "\(file):\(mark.line)"
        } else {
            place = file
        }
        return Failure(.badConfiguration, "\(place): \(reason)", advice: advice)
    }
}

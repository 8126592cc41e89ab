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
                    "unknown key \(excerpt(YAMLSection.join(path, key)))", at: keyNode,
                    path: YAMLSection.join(path, key),
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

    public func string(_ key: String) throws -> String? { try scalar(key, "a text") }

    private func scalar(_ key: String, _ what: @autoclosure () -> String) throws -> String? {
        guard let node = node(key) else { return nil }
        guard case .scalar(let scalar) = node else { throw failure(key, "must be \(what())") }
        return scalar.string
    }

    public func required(_ key: String) throws -> String {
        guard let value = try string(key), !value.isEmpty else {
            throw source.failure(
                "\"\(YAMLSection.join(path, key))\" is missing", at: nil, path: path, advice: nil)
        }
        return value
    }

    /// A text of at most `byteCount` bytes of UTF-8.
    public func string(_ key: String, upTo byteCount: Int) throws -> String? {
        guard let text = try string(key) else { return nil }
        guard text.utf8.count <= byteCount else {
            throw failure(key, "must have at most \(byteCount) bytes, not \(text.utf8.count)")
        }
        return text
    }

    public func integer(_ key: String, in range: ClosedRange<Int>) throws -> Int? {
        guard let text = try string(key) else { return nil }
        guard text.utf8.allSatisfy({ 0x30...0x39 ~= $0 || $0 == 0x2D || $0 == 0x2B }), !text.isEmpty else {
            throw failure(key, "must be a whole number, not \(excerpt(text))")
        }
        // A number with too many digits for Int is out of any range.
        guard let value = Int(text), range.contains(value) else {
            throw failure(key, "must be from \(range.lowerBound) to \(range.upperBound), not \(excerpt(text))")
        }
        return value
    }

    /// A number within the range.
    public func number<Number: RangedNumber>(_ key: String, in range: NumberRange<Number>) throws -> Number? {
        guard let text = try scalar(key, "\(Number.noun) \(range)") else { return nil }
        do {
            return try range.number(of: text)
        } catch {
            throw failure(key, error.description)
        }
    }

    public func bool(_ key: String) throws -> Bool? {
        guard let text = try scalar(key, "true or false") else { return nil }
        switch text {
        case "true": return true
        case "false": return false
        default: throw failure(key, "must be true or false, not \(excerpt(text))")
        }
    }

    public func choice<Choice: RawRepresentable<String> & CaseIterable>(_ key: String, of: Choice.Type) throws
        -> Choice?
    {
        let names = Choice.allCases.map(\.rawValue).joined(separator: ", ")
        guard let text = try scalar(key, "one of \(names)") else { return nil }
        guard let value = Choice(rawValue: text) else {
            throw failure(key, "must be one of \(names), not \(excerpt(text))")
        }
        return value
    }

    public func list(_ key: String) throws -> [Node]? {
        guard let node = node(key) else { return nil }
        guard case .sequence(let sequence) = node else { throw failure(key, "must be a list") }
        return Array(sequence)
    }

    /// An element of a list as a section of its own.
    public func section(_ node: Node, _ path: String, keys: [String]) throws -> YAMLSection {
        try YAMLSection(node, path: path, keys: keys, source: source)
    }

    public func section(_ key: String, keys: [String]) throws -> YAMLSection? {
        guard let node = node(key) else { return nil }
        return try YAMLSection(node, path: YAMLSection.join(path, key), keys: keys, source: source)
    }
}

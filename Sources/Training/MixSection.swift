internal import Base
internal import Yams

/// A mapping of a YAML file, read strictly: unknown keys and wrong types are errors that name file, line and key.
struct MixSection {
    private let values: [(key: String, value: Node)]
    private let source: MixSource
    /// Dotted path from the root; empty for the root.
    let path: String

    /// - Parameter keys: every key the section may have.
    init(_ node: Node, path: String, keys: [String], source: MixSource) throws {
        self.path = path
        self.source = source
        guard case .mapping(let mapping) = node else {
            throw source.failure(
                path.isEmpty ? "a mix is a mapping of keys to values" : "\"\(path)\" must be a mapping", at: node)
        }
        var values: [(key: String, value: Node)] = []
        for (keyNode, value) in mapping {
            let key = keyNode.scalar?.string ?? ""
            guard keys.contains(where: { $0.utf8.elementsEqual(key.utf8) }) else {
                let near = nearest(to: key, among: keys)
                throw source.failure(
                    "unknown key \"\(MixSection.join(path, key))\"", at: keyNode, path: MixSection.join(path, key),
                    advice: near.isEmpty
                        ? "Known here: \(keys.joined(separator: ", "))."
                        : "Did you mean \(near.map { "\"\($0)\"" }.joined(separator: " or "))?")
            }
            values.append((key, value))
        }
        self.values = values
    }

    static func join(_ path: String, _ key: String) -> String { path.isEmpty ? key : path + "." + key }

    /// The value, unless the key is absent or null.
    func node(_ key: String) -> Node? {
        guard let value = values.last(where: { $0.key.utf8.elementsEqual(key.utf8) })?.value else { return nil }
        if case .scalar(let scalar) = value, scalar.style == .plain, ["", "~", "null"].contains(scalar.string) {
            return nil
        }
        return value
    }

    func failure(_ key: String, _ reason: String, advice: String? = nil) -> Failure {
        let path = MixSection.join(path, key)
        return source.failure("\"\(path)\" \(reason)", at: node(key), path: path, advice: advice)
    }

    func string(_ key: String) throws -> String? {
        guard let node = node(key) else { return nil }
        guard case .scalar(let scalar) = node else { throw failure(key, "must be a text") }
        return scalar.string
    }

    func required(_ key: String) throws -> String {
        guard let value = try string(key), !value.isEmpty else {
            throw source.failure(
                "\"\(MixSection.join(path, key))\" is missing", at: nil, path: path, advice: nil)
        }
        return value
    }

    func integer(_ key: String, atLeast least: Int) throws -> Int? {
        guard let text = try string(key) else { return nil }
        guard let value = Int(text) else { throw failure(key, "must be a whole number, not \"\(text)\"") }
        guard value >= least else { throw failure(key, "must be at least \(least), not \(value)") }
        return value
    }

    /// A finite number in the range.
    func number(_ key: String, in range: PartialRangeFrom<Double>) throws -> Double? {
        guard let text = try string(key) else { return nil }
        guard let value = Double(text), value.isFinite else {
            throw failure(key, "must be a number, not \"\(text)\"")
        }
        guard range.contains(value) else { throw failure(key, "must be at least \(range.lowerBound), not \(text)") }
        return value
    }

    /// A number above 0.
    func positive(_ key: String) throws -> Double? {
        let value = try number(key, in: 0...)
        if value == 0 { throw failure(key, "must be more than 0") }
        return value
    }

    /// A number in `[0, 1)`.
    func fraction(_ key: String) throws -> Double? {
        guard let value = try number(key, in: 0...) else { return nil }
        guard value < 1 else { throw failure(key, "must be less than 1") }
        return value
    }

    func bool(_ key: String) throws -> Bool? {
        guard let text = try string(key) else { return nil }
        switch text {
        case "true": return true
        case "false": return false
        default: throw failure(key, "must be true or false, not \"\(text)\"")
        }
    }

    func choice<Choice: RawRepresentable<String> & CaseIterable>(_ key: String, of: Choice.Type) throws -> Choice? {
        guard let text = try string(key) else { return nil }
        guard let value = Choice(rawValue: text) else {
            let names = Choice.allCases.map(\.rawValue).joined(separator: ", ")
            throw failure(key, "must be one of \(names), not \"\(text)\"")
        }
        return value
    }

    func list(_ key: String) throws -> [Node]? {
        guard let node = node(key) else { return nil }
        guard case .sequence(let sequence) = node else { throw failure(key, "must be a list") }
        return Array(sequence)
    }

    func section(_ key: String, keys: [String]) throws -> MixSection? {
        guard let node = node(key) else { return nil }
        return try MixSection(node, path: MixSection.join(path, key), keys: keys, source: source)
    }
}

/// Where a mix's values come from: a file, or `--set` for the paths that it replaced.
struct MixSource {
    let file: String
    /// Dotted paths given by `--set`.
    var overridden: [String] = []

    /// A configuration error at a node's line, or at the `--set` that put it there.
    func failure(_ reason: String, at node: Node?, path: String = "", advice: String? = nil) -> Failure {
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

/// Names that a mistyped one may have meant: those at most a third of its length away, nearest first, at most two.
func nearest(to name: String, among names: [String]) -> [String] {
    let limit = max(2, name.utf8.count / 3)
    return
        names
        .map { (name: $0, distance: editDistance(Array(name.utf8), Array($0.utf8))) }
        .filter { $0.distance <= limit }
        .sorted { ($0.distance, $0.name) < ($1.distance, $1.name) }
        .prefix(2)
        .map(\.name)
}

/// Levenshtein distance in bytes.
private func editDistance(_ left: [UInt8], _ right: [UInt8]) -> Int {
    var row = Array(0...right.count)
    for (i, byte) in left.enumerated() {
        var diagonal = row[0]
        row[0] = i + 1
        for (j, other) in right.enumerated() {
            let substituted = diagonal + (byte == other ? 0 : 1)
            diagonal = row[j + 1]
            row[j + 1] = min(substituted, row[j] + 1, row[j + 1] + 1)
        }
    }
    return row[right.count]
}

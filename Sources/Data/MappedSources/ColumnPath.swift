internal import Base
internal import JSON
internal import Records

/// A column, and where in its values the wanted ones are: a field of the objects that it holds, through lists.
struct ColumnPath: Sendable, Hashable {
    let column: String
    let fields: [String]
    private let keys: [[UInt8]]

    init(_ column: String, _ fields: [String] = []) {
        self.column = column
        self.fields = fields
        keys = fields.map { Array($0.utf8) }
    }

    /// As options name it.
    var name: String { ([column] + fields).joined(separator: ".") }

    /// Appends the values that a row has, nil for each element of a list that lacks one.
    func values(of node: JSONNode) -> [JSONNode?] {
        guard node.kind != .null else { return [] }
        var values: [JSONNode?] = []
        append(node, keys[...], to: &values)
        return values
    }

    private func append(_ node: JSONNode, _ keys: ArraySlice<[UInt8]>, to values: inout [JSONNode?]) {
        if node.kind == .array {
            for element in node.elements { append(element, keys, to: &values) }
            return
        }
        guard let key = keys.first else { return values.append(node.kind == .null ? nil : node) }
        for (name, value) in node.fields where name.elementsEqual(key) {
            return append(value, keys.dropFirst(), to: &values)
        }
        values.append(nil)
    }

    // MARK: - Names

    /// The columns and fields that an argument names.
    ///
    /// - Parameter option: for messages.
    /// - Throws: `Failure` with status 64 where there are none, with the names that there are.
    static func all(named argument: String, option: String, among columns: KnownColumns) throws -> [ColumnPath] {
        if columns.has(argument) { return [ColumnPath(argument)] }
        if isPattern(argument) {
            let found = columns.filter { matches($0.name, argument) }.map { ColumnPath($0.name) }
            if !found.isEmpty { return found }
        }
        // The longest name of a column that the argument begins with: names may have dots.
        let parts = argument.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
        for count in stride(from: parts.count - 1, to: 0, by: -1) {
            let name = parts[..<count].joined(separator: ".")
            guard let column = columns.named(name) else { continue }
            let fields = Array(parts[count...])
            guard column.kind.field(fields[...]) != nil else {
                throw Failure(
                    .usage,
                    "--\(option) \(argument): the column \"\(name)\" is \(column.kind.name) and has no such field")
            }
            return [ColumnPath(name, fields)]
        }
        let names = columns.names
        let near = Base.names(near: argument, among: names, atMost: 3)
        throw Failure(
            .usage, "--\(option) \(argument): there is no such column",
            advice: (near.isEmpty ? "" : "Did you mean \(near.joined(separator: ", "))? ")
                + "The columns: \(KnownColumns.shortened(names)).")
    }

    /// The one that an argument names.
    static func one(named argument: String, option: String, among columns: KnownColumns) throws -> ColumnPath {
        let found = try all(named: argument, option: option, among: columns)
        guard found.count == 1 else {
            throw Failure(
                .usage,
                "--\(option) \(argument): it is one column, and this fits \(found.count): "
                    + KnownColumns.shortened(found.map(\.column)))
        }
        return found[0]
    }

    static func isPattern(_ text: String) -> Bool { text.contains { $0 == "*" || $0 == "?" } }

    /// Whether a name fits a pattern: `*` is any characters, `?` is one.
    static func matches(_ name: String, _ pattern: String) -> Bool {
        let (name, pattern) = (Array(name.unicodeScalars), Array(pattern.unicodeScalars))
        var (position, at) = (0, 0)
        // Where the last star is, and how much of the name it takes.
        var (star, taken): (Int?, Int) = (nil, 0)
        while position < name.count {
            if at < pattern.count, pattern[at] == "*" {
                (star, taken) = (at, position)
                at += 1
            } else if at < pattern.count, pattern[at] == "?" || pattern[at] == name[position] {
                (position, at) = (position + 1, at + 1)
            } else if let star {
                taken += 1
                (position, at) = (taken, star + 1)
            } else {
                return false
            }
        }
        return pattern[at...].allSatisfy { $0 == "*" }
    }
}

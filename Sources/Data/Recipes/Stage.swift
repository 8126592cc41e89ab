internal import Base
internal import JSON
internal import SystemPackage

/// One command of a recipe.
public struct Stage: Sendable, Equatable {
    /// What a stage leaves, by which it is known to be done.
    enum Result: Sendable, Equatable {
        /// A version in the store.
        case version(String)
        /// Vectors in a folder of the output.
        case vectors(String)
        /// A file of the output.
        case file(String)

        /// What commands call it.
        var path: String {
            switch self {
            case .version(let name), .vectors(let name), .file(let name): name
            }
        }
    }

    /// What a stage depends on besides its command.
    enum Input: Sendable, Equatable {
        case raw
        case retriever
        /// The result of an earlier stage.
        case result(String)
    }

    public let name: String
    public let tool: String
    /// With `{store}` and `{retriever}` in them; all other paths are relative to the output folder.
    public let arguments: [String]
    let inputs: [Input]
    let result: Result
    /// What was decided for it, and why; nil where there was nothing to decide.
    var decision: String?

    /// With values for `{store}` and `{retriever}`; what has none stays.
    public func arguments(with values: [String: String]) -> [String] { arguments.map { substituting(values, in: $0) } }

    /// The command as a lock keeps it: nothing in it depends on the machine.
    var json: JSONValue { ["name": .string(name), "command": .array(([tool] + arguments).map { .string($0) })] }
}

/// Replaces `{key}` by its value, once; braces around anything else stay.
func substituting(_ values: [String: String], in template: String) -> String {
    let longest = values.keys.reduce(0) { max($0, $1.count) }
    var text = ""
    var rest = template[...]
    while let open = rest.firstIndex(of: "{") {
        text += rest[..<open]
        rest = rest[open...].dropFirst()
        // No further than a key can reach, so that many braces cost no square.
        let key = rest.prefix(longest + 1).prefix { $0 != "}" }
        if let value = values[String(key)], key.endIndex < rest.endIndex {
            text += value
            rest = rest[key.endIndex...].dropFirst()
        } else {
            text += "{"
        }
    }
    return text + rest
}

/// A command as a shell would take it.
public func shellQuoted(_ command: [String]) -> String {
    command.map { argument in
        let isPlain =
            !argument.isEmpty
            && argument.utf8.allSatisfy {
                0x30...0x39 ~= $0 || 0x41...0x5A ~= $0 || 0x61...0x7A ~= $0 || "-._/@:=,+%".utf8.contains($0)
            }
        return isPlain ? argument : "'" + argument.replacing("'", with: "'\\''") + "'"
    }.joined(separator: " ")
}

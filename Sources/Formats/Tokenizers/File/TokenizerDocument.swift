internal import Base
internal import JSON

/// The JSON of a `tokenizer.json`, held to what ``JSONValue/parse(_:path:)`` accepts.
///
/// The vocabulary and the merges, up to half a million entries, are read where the parser left them; values of all of
/// them would take most of the time that a tokenizer takes to load. Whatever else there is, is small.
final class TokenizerDocument {
    /// The file; in its `model`, ``vocabulary`` and ``merges`` are empty.
    let root: Component
    /// `model.vocab` and `model.merges`, valid as long as the document; nil where there is no such field.
    let vocabulary: JSONNode?
    let merges: JSONNode?
    private let parser: JSONParser

    /// - Throws: `InputError` with line and byte of the first fault.
    init(_ bytes: [UInt8], path: String) throws {
        let parser = JSONParser()
        self.parser = parser
        var lists: [String: JSONNode] = [:]
        let parsed = bytes.withUnsafeBytes { try? parser.parse($0) }
        guard let parsed, let value = Self.value(parsed, &lists) else {
            // Values of everything, made to find where the fault is.
            _ = try JSONValue.parse(bytes, path: path)
            throw InputError("not JSON that can be read", at: Place(path: path))
        }
        vocabulary = lists["vocab"]
        merges = lists["merges"]
        root = try Component(value, path: path, place: "")
    }

    /// Nil where a key occurs twice, or a whole number is beyond Int64.
    private static func value(_ root: JSONNode, _ lists: inout [String: JSONNode]) -> JSONValue? {
        guard root.kind == .object else { return JSONValue(root) }
        return object(root) { name, field in
            guard name == "model", field.kind == .object else { return JSONValue(field) }
            return object(field) { name, field in
                guard name == "vocab" || name == "merges" else { return JSONValue(field) }
                lists[name] = field
                return field.kind == .object ? [:] : field.kind == .array ? [] : JSONValue(field)
            }
        }
    }

    private static func object(_ node: JSONNode, _ value: (String, JSONNode) -> JSONValue?) -> JSONValue? {
        var object = JSONObject()
        for (key, field) in node.fields {
            let name = String(decoding: key, as: UTF8.self)
            guard object[name] == nil, let value = value(name, field) else { return nil }
            object[name] = value
        }
        return .object(object)
    }
}

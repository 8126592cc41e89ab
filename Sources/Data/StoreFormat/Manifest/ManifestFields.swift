package import Base
package import JSON

/// A JSON object read field by field, with errors that name the field.
package struct ManifestFields {
    private let json: JSONValue
    private let path: String
    private let field: String

    package init(_ json: JSONValue, path: String, field: String) {
        self.json = json
        self.path = path
        self.field = field
    }

    package func wrong(_ name: String, _ reason: String, _ offender: String? = nil) -> InputError {
        InputError(reason, at: Place(path: path, field: full(name)), offender: offender.map { Array($0.utf8) })
    }

    private func full(_ name: String) -> String { field.isEmpty ? name : field + "." + name }

    private func require<Value>(_ name: String, _ kind: String, _ value: (JSONValue) -> Value?) throws -> Value {
        guard let present = json[name] else { throw wrong(name, "missing field") }
        guard let value = value(present) else { throw wrong(name, "not \(kind)") }
        return value
    }

    package func string(_ name: String) throws -> String { try require(name, "a string") { $0.string } }
    package func integer(_ name: String) throws -> Int { try require(name, "an integer") { $0.integer } }
    func bool(_ name: String) throws -> Bool { try require(name, "true or false") { $0.bool } }
    package func object(_ name: String) throws -> JSONObject { try require(name, "an object") { $0.object } }
    package func values(_ name: String) throws -> [JSONValue] { try require(name, "an array") { $0.array } }

    /// From 0 to 2^53, so that it is exact in every JSON reader.
    package func count(_ name: String) throws -> Int {
        try require(name, "a count") { $0.integer.flatMap { 0...(1 << 53) ~= $0 ? $0 : nil } }
    }

    /// - Throws: `InputError` where the counts add up to more than any store can hold.
    func checkSum(_ name: String, _ counts: some Sequence<Int>) throws {
        var sum = 0
        for count in counts {
            sum += count
            guard sum <= 1 << 60 else { throw wrong(name, "what it counts adds up to more than any store can hold") }
        }
    }

    package func digest(_ name: String) throws -> SHA256Digest {
        try require(name, "a digest") { $0.string.flatMap { SHA256Digest(hex: $0) } }
    }

    package func blob() throws -> BlobDescriptor {
        BlobDescriptor(digest: try digest("digest"), size: try count("size"))
    }

    package func fields(_ name: String) throws -> ManifestFields {
        ManifestFields(.object(try object(name)), path: path, field: full(name))
    }

    package func array(_ name: String) throws -> [ManifestFields] {
        try values(name).enumerated().map { index, value in
            guard value.object != nil else { throw wrong(name, "element \(index) is not an object") }
            return ManifestFields(value, path: path, field: "\(full(name))[\(index)]")
        }
    }

    func optionalString(_ name: String) throws -> String? { json[name] == nil ? nil : try string(name) }
    func optionalFields(_ name: String) throws -> ManifestFields? { json[name] == nil ? nil : try fields(name) }
    func optionalArray(_ name: String) throws -> [ManifestFields] { json[name] == nil ? [] : try array(name) }
}

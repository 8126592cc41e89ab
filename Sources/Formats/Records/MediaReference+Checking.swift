internal import Base
internal import JSON

extension MediaReference {
    /// Refuses a reference that claims to name an item by its digest and does not: a digest that is none, a size below 0.
    ///
    /// Names and addresses, and objects without a digest, name something elsewhere and are not looked into.
    ///
    /// - Throws: `RecordFault` with the field inside of the reference, where it is an object.
    public func check() throws(RecordFault) {
        // Most are names: nothing is parsed for them.
        guard json.first != 0x22 || json.dropFirst().starts(with: Self.digestPrefix.utf8) else { return }
        guard let value = try? JSONValue.parse(json, path: "media reference") else { return }
        if value.string != nil { return try Self.checkDigest(value, field: nil) }
        func given(_ key: String) -> JSONValue? {
            guard let member = value[key], member != .null else { return .none }
            return member
        }
        guard let digest = given("digest") else { return }
        try Self.checkDigest(digest, field: "digest")
        if let source = given("source_digest") { try Self.checkDigest(source, field: "source_digest") }
        for key in ["size", "width", "height", "sample_rate", "channels", "frames"] {
            guard let number = given(key) else { continue }
            let least = key == "size" ? 0 : 1
            guard let integer = number.integer, integer >= least else {
                throw Self.fault(number, "is not a whole number of at least \(least)", key)
            }
        }
        if let duration = given("duration") {
            guard let seconds = duration.double, seconds.isFinite, seconds >= 0 else {
                throw Self.fault(duration, "is not a number of seconds", "duration")
            }
        }
        for key in ["format", "name"] {
            if let text = given(key), text.string == nil { throw Self.fault(text, "is not a string", key) }
        }
    }

    private static let digestPrefix = "sha256:"

    private static func checkDigest(_ digest: JSONValue, field: String?) throws(RecordFault) {
        guard digest.string.flatMap({ SHA256Digest(hex: $0) }) == nil else { return }
        throw fault(digest, "is not sha256: and 64 hexadecimal digits in lower case", field)
    }

    private static func fault(_ value: JSONValue, _ reason: String, _ field: String?) -> RecordFault {
        let text = value.string.map { escaped($0.utf8.prefix(100)) } ?? escaped(value.canonical().prefix(100))
        return RecordFault(
            "\(text) \(reason)", field: field,
            advice: "docs/formats.md has the fields of a reference by digest; no other name begins with sha256:.")
    }
}

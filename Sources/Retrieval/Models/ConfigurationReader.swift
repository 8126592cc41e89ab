internal import Base
internal import JSON
internal import SystemPackage

/// Reads the fields of a JSON configuration and remembers which, so that no field is passed over unseen.
///
/// Its errors are `InputError`s that name the field, with status 78.
final class ConfigurationReader {
    private let object: JSONObject
    private let path: FilePath
    /// What encloses the object, as `query.`; empty at the root.
    private let prefix: String
    private var read: Set<String> = []

    init(_ value: JSONValue, path: FilePath, prefix: String = "") {
        object = value.object ?? [:]
        self.path = path
        self.prefix = prefix
    }

    /// Reads a file; whole numbers that Python writes beyond 64 bits are read as doubles.
    convenience init(file: FilePath) throws {
        let value = try JSONValue.parse(pythonFile: file)
        guard value.object != nil else {
            throw InputError(
                "an object is expected", at: Place(path: file.string), exitStatus: .badConfiguration)
        }
        self.init(value, path: file)
    }

    /// A field's value; nil where there is none, or null.
    subscript(field: String) -> JSONValue? {
        read.insert(field)
        guard let value = object[field], !value.isNull else { return nil }
        return value
    }

    func error(_ field: String, _ reason: String, advice: String? = nil) -> InputError {
        InputError(
            reason, at: Place(path: path.string, field: prefix + field), advice: advice,
            exitStatus: .badConfiguration)
    }

    /// A whole number in a range.
    ///
    /// - Parameter fallback: for a field that is not there; without one, that is an error.
    func count(
        _ field: String, in range: ClosedRange<Int> = 1...Int(Int32.max), default fallback: Int? = nil
    ) throws -> Int {
        guard let value = self[field] else { return try fallback ?? missing(field) }
        guard let count = value.integer, range.contains(count) else {
            throw error(field, "a whole number from \(range.lowerBound) to \(range.upperBound) is expected")
        }
        return count
    }

    /// The same for a field that may be absent.
    func optionalCount(_ field: String, in range: ClosedRange<Int> = 1...Int(Int32.max)) throws -> Int? {
        try self[field] == nil ? nil : count(field, in: range)
    }

    /// A finite number in a range.
    func number(_ field: String, in range: ClosedRange<Double>, default fallback: Double) throws -> Double {
        guard let value = self[field] else { return fallback }
        guard let number = value.double, range.contains(number) else {
            throw error(field, "a number from \(range.lowerBound) to \(range.upperBound) is expected")
        }
        return number
    }

    func string(_ field: String, default fallback: String? = nil) throws -> String {
        guard let value = self[field] else { return try fallback ?? missing(field) }
        guard let string = value.string else { throw error(field, "a string is expected") }
        return string
    }

    func bool(_ field: String, default fallback: Bool? = nil) throws -> Bool {
        guard let value = self[field] else { return try fallback ?? missing(field) }
        guard let bool = value.bool else { throw error(field, "true or false is expected") }
        return bool
    }

    /// - Returns: nil where the field is not there.
    func strings(_ field: String) throws -> [String]? {
        guard let value = self[field] else { return nil }
        let strings = value.array?.compactMap(\.string)
        guard let strings, strings.count == value.array?.count else {
            throw error(field, "a list of strings is expected")
        }
        return strings
    }

    /// The fields of an object within this one, which must all be read as well.
    func section(_ field: String) throws -> ConfigurationReader {
        guard let value = self[field] else { return try missing(field) }
        guard value.object != nil else { throw error(field, "an object is expected") }
        return ConfigurationReader(value, path: path, prefix: prefix + field + ".")
    }

    /// - Throws: `InputError` for a field that has a value, other than the only one that is understood.
    func require(_ field: String, _ values: JSONValue...) throws {
        guard let value = self[field], !values.contains(value) else { return }
        let wanted = values.map(text).joined(separator: " or ")
        throw error(field, wanted.isEmpty ? "this is not supported" : "only \(wanted) is supported")
    }

    /// - Throws: `InputError` that names a field nobody has read.
    func refuseUnread(except harmless: Set<String> = []) throws {
        for (field, _) in object where !read.contains(field) && !harmless.contains(field) {
            throw error(
                field, "this field is not understood, and may change the result",
                advice: "if it has no influence on the vectors, remove it from the file")
        }
    }

    private func missing<Value>(_ field: String) throws -> Value { throw error(field, "the field is missing") }

    private func text(_ value: JSONValue) -> String {
        var bytes: [UInt8] = []
        value.appendLine(to: &bytes)
        return String(decoding: bytes, as: UTF8.self)
    }
}

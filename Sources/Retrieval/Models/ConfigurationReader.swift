internal import Base
internal import JSON
internal import SystemPackage

/// Reads the fields of a JSON configuration and remembers which, so that no field is passed over unseen.
final class ConfigurationReader {
    private let object: JSONObject
    private let path: FilePath
    private var read: Set<String> = []

    init(_ value: JSONValue, path: FilePath) {
        object = value.object ?? [:]
        self.path = path
    }

    subscript(field: String) -> JSONValue? {
        read.insert(field)
        return object[field]
    }

    func error(_ field: String, _ reason: String, advice: String? = nil) -> InputError {
        InputError(reason, at: Place(path: path.string, field: field), advice: advice)
    }

    /// A positive whole number.
    func count(_ field: String, default fallback: Int? = nil) throws -> Int {
        guard let value = self[field] else {
            guard let fallback else { throw error(field, "the field is missing") }
            return fallback
        }
        guard let count = value.integer, count > 0, count <= Int(Int32.max) else {
            throw error(field, "a positive whole number belongs here")
        }
        return count
    }

    func number(_ field: String, default fallback: Double) throws -> Double {
        guard let value = self[field], !value.isNull else { return fallback }
        guard let number = value.double, number.isFinite, number >= 0 else {
            throw error(field, "a number that is not negative belongs here")
        }
        return number
    }

    func string(_ field: String, default fallback: String? = nil) throws -> String {
        guard let value = self[field] else {
            guard let fallback else { throw error(field, "the field is missing") }
            return fallback
        }
        guard let string = value.string else { throw error(field, "a string belongs here") }
        return string
    }

    func bool(_ field: String, default fallback: Bool) throws -> Bool {
        guard let value = self[field], !value.isNull else { return fallback }
        guard let bool = value.bool else { throw error(field, "true or false belongs here") }
        return bool
    }

    /// - Throws: `InputError` that names a field nobody has read.
    func refuseUnread(except harmless: Set<String>) throws {
        for (field, _) in object where !read.contains(field) && !harmless.contains(field) {
            throw error(
                field, "this field is not understood, and may change the result",
                advice: "if it has no influence on the vectors, remove it from the file")
        }
    }
}

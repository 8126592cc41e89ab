internal import Base
internal import JSON
internal import SystemPackage

/// A JSON object of a tokenizer's file, with its place for errors.
struct Component {
    let object: JSONObject
    private let path: String
    private let place: String

    init(_ object: JSONObject, path: String, place: String) {
        self.object = object
        self.path = path
        self.place = place
    }

    init(_ value: JSONValue, path: String, place: String) throws {
        guard let object = value.object else {
            throw InputError(
                "not a JSON object", at: Place(path: path, field: place.isEmpty ? nil : place),
                exitStatus: .badConfiguration)
        }
        self.init(object, path: path, place: place)
    }

    var fileName: String { FilePath(path).lastComponent?.string ?? path }

    private func field(_ name: String) -> String { place.isEmpty ? name : place + "." + name }

    func error(_ reason: String, _ name: String, _ offender: [UInt8]? = nil, advice: String? = nil) -> InputError {
        InputError(
            reason, at: Place(path: path, field: field(name)), offender: offender, advice: advice,
            exitStatus: .badConfiguration)
    }

    /// Whether there is such a field and it is not null.
    func has(_ name: String) -> Bool { object[name].map { $0 != .null } ?? false }

    func allow(_ names: [String]) throws {
        for (name, _) in object where !names.contains(name) {
            throw error("this setting is not built in", name, advice: "tokens would differ from the model's")
        }
    }

    @discardableResult
    func requireType(_ known: [String]) throws -> String {
        let type = try string("type")
        guard known.contains(type) else {
            throw error(
                "component \"\(type)\" is not built in", "type",
                advice: "built in here: " + known.joined(separator: ", "))
        }
        return type
    }

    private func value<Value>(_ name: String, _ kind: String, _ read: (JSONValue) -> Value?) throws -> Value {
        guard let value = object[name] else { throw error("missing field", name) }
        guard let read = read(value) else { throw error("not \(kind)", name) }
        return read
    }

    func string(_ name: String) throws -> String { try value(name, "a string") { $0.string } }
    func bool(_ name: String) throws -> Bool { try value(name, "true or false") { $0.bool } }

    func integer(_ name: String) throws -> Int {
        try value(name, "a whole number from 0") { $0.integer.flatMap { $0 < 0 ? nil : $0 } }
    }

    /// A field that may be missing or null.
    func optionalString(_ name: String) throws -> String? { has(name) ? try string(name) : nil }

    func bool(_ name: String, default standard: Bool) throws -> Bool { has(name) ? try bool(name) : standard }

    /// Checks fields that ids do not depend on: true or false where they are there.
    func checkFlags(_ names: [String]) throws {
        for name in names where has(name) { _ = try bool(name) }
    }

    func ids(_ name: String) throws -> [Int32] {
        try value(name, "a list of token ids") { value in
            guard let ids = value.array?.map({ $0.integer.flatMap(Int32.init(exactly:)) }) else { return nil }
            return ids.contains { ($0 ?? -1) < 0 } ? nil : ids.compactMap { $0 }
        }
    }

    /// The id of a `["[SEP]", 102]` pair.
    func tokenAndID(_ name: String) throws -> Int32 {
        try value(name, "a pair of a token and its id") { value in
            guard let pair = value.array, pair.count == 2, pair[0].string != nil else { return nil }
            return pair[1].integer.flatMap(Int32.init(exactly:)).flatMap { $0 < 0 ? nil : $0 }
        }
    }

    func component(_ name: String) throws -> Component {
        guard let value = object[name] else { throw error("missing field", name) }
        return try Component(value, path: path, place: field(name))
    }

    func optional(_ name: String) throws -> Component? { has(name) ? try component(name) : nil }

    func components(_ name: String) throws -> [Component] {
        guard has(name) else { return [] }
        return try value(name, "a list") { $0.array }.enumerated().map { index, value in
            try Component(value, path: path, place: "\(field(name))[\(index)]")
        }
    }
}

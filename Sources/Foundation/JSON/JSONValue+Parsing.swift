internal import Base
public import SystemPackage

extension JSONValue {
    /// Parses one JSON text strictly: valid UTF-8, no duplicate keys, whole numbers within Int64.
    ///
    /// - Parameter path: named in errors.
    /// - Throws: `InputError` with line and byte of the first fault.
    public static func parse(_ bytes: [UInt8], path: String) throws -> JSONValue {
        try bytes.withUnsafeBytes { try parse($0, path: path) }
    }

    /// Parses a whole file; see `parse(_:path:)`.
    ///
    /// - Throws: `InputError` on bad JSON, `SystemError` when the file cannot be read.
    public static func parse(file: FilePath) throws -> JSONValue {
        try parse(Files.readAll(file), path: file.string)
    }

    /// Parses one JSON text strictly; see `parse(_:path:)` for arrays.
    public static func parse(_ bytes: UnsafeRawBufferPointer, path: String) throws -> JSONValue {
        func failure(_ error: JSONSyntaxError) -> InputError {
            let end = min(error.byteOffset + 40, bytes.count)
            return InputError(
                error.reason, at: Place(path: path, line: error.line, byteOffset: error.byteOffset),
                offender: error.byteOffset < end ? Array(bytes[error.byteOffset..<end]) : nil)
        }
        let parser = JSONParser()
        // The tape must outlive the walk over it.
        defer { withExtendedLifetime(parser) {} }
        do throws(JSONSyntaxError) {
            if let value = JSONValue(try parser.parse(bytes)) { return value }
        } catch {
            throw failure(error)
        }
        throw failure(
            JSONFaultScanner.firstFault(in: bytes, rules: .strictValue)
                ?? JSONSyntaxError(byteOffset: 0, line: 1, reason: "a duplicate key or a number that is too big"))
    }

    /// The value on a tape; nil when it holds a duplicate key or a whole number beyond Int64.
    public init?(_ node: JSONNode) {
        switch node.kind {
        case .null: self = .null
        case .true: self = .bool(true)
        case .false: self = .bool(false)
        case .integer: self = .integer(node.integer!)
        case .unsigned: return nil
        case .number: self = .number(node.double!)
        case .string: self = .string(Self.text(node.string!))
        case .array:
            var values: [JSONValue] = []
            for element in node.elements {
                guard let value = JSONValue(element) else { return nil }
                values.append(value)
            }
            self = .array(values)
        case .object:
            var object = JSONObject()
            for (key, field) in node.fields {
                guard let value = JSONValue(field), object.appendUnique(Self.text(key), value) else { return nil }
            }
            self = .object(object)
        }
    }

    /// simdjson has checked these bytes, so decoding repairs nothing.
    private static func text(_ bytes: UnsafeRawBufferPointer) -> String { String(decoding: bytes, as: UTF8.self) }
}

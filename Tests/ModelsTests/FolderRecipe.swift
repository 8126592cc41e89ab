import Base
import JSON
import SystemPackage
import Testing

/// One of `Golden/folders/bad.json`: steps that change copies of folders, and what the error about the result must name.
struct FolderRecipe: Sendable, CustomStringConvertible {
    let name: String
    /// The folder that is loaded.
    let folder: String
    /// The adapter on it.
    let adapter: String?
    let steps: [JSONValue]
    /// What an error must contain: all of these,
    let names: [String]
    /// and one of these, where there are any.
    let alternatives: [String]

    var description: String { name }

    init(_ value: JSONValue) {
        func strings(_ field: String) -> [String] { (value[field]?.array ?? []).compactMap(\.string) }
        name = value["name"]?.string ?? ""
        folder = value["folder"]?.string ?? ""
        adapter = value["adapter"]?.string
        steps = value["steps"]?.array ?? []
        names = strings("names")
        alternatives = strings("anyOf")
    }

    /// The recipes of a kind, `refused` or `harmless`; none where the file cannot be read.
    static func all(_ kind: String, in file: FilePath) -> [FolderRecipe] {
        ((try? JSONValue.parse(pythonFile: file))?[kind]?.array ?? []).map(FolderRecipe.init)
    }

    /// Applies the steps to the copies in a folder.
    func apply(in root: FilePath) throws {
        for step in steps {
            try Self.apply(step, to: root.pushing(FilePath(try #require(step["file"]?.string))), in: root)
        }
    }

    private static func apply(_ step: JSONValue, to file: FilePath, in root: FilePath) throws {
        if step["jsonSet"] != nil || step["jsonRemove"] != nil {
            var value = try JSONValue.parse(pythonFile: file)
            for change in step["jsonSet"]?.array ?? [] {
                let parts = try #require(change.array)
                value = replacing(try #require(parts[0].array)[...], in: value, with: parts[1])
            }
            for path in step["jsonRemove"]?.array ?? [] {
                value = replacing(try #require(path.array)[...], in: value, with: nil)
            }
            try write(Array(value.pretty().utf8), to: file)
        } else if let text = step["text"]?.string {
            try write(Array(text.utf8), to: file)
        } else if step["remove"] != nil {
            try Files.remove(file)
        } else if let target = step["moveTo"]?.string {
            try write(Files.readAll(file), to: root.pushing(FilePath(target)))
            try Files.remove(file)
        } else if let count = step["truncate"]?.integer {
            try write(Files.readAll(file).dropLast(count), to: file)
        } else {
            var tensors = try TensorBytes(Files.readAll(file), path: file.string)
            try tensors.apply(step)
            try write(tensors.bytes, to: file)
        }
    }

    private static func write(_ bytes: some Collection<UInt8>, to file: FilePath) throws {
        try Files.makeDirectory(file.removingLastComponent())
        try Files.replace(file, with: Array(bytes))
    }

    /// A value with another one at a path of keys and indices; nil takes it away.
    private static func replacing(
        _ path: ArraySlice<JSONValue>, in value: JSONValue, with new: JSONValue?
    ) -> JSONValue {
        guard let first = path.first else { return new ?? .null }
        let isLast = path.count == 1
        if let index = first.integer, var array = value.array {
            array[index] = replacing(path.dropFirst(), in: array[index], with: new)
            return .array(array)
        }
        var object = value.object ?? JSONObject()
        let key = first.string ?? ""
        object[key] = isLast ? new : replacing(path.dropFirst(), in: object[key] ?? [:], with: new)
        return .object(object)
    }
}

/// A safetensors file taken apart: 8 bytes of length, a header in JSON, and data.
private struct TensorBytes {
    var header: JSONObject
    var data: [UInt8]

    init(_ bytes: [UInt8], path: String) throws {
        let length = bytes.prefix(8).reversed().reduce(0) { $0 << 8 | Int($1) }
        header = try #require(JSONValue.parse(Array(bytes[8..<(8 + length)]), path: path).object)
        data = Array(bytes[(8 + length)...])
    }

    var bytes: [UInt8] {
        var text = JSONValue.object(header).canonical()
        while text.count % 8 != 0 { text.append(UInt8(ascii: " ")) }
        return (0..<8).map { UInt8(truncatingIfNeeded: text.count >> (8 * $0)) } + text + data
    }

    private func offsets(_ entry: JSONValue) throws -> (start: Int, end: Int) {
        let offsets = try #require(entry["data_offsets"]?.array).compactMap(\.integer)
        return (offsets[0], offsets[1])
    }

    private func entry(_ name: String, _ field: String, _ value: JSONValue) throws -> JSONValue {
        var entry = try #require(header[name]?.object)
        entry[field] = value
        return .object(entry)
    }

    mutating func apply(_ step: JSONValue) throws {
        if let name = step["dropTensor"]?.string {
            try drop(name)
        } else if let added = step["addTensor"] {
            let shape = try #require(added["shape"]?.array).compactMap(\.integer)
            let type = try #require(added["dtype"]?.string)
            let size = shape.reduce(1, *) * (["I64": 8, "F32": 4, "BF16": 2, "F16": 2][type] ?? 4)
            header[try #require(added["name"]?.string)] = [
                "dtype": .string(type), "shape": .array(shape.map { JSONValue($0) }),
                "data_offsets": [JSONValue(data.count), JSONValue(data.count + size)],
            ]
            data += [UInt8](repeating: 0, count: size)
        } else if let renamed = step["renameTensor"] {
            let old = try #require(renamed["from"]?.string)
            header[try #require(renamed["to"]?.string)] = header[old]
            header[old] = nil
        } else if let prefix = step["prefixTensors"]?.string {
            header = JSONObject(
                zip(header.keys, header.values).map { ($0 == "__metadata__" ? $0 : prefix + $0, $1) })
        } else if let reshaped = step["reshapeTensor"] {
            let name = try #require(reshaped["name"]?.string)
            header[name] = try entry(name, "shape", #require(reshaped["shape"]))
        } else if let retyped = step["retypeTensor"] {
            let name = try #require(retyped["name"]?.string)
            header[name] = try entry(name, "dtype", #require(retyped["dtype"]))
        } else if let change = step["setFloat32"] {
            let name = try #require(change["name"]?.string)
            let start = try offsets(#require(header[name])).start + 4 * #require(change["index"]?.integer)
            let digits = Array(try #require(change["littleEndianHex"]?.string))
            for byte in 0..<4 {
                data[start + byte] = try #require(UInt8(String(digits[(2 * byte)..<(2 * byte + 2)]), radix: 16))
            }
        } else {
            Issue.record("no such step: \(step)")
        }
    }

    /// The hole is closed: a file that never had the tensor has none.
    private mutating func drop(_ name: String) throws {
        let (start, end) = try offsets(#require(header[name]))
        header[name] = nil
        data.removeSubrange(start..<end)
        for other in header.keys where other != "__metadata__" {
            let old = try offsets(#require(header[other]))
            guard old.start >= end else { continue }
            header[other] = try entry(
                other, "data_offsets", [JSONValue(old.start - (end - start)), JSONValue(old.end - (end - start))])
        }
    }
}

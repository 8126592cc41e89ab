internal import JSON

/// Which fields the records of each file have, and of which types.
struct FieldStatistics {
    private struct Field {
        let key: [UInt8]
        /// By `JSONNode.Kind.name`.
        var kinds: [(kind: String, count: Int)] = []
    }

    private struct File {
        let path: String
        var recordCount = 0
        var fields: [Field] = []
        /// Positions in `fields` by key.
        var positions: [[UInt8]: Int] = [:]

        /// The position of a field, which is added where it is new.
        mutating func field(_ key: UnsafeRawBufferPointer) -> Int {
            let key = Array(key)
            if let known = positions[key] { return known }
            positions[key] = fields.count
            fields.append(Field(key: key))
            return fields.count - 1
        }

        subscript(key: [UInt8]) -> Field? { positions[key].map { fields[$0] } }
    }

    private var files: [File] = []

    mutating func begin(_ path: String) { files.append(File(path: path)) }

    mutating func add(_ record: JSONNode) {
        guard !files.isEmpty else { return }
        let file = files.count - 1
        files[file].recordCount += 1
        var position = 0
        for (key, value) in record.fields {
            let name = value.kind.name
            var field = position
            // Records of one file mostly have the same fields in the same order.
            if field >= files[file].fields.count || !files[file].fields[field].key.elementsEqual(key) {
                field = files[file].field(key)
            }
            position = field + 1
            if let known = files[file].fields[field].kinds.firstIndex(where: { $0.kind == name }) {
                files[file].fields[field].kinds[known].count += 1
            } else {
                files[file].fields[field].kinds.append((name, 1))
            }
        }
    }

    /// Fields that differ between files or records, in words.
    func differences(of what: String) -> [String] {
        let files = files.filter { $0.recordCount > 0 }
        var differences: [String] = []
        for key in keys(of: files) {
            let name = String(decoding: key, as: UTF8.self)
            var kinds: [String: (count: Int, path: String)] = [:]
            var without: [String] = []
            for file in files {
                guard let field = file[key] else {
                    without.append(file.path)
                    continue
                }
                for (kind, count) in field.kinds { kinds[kind, default: (0, file.path)].count += count }
            }
            if !without.isEmpty {
                differences.append(
                    "\(what): field \"\(name)\" is in \(files.count - without.count) of \(files.count) files; "
                        + "not in \(without[0])" + (without.count > 1 ? " and \(without.count - 1) more" : ""))
            }
            if kinds.count > 1 {
                let list = kinds.sorted { $0.key < $1.key }.map {
                    "\($0.key) \($0.value.count) times (\($0.value.path))"
                }
                differences.append("\(what): field \"\(name)\" is " + list.joined(separator: ", "))
            }
        }
        return differences
    }

    private func keys(of files: [File]) -> [[UInt8]] {
        var keys: Set<[UInt8]> = []
        for file in files { for field in file.fields { keys.insert(field.key) } }
        return keys.sorted { $0.lexicographicallyPrecedes($1) }
    }

    /// Records of all files that have each field, by its name.
    var json: JSONValue {
        let counted = keys(of: files).map { key in
            let count = files.reduce(0) { sum, file in
                sum + (file[key]?.kinds.reduce(0) { $0 + $1.count } ?? 0)
            }
            return (String(decoding: key, as: UTF8.self), JSONValue(count))
        }
        return .object(JSONObject(counted))
    }
}

extension JSONValue {
    /// Dotted paths at which two values differ, in the order of their keys. What one lacks is null there.
    public func differences(from other: JSONValue) -> [String] { JSONValue.differences(self, other, path: "") }

    private static func differences(_ left: JSONValue, _ right: JSONValue, path: String) -> [String] {
        // By their canonical text: 1 and 1.0 are one number, and only one of them comes back from a file.
        if left.canonical() == right.canonical() { return [] }
        guard let leftObject = left.object, let rightObject = right.object else {
            return [path]
        }
        var keys = leftObject.map(\.key)
        keys += rightObject.map(\.key).filter { leftObject[$0] == nil }
        return keys.flatMap { key in
            differences(
                leftObject[key] ?? .null, rightObject[key] ?? .null, path: path.isEmpty ? key : "\(path).\(key)")
        }
    }
}

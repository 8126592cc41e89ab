extension JSONValue {
    /// The same with `fieldNames` as `field_names`, at all depths: how tools print what manifests keep.
    ///
    /// Only for values whose fields are all named by us: a name that comes from data would be changed as well.
    public var inSnakeCase: JSONValue {
        switch self {
        case .object(let object): .object(object.inSnakeCase)
        case .array(let elements): .array(elements.map(\.inSnakeCase))
        default: self
        }
    }
}

extension JSONObject {
    /// As ``JSONValue/inSnakeCase``.
    public var inSnakeCase: JSONObject {
        JSONObject(map { (Self.snakeCase($0.key), $0.value.inSnakeCase) })
    }

    /// `stored_bytes` for `storedBytes`.
    public static func snakeCase(_ name: String) -> String {
        var result = ""
        for character in name {
            if character.isASCII, character.isUppercase {
                result += "_" + character.lowercased()
            } else {
                result.append(character)
            }
        }
        return result
    }
}

extension TemplateRenderer {
    /// The methods of Python's `str`.
    func call(_ method: TemplateMethod, text: String, _ arguments: [TemplateValue?]) throws -> TemplateValue {
        try charge(text: text)
        let scalars = text.scalars
        switch method {
        case .strip: return .string(scalars.stripped(of: try scalarSet(arguments[0])).string)
        case .lstrip: return .string(scalars.strippedAtStart(of: try scalarSet(arguments[0])).string)
        case .rstrip: return .string(scalars.strippedAtEnd(of: try scalarSet(arguments[0])).string)
        case .upper: return .string(scalars.uppercased.string)
        case .lower: return .string(scalars.lowercased.string)
        case .title: return .string(scalars.titlecased.string)
        case .capitalize: return .string(scalars.capitalized.string)
        case .isalnum: return .bool(scalars.isAllAlphanumeric)
        case .isalpha: return .bool(scalars.isAllAlpha)
        case .isdigit: return .bool(scalars.isAllDigits)
        case .isspace: return .bool(scalars.isAllSpace)
        case .isupper: return .bool(scalars.isUpper)
        case .islower: return .bool(scalars.isLower)
        case .startswith, .endswith: return .bool(try hasEnd(method, scalars, arguments[0]!))
        case .split, .rsplit, .splitlines, .partition, .rpartition: return try split(method, scalars, arguments)
        case .find, .rfind, .index, .count, .removeprefix, .removesuffix:
            return try search(method, scalars, arguments[0]!)
        case .replace:
            let limit = try wholeArgument(arguments[2], "count") ?? -1
            return .string(
                try replace(text, textArgument(arguments[0]!), with: textArgument(arguments[1]!), limit: limit))
        case .join:
            return .string(try join(items(of: arguments[0]!).map { try textArgument($0) }, text))
        case .cycle, .get, .items, .keys, .values:
            throw TemplateFault("a value of type str has no method \"\(method.rawValue)\"")
        }
    }

    private func textArgument(_ value: TemplateValue) throws -> String {
        switch value {
        case .string(let text):
            try charge(text: text)
            return text
        case .undefined(let reason): throw TemplateFault("a text is expected: \(reason)")
        default: throw TemplateFault("a text is expected, not a value of type \(value.typeName)")
        }
    }

    /// Whether a text begins or ends with one, or with one of several in a tuple.
    private func hasEnd(_ method: TemplateMethod, _ text: PythonText, _ argument: TemplateValue) throws -> Bool {
        let parts: [TemplateValue]
        if case .tuple(let items) = argument { parts = items.values } else { parts = [argument] }
        return try parts.contains { part in
            let part = try textArgument(part).scalars
            return method == .startswith ? text.starts(with: part) : text.ends(with: part)
        }
    }

    private func list(_ parts: [PythonText]) throws -> TemplateValue {
        try charge(parts.count)
        return .list(try TemplateItems(parts.map { .string($0.string) }))
    }

    private func split(
        _ method: TemplateMethod, _ text: PythonText, _ arguments: [TemplateValue?]
    ) throws -> TemplateValue {
        if method == .splitlines { return try list(text.lines(keepingEnds: arguments[0]?.isTrue == true)) }
        var separator: PythonText?
        if let argument = arguments[0], !argument.isNone {
            separator = try textArgument(argument).scalars
            guard separator?.isEmpty == false else { throw TemplateFault("a text cannot be cut at an empty one") }
        }
        switch method {
        case .partition, .rpartition:
            guard let separator else { throw TemplateFault("a text is expected, not a value of type None") }
            let isFirst = method == .partition
            guard let place = isFirst ? text.firstIndex(of: separator) : text.lastIndex(of: separator) else {
                let whole = TemplateValue.string(text.string)
                let empty = TemplateValue.string("")
                return .tuple(try TemplateItems(isFirst ? [whole, empty, empty] : [empty, empty, whole]))
            }
            let parts = [
                PythonText(text[..<place]), separator, PythonText(text[(place + separator.count)...]),
            ]
            return .tuple(try TemplateItems(parts.map { .string($0.string) }))
        default:
            let limit = try wholeArgument(arguments[1], "maxsplit") ?? -1
            return try list(
                method == .split
                    ? text.split(at: separator, limit: limit) : text.splitFromEnd(at: separator, limit: limit))
        }
    }

    private func search(_ method: TemplateMethod, _ text: PythonText, _ argument: TemplateValue) throws -> TemplateValue
    {
        let part = try textArgument(argument).scalars
        switch method {
        case .find: return .integer(text.firstIndex(of: part) ?? -1)
        case .rfind: return .integer(text.lastIndex(of: part) ?? -1)
        case .count: return .integer(text.occurrenceCount(of: part))
        case .removeprefix:
            return .string(text.starts(with: part) ? PythonText(text.dropFirst(part.count)).string : text.string)
        case .removesuffix:
            return .string(text.ends(with: part) ? PythonText(text.dropLast(part.count)).string : text.string)
        default:
            guard let place = text.firstIndex(of: part) else { throw TemplateFault("the text is not in the other") }
            return .integer(place)
        }
    }

    // MARK: Tests

    /// `value is test(…)`
    func test(_ call: TemplateTestCall, _ value: TemplateValue, _ arguments: [TemplateValue]) throws -> Bool {
        if let comparison = call.test.comparison {
            try charge(value.weight + arguments[0].weight)
            return try value.compare(comparison, arguments[0])
        }
        switch call.test {
        case .defined: return !value.isUndefined
        case .undefined: return value.isUndefined
        case .none: return value.isNone
        case .boolean, .true, .false:
            guard case .bool(let isTrue) = value else { return false }
            return call.test == .boolean || isTrue == (call.test == .true)
        case .integer:
            if case .integer = value { return true }
            return false
        case .float:
            if case .double = value { return true }
            return false
        case .number: return TemplateNumber(value) != nil
        case .string: return value.text != nil
        case .mapping:
            if case .mapping = value { return true }
            return false
        case .sequence, .iterable: return isSequence(value, orIterable: call.test == .iterable)
        case .callable:
            switch value {
            case .undefined, .function, .macro, .method: return true
            case .loop: return true
            default: return false
            }
        case .lower: return try printed(value).scalars.isLower
        case .upper: return try printed(value).scalars.isUpper
        case .odd: return try remainder(of: value, by: .integer(2)).equals(.integer(1))
        case .even: return try remainder(of: value, by: .integer(2)).equals(.integer(0))
        case .divisibleby: return try remainder(of: value, by: arguments[0]).equals(.integer(0))
        case .equal, .notEqual, .less, .lessOrEqual, .greater, .greaterOrEqual, .in:
            preconditionFailure("these are comparisons")
        }
    }

    private func isSequence(_ value: TemplateValue, orIterable: Bool) -> Bool {
        switch value {
        case .undefined, .string, .safe, .list, .tuple, .mapping, .range: true
        case .view, .generator, .loop: orIterable
        case .none, .bool, .integer, .double, .namespace, .macro, .function, .method: false
        }
    }

    private func remainder(of value: TemplateValue, by other: TemplateValue) throws -> TemplateValue {
        for case .undefined(let reason) in [value, other] { throw TemplateFault(reason) }
        guard let left = TemplateNumber(value), let right = TemplateNumber(other) else {
            throw TemplateFault("a number is expected, not a value of type \(value.typeName)")
        }
        return try TemplateNumber.apply(.remainder, left, right).value
    }
}

extension TemplateRenderer {
    /// `value.name`: an attribute that Python's type has, else the item of that name.
    func attribute(_ name: String, of value: TemplateValue) throws -> TemplateValue {
        if let attribute = try pythonAttribute(name, of: value) { return attribute }
        if case .mapping(let mapping) = value, let item = mapping[name] { return item }
        return missing(name, in: value)
    }

    /// `value[key]`: an item, else the attribute of that name.
    func item(of value: TemplateValue, at key: TemplateValue) throws -> TemplateValue {
        if case .undefined(let reason) = value { throw TemplateFault(reason) }
        if let item = try itemIfThere(of: value, at: key) { return item }
        guard let name = key.text else { return missing(try key.representation(), in: value) }
        guard !name.hasPrefix("__") else {
            throw TemplateFault("the attribute \"\(name)\" is out of a template's reach")
        }
        return try pythonAttribute(name, of: value) ?? missing(name, in: value)
    }

    private func missing(_ name: String, in value: TemplateValue) -> TemplateValue {
        .undefined("a value of type \(value.typeName) has no \"\(name)\"")
    }

    private func itemIfThere(of value: TemplateValue, at key: TemplateValue) throws -> TemplateValue? {
        if case .mapping(let mapping) = value { return TemplateKey(key).flatMap { mapping[$0] } }
        let index: Int
        switch key {
        case .integer(let value): index = value
        case .bool(let value): index = value ? 1 : 0
        default: return nil
        }
        func place(_ count: Int) -> Int? {
            let place = index < 0 ? index + count : index
            return 0 <= place && place < count ? place : nil
        }
        switch value {
        case .list(let items), .tuple(let items): return place(items.values.count).map { items.values[$0] }
        case .string(let text), .safe(let text):
            try charge(text: text)
            let scalars = text.unicodeScalars
            return place(scalars.count).map {
                .string(String(scalars[scalars.index(scalars.startIndex, offsetBy: $0)]))
            }
        case .range(let range): return place(range.count).map(range.value)
        default: return nil
        }
    }

    /// What Python's type has under a name: a method, or nothing.
    private func pythonAttribute(_ name: String, of value: TemplateValue) throws -> TemplateValue? {
        func method(_ names: Set<String>, changing: Set<String> = []) -> TemplateValue? {
            if changing.contains(name) {
                return .undefined("the method \"\(name)\" changes a value of type \(value.typeName)")
            }
            return names.contains(name) ? .method(name) : nil
        }
        switch value {
        case .undefined(let reason): throw TemplateFault(reason)
        case .none, .function, .method: return nil
        case .bool, .integer: return method(Self.integerMethods)
        case .double: return method(Self.doubleMethods)
        case .string, .safe: return method(Self.textMethods)
        case .list: return method(["copy", "count", "index"], changing: Self.listChanges)
        case .tuple, .range: return method(["count", "index"])
        case .mapping: return method(Self.mappingMethods, changing: Self.mappingChanges)
        case .view: return method(["isdisjoint", "mapping"])
        case .generator: return method(["close", "send", "throw"])
        case .namespace(let namespace): return namespace.fields[name]
        case .loop(let loop): return try loop.attribute(name)
        case .macro: throw TemplateFault("attributes of macros are not supported")
        }
    }

    private static let integerMethods: Set<String> = [
        "as_integer_ratio", "bit_count", "bit_length", "conjugate", "denominator", "from_bytes", "imag", "numerator",
        "real", "to_bytes",
    ]
    private static let doubleMethods: Set<String> = [
        "as_integer_ratio", "conjugate", "fromhex", "hex", "imag", "is_integer", "real",
    ]
    private static let textMethods: Set<String> = [
        "capitalize", "casefold", "center", "count", "encode", "endswith", "expandtabs", "find", "format",
        "format_map", "index", "isalnum", "isalpha", "isascii", "isdecimal", "isdigit", "isidentifier", "islower",
        "isnumeric", "isprintable", "isspace", "istitle", "isupper", "join", "ljust", "lower", "lstrip", "maketrans",
        "partition", "removeprefix", "removesuffix", "replace", "rfind", "rindex", "rjust", "rpartition", "rsplit",
        "rstrip", "split", "splitlines", "startswith", "strip", "swapcase", "title", "translate", "upper", "zfill",
    ]
    private static let listChanges: Set<String> = [
        "append", "clear", "extend", "insert", "pop", "remove", "reverse", "sort",
    ]
    private static let mappingMethods: Set<String> = ["copy", "fromkeys", "get", "items", "keys", "values"]
    private static let mappingChanges: Set<String> = ["clear", "pop", "popitem", "setdefault", "update"]

    // MARK: Slices

    func slice(_ value: TemplateValue, _ slice: TemplateSlice, line: Int) throws -> TemplateValue {
        let bounds = try [slice.lower, slice.upper, slice.step].map { try bound($0) }
        at(line)
        switch value {
        case .list(let items):
            return .list(try TemplateItems(try places(items.values.count, bounds).map { items.values[$0] }))
        case .tuple(let items):
            return .tuple(try TemplateItems(try places(items.values.count, bounds).map { items.values[$0] }))
        case .string(let text):
            try charge(text: text)
            let scalars = text.scalars
            return .string(String(try places(scalars.count, bounds).map { scalars[$0] }))
        case .range: throw TemplateFault("a slice of a range is not supported")
        case .undefined(let reason): throw TemplateFault(reason)
        default: throw TemplateFault("a value of type \(value.typeName) has no slices")
        }
    }

    private func bound(_ expression: TemplateExpression?) throws -> Int? {
        guard let expression else { return nil }
        switch try evaluate(expression) {
        case .none: return nil
        case .integer(let value): return value
        case .bool(let value): return value ? 1 : 0
        case let value:
            throw TemplateFault("a slice is bounded by whole numbers, not by a value of type \(value.typeName)")
        }
    }

    /// The places that a slice takes, as Python clamps its bounds.
    private func places(_ count: Int, _ bounds: [Int?]) throws -> [Int] {
        try charge(count)
        let step = bounds[2] ?? 1
        guard step != 0 else { throw TemplateFault("the step of a slice is 0") }
        let least = step < 0 ? -1 : 0
        let most = step < 0 ? count - 1 : count
        func clamped(_ bound: Int) -> Int { min(max(bound < 0 ? bound + count : bound, least), most) }
        let lower = bounds[0].map(clamped) ?? (step < 0 ? most : least)
        let upper = bounds[1].map(clamped) ?? (step < 0 ? least : most)
        // A step beyond the text would overflow when it is added.
        return Array(stride(from: lower, to: upper, by: min(max(step, -count - 1), count + 1)))
    }

    // MARK: Items

    /// A loop over a value's items.
    func iteration(over value: TemplateValue) throws -> TemplateLoop {
        if case .generator(let generator) = value { return TemplateLoop(count: nil, next: generator.next) }
        var values = try items(of: value)[...]
        return TemplateLoop(count: values.count) { values.popFirst() }
    }

    /// All items of a value.
    func items(of value: TemplateValue) throws -> [TemplateValue] {
        switch value {
        case .undefined: return []
        case .list(let items), .tuple(let items): return items.values
        case .string(let text), .safe(let text):
            try charge(text.utf8.count)
            return text.unicodeScalars.map { .string(String($0)) }
        case .mapping(let mapping): return mapping.keys.map(\.value)
        case .view(let view): return view.items.values
        case .range(let range):
            try charge(range.count)
            return range.values
        case .generator(let generator):
            var values: [TemplateValue] = []
            while let value = try generator.next() {
                try charge()
                values.append(value)
            }
            return values
        default: throw TemplateFault("a value of type \(value.typeName) has no items to go through")
        }
    }

    func count(of value: TemplateValue) throws -> Int {
        switch value {
        case .undefined: return 0
        case .string(let text), .safe(let text):
            try charge(text: text)
            return text.unicodeScalars.count
        case .list(let items), .tuple(let items): return items.values.count
        case .mapping(let mapping): return mapping.count
        case .view(let view): return view.items.values.count
        case .range(let range): return range.count
        default: throw TemplateFault("a value of type \(value.typeName) has no length")
        }
    }
}

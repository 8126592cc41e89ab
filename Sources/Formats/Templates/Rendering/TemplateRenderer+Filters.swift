extension TemplateRenderer {
    /// `value | filter(…)`
    func apply(_ call: TemplateFilterCall, to value: TemplateValue, line: Int) throws -> TemplateValue {
        let arguments = try call.arguments.map { try $0.map(evaluate) }
        at(line)
        if let step = call.itemStep { return try generator(call.filter, step, of: value, line: line) }
        return try apply(call.filter, to: value, arguments)
    }

    private func apply(
        _ filter: TemplateFilter, to value: TemplateValue, _ arguments: [TemplateValue?]
    ) throws -> TemplateValue {
        if case .safe = value, ![.default, .join, .length, .safe, .string, .tojson].contains(filter) {
            throw TemplateFault("the filter \"\(filter.rawValue)\" of a text marked safe is not supported")
        }
        switch filter {
        case .default:
            let isWanted = value.isUndefined || arguments[1]?.isTrue == true && !value.isTrue
            return isWanted ? arguments[0] ?? .string("") : value
        case .length: return .integer(try count(of: value))
        case .list: return .list(try TemplateItems(items(of: value)))
        case .first: return try iteration(over: value).advance() ?? .undefined("the value has no first item")
        case .last: return try last(of: value)
        case .items: return try fields(of: value)
        case .join: return try join(value, arguments)
        case .reverse: return try reversed(value)
        case .tojson: return .string(try json(value, arguments))
        case .string:
            if case .safe = value { return value }
            return .string(try printed(value))
        case .safe: return .safe(try printed(value))
        case .abs: return try magnitude(of: value)
        case .int: return try whole(value, arguments)
        case .float: return try double(value, otherwise: arguments[0])
        case .dictsort, .sort, .unique: return try ordered(filter, value, arguments)
        case .indent:
            // The one filter of texts that does not print what is none.
            guard case .string(let text) = value else {
                throw TemplateFault("\"indent\" takes a text, not a value of type \(value.typeName)")
            }
            return .string(try indent(text, arguments))
        default: return .string(try text(filter, of: printed(value), arguments))
        }
    }

    // MARK: Texts

    /// Filters of a text that make a text.
    private func text(_ filter: TemplateFilter, of text: String, _ arguments: [TemplateValue?]) throws -> String {
        switch filter {
        case .upper: return text.scalars.uppercased.string
        case .lower: return text.scalars.lowercased.string
        case .title: return text.scalars.titlecasedByWords.string
        case .capitalize: return text.scalars.capitalized.string
        case .trim: return text.scalars.stripped(of: try scalarSet(arguments[0])).string
        case .replace:
            let limit = try wholeArgument(arguments[2], "count") ?? -1
            return try replace(text, try printed(arguments[0]!), with: try printed(arguments[1]!), limit: limit)
        default: preconditionFailure("apply(_:to:_:) has the other filters")
        }
    }

    func replace(_ text: String, _ old: String, with new: String, limit: Int) throws -> String {
        let (text, old, new) = (text.scalars, old.scalars, new.scalars)
        try charge(byteCount: text.count + old.count)
        let places = text.occurrenceCount(of: old)
        let count = limit < 0 ? places : min(places, limit)
        guard new.isEmpty || count <= TemplateLimits.outputByteCount / new.count else { throw TemplateFault.tooLarge }
        try charge(byteCount: count * new.count)
        return text.replacing(old, with: new, limit: limit).string
    }

    /// The scalars of a text; nil for none, which stands for whitespace.
    func scalarSet(_ value: TemplateValue?) throws -> Set<Unicode.Scalar>? {
        switch value {
        case nil, .some(.none): return nil
        case .some(.string(let text)): return Set(text.unicodeScalars)
        case .some(let value):
            throw TemplateFault("characters are given as a text, not as a value of type \(value.typeName)")
        }
    }

    /// A whole number; nil where none is given, or none.
    func wholeArgument(_ value: TemplateValue?, _ name: String) throws -> Int? {
        switch value {
        case nil, .some(.none): return nil
        case .some(.integer(let number)): return number
        case .some(.bool(let isTrue)): return isTrue ? 1 : 0
        case .some(let value):
            throw TemplateFault("the argument \"\(name)\" is a whole number, not a value of type \(value.typeName)")
        }
    }

    private func indent(_ text: String, _ arguments: [TemplateValue?]) throws -> String {
        let width: PythonText
        if let text = arguments[0]?.text {
            width = text.scalars
        } else {
            let count = try wholeArgument(arguments[0], "width") ?? 4
            guard count <= 1000 else { throw TemplateFault("an indent of \(count) blanks is not supported") }
            width = PythonText(repeating: " ", count: max(count, 0))
        }
        let lines = (text.scalars + ["\n"]).lines()
        try charge(byteCount: text.utf8.count + lines.count * width.count)
        let indentsBlank = arguments[2]?.isTrue == true
        var result = arguments[1]?.isTrue == true ? width : []
        for (place, line) in lines.enumerated() {
            if place > 0 { result += ["\n"] + (line.isEmpty && !indentsBlank ? [] : width) }
            result += line
        }
        return result.string
    }

    private func join(_ value: TemplateValue, _ arguments: [TemplateValue?]) throws -> TemplateValue {
        guard arguments[1] == nil else {
            throw TemplateFault("the argument \"attribute\" of \"join\" is not supported")
        }
        let separator = try arguments[0].map { try printed($0) } ?? ""
        return .string(try join(items(of: value).map { try printed($0) }, separator))
    }

    func join(_ texts: [String], _ separator: String) throws -> String {
        try charge(byteCount: texts.reduce(0) { $0 + $1.utf8.count + separator.utf8.count })
        return texts.joined(separator: separator)
    }

    // MARK: Rows

    private func last(of value: TemplateValue) throws -> TemplateValue {
        if case .generator = value { throw TemplateFault("what a filter makes one by one has no last item") }
        return try items(of: value).last ?? .undefined("the value has no last item")
    }

    private func fields(of value: TemplateValue) throws -> TemplateValue {
        switch value {
        case .undefined: return .generator(TemplateGenerator([], depth: 1))
        case .mapping(let mapping):
            return .generator(
                TemplateGenerator(try mapping.items(), depth: try TemplateItems.checkedDepth(mapping.depth + 1)))
        default: throw TemplateFault("a value of type \(value.typeName) has no fields")
        }
    }

    private func reversed(_ value: TemplateValue) throws -> TemplateValue {
        if case .string(let text) = value {
            try charge(text: text)
            return .string(String(text.unicodeScalars.reversed()))
        }
        if case .generator = value { return .list(try TemplateItems(items(of: value).reversed())) }
        return .generator(TemplateGenerator(try items(of: value).reversed(), depth: value.depth))
    }

    /// `map`, `select` and their like: made item by item, when it is gone through.
    private func generator(
        _ filter: TemplateFilter, _ step: TemplateItemStep, of value: TemplateValue, line: Int
    ) throws -> TemplateValue {
        // What is false is not gone through, whatever it is.
        let values = value.isTrue ? try items(of: value) : []
        let isRejection = filter == .reject || filter == .rejectattr
        let made: (TemplateValue) throws -> TemplateValue?
        switch step {
        case .attribute(let path, let otherwise):
            let standard = try otherwise.map(evaluate)
            made = { [self] in
                try charge()
                return try self.value(at: path, of: $0, otherwise: standard)
            }
        case .filter(let call):
            let arguments = try call.arguments.map { try $0.map(evaluate) }
            made = { [self] item in
                try charge()
                if let step = call.itemStep { return try generator(call.filter, step, of: item, line: line) }
                return try apply(call.filter, to: item, arguments)
            }
        case .test(let path, let call):
            let arguments = try call?.arguments.map(evaluate) ?? []
            made = { [self] item in
                try charge()
                let subject = try path.map { try self.value(at: $0, of: item, otherwise: nil) } ?? item
                let isTrue = try call.map { try test($0, subject, arguments) } ?? subject.isTrue
                return isTrue == isRejection ? nil : item
            }
        }
        return .generator(TemplateGenerator(values, depth: value.depth + 1, step: made))
    }

    private func value(
        at path: TemplateAttributePath, of item: TemplateValue, otherwise: TemplateValue?
    ) throws -> TemplateValue {
        var value = item
        for part in path.parts {
            switch part {
            case .key(let key): value = try self.item(of: value, at: .string(key))
            case .position(let position): value = try self.item(of: value, at: .integer(position))
            }
            if value.isUndefined, let otherwise, !otherwise.isNone { value = otherwise }
        }
        return value
    }

    // MARK: Order

    private func ordered(
        _ filter: TemplateFilter, _ value: TemplateValue, _ arguments: [TemplateValue?]
    ) throws -> TemplateValue {
        let isReversed = (filter == .dictsort ? arguments[2] : filter == .sort ? arguments[0] : nil)?.isTrue == true
        let isCaseSensitive = (filter == .sort ? arguments[1] : arguments[0])?.isTrue == true
        var values: [TemplateValue]
        var keys: [TemplateValue]
        if filter == .dictsort {
            guard case .mapping(let mapping) = value else {
                throw TemplateFault("\"dictsort\" takes a mapping, not a value of type \(value.typeName)")
            }
            values = try mapping.items()
            switch arguments[1]?.text ?? "key" {
            case "key": keys = mapping.keys.map(\.value)
            case "value": keys = mapping.values
            default: throw TemplateFault("\"dictsort\" sorts by \"key\" or \"value\"")
            }
        } else {
            values = try items(of: value)
            keys = values
            let attribute = filter == .sort ? arguments[2] : arguments[1]
            if let attribute {
                guard let name = attribute.text, !name.contains(",") else {
                    throw TemplateFault("\"\(filter.rawValue)\" is supported by one attribute alone")
                }
                let path = TemplateAttributePath(name)
                keys = try values.map { try self.value(at: path, of: $0, otherwise: nil) }
            }
        }
        if !isCaseSensitive {
            keys = keys.map { key in key.text.map { .string($0.scalars.lowercased.string) } ?? key }
        }
        // Sorting compares each value with some twenty others.
        try charge(keys.reduce(0) { $0 + $1.weight } * (filter == .unique ? 1 : 20))
        if filter == .unique { return try unique(values, keys) }
        // `sort` compares lists of one key each, so that equal keys need no order.
        if filter == .sort { keys = try keys.map { .list(try TemplateItems([$0])) } }
        return .list(try TemplateItems(TemplateValue.sorted(keys, isReversed: isReversed).map { values[$0] }))
    }

    private func unique(_ values: [TemplateValue], _ keys: [TemplateValue]) throws -> TemplateValue {
        var seen: Set<TemplateKey> = []
        let kept = try zip(values, keys).filter { seen.insert(try self.key($1)).inserted }.map(\.0)
        return .generator(TemplateGenerator(kept, depth: try TemplateItems(kept).depth))
    }

    // MARK: Numbers

    private func magnitude(of value: TemplateValue) throws -> TemplateValue {
        guard let number = TemplateNumber(value) else {
            throw TemplateFault("\"abs\" takes a number, not a value of type \(value.typeName)")
        }
        return try number.magnitude().value
    }

    private func whole(_ value: TemplateValue, _ arguments: [TemplateValue?]) throws -> TemplateValue {
        guard (try wholeArgument(arguments[1], "base") ?? 10) == 10 else {
            throw TemplateFault("\"int\" is supported for the base 10 alone")
        }
        let otherwise = arguments[0] ?? .integer(0)
        switch value {
        case .undefined(let reason): throw TemplateFault(reason)
        case .bool(let isTrue): return .integer(isTrue ? 1 : 0)
        case .integer: return value
        case .double(let number):
            guard !number.isInfinite else { throw TemplateFault("an infinite number has no whole part") }
            return number.isNaN ? otherwise : .integer(try Self.truncated(number))
        case .string(let text):
            let digits = text.scalars.stripped(of: nil)
            if let number = try Self.whole(digits) { return .integer(number) }
            guard let number = Self.double(digits), number.isFinite else { return otherwise }
            return .integer(try Self.truncated(number))
        default: return otherwise
        }
    }

    private func double(_ value: TemplateValue, otherwise: TemplateValue?) throws -> TemplateValue {
        if case .undefined(let reason) = value { throw TemplateFault(reason) }
        if let number = TemplateNumber(value) { return .double(number.approximation) }
        guard let text = value.text else { return otherwise ?? .double(0) }
        return Self.double(text.scalars.stripped(of: nil)).map { .double($0) } ?? otherwise ?? .double(0)
    }

    private static func truncated(_ number: Double) throws -> Int {
        guard let whole = Int(exactly: number.rounded(.towardZero)) else {
            throw TemplateFault("a whole number needs more than 64 bits")
        }
        return whole
    }

    /// A whole number as Python's `int` reads it; nil for another text.
    private static func whole(_ text: PythonText) throws -> Int? {
        guard let digits = ungrouped(text) else { return nil }
        let unsigned = digits.first == "-" || digits.first == "+" ? digits.dropFirst() : digits[...]
        guard !unsigned.isEmpty, unsigned.allSatisfy({ ("0"..."9").contains($0) }) else { return nil }
        guard let number = Int(digits.string) else { throw TemplateFault("a whole number needs more than 64 bits") }
        return number
    }

    private static func double(_ text: PythonText) -> Double? {
        guard let text = ungrouped(text)?.string.lowercased() else { return nil }
        let unsigned = text.drop { $0 == "-" || $0 == "+" }
        guard text.count - unsigned.count < 2 else { return nil }
        if ["inf", "infinity", "nan"].contains(unsigned) { return Double(text) }
        // Swift also reads hexadecimal.
        return text.utf8.allSatisfy({ "0123456789+-.e".utf8.contains($0) }) ? Double(text) : nil
    }

    /// Digits without the underscores between them; nil where one stands elsewhere.
    private static func ungrouped(_ text: PythonText) -> PythonText? {
        for (place, scalar) in text.enumerated() where scalar == "_" {
            guard place > 0, place + 1 < text.count, text[place - 1].isDigit, text[place + 1].isDigit else {
                return nil
            }
        }
        return text.filter { $0 != "_" }
    }

    // MARK: JSON

    private func json(_ value: TemplateValue, _ arguments: [TemplateValue?]) throws -> String {
        var style = TemplateJSONStyle()
        style.isASCII = arguments[0]?.isTrue == true
        style.sortsKeys = arguments[3]?.isTrue == true
        if let text = arguments[1]?.text {
            style.indent = text
        } else if let count = try wholeArgument(arguments[1], "indent") {
            guard count <= 64 else { throw TemplateFault("an indent of \(count) blanks is not supported") }
            style.indent = String(repeating: " ", count: max(count, 0))
        }
        guard style.indent?.utf8.count ?? 0 <= 64 else {
            throw TemplateFault("an indent of that length is not supported")
        }
        if style.indent != nil { style.itemSeparator = "," }
        if let separators = arguments[2], !separators.isNone {
            let texts = try items(of: separators).map(\.text)
            guard texts.count == 2, let item = texts[0], let key = texts[1] else {
                throw TemplateFault("the argument \"separators\" is two texts")
            }
            (style.itemSeparator, style.keySeparator) = (item, key)
        }
        try charge(value.weight)
        let text = try value.json(style)
        try charge(text: text)
        return text
    }
}

extension TemplateValue {
    /// Whether this is Python's `None`.
    var isNone: Bool {
        if case .none = self { true } else { false }
    }
}

extension Unicode.Scalar {
    fileprivate var isDigit: Bool { ("0"..."9").contains(self) }
}

extension TemplateValue {
    /// Python's `==`.
    ///
    /// - Throws: `TemplateFault` for views of mappings, whose equality is one of sets.
    func equals(_ other: TemplateValue) throws -> Bool {
        if let left = TemplateNumber(self), let right = TemplateNumber(other) { return left == right }
        if let left = text, let right = other.text { return left.hasSameBytes(as: right) }
        switch (self, other) {
        case (.undefined, .undefined), (.none, .none): return true
        case (.list(let left), .list(let right)), (.tuple(let left), .tuple(let right)):
            return try left.equals(right)
        case (.mapping(let left), .mapping(let right)): return try left.equals(right)
        case (.range(let left), .range(let right)):
            return left.count == right.count
                && (left.count == 0 || left.first == right.first && (left.count == 1 || left.step == right.step))
        case (.namespace(let left), .namespace(let right)): return left === right
        case (.macro(let left), .macro(let right)): return left === right
        case (.loop(let left), .loop(let right)): return left === right
        case (.generator(let left), .generator(let right)): return left === right
        case (.function(let left), .function(let right)): return left == right
        case (.view, .view), (.method, .method):
            throw TemplateFault("two values of type \(typeName) cannot be compared")
        default: return false
        }
    }

    /// Python's `<`.
    ///
    /// - Throws: `TemplateFault` for kinds that have no order among each other.
    func isLess(than other: TemplateValue) throws -> Bool {
        if let left = TemplateNumber(self), let right = TemplateNumber(other) { return left < right }
        if let left = text, let right = other.text { return left.precedes(right) }
        switch (self, other) {
        case (.list(let left), .list(let right)), (.tuple(let left), .tuple(let right)):
            for (left, right) in zip(left.values, right.values) where try !left.equals(right) {
                return try left.isLess(than: right)
            }
            return left.values.count < right.values.count
        case (.undefined(let reason), _), (_, .undefined(let reason)): throw TemplateFault(reason)
        default: throw TemplateFault("values of the types \(typeName) and \(other.typeName) have no order")
        }
    }

    /// The order that sorts values; equal ones stay as they are.
    static func sorted(_ values: [TemplateValue], isReversed: Bool = false) throws -> [Int] {
        try values.indices.sorted { left, right in
            let (first, second) = isReversed ? (right, left) : (left, right)
            if try values[first].isLess(than: values[second]) { return true }
            return try left < right && !values[second].isLess(than: values[first])
        }
    }

    func compare(_ comparison: TemplateComparison, _ other: TemplateValue) throws -> Bool {
        switch comparison {
        case .equal: try equals(other)
        case .notEqual: try !equals(other)
        case .less: try isLess(than: other)
        case .greater: try other.isLess(than: self)
        case .lessOrEqual: try isLessOrEqual(other)
        case .greaterOrEqual: try other.isLessOrEqual(self)
        case .in: try other.contains(self)
        case .notIn: try !other.contains(self)
        }
    }

    /// Not the negation of the opposite: a number that is none has no order.
    private func isLessOrEqual(_ other: TemplateValue) throws -> Bool {
        if try isLess(than: other) { return true }
        return try equals(other)
    }

    /// Python's `in`.
    func contains(_ element: TemplateValue) throws -> Bool {
        switch self {
        case .undefined: return false
        case .string(let text), .safe(let text):
            guard let part = element.text else {
                throw TemplateFault("in a text there are texts alone, not a value of type \(element.typeName)")
            }
            return text.scalars.firstIndex(of: part.scalars) != nil
        case .list(let items), .tuple(let items): return try items.values.contains { try $0.equals(element) }
        case .mapping(let mapping):
            if element.isUndefined { return false }
            guard let key = TemplateKey(element) else {
                throw TemplateFault("a value of type \(element.typeName) as a key is not supported")
            }
            return mapping[key] != nil
        case .range(let range): return try range.values.contains { try $0.equals(element) }
        case .view(let view): return try view.items.values.contains { try $0.equals(element) }
        case .generator(let generator):
            while let value = try generator.next() {
                if try value.equals(element) { return true }
            }
            return false
        default: throw TemplateFault("a value of type \(typeName) contains nothing that could be looked for")
        }
    }
}

extension TemplateItems {
    func equals(_ other: TemplateItems) throws -> Bool {
        guard values.count == other.values.count else { return false }
        return try zip(values, other.values).allSatisfy { try $0.equals($1) }
    }
}

extension TemplateMapping {
    /// The same fields, in any order.
    func equals(_ other: TemplateMapping) throws -> Bool {
        guard count == other.count else { return false }
        return try zip(keys, values).allSatisfy { key, value in try other[key].map { try value.equals($0) } ?? false }
    }
}

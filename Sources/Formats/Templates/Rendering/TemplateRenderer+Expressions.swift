extension TemplateRenderer {
    func evaluate(_ expression: TemplateExpression) throws -> TemplateValue {
        try nested(line: expression.line) { try value(of: expression.form, line: expression.line) }
    }

    private func value(of form: TemplateExpression.Form, line: Int) throws -> TemplateValue {
        switch form {
        case .literal(let literal): return TemplateValue(literal)
        case .name(let name): return value(of: name)
        case .list(let elements): return .list(try TemplateItems(elements.map(evaluate)))
        case .tuple(let elements): return .tuple(try TemplateItems(elements.map(evaluate)))
        case .mapping(let fields): return try mapping(fields)
        case .attribute(let base, let name): return try attribute(name, of: evaluate(base))
        case .item(let base, let index): return try item(of: evaluate(base), at: evaluate(index))
        case .slice(let base, let slice): return try self.slice(evaluate(base), slice, line: line)
        case .call(let name, let call): return try self.call(name, call, line: line)
        case .method(let base, let method, let arguments): return try self.call(method, of: base, arguments, line: line)
        case .filter(let base, let call): return try apply(call, to: evaluate(base), line: line)
        case .test(let base, let call): return .bool(try test(call, evaluate(base), call.arguments.map(evaluate)))
        default: return try operation(form, line: line)
        }
    }

    private func operation(_ form: TemplateExpression.Form, line: Int) throws -> TemplateValue {
        switch form {
        case .not(let operand): return .bool(try !evaluate(operand).isTrue)
        case .negative(let operand): return try number(evaluate(operand), for: "-").negated().value
        case .positive(let operand): return try number(evaluate(operand), for: "+").value
        case .arithmetic(let sign, let left, let right):
            let (left, right) = (try evaluate(left), try evaluate(right))
            at(line)
            return try arithmetic(sign, left, right)
        case .concatenation(let parts):
            var text = ""
            for part in parts {
                text += try printed(evaluate(part))
                try charge(text: text)
            }
            return .string(text)
        case .comparison(let left, let rest): return .bool(try compare(left, rest, line: line))
        case .and(let left, let right):
            let value = try evaluate(left)
            return value.isTrue ? try evaluate(right) : value
        case .or(let left, let right):
            let value = try evaluate(left)
            return value.isTrue ? value : try evaluate(right)
        case .conditional(let test, let then, let otherwise):
            if try evaluate(test).isTrue { return try evaluate(then) }
            if let otherwise { return try evaluate(otherwise) }
            return .undefined("the condition in line \(line) is false, and there is no else")
        default: preconditionFailure("value(of:line:) has the other forms")
        }
    }

    private func mapping(_ fields: [(key: TemplateExpression, value: TemplateExpression)]) throws -> TemplateValue {
        var mapping = TemplateMapping()
        for (key, value) in fields { try mapping.set(self.key(evaluate(key)), evaluate(value)) }
        return .mapping(mapping)
    }

    /// A value as a mapping's key.
    func key(_ value: TemplateValue) throws -> TemplateKey {
        guard let key = TemplateKey(value) else {
            throw TemplateFault("a value of type \(value.typeName) as a key is not supported")
        }
        return key
    }

    private func compare(
        _ first: TemplateExpression, _ rest: [(TemplateComparison, TemplateExpression)], line: Int
    ) throws -> Bool {
        var left = try evaluate(first)
        for (comparison, expression) in rest {
            let right = try evaluate(expression)
            at(line)
            try charge(left.weight + right.weight)
            guard try left.compare(comparison, right) else { return false }
            left = right
        }
        return true
    }

    // MARK: Arithmetic

    private func number(_ value: TemplateValue, for sign: String) throws -> TemplateNumber {
        if let number = TemplateNumber(value) { return number }
        if case .undefined(let reason) = value { throw TemplateFault(reason) }
        throw TemplateFault("\"\(sign)\" takes numbers, not a value of type \(value.typeName)")
    }

    private func arithmetic(
        _ sign: TemplateOperator, _ left: TemplateValue, _ right: TemplateValue
    ) throws -> TemplateValue {
        if let left = TemplateNumber(left), let right = TemplateNumber(right) {
            return try TemplateNumber.apply(sign, left, right).value
        }
        switch (sign, left, right) {
        case (.add, .string(let left), .string(let right)):
            let text = left + right
            try charge(text: text)
            return .string(text)
        case (.add, .list(let left), .list(let right)):
            try charge(left.values.count + right.values.count)
            return .list(try TemplateItems(left.values + right.values))
        case (.add, .tuple(let left), .tuple(let right)):
            try charge(left.values.count + right.values.count)
            return .tuple(try TemplateItems(left.values + right.values))
        case (.multiply, .string(let text), let count), (.multiply, let count, .string(let text)):
            return .string(try repeated(text, self.count(count, of: "str")))
        case (.multiply, .list(let items), let count), (.multiply, let count, .list(let items)):
            return .list(try repeated(items, self.count(count, of: "list")))
        case (.multiply, .tuple(let items), let count), (.multiply, let count, .tuple(let items)):
            return .tuple(try repeated(items, self.count(count, of: "tuple")))
        case (.remainder, .string, _): throw TemplateFault("formatting by \"%\" is not supported")
        case (_, .undefined(let reason), _), (_, _, .undefined(let reason)): throw TemplateFault(reason)
        default:
            throw TemplateFault(
                "\"\(sign.rawValue)\" does not take values of the types \(left.typeName) and \(right.typeName)")
        }
    }

    /// How often something of the type is repeated.
    private func count(_ value: TemplateValue, of type: String) throws -> Int {
        switch value {
        case .integer(let count): return count
        case .bool(let isTrue): return isTrue ? 1 : 0
        case .undefined(let reason): throw TemplateFault(reason)
        default: throw TemplateFault("\"*\" does not take values of the types \(type) and \(value.typeName)")
        }
    }

    private func repeated(_ text: String, _ count: Int) throws -> String {
        guard count > 0, !text.isEmpty else { return "" }
        guard count <= TemplateLimits.outputByteCount / text.utf8.count else { throw TemplateFault.tooLarge }
        try charge(text.utf8.count * count / TemplateLimits.bytesPerStep)
        return String(repeating: text, count: count)
    }

    private func repeated(_ items: TemplateItems, _ count: Int) throws -> TemplateItems {
        guard count > 0, !items.values.isEmpty else { return try TemplateItems([]) }
        guard count <= TemplateLimits.listCount / items.values.count else {
            throw TemplateFault("a list has more than \(TemplateLimits.listCount) items")
        }
        try charge(items.values.count * count)
        return try TemplateItems(Array((0..<count).map { _ in items.values }.joined()))
    }
}

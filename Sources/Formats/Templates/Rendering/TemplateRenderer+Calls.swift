internal import Base

extension TemplateRenderer {
    /// `name(…)`: a macro, or a function of the environment.
    func call(_ name: String, _ call: TemplateCall, line: Int) throws -> TemplateValue {
        let callee = value(of: name)
        let positional = try call.positional.map(evaluate)
        let named = try call.named.map { (name: $0.name, value: try evaluate($0.value)) }
        at(line)
        switch callee {
        case .macro(let macro): return try self.call(macro, positional, named)
        case .function(let function): return try self.call(function, positional, named)
        case .undefined(let reason): throw TemplateFault(reason)
        default: throw TemplateFault("\"\(name)\" is a value of type \(callee.typeName), and cannot be called")
        }
    }

    private func call(
        _ function: TemplateFunction, _ positional: [TemplateValue], _ named: [(name: String, value: TemplateValue)]
    ) throws -> TemplateValue {
        switch function {
        case .raiseException:
            guard positional.count == 1, named.isEmpty else { throw TemplateFault("raise_exception takes one message") }
            throw TemplateFault("the template refuses this: \(excerpt(try printed(positional[0]), upTo: 400))")
        case .strftimeNow:
            throw TemplateFault(
                "strftime_now would make the prompt depend on the clock",
                advice: "give the date as a variable, where the template takes one")
        case .range:
            guard named.isEmpty else { throw TemplateFault("range takes no argument named \"\(named[0].name)\"") }
            return .range(try range(positional))
        case .dict: return .mapping(try mapping(positional, named))
        case .namespace:
            let fields = try mapping(positional, named)
            if let name = fields.keys.compactMap(\.value.text).first(where: { $0.hasPrefix("_") }) {
                throw TemplateFault("a namespace takes no attribute that begins with \"_\": \"\(name)\"")
            }
            let namespace = TemplateNamespace(fields: fields)
            namespaces.append(namespace)
            return .namespace(namespace)
        }
    }

    private func range(_ arguments: [TemplateValue]) throws -> TemplateRange {
        let numbers = try arguments.map {
            try wholeArgument($0, "range") ?? { throw TemplateFault("range takes whole numbers") }()
        }
        guard (1...3).contains(numbers.count) else { throw TemplateFault("range takes one to three numbers") }
        let first = numbers.count == 1 ? 0 : numbers[0]
        let end = numbers.count == 1 ? numbers[0] : numbers[1]
        let step = numbers.count == 3 ? numbers[2] : 1
        guard step != 0 else { throw TemplateFault("the step of a range is 0") }
        let bound = 1 << 40
        guard numbers.allSatisfy({ -bound <= $0 && $0 <= bound }) else { throw TemplateFault("a range is too large") }
        let span = step > 0 ? end - first : first - end
        let count = span <= 0 ? 0 : (span - 1) / abs(step) + 1
        guard count <= TemplateLimits.rangeCount else {
            throw TemplateFault("a range has more than \(TemplateLimits.rangeCount) numbers")
        }
        return TemplateRange(first: first, end: end, step: step, count: count)
    }

    /// The fields that `dict` and `namespace` are given.
    private func mapping(
        _ positional: [TemplateValue], _ named: [(name: String, value: TemplateValue)]
    ) throws -> TemplateMapping {
        guard positional.count < 2 else { throw TemplateFault("at most one mapping is taken, not \(positional.count)") }
        var mapping = TemplateMapping()
        if case .mapping(let first)? = positional.first {
            mapping = first
        } else if let first = positional.first {
            for pair in try items(of: first) {
                let values = try items(of: pair)
                guard values.count == 2 else { throw TemplateFault("a mapping is made of pairs") }
                try mapping.set(key(values[0]), values[1])
            }
        }
        for (name, value) in named { try mapping.set(.string(name), value) }
        return mapping
    }

    /// `value.method(…)`
    func call(
        _ method: TemplateMethod, of base: TemplateExpression, _ arguments: [TemplateExpression?], line: Int
    ) throws -> TemplateValue {
        let value = try evaluate(base)
        let arguments = try arguments.map { try $0.map(evaluate) }
        at(line)
        switch value {
        case .undefined(let reason): throw TemplateFault(reason)
        case .string(let text): return try call(method, text: text, arguments)
        case .mapping(let mapping):
            if let result = try call(method, mapping: mapping, arguments) { return result }
        case .list(let items), .tuple(let items):
            if let result = try call(method, items: items, arguments) { return result }
        case .loop:
            guard method == .cycle, case .integer(let index) = try attribute("index0", of: value) else { break }
            guard let first = arguments.first else { throw TemplateFault("loop.cycle takes at least one value") }
            return arguments[index % arguments.count] ?? first ?? .none
        default: break
        }
        throw TemplateFault("a value of type \(value.typeName) has no method \"\(method.rawValue)\" here")
    }

    private func call(
        _ method: TemplateMethod, mapping: TemplateMapping, _ arguments: [TemplateValue?]
    ) throws -> TemplateValue? {
        switch method {
        case .get:
            guard !arguments[0]!.isUndefined else { return arguments[1] ?? TemplateValue.none }
            return mapping[try key(arguments[0]!)] ?? arguments[1] ?? TemplateValue.none
        case .items: return .view(TemplateView(kind: .items, items: try TemplateItems(mapping.items())))
        case .keys: return .view(TemplateView(kind: .keys, items: try TemplateItems(mapping.keys.map(\.value))))
        case .values: return .view(TemplateView(kind: .values, items: try TemplateItems(mapping.values)))
        default: return nil
        }
    }

    private func call(
        _ method: TemplateMethod, items: TemplateItems, _ arguments: [TemplateValue?]
    ) throws -> TemplateValue? {
        switch method {
        case .count:
            try charge(items.weight)
            return .integer(try items.values.filter { try $0.equals(arguments[0]!) }.count)
        case .index:
            try charge(items.weight)
            guard let place = try items.values.firstIndex(where: { try $0.equals(arguments[0]!) }) else {
                throw TemplateFault("the value is not in the list")
            }
            return .integer(place)
        default: return nil
        }
    }
}

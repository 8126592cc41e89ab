extension TemplateParser {
    /// An expression, or several with commas between them, which make a tuple.
    ///
    /// - Parameter hasConditional: whether `a if b else c` may stand there without brackets.
    mutating func tuple(hasConditional: Bool = true, isBracketed: Bool = false) throws -> TemplateExpression {
        let line = current.line
        if isBracketed, current.kind == .symbol(")") { return TemplateExpression(line: line, form: .tuple([])) }
        let first = try hasConditional ? expression() : disjunction()
        guard current.kind == .symbol(",") else { return first }
        var elements = [first]
        while skip(.symbol(",")) {
            if [.variableEnd, .blockEnd, .symbol(")")].contains(current.kind) { break }
            elements.append(try hasConditional ? expression() : disjunction())
        }
        return TemplateExpression(line: line, form: .tuple(elements))
    }

    /// `a if b else c`, or what binds stronger.
    mutating func expression() throws -> TemplateExpression {
        try nested { parser in
            let line = parser.current.line
            var value = try parser.disjunction()
            var linkCount = 0
            while parser.skip(.name("if")) {
                try parser.countLink(&linkCount)
                let test = try parser.disjunction()
                let otherwise = parser.skip(.name("else")) ? try parser.expression() : nil
                value = TemplateExpression(
                    line: line, form: .conditional(test: test, then: value, otherwise: otherwise))
            }
            return value
        }
    }

    /// A row of operators is not nested in the source, but in what is made of it.
    private func countLink(_ count: inout Int) throws {
        count += 1
        guard count <= TemplateLimits.chainLength else {
            throw TemplateFault(
                "more than \(TemplateLimits.chainLength) operators or accesses follow each other", line: current.line)
        }
    }

    private mutating func disjunction() throws -> TemplateExpression {
        try chain {
            try $0.conjunction()
        } link: { parser, left in
            guard parser.skip(.name("or")) else { return nil }
            return .or(left, try parser.conjunction())
        }
    }

    private mutating func conjunction() throws -> TemplateExpression {
        try chain {
            try $0.negation()
        } link: { parser, left in
            guard parser.skip(.name("and")) else { return nil }
            return .and(left, try parser.negation())
        }
    }

    /// A first operand, and operators as long as `link` finds one.
    private mutating func chain(
        _ first: (inout TemplateParser) throws -> TemplateExpression,
        link: (inout TemplateParser, TemplateExpression) throws -> TemplateExpression.Form?
    ) throws -> TemplateExpression {
        let line = current.line
        var value = try first(&self)
        var linkCount = 0
        while let form = try link(&self, value) {
            try countLink(&linkCount)
            value = TemplateExpression(line: line, form: form)
        }
        return value
    }

    private mutating func negation() throws -> TemplateExpression {
        let line = current.line
        guard skip(.name("not")) else { return try comparison() }
        return TemplateExpression(line: line, form: .not(try nested { try $0.negation() }))
    }

    private mutating func comparison() throws -> TemplateExpression {
        let line = current.line
        let left = try sum()
        var rest: [(TemplateComparison, TemplateExpression)] = []
        var linkCount = 0
        while let comparison = comparisonSign() {
            try countLink(&linkCount)
            rest.append((comparison, try sum()))
        }
        return rest.isEmpty ? left : TemplateExpression(line: line, form: .comparison(left, rest))
    }

    private mutating func comparisonSign() -> TemplateComparison? {
        switch current.kind {
        case .symbol(let symbol):
            guard let comparison = TemplateComparison(rawValue: symbol) else { return nil }
            advance()
            return comparison
        case .name("in"):
            advance()
            return .in
        case .name("not") where next.kind == .name("in"):
            advance()
            advance()
            return .notIn
        default: return nil
        }
    }

    private mutating func arithmetic(_ symbols: [TemplateOperator]) -> TemplateOperator? {
        guard case .symbol(let symbol) = current.kind, let sign = TemplateOperator(rawValue: symbol),
            symbols.contains(sign)
        else { return nil }
        advance()
        return sign
    }

    private mutating func sum() throws -> TemplateExpression {
        try chain {
            try $0.concatenation()
        } link: { parser, left in
            guard let sign = parser.arithmetic([.add, .subtract]) else { return nil }
            return .arithmetic(sign, left, try parser.concatenation())
        }
    }

    /// `~` binds stronger than `+`, and weaker than `*`.
    private mutating func concatenation() throws -> TemplateExpression {
        let line = current.line
        var parts = [try product()]
        var linkCount = 0
        while skip(.symbol("~")) {
            try countLink(&linkCount)
            parts.append(try product())
        }
        return parts.count == 1 ? parts[0] : TemplateExpression(line: line, form: .concatenation(parts))
    }

    private mutating func product() throws -> TemplateExpression {
        try chain {
            try $0.power()
        } link: { parser, left in
            guard let sign = parser.arithmetic([.multiply, .divide, .floorDivide, .remainder]) else { return nil }
            return .arithmetic(sign, left, try parser.power())
        }
    }

    /// Unlike Python's, a row of powers is taken from the left, and a sign before it binds stronger.
    private mutating func power() throws -> TemplateExpression {
        try chain {
            try $0.unary(hasFilters: true)
        } link: { parser, left in
            guard let sign = parser.arithmetic([.power]) else { return nil }
            return .arithmetic(sign, left, try parser.unary(hasFilters: true))
        }
    }

    private mutating func unary(hasFilters: Bool) throws -> TemplateExpression {
        let line = current.line
        var value: TemplateExpression
        if skip(.symbol("-")) {
            value = TemplateExpression(line: line, form: .negative(try nested { try $0.unary(hasFilters: false) }))
        } else if skip(.symbol("+")) {
            value = TemplateExpression(line: line, form: .positive(try nested { try $0.unary(hasFilters: false) }))
        } else {
            value = try primary()
        }
        value = try accesses(of: value)
        return hasFilters ? try filters(of: value) : value
    }

    // MARK: Primaries

    private mutating func primary() throws -> TemplateExpression {
        let token = current
        func literal(_ value: TemplateLiteral) -> TemplateExpression {
            TemplateExpression(line: token.line, form: .literal(value))
        }
        switch token.kind {
        case .name(let name):
            advance()
            switch name {
            case "true", "True": return literal(.bool(true))
            case "false", "False": return literal(.bool(false))
            case "none", "None": return literal(.none)
            default:
                try noteRead(name, line: token.line)
                return TemplateExpression(line: token.line, form: .name(name))
            }
        case .string(var text):
            advance()
            // Strings that follow each other are one.
            while case .string(let more) = current.kind {
                text += more
                advance()
            }
            return literal(.string(text))
        case .integer(let value):
            advance()
            return literal(.integer(value))
        case .double(let value):
            advance()
            return literal(.double(value))
        case .symbol("("):
            advance()
            let value = try nested { try $0.tuple(isBracketed: true) }
            try expect(.symbol(")"))
            return value
        case .symbol("["): return try nested { try $0.list() }
        case .symbol("{"): return try nested { try $0.mapping() }
        default:
            throw TemplateFault("an expression is expected, not \(token.description)", line: token.line)
        }
    }

    private mutating func list() throws -> TemplateExpression {
        let line = current.line
        advance()
        var elements: [TemplateExpression] = []
        while !skip(.symbol("]")) {
            if !elements.isEmpty {
                try expect(.symbol(","))
                if skip(.symbol("]")) { break }
            }
            elements.append(try expression())
        }
        return TemplateExpression(line: line, form: .list(elements))
    }

    private mutating func mapping() throws -> TemplateExpression {
        let line = current.line
        advance()
        var fields: [(key: TemplateExpression, value: TemplateExpression)] = []
        while !skip(.symbol("}")) {
            if !fields.isEmpty {
                try expect(.symbol(","))
                if skip(.symbol("}")) { break }
            }
            let key = try expression()
            try expect(.symbol(":"))
            fields.append((key, try expression()))
        }
        return TemplateExpression(line: line, form: .mapping(fields))
    }

    // MARK: What follows a primary

    private mutating func accesses(of value: TemplateExpression) throws -> TemplateExpression {
        var value = value
        var linkCount = 0
        while true {
            switch current.kind {
            case .symbol("."): value = try attribute(of: value)
            case .symbol("["): value = try nested { try $0.subscripted(value) }
            case .symbol("("): value = try call(of: value)
            default: return value
            }
            try countLink(&linkCount)
        }
    }

    private mutating func attribute(of value: TemplateExpression) throws -> TemplateExpression {
        let line = current.line
        advance()
        if case .integer(let position) = current.kind {
            advance()
            let index = TemplateExpression(line: line, form: .literal(.integer(position)))
            return TemplateExpression(line: line, form: .item(value, index))
        }
        let name = try expectName()
        guard !name.hasPrefix("__") else {
            throw TemplateFault("the attribute \"\(name)\" is out of a template's reach", line: line)
        }
        return TemplateExpression(line: line, form: .attribute(value, name))
    }

    private mutating func subscripted(_ value: TemplateExpression) throws -> TemplateExpression {
        let line = current.line
        advance()
        let lower = current.kind == .symbol(":") ? nil : try expression()
        guard skip(.symbol(":")) else {
            try expect(.symbol("]"))
            guard let lower else { throw TemplateFault("an index is missing", line: line) }
            return TemplateExpression(line: line, form: .item(value, lower))
        }
        func isEnd(_ kind: TemplateToken.Kind) -> Bool { kind == .symbol(":") || kind == .symbol("]") }
        let upper = isEnd(current.kind) ? nil : try expression()
        let step = skip(.symbol(":")) && !isEnd(current.kind) ? try expression() : nil
        try expect(.symbol("]"))
        return TemplateExpression(
            line: line, form: .slice(value, TemplateSlice(lower: lower, upper: upper, step: step)))
    }

    private mutating func call(of callee: TemplateExpression) throws -> TemplateExpression {
        let line = current.line
        let call = try arguments()
        switch callee.form {
        case .name(let name):
            noteCall(name, line: line)
            return TemplateExpression(line: line, form: .call(name, call))
        case .attribute(let receiver, let name):
            guard let method = TemplateMethod(rawValue: name) else {
                throw TemplateFault(
                    "the method \"\(name)\" is not supported", line: line,
                    advice: "supported: \(Self.list(TemplateMethod.allCases.map(\.rawValue)))")
            }
            let bound = try method.signature.bind(call, what: "the method \"\(name)\"", line: line)
            return TemplateExpression(line: line, form: .method(receiver, method, bound))
        default: throw TemplateFault("only a function, a macro or a method can be called", line: line)
        }
    }

    private mutating func arguments() throws -> TemplateCall {
        try nested { parser in
            try parser.expect(.symbol("("))
            var call = TemplateCall()
            while !parser.skip(.symbol(")")) {
                let isFirst = call.positional.isEmpty && call.named.isEmpty
                if !isFirst {
                    try parser.expect(.symbol(","))
                    if parser.skip(.symbol(")")) { break }
                }
                let line = parser.current.line
                if parser.current.kind == .symbol("*") || parser.current.kind == .symbol("**") {
                    throw TemplateFault("arguments from a list or a mapping (*, **) are not supported", line: line)
                }
                if case .name(let name) = parser.current.kind, parser.next.kind == .symbol("=") {
                    parser.advance()
                    parser.advance()
                    guard !call.named.contains(where: { $0.name == name }) else {
                        throw TemplateFault("the argument \"\(name)\" is given twice", line: line)
                    }
                    call.named.append((name, try parser.expression()))
                } else {
                    guard call.named.isEmpty else {
                        throw TemplateFault("an argument without a name follows one with a name", line: line)
                    }
                    call.positional.append(try parser.expression())
                }
            }
            return call
        }
    }

    private mutating func filters(of value: TemplateExpression) throws -> TemplateExpression {
        var value = value
        var linkCount = 0
        while true {
            let line = current.line
            if skip(.symbol("|")) {
                value = TemplateExpression(line: line, form: .filter(value, try filterCall()))
            } else if skip(.name("is")) {
                value = try test(of: value, line: line)
            } else if current.kind == .symbol("(") {
                throw TemplateFault("only a function, a macro or a method can be called", line: line)
            } else {
                return value
            }
            try countLink(&linkCount)
        }
    }

    // MARK: Filters and tests

    private func filter(named name: String, line: Int) throws -> TemplateFilter {
        if let filter = TemplateFilter(named: name) { return filter }
        throw TemplateFault(
            "the filter \"\(name)\" is not supported", line: line,
            advice: "supported: \(Self.list(TemplateFilter.allCases.map(\.rawValue)))")
    }

    /// A filter's name, behind `|`, and its arguments.
    mutating func filterCall() throws -> TemplateFilterCall {
        let line = current.line
        var name = try expectName()
        while skip(.symbol(".")) { name += "." + (try expectName()) }
        let filter = try filter(named: name, line: line)
        let call = current.kind == .symbol("(") ? try arguments() : TemplateCall()
        return try filterCall(filter, call, line: line)
    }

    private func filterCall(_ filter: TemplateFilter, _ call: TemplateCall, line: Int) throws -> TemplateFilterCall {
        let what = "the filter \"\(filter.rawValue)\""
        if let signature = filter.signature {
            return TemplateFilterCall(
                filter: filter, arguments: try signature.bind(call, what: what, line: line), itemStep: nil)
        }
        let step: TemplateItemStep
        switch filter {
        case .map where call.positional.isEmpty:
            let bound = try TemplateSignature("attribute", "default", required: 1).bind(call, what: what, line: line)
            step = .attribute(try path(bound[0]!, what: what), otherwise: bound[1])
        case .map:
            let inner = try self.filter(named: try word(call.positional[0], what: what), line: line)
            let rest = TemplateCall(positional: Array(call.positional.dropFirst()), named: call.named)
            step = .filter(try filterCall(inner, rest, line: line))
        default:
            guard call.named.isEmpty else {
                throw TemplateFault("\(what) takes no argument named \"\(call.named[0].name)\"", line: line)
            }
            var rest = call.positional[...]
            var path: TemplateAttributePath?
            if filter == .selectattr || filter == .rejectattr {
                guard let attribute = rest.popFirst() else {
                    throw TemplateFault("\(what) needs the name of an attribute", line: line)
                }
                path = try self.path(attribute, what: what)
            }
            let test = try rest.popFirst().map {
                try testCall(try word($0, what: what), Array(rest), line: line)
            }
            step = .test(path, test)
        }
        return TemplateFilterCall(filter: filter, arguments: [], itemStep: step)
    }

    /// A string that must be known when the template is read.
    private func word(_ expression: TemplateExpression, what: String) throws -> String {
        guard case .literal(.string(let text)) = expression.form else {
            throw TemplateFault("\(what) is supported with names in quotes alone", line: expression.line)
        }
        return text
    }

    private func path(_ expression: TemplateExpression, what: String) throws -> TemplateAttributePath {
        if case .literal(.integer(let position)) = expression.form { return TemplateAttributePath("\(position)") }
        return TemplateAttributePath(try word(expression, what: what))
    }

    private func testCall(
        _ name: String, _ arguments: [TemplateExpression], line: Int
    ) throws -> TemplateTestCall {
        guard let test = TemplateTest(named: name) else {
            throw TemplateFault(
                "the test \"\(name)\" is not supported", line: line,
                advice: "supported: \(Self.list(TemplateTest.allCases.map(\.rawValue)))")
        }
        guard arguments.count == test.argumentCount else {
            throw TemplateFault(
                "the test \"\(name)\" takes \(test.argumentCount) arguments, not \(arguments.count)", line: line)
        }
        return TemplateTestCall(test: test, arguments: arguments)
    }

    /// What follows `is`.
    private mutating func test(of value: TemplateExpression, line: Int) throws -> TemplateExpression {
        let isNegated = skip(.name("not"))
        let name = try expectName()
        var arguments: [TemplateExpression] = []
        switch current.kind {
        case .symbol("("):
            let call = try self.arguments()
            guard call.named.isEmpty else {
                throw TemplateFault(
                    "the test \"\(name)\" takes no argument named \"\(call.named[0].name)\"", line: line)
            }
            arguments = call.positional
        case .name("else"), .name("or"), .name("and"): break
        case .name("is"): throw TemplateFault("tests cannot follow each other", line: line)
        case .name, .string, .integer, .double, .symbol("["), .symbol("{"):
            // One argument may stand there without brackets, so that whatever follows is taken for one.
            arguments = [try accesses(of: try primary())]
        default: break
        }
        let test = TemplateExpression(line: line, form: .test(value, try testCall(name, arguments, line: line)))
        return isNegated ? TemplateExpression(line: line, form: .not(test)) : test
    }
}

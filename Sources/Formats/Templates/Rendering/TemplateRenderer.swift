/// Runs the statements of one template once.
final class TemplateRenderer {
    /// What the caller gives by name.
    private let variables: TemplateMapping
    private let template: TemplateParser.Result
    /// What has been printed, by the macro or block under way.
    private var output = ""
    /// Of the statement or expression that was begun last.
    private(set) var line = 1
    private var depth = 0
    private var stepCount = 0
    private let mostSteps: Int
    var scope = TemplateScope(in: nil)
    /// Namespaces, scopes and what filters make may hold each other; they are emptied at the end.
    var namespaces: [TemplateNamespace] = []
    private var scopesOfMacros: [TemplateScope] = []

    private enum Flow { case normal, leavesLoop, goesOn }

    init(_ template: TemplateParser.Result, variables: TemplateMapping) {
        self.template = template
        self.variables = variables
        mostSteps = TemplateLimits.stepCount + TemplateLimits.stepsPerWeight * variables.weight
    }

    /// The printed text.
    ///
    /// - Throws: `TemplateFault`; ``line`` says where.
    func render() throws -> String {
        defer {
            for namespace in namespaces { namespace.fields = TemplateMapping() }
            for scope in scopesOfMacros + [scope] { scope.clear() }
        }
        _ = try run(template.body)
        return output
    }

    // MARK: Limits

    func charge(_ steps: Int = 1) throws {
        stepCount += steps
        guard stepCount <= mostSteps else {
            throw TemplateFault("the template takes more than \(mostSteps) steps")
        }
    }

    /// Counts a text that was made or searched.
    func charge(text: String) throws {
        try charge(byteCount: text.utf8.count)
    }

    func charge(byteCount: Int) throws {
        guard byteCount <= TemplateLimits.outputByteCount else { throw TemplateFault.tooLarge }
        try charge(byteCount / TemplateLimits.bytesPerStep)
    }

    /// What a value is printed as.
    func printed(_ value: TemplateValue) throws -> String {
        try charge(value.weight)
        return try value.printed()
    }

    /// Runs `body` one level deeper.
    func nested<Value>(line: Int, _ body: () throws -> Value) throws -> Value {
        self.line = line
        try charge()
        depth += 1
        guard depth <= TemplateLimits.evaluationDepth else {
            throw TemplateFault("expressions, blocks and macros are more than \(TemplateLimits.evaluationDepth) deep")
        }
        defer { depth -= 1 }
        return try body()
    }

    /// Goes back to the line of an expression whose parts may stand in others.
    func at(_ line: Int) { self.line = line }

    // MARK: Names

    func value(of name: String) -> TemplateValue {
        if let value = scope.value(of: name) ?? variables[name] { return value }
        if let function = TemplateFunction(rawValue: name) { return .function(function) }
        return .undefined("\"\(name)\" is undefined")
    }

    /// Runs `body` with names of its own.
    private func scoped<Value>(
        in parent: TemplateScope? = nil, _ body: () throws -> Value
    ) throws -> Value {
        let outer = scope
        scope = TemplateScope(in: parent ?? outer)
        defer { scope = outer }
        return try body()
    }

    /// What `body` prints, instead of printing it.
    private func captured(_ body: () throws -> Void) throws -> String {
        let outer = output
        output = ""
        defer { output = outer }
        try body()
        return output
    }

    // MARK: Statements

    private func run(_ statements: [TemplateStatement]) throws -> Flow {
        for statement in statements {
            let flow = try nested(line: statement.line) { try run(statement) }
            if flow != .normal { return flow }
        }
        return .normal
    }

    /// Runs a body whose scope has been made.
    private func run(_ body: TemplateBody) throws -> Flow {
        for name in template.hiddenNames[body.number] ?? [] {
            scope.set(name, .undefined("\"\(name)\" is undefined"))
        }
        return try run(body.statements)
    }

    private func run(_ statement: TemplateStatement) throws -> Flow {
        switch statement.form {
        case .text(let text): try print(text)
        case .print(let expression):
            let value = try evaluate(expression)
            at(statement.line)
            try print(try printed(value))
        case .conditional(let conditional): return try run(conditional)
        case .loop(let loop): return try run(loop)
        case .set(let target, let expression): try bind(target, try evaluate(expression))
        case .setBlock(let target, let filters, let body):
            try bind(target, try filtered(body, filters, line: statement.line))
        case .filterBlock(let filters, let body):
            try print(try printed(filtered(body, filters, line: statement.line)))
        case .macro(let definition):
            scopesOfMacros.append(scope)
            scope.set(definition.name, .macro(TemplateMacro(definition: definition, scope: scope)))
        case .generation(let body): try runScoped(body)
        case .break: return .leavesLoop
        case .continue: return .goesOn
        }
        return .normal
    }

    private func print(_ text: String) throws {
        try charge(text: text)
        guard output.utf8.count + text.utf8.count <= TemplateLimits.outputByteCount else {
            throw TemplateFault("the template prints more than \(TemplateLimits.outputByteCount) bytes")
        }
        output += text
    }

    /// What filters make of what a body prints.
    private func filtered(
        _ body: TemplateBody, _ filters: [TemplateFilterCall], line: Int
    ) throws -> TemplateValue {
        // The filters' arguments see the body's names.
        try scoped {
            let text = try captured { _ = try run(body) }
            return try filters.reduce(.string(text)) { try apply($1, to: $0, line: line) }
        }
    }

    private func runScoped(_ body: TemplateBody) throws {
        _ = try scoped { try run(body) }
    }

    private func run(_ conditional: TemplateConditional) throws -> Flow {
        for (test, body) in conditional.branches where try evaluate(test).isTrue { return try run(body) }
        return try run(conditional.otherwise)
    }

    private func run(_ loop: TemplateForLoop) throws -> Flow {
        let items = try evaluate(loop.items)
        let state = try filtered(loop, items)
        // As in jinja2, the alternative is left out only once a body has been run to its end.
        var hasFinished = false
        while let item = try state.advance() {
            // A scope of its own is dearer than an expression.
            try charge(4)
            let flow = try scoped {
                try bind(loop.target, item)
                scope.set("loop", .loop(state))
                return try run(loop.body)
            }
            if flow == .normal { hasFinished = true }
            if flow == .leavesLoop { break }
        }
        guard let otherwise = loop.otherwise, !hasFinished else { return .normal }
        return try scoped { try run(otherwise) }
    }

    /// A loop's items, without those that its condition drops.
    private func filtered(_ loop: TemplateForLoop, _ items: TemplateValue) throws -> TemplateLoop {
        guard let condition = loop.condition else { return try iteration(over: items) }
        let all = try iteration(over: items)
        let outer = scope
        return TemplateLoop(count: nil) { [self] in
            while let item = try all.advance() {
                let isTaken = try scoped(in: outer) {
                    try bind(loop.target, item)
                    return try evaluate(condition).isTrue
                }
                if isTaken { return item }
            }
            return nil
        }
    }

    /// Gives a value to a name, a namespace's attribute, or values to several.
    func bind(_ target: TemplateTarget, _ value: TemplateValue) throws {
        switch target {
        case .name(let name): scope.set(name, value)
        case .attribute(let name, let attribute):
            guard case .namespace(let namespace) = self.value(of: name) else {
                throw TemplateFault("\"\(name)\" is no namespace, and takes no attribute \"\(attribute)\"")
            }
            try namespace.fields.set(.string(attribute), value)
        case .tuple(let targets):
            let values = try items(of: value)
            guard values.count == targets.count else {
                throw TemplateFault("\(values.count) values cannot be given to \(targets.count) names")
            }
            for (target, value) in zip(targets, values) { try bind(target, value) }
        }
    }

    // MARK: Macros

    /// What a macro prints.
    ///
    /// - Parameters:
    ///   - positional: its arguments by place.
    ///   - named: its arguments by name.
    func call(
        _ macro: TemplateMacro, _ positional: [TemplateValue], _ named: [(name: String, value: TemplateValue)]
    ) throws -> TemplateValue {
        let definition = macro.definition
        let parameters = definition.parameters
        guard positional.count <= parameters.count else {
            throw TemplateFault(
                "the macro \"\(definition.name)\" takes at most \(parameters.count) arguments, not \(positional.count)")
        }
        let open = parameters[positional.count...]
        if let stranger = named.first(where: { argument in !open.contains { $0.name == argument.name } }) {
            throw TemplateFault("the macro \"\(definition.name)\" takes no argument named \"\(stranger.name)\" here")
        }
        return .string(
            try captured {
                try scoped(in: macro.scope) {
                    for (place, parameter) in parameters.enumerated() {
                        let value =
                            try place < positional.count
                            ? positional[place]
                            : named.first { $0.name == parameter.name }?.value
                                ?? parameter.standard.map { try evaluate($0) }
                                ?? .undefined("parameter \"\(parameter.name)\" was not provided")
                        scope.set(parameter.name, value)
                    }
                    _ = try run(definition.body)
                }
            })
    }
}

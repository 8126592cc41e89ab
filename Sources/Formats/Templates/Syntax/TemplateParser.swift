internal import Base

/// Reads tokens into statements, refusing by name what the renderer does not have.
///
/// The grammar is jinja2's (3.1.6, `parser.py`), with the tags of transformers' environment: `break`, `continue` and
/// `generation`.
struct TemplateParser {
    var tokens: [TemplateToken]
    var position = 0
    /// Brackets and blocks that are open.
    private var nesting = 0
    private var loopDepth = 0
    private var macroDepth = 0
    private var bodyCount = 0
    /// The names that something is bound to, anywhere.
    private var boundNames: Set<String> = []
    /// The names that are read, with the line of the first time.
    private(set) var readNames: [String: Int] = [:]
    private var calledNames: [(name: String, line: Int)] = []

    /// A template that was read.
    struct Result: Sendable {
        let body: TemplateBody
        /// The names that are undefined in a body, by its number, until something is bound to them.
        let hiddenNames: [Int: [String]]
        let readNames: Set<String>
    }

    /// - Throws: `TemplateFault` with the line of what is wrong, or not supported.
    static func parse(_ source: String) throws -> Result {
        guard source.utf8.count <= TemplateLimits.sourceByteCount else {
            throw TemplateFault("the template has more than \(TemplateLimits.sourceByteCount) bytes")
        }
        var parser = TemplateParser(tokens: try TemplateLexer.tokens(of: source))
        let body = parser.numbered(try parser.statements(endedBy: []))
        try parser.checkNames()
        return Result(
            body: body, hiddenNames: TemplateNames(of: body).hidden, readNames: Set(parser.readNames.keys))
    }

    private init(tokens: [TemplateToken]) { self.tokens = tokens }

    // MARK: Tokens

    var current: TemplateToken { tokens[position] }
    var next: TemplateToken { tokens[min(position + 1, tokens.count - 1)] }

    mutating func advance() {
        if position < tokens.count - 1 { position += 1 }
    }

    mutating func skip(_ kind: TemplateToken.Kind) -> Bool {
        guard current.kind == kind else { return false }
        advance()
        return true
    }

    mutating func expect(_ kind: TemplateToken.Kind) throws {
        guard !skip(kind) else { return }
        let expected = TemplateToken(kind: kind, line: current.line).description
        throw TemplateFault("\(expected) is expected, not \(current.description)", line: current.line)
    }

    mutating func expectName() throws -> String {
        guard case .name(let name) = current.kind else {
            throw TemplateFault("a name is expected, not \(current.description)", line: current.line)
        }
        advance()
        return name
    }

    /// Runs `body` one level deeper.
    mutating func nested<Value>(_ body: (inout TemplateParser) throws -> Value) throws -> Value {
        nesting += 1
        defer { nesting -= 1 }
        guard nesting <= TemplateLimits.nesting else {
            throw TemplateFault(
                "brackets and blocks are nested more than \(TemplateLimits.nesting) deep", line: current.line)
        }
        return try body(&self)
    }

    // MARK: Names

    mutating func noteRead(_ name: String, line: Int) throws {
        if ["caller", "kwargs", "varargs"].contains(name), macroDepth > 0 {
            throw TemplateFault("\"\(name)\" within a macro is not supported", line: line)
        }
        if readNames[name] == nil { readNames[name] = line }
    }

    mutating func noteCall(_ name: String, line: Int) { calledNames.append((name, line)) }

    private mutating func bind(_ name: String, line: Int) throws {
        guard !["true", "false", "none", "True", "False", "None"].contains(name) else {
            throw TemplateFault("nothing can be bound to \"\(name)\"", line: line)
        }
        guard name != "loop", name != "self" else {
            throw TemplateFault("binding a value to \"\(name)\" is not supported", line: line)
        }
        boundNames.insert(name)
    }

    /// What jinja2 offers and this does not must not pass as undefined.
    private func checkNames() throws {
        for name in ["cycler", "joiner", "lipsum", "self"] where !boundNames.contains(name) {
            if let line = readNames[name] { throw TemplateFault("\"\(name)\" is not supported", line: line) }
        }
        for (name, line) in calledNames where !boundNames.contains(name) && TemplateFunction(rawValue: name) == nil {
            throw TemplateFault(
                "the function \"\(name)\" is not supported", line: line,
                advice: "supported: the template's macros, \(Self.list(TemplateFunction.allCases.map(\.rawValue)))")
        }
    }

    static func list(_ names: [String]) -> String { names.sorted().joined(separator: ", ") }

    // MARK: Statements

    /// Statements up to a tag named in `ends`, whose name is the current token then; to the end of all without any.
    private mutating func statements(endedBy ends: Set<String>) throws -> [TemplateStatement] {
        var statements: [TemplateStatement] = []
        while true {
            let line = current.line
            switch current.kind {
            case .text(let text):
                advance()
                statements.append(TemplateStatement(line: line, form: .text(text)))
            case .variableBegin:
                advance()
                let value = try tuple()
                try expect(.variableEnd)
                statements.append(TemplateStatement(line: line, form: .print(value)))
            case .blockBegin:
                advance()
                let name = try expectName()
                if ends.contains(name) {
                    position -= 1
                    return statements
                }
                let form = try nested { try $0.statement(name, line: line) }
                try expect(.blockEnd)
                statements.append(TemplateStatement(line: line, form: form))
            default:
                guard ends.isEmpty else {
                    throw TemplateFault("{% \(ends.sorted().last!) %} is missing", line: line)
                }
                return statements
            }
        }
    }

    private mutating func numbered(_ statements: [TemplateStatement]) -> TemplateBody {
        bodyCount += 1
        return TemplateBody(number: bodyCount, statements: statements)
    }

    /// The body of a block, with the name that ended it.
    private mutating func body(endedBy ends: String...) throws -> (body: [TemplateStatement], end: String) {
        _ = skip(.symbol(":"))
        try expect(.blockEnd)
        let body = try statements(endedBy: Set(ends))
        return (body, try expectName())
    }

    private mutating func statement(_ name: String, line: Int) throws -> TemplateStatement.Form {
        switch name {
        case "if": return .conditional(try conditional())
        case "for": return .loop(try forLoop())
        case "set": return try assignment()
        case "macro": return .macro(try macro())
        case "filter":
            var filters = [try filterCall()]
            while skip(.symbol("|")) { filters.append(try filterCall()) }
            return .filterBlock(filters, try outsideLoops { try $0.body(endedBy: "endfilter").body })
        case "generation":
            return .generation(try outsideLoops { try $0.body(endedBy: "endgeneration").body })
        case "break", "continue":
            guard loopDepth > 0 else {
                throw TemplateFault("{% \(name) %} stands outside of a loop", line: line)
            }
            return name == "break" ? .break : .continue
        default:
            throw TemplateFault(
                "the tag {% \(name) %} is not supported here", line: line,
                advice: "supported: if, for, set, macro, filter, generation, break, continue, raw")
        }
    }

    private mutating func conditional() throws -> TemplateConditional {
        var branches: [(test: TemplateExpression, body: [TemplateStatement])] = []
        while true {
            let test = try tuple(hasConditional: false)
            let (body, end) = try body(endedBy: "elif", "else", "endif")
            branches.append((test, body))
            if end == "endif" { return TemplateConditional(branches: branches, otherwise: []) }
            if end == "else" {
                return TemplateConditional(branches: branches, otherwise: try self.body(endedBy: "endif").body)
            }
        }
    }

    private mutating func forLoop() throws -> TemplateForLoop {
        let target = try target(isAssignment: false)
        try expect(.name("in"))
        let items = try tuple(hasConditional: false)
        let condition = skip(.name("if")) ? try expression() : nil
        guard current.kind != .name("recursive") else {
            throw TemplateFault("recursive loops are not supported", line: current.line)
        }
        loopDepth += 1
        let (body, end) = try body(endedBy: "else", "endfor")
        loopDepth -= 1
        let otherwise = end == "else" ? numbered(try self.body(endedBy: "endfor").body) : nil
        return TemplateForLoop(
            target: target, items: items, condition: condition, body: numbered(body), otherwise: otherwise)
    }

    private mutating func assignment() throws -> TemplateStatement.Form {
        let target = try target(isAssignment: true)
        if skip(.symbol("=")) { return .set(target, try tuple()) }
        var filters: [TemplateFilterCall] = []
        while skip(.symbol("|")) { filters.append(try filterCall()) }
        return .setBlock(target, filters, try outsideLoops { try $0.body(endedBy: "endset").body })
    }

    private mutating func macro() throws -> TemplateMacroDefinition {
        let line = current.line
        let name = try expectName()
        try bind(name, line: line)
        try expect(.symbol("("))
        var parameters: [(name: String, standard: TemplateExpression?)] = []
        macroDepth += 1
        defer { macroDepth -= 1 }
        while !skip(.symbol(")")) {
            if !parameters.isEmpty { try expect(.symbol(",")) }
            let line = current.line
            let parameter = try expectName()
            guard !["caller", "kwargs", "varargs"].contains(parameter) else {
                throw TemplateFault("a parameter named \"\(parameter)\" is not supported", line: line)
            }
            guard !parameters.contains(where: { $0.name == parameter }) else {
                throw TemplateFault("the macro \"\(name)\" has two parameters named \"\(parameter)\"", line: line)
            }
            try bind(parameter, line: line)
            let standard = skip(.symbol("=")) ? try expression() : nil
            guard standard != nil || parameters.last?.standard == nil else {
                throw TemplateFault("a parameter without a default follows one with a default", line: line)
            }
            parameters.append((parameter, standard))
        }
        let body = try outsideLoops { try $0.body(endedBy: "endmacro").body }
        return TemplateMacroDefinition(name: name, parameters: parameters, body: body)
    }

    /// Reads a body that no `break` leaves.
    private mutating func outsideLoops(
        _ read: (inout TemplateParser) throws -> [TemplateStatement]
    ) throws -> TemplateBody {
        let depth = loopDepth
        loopDepth = 0
        defer { loopDepth = depth }
        return numbered(try read(&self))
    }

    /// What `for` or `set` binds: a name, a namespace's attribute (`set` alone), or several with commas.
    private mutating func target(isAssignment: Bool) throws -> TemplateTarget {
        let first = try singleTarget(isAssignment: isAssignment)
        guard current.kind == .symbol(",") else { return first }
        var targets = [first]
        while skip(.symbol(",")) {
            // A comma may stand behind the last one.
            if [.name("in"), .symbol("="), .symbol(")"), .blockEnd].contains(current.kind) { break }
            targets.append(try singleTarget(isAssignment: isAssignment))
        }
        return .tuple(targets)
    }

    private mutating func singleTarget(isAssignment: Bool) throws -> TemplateTarget {
        let line = current.line
        if skip(.symbol("(")) {
            let target = try nested { try $0.target(isAssignment: isAssignment) }
            try expect(.symbol(")"))
            return target
        }
        let name = try expectName()
        guard isAssignment, skip(.symbol(".")) else {
            try bind(name, line: line)
            return .name(name)
        }
        try noteRead(name, line: line)
        let attribute = try expectName()
        guard !attribute.hasPrefix("_") else {
            throw TemplateFault("a namespace takes no attribute that begins with \"_\": \"\(attribute)\"", line: line)
        }
        return .attribute(namespace: name, name: attribute)
    }
}

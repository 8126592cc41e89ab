/// Finds the names that are undefined in a body until something is bound to them, though the caller gives them values.
///
/// jinja2 decides where a name comes from once for a whole body: one that is bound before it is read there is never
/// looked for among the caller's values, not even by macros and loops that read it before. So
/// `{% for i in [1] %}{{ x }}{% endfor %}{% set x = 1 %}` prints nothing, whatever the caller's `x` is.
///
/// Source: jinja2 3.1.6, `idtracking.py`.
struct TemplateNames {
    /// The names by the number of their body.
    private(set) var hidden: [Int: [String]] = [:]

    init(of root: TemplateBody) { analyze(root, outer: []) }

    /// What is known of the names of one body.
    private struct Frame {
        /// The names that enclosing bodies know.
        let outer: Set<String>
        var known: Set<String> = []
        var bound: Set<String> = []
        /// Known, and bound before they were read.
        var hidden: Set<String> = []

        mutating func read(_ name: String) {
            if !outer.contains(name) { known.insert(name) }
        }

        mutating func bind(_ name: String) {
            bound.insert(name)
            if known.insert(name).inserted, !outer.contains(name) { hidden.insert(name) }
        }

        mutating func declareParameter(_ name: String) {
            bound.insert(name)
            known.insert(name)
            hidden.remove(name)
        }

        /// What is bound in some branches alone may come from outside.
        mutating func join(_ branches: [Frame]) {
            let before = bound
            for branch in branches {
                for name in branch.known {
                    if branch.hidden.contains(name) { hidden.insert(name) } else { hidden.remove(name) }
                }
                known.formUnion(branch.known)
                bound.formUnion(branch.bound)
            }
            hidden.subtract(bound.subtracting(before))
        }
    }

    private mutating func analyze(
        _ body: TemplateBody, outer: Set<String>, parameters: [String] = [], read: [TemplateExpression] = []
    ) {
        var frame = Frame(outer: outer)
        for name in parameters { frame.declareParameter(name) }
        for expression in read { visit(expression, in: &frame) }
        for statement in body.statements { visit(statement, in: &frame) }
        if !frame.hidden.isEmpty { hidden[body.number] = frame.hidden.sorted() }
        analyzeBodies(within: body.statements, outer: outer.union(frame.known))
    }

    /// The bodies that have names of their own.
    private mutating func analyzeBodies(within statements: [TemplateStatement], outer: Set<String>) {
        for statement in statements {
            switch statement.form {
            case .conditional(let conditional):
                for branch in conditional.branches { analyzeBodies(within: branch.body, outer: outer) }
                analyzeBodies(within: conditional.otherwise, outer: outer)
            case .loop(let loop):
                analyze(loop.body, outer: outer, parameters: ["loop"] + Self.names(of: loop.target))
                if let otherwise = loop.otherwise { analyze(otherwise, outer: outer) }
            case .setBlock(_, _, let body), .filterBlock(_, let body), .generation(let body):
                analyze(body, outer: outer)
            case .macro(let macro):
                analyze(
                    macro.body, outer: outer, parameters: macro.parameters.map(\.name),
                    read: macro.parameters.compactMap(\.standard))
            case .text, .print, .set, .break, .continue: break
            }
        }
    }

    private static func names(of target: TemplateTarget) -> [String] {
        switch target {
        case .name(let name): [name]
        case .attribute: []
        case .tuple(let targets): targets.flatMap(names)
        }
    }

    private func visit(_ statement: TemplateStatement, in frame: inout Frame) {
        switch statement.form {
        case .text, .generation, .break, .continue: break
        case .print(let expression): visit(expression, in: &frame)
        case .conditional(let conditional): visit(conditional.branches[...], conditional.otherwise, in: &frame)
        case .loop(let loop): visit(loop.items, in: &frame)
        case .set(let target, let expression):
            visit(expression, in: &frame)
            visit(target, in: &frame)
        case .setBlock(let target, _, _): visit(target, in: &frame)
        case .filterBlock(let filters, _):
            for part in filters.flatMap(\.parts) { visit(part, in: &frame) }
        case .macro(let macro): frame.bind(macro.name)
        }
    }

    private func visit(
        _ branches: ArraySlice<(test: TemplateExpression, body: [TemplateStatement])>, _ otherwise: [TemplateStatement],
        in frame: inout Frame
    ) {
        guard let first = branches.first else { return }
        visit(first.test, in: &frame)
        var (then, others, last) = (frame, frame, frame)
        for statement in first.body { visit(statement, in: &then) }
        // Each elif is a condition of its own beside the one before.
        for branch in branches.dropFirst() { visit([branch], [], in: &others) }
        for statement in otherwise { visit(statement, in: &last) }
        frame.join([then, others, last])
    }

    private func visit(_ target: TemplateTarget, in frame: inout Frame) {
        switch target {
        case .name(let name): frame.bind(name)
        case .attribute(let namespace, _): frame.read(namespace)
        case .tuple(let targets): for target in targets { visit(target, in: &frame) }
        }
    }

    private func visit(_ expression: TemplateExpression, in frame: inout Frame) {
        expression.forEachName { frame.read($0) }
    }
}

extension TemplateExpression {
    /// All names that are read.
    func forEachName(_ body: (String) -> Void) {
        if case .name(let name) = form { body(name) }
        if case .call(let name, _) = form { body(name) }
        for part in parts { part.forEachName(body) }
    }

    /// The expressions that this one is made of.
    private var parts: [TemplateExpression] {
        switch form {
        case .literal, .name: []
        case .list(let elements), .tuple(let elements), .concatenation(let elements): elements
        case .mapping(let fields): fields.flatMap { [$0.key, $0.value] }
        case .attribute(let base, _), .not(let base), .negative(let base), .positive(let base): [base]
        case .item(let base, let index): [base, index]
        case .slice(let base, let slice): [base] + [slice.lower, slice.upper, slice.step].compactMap { $0 }
        case .call(_, let call): call.positional + call.named.map(\.value)
        case .method(let base, _, let arguments): [base] + arguments.compactMap { $0 }
        case .filter(let base, let call): [base] + call.parts
        case .test(let base, let call): [base] + call.arguments
        case .arithmetic(_, let left, let right), .and(let left, let right), .or(let left, let right): [left, right]
        case .comparison(let first, let rest): [first] + rest.map(\.1)
        case .conditional(let test, let then, let otherwise): [test, then] + [otherwise].compactMap { $0 }
        }
    }
}

extension TemplateFilterCall {
    fileprivate var parts: [TemplateExpression] {
        var parts = arguments.compactMap { $0 }
        switch itemStep {
        case nil: break
        case .attribute(_, let otherwise): parts += [otherwise].compactMap { $0 }
        case .filter(let call): parts += call.parts
        case .test(_, let call): parts += call?.arguments ?? []
        }
        return parts
    }
}

/// An expression with the line that it begins in.
struct TemplateExpression: Sendable {
    let line: Int
    let form: Form

    indirect enum Form: Sendable {
        case literal(TemplateLiteral)
        case name(String)
        case list([TemplateExpression])
        case tuple([TemplateExpression])
        case mapping([(key: TemplateExpression, value: TemplateExpression)])
        case attribute(TemplateExpression, String)
        case item(TemplateExpression, TemplateExpression)
        case slice(TemplateExpression, TemplateSlice)
        /// A macro, or a function of the environment.
        case call(String, TemplateCall)
        /// A method with its arguments by place; nil where one is left out.
        case method(TemplateExpression, TemplateMethod, [TemplateExpression?])
        case filter(TemplateExpression, TemplateFilterCall)
        case test(TemplateExpression, TemplateTestCall)
        case not(TemplateExpression)
        case negative(TemplateExpression)
        case positive(TemplateExpression)
        case arithmetic(TemplateOperator, TemplateExpression, TemplateExpression)
        case concatenation([TemplateExpression])
        case comparison(TemplateExpression, [(TemplateComparison, TemplateExpression)])
        case and(TemplateExpression, TemplateExpression)
        case or(TemplateExpression, TemplateExpression)
        case conditional(test: TemplateExpression, then: TemplateExpression, otherwise: TemplateExpression?)
    }
}

enum TemplateLiteral: Sendable {
    case none
    case bool(Bool)
    case integer(Int)
    case double(Double)
    case string(String)
}

struct TemplateSlice: Sendable {
    let lower: TemplateExpression?
    let upper: TemplateExpression?
    let step: TemplateExpression?
}

/// Arguments as they were written.
struct TemplateCall: Sendable {
    var positional: [TemplateExpression] = []
    var named: [(name: String, value: TemplateExpression)] = []
}

enum TemplateOperator: String, Sendable {
    case add = "+"
    case subtract = "-"
    case multiply = "*"
    case divide = "/"
    case floorDivide = "//"
    case remainder = "%"
    case power = "**"
}

enum TemplateComparison: String, Sendable {
    case equal = "=="
    case notEqual = "!="
    case less = "<"
    case lessOrEqual = "<="
    case greater = ">"
    case greaterOrEqual = ">="
    case `in` = "in"
    case notIn = "not in"
}

struct TemplateFilterCall: Sendable {
    let filter: TemplateFilter
    /// By place; nil where one is left out.
    let arguments: [TemplateExpression?]
    /// What `map`, `select` and their like do with each item.
    let itemStep: TemplateItemStep?
}

indirect enum TemplateItemStep: Sendable {
    /// The field of `map(attribute=…)`, and what stands for one that is undefined.
    case attribute(TemplateAttributePath, otherwise: TemplateExpression?)
    case filter(TemplateFilterCall)
    /// A test of each item, or of a field of it; without one, of its truth.
    case test(TemplateAttributePath?, TemplateTestCall?)
}

/// `a.0.b` in an argument: keys and positions.
struct TemplateAttributePath: Sendable {
    enum Part: Sendable {
        case key(String)
        case position(Int)
    }

    let parts: [Part]

    init(_ text: String) {
        parts = text.split(separator: ".", omittingEmptySubsequences: false).map { part in
            Int(part).flatMap { part.allSatisfy(\.isNumber) ? .position($0) : nil } ?? .key(String(part))
        }
    }
}

struct TemplateTestCall: Sendable {
    let test: TemplateTest
    let arguments: [TemplateExpression]
}

/// A statement, or text, with its line.
struct TemplateStatement: Sendable {
    let line: Int
    let form: Form

    indirect enum Form: Sendable {
        case text(String)
        case print(TemplateExpression)
        case conditional(TemplateConditional)
        case loop(TemplateForLoop)
        case set(TemplateTarget, TemplateExpression)
        case setBlock(TemplateTarget, [TemplateFilterCall], TemplateBody)
        /// `{% filter %}`: prints what the filters make of what the body prints.
        case filterBlock([TemplateFilterCall], TemplateBody)
        case macro(TemplateMacroDefinition)
        /// `{% generation %}`, which changes nothing that is printed.
        case generation(TemplateBody)
        case `break`
        case `continue`
    }
}

/// Statements with names of their own.
struct TemplateBody: Sendable {
    /// Tells it from the template's other bodies.
    let number: Int
    let statements: [TemplateStatement]
}

struct TemplateConditional: Sendable {
    /// `if`, then each `elif`.
    let branches: [(test: TemplateExpression, body: [TemplateStatement])]
    let otherwise: [TemplateStatement]
}

struct TemplateForLoop: Sendable {
    let target: TemplateTarget
    let items: TemplateExpression
    let condition: TemplateExpression?
    let body: TemplateBody
    /// Nil without `{% else %}`.
    let otherwise: TemplateBody?
}

/// What a value is bound to.
indirect enum TemplateTarget: Sendable {
    case name(String)
    case attribute(namespace: String, name: String)
    case tuple([TemplateTarget])
}

struct TemplateMacroDefinition: Sendable {
    let name: String
    let parameters: [(name: String, standard: TemplateExpression?)]
    let body: TemplateBody
}

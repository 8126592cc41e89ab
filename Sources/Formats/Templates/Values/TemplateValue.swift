internal import JSON

/// A value while a template is rendered, with the kinds that Python has for it.
enum TemplateValue {
    /// What a name, field or item that is not there stands for; printed as nothing.
    ///
    /// The text says what is missing, for the error that using it is.
    case undefined(String)
    case none
    case bool(Bool)
    case integer(Int)
    case double(Double)
    case string(String)
    /// What the filter `safe` makes: Python's Markup, which escapes whatever is added to it.
    case safe(String)
    case list(TemplateItems)
    case tuple(TemplateItems)
    case mapping(TemplateMapping)
    /// The keys, values or fields of a mapping.
    case view(TemplateView)
    case range(TemplateRange)
    case generator(TemplateGenerator)
    case namespace(TemplateNamespace)
    case macro(TemplateMacro)
    case loop(TemplateLoop)
    case function(TemplateFunction)
    /// A method that is not called.
    case method(String)

    /// The text of a string, marked safe or not.
    var text: String? {
        switch self {
        case .string(let text), .safe(let text): text
        default: nil
        }
    }

    var isUndefined: Bool {
        if case .undefined = self { true } else { false }
    }

    /// How many containers lie within each other, this one included.
    var depth: Int {
        switch self {
        case .list(let items), .tuple(let items): items.depth
        case .mapping(let mapping): mapping.depth
        case .view(let view): view.items.depth
        case .generator(let generator): generator.depth
        default: 0
        }
    }

    /// How much there is to walk through: values, and 16 bytes of text as one. A list may hold another twice, and so
    /// have a weight far beyond the memory that it takes.
    var weight: Int {
        switch self {
        case .string(let text), .safe(let text): text.utf8.count / TemplateLimits.bytesPerStep + 1
        case .list(let items), .tuple(let items): items.weight
        case .mapping(let mapping): mapping.weight
        case .view(let view): view.items.weight
        case .range(let range): range.count + 1
        default: 1
        }
    }

    /// Python's name of the type, for messages.
    var typeName: String {
        switch self {
        case .undefined: "undefined"
        case .none: "None"
        case .bool: "bool"
        case .integer: "int"
        case .double: "float"
        case .string: "str"
        case .safe: "text marked safe"
        case .list: "list"
        case .tuple: "tuple"
        case .mapping: "dict"
        case .view: "dict view"
        case .range: "range"
        case .generator: "generator"
        case .namespace: "namespace"
        case .macro: "macro"
        case .loop: "loop"
        case .function: "function"
        case .method: "method"
        }
    }

    /// Python's truth.
    var isTrue: Bool {
        switch self {
        case .undefined, .none: false
        case .bool(let value): value
        case .integer(let value): value != 0
        case .double(let value): value != 0
        case .string(let text), .safe(let text): !text.isEmpty
        case .list(let items), .tuple(let items): !items.values.isEmpty
        case .mapping(let mapping): mapping.count > 0
        case .view(let view): !view.items.values.isEmpty
        case .range(let range): range.count > 0
        case .generator, .namespace, .macro, .loop, .function, .method: true
        }
    }

    /// - Throws: `TemplateFault` for values that lie too deep within each other.
    init(_ json: JSONValue) throws {
        switch json {
        case .null: self = .none
        case .bool(let value): self = .bool(value)
        case .integer(let value): self = .integer(Int(value))
        case .number(let value): self = .double(value)
        case .string(let value): self = .string(value)
        case .array(let values): self = .list(try TemplateItems(values.map { try TemplateValue($0) }))
        case .object(let object):
            var mapping = TemplateMapping()
            for (key, value) in object { try mapping.set(.string(key), try TemplateValue(value)) }
            self = .mapping(mapping)
        }
    }

    init(_ literal: TemplateLiteral) {
        switch literal {
        case .none: self = .none
        case .bool(let value): self = .bool(value)
        case .integer(let value): self = .integer(value)
        case .double(let value): self = .double(value)
        case .string(let value): self = .string(value)
        }
    }
}

/// The values of a list or tuple, which know how deep they reach, since what is freed or printed level by level must
/// not reach deeper than the stack, and how much they hold.
struct TemplateItems {
    let values: [TemplateValue]
    let depth: Int
    let weight: Int

    /// - Throws: `TemplateFault` beyond the limits of depth and number.
    init(_ values: [TemplateValue]) throws {
        guard values.count <= TemplateLimits.listCount else {
            throw TemplateFault("a list has more than \(TemplateLimits.listCount) items")
        }
        self.values = values
        depth = try Self.checkedDepth(values.reduce(0) { max($0, $1.depth) } + 1)
        weight = values.reduce(1) { Self.sum($0, $1.weight) }
    }

    /// A sum of weights, which may grow beyond all numbers.
    static func sum(_ left: Int, _ right: Int) -> Int { min(left + right, 1 << 40) }

    static func checkedDepth(_ depth: Int) throws -> Int {
        guard depth <= TemplateLimits.valueDepth else {
            throw TemplateFault("values lie more than \(TemplateLimits.valueDepth) deep within each other")
        }
        return depth
    }
}

struct TemplateView {
    enum Kind: String {
        case items = "dict_items"
        case keys = "dict_keys"
        case values = "dict_values"
    }

    let kind: Kind
    let items: TemplateItems
}

/// Python's range; at most ``TemplateLimits/rangeCount`` numbers.
struct TemplateRange {
    let first: Int
    /// Which is not reached.
    let end: Int
    let step: Int
    let count: Int

    func value(at index: Int) -> TemplateValue { .integer(first + index * step) }

    var values: [TemplateValue] { (0..<count).map(value) }
}

/// The values that a filter makes one after the other, once.
final class TemplateGenerator {
    private var rest: ArraySlice<TemplateValue>
    /// Nil drops the item.
    private let step: (TemplateValue) throws -> TemplateValue?
    let depth: Int

    init(_ values: [TemplateValue], depth: Int, step: @escaping (TemplateValue) throws -> TemplateValue? = { $0 }) {
        rest = values[...]
        self.step = step
        self.depth = depth
    }

    func next() throws -> TemplateValue? {
        while let value = rest.popFirst() {
            if let made = try step(value) { return made }
        }
        return nil
    }
}

/// What `namespace(…)` makes: fields that may be set from within loops.
final class TemplateNamespace {
    var fields: TemplateMapping

    init(fields: TemplateMapping) { self.fields = fields }
}

final class TemplateMacro {
    let definition: TemplateMacroDefinition
    /// Where the macro stands, whose names it sees.
    let scope: TemplateScope

    init(definition: TemplateMacroDefinition, scope: TemplateScope) {
        self.definition = definition
        self.scope = scope
    }
}

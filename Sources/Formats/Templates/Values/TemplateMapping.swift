/// A mapping in the order of its first insertions, as Python's dict.
struct TemplateMapping {
    private(set) var keys: [TemplateKey] = []
    private(set) var values: [TemplateValue] = []
    private var positions: [TemplateKey: Int] = [:]
    private(set) var depth = 1
    /// At least what there is to walk through: what was replaced is still counted.
    private(set) var weight = 1

    var count: Int { keys.count }

    subscript(key: TemplateKey) -> TemplateValue? { positions[key].map { values[$0] } }

    subscript(name: String) -> TemplateValue? { self[.string(name)] }

    /// Sets a value; a key that is there keeps its place.
    ///
    /// - Throws: `TemplateFault` where the value reaches too deep.
    mutating func set(_ key: TemplateKey, _ value: TemplateValue) throws {
        depth = max(depth, try TemplateItems.checkedDepth(value.depth + 1))
        weight = TemplateItems.sum(weight, TemplateItems.sum(key.value.weight, value.weight))
        if let position = positions[key] {
            values[position] = value
        } else {
            positions[key] = keys.count
            keys.append(key)
            values.append(value)
        }
    }

    /// Key and value as a tuple each.
    func items() throws -> [TemplateValue] {
        try zip(keys, values).map { .tuple(try TemplateItems([$0.value, $1])) }
    }
}

/// A key of a mapping. Numbers of equal value are one key, texts are compared by their bytes.
enum TemplateKey: Hashable {
    case none
    case bool(Bool)
    case integer(Int)
    case double(Double)
    case string(String)

    /// - Returns: nil for what cannot be a key, here or in Python.
    init?(_ value: TemplateValue) {
        switch value {
        case .none: self = .none
        case .bool(let value): self = .bool(value)
        case .integer(let value): self = .integer(value)
        case .double(let value): self = .double(value)
        case .string(let text), .safe(let text): self = .string(text)
        default: return nil
        }
    }

    var value: TemplateValue {
        switch self {
        case .none: .none
        case .bool(let value): .bool(value)
        case .integer(let value): .integer(value)
        case .double(let value): .double(value)
        case .string(let text): .string(text)
        }
    }

    private var number: TemplateNumber? { TemplateNumber(value) }

    static func == (left: TemplateKey, right: TemplateKey) -> Bool {
        switch (left, right) {
        case (.none, .none): true
        case (.string(let left), .string(let right)): left.utf8.elementsEqual(right.utf8)
        default:
            if let left = left.number, let right = right.number { left == right } else { false }
        }
    }

    func hash(into hasher: inout Hasher) {
        switch self {
        case .none: hasher.combine(0)
        case .string(let text): for byte in text.utf8 { hasher.combine(byte) }
        default: hasher.combine(number!.approximation)
        }
    }
}

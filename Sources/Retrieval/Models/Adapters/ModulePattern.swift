/// Which modules are meant, as PEFT's `target_modules` and `exclude_modules` say it.
public struct ModulePattern: Sendable, Equatable, ExpressibleByArrayLiteral {
    enum Form: Sendable, Equatable {
        /// Whole, or from a dot on: `query` means every module whose name ends in `.query`.
        case names([String])
        /// Matched by whole names.
        case expression(PythonExpression)
        case allLinear
    }

    let form: Form

    /// What stands for every linear layer.
    public static let allLinearWord = "all-linear"
    public static let allLinear = ModulePattern(.allLinear)

    init(_ form: Form) { self.form = form }

    /// Names, whole or from a dot on; ``allLinearWord`` among them means every linear layer.
    public init(names: [String]) {
        form = names.contains(ModulePattern.allLinearWord) ? .allLinear : .names(names)
    }

    public init(arrayLiteral names: String...) { self.init(names: names) }

    /// The listed names; nil for other forms.
    var names: [String]? {
        guard case .names(let names) = form else { return nil }
        return names
    }

    /// - Parameter isLinear: whether the module is a linear layer.
    func matches(_ module: String, isLinear: Bool) throws -> Bool {
        switch form {
        case .names(let names): names.contains { module == $0 || module.hasSuffix("." + $0) }
        case .expression(let expression): try expression.matches(module)
        case .allLinear: isLinear
        }
    }
}

/// The blocks whose modules are targets, as PEFT's `layers_to_transform` and `layers_pattern` say it.
struct BlockChoice: Sendable, Equatable {
    let blocks: Set<Int>
    /// Each matches a module's name up to and including its block's number.
    private let expressions: [PythonExpression]

    /// - Parameter patterns: names of the list of blocks, as `layers`; without any, what precedes the first number is
    ///   that list, if something precedes it in turn.
    init(_ blocks: [Int], patterns: [String]) throws {
        self.blocks = Set(blocks)
        expressions =
            patterns.isEmpty
            ? [try PythonExpression("", before: #".*?\.[^.]*\.\d+\."#, after: "")]
            : try patterns.map { try PythonExpression($0, before: #"(?:^|.*?\.)"#, after: #"\.\d+\."#) }
    }

    func contains(_ module: String) throws -> Bool {
        for expression in expressions {
            guard let match = try expression.match(module) else { continue }
            let number = match.dropLast().split(separator: ".").last.flatMap { Int($0) }
            return number.map(blocks.contains) ?? false
        }
        return false
    }
}

/// Values of single modules, as PEFT's `rank_pattern` and `alpha_pattern` say them: the first pattern counts that the end
/// of a name matches, from a dot on.
struct ModuleValues<Value: Sendable & Equatable>: Sendable, Equatable {
    private struct Entry: Sendable, Equatable {
        let pattern: PythonExpression
        let value: Value
    }

    private var entries: [Entry] = []

    mutating func append(_ pattern: String, _ value: Value) throws {
        entries.append(
            Entry(pattern: try PythonExpression(pattern, before: #"(?:.*\.)?(?:"#, after: #")\z"#), value: value))
    }

    subscript(module: String) -> Value? {
        get throws { try entries.first { try $0.pattern.matches(module) }?.value }
    }
}

/// The arguments that a filter, method or function takes.
struct TemplateSignature: Sendable {
    /// By place. A name is what the argument may be given by, unless all go by place alone.
    let parameters: [String]
    let requiredCount: Int
    let isPositionalOnly: Bool
    /// Any number of arguments may follow.
    let isVariadic: Bool

    init(_ parameters: String..., required: Int = 0, isPositionalOnly: Bool = false, isVariadic: Bool = false) {
        self.parameters = parameters
        self.requiredCount = required
        self.isPositionalOnly = isPositionalOnly
        self.isVariadic = isVariadic
    }

    /// Puts arguments in their places.
    ///
    /// - Parameter what: for messages, as `the filter "trim"`.
    func bind(_ call: TemplateCall, what: String, line: Int) throws -> [TemplateExpression?] {
        var bound: [TemplateExpression?] = call.positional
        guard isVariadic || bound.count <= parameters.count else {
            throw TemplateFault("\(what) takes at most \(parameters.count) arguments, not \(bound.count)", line: line)
        }
        while bound.count < parameters.count { bound.append(nil) }
        for (name, value) in call.named {
            guard !isPositionalOnly, let place = parameters.firstIndex(of: name) else {
                throw TemplateFault("\(what) takes no argument named \"\(name)\"", line: line)
            }
            guard bound[place] == nil else {
                throw TemplateFault("\(what) is given the argument \"\(name)\" twice", line: line)
            }
            bound[place] = value
        }
        if let missing = bound.prefix(requiredCount).firstIndex(where: { $0 == nil }) {
            throw TemplateFault("\(what) needs the argument \"\(parameters[missing])\"", line: line)
        }
        return bound
    }
}

/// Filters that are supported. Names and arguments are jinja2's, but for `tojson`, which is transformers'.
enum TemplateFilter: String, Sendable, CaseIterable {
    case abs, capitalize, `default`, dictsort, first, float, indent, int, items, join, last, length, list, lower, map
    case reject, rejectattr, replace, reverse, safe, select, selectattr, sort, string, title, tojson, trim, unique,
        upper

    /// - Parameter name: one of jinja2's names.
    init?(named name: String) {
        switch name {
        case "count": self = .length
        case "d": self = .default
        default: self.init(rawValue: name)
        }
    }

    /// Nil where the arguments say what is done with each item.
    var signature: TemplateSignature? {
        switch self {
        case .abs, .capitalize, .first, .items, .last, .length, .list, .lower, .reverse, .safe, .string, .title, .upper:
            TemplateSignature()
        case .default: TemplateSignature("default_value", "boolean")
        case .dictsort: TemplateSignature("case_sensitive", "by", "reverse")
        case .float: TemplateSignature("default")
        case .indent: TemplateSignature("width", "first", "blank")
        case .int: TemplateSignature("default", "base")
        case .join: TemplateSignature("d", "attribute")
        case .replace: TemplateSignature("old", "new", "count", required: 2)
        case .sort: TemplateSignature("reverse", "case_sensitive", "attribute")
        case .tojson: TemplateSignature("ensure_ascii", "indent", "separators", "sort_keys")
        case .trim: TemplateSignature("chars")
        case .unique: TemplateSignature("case_sensitive", "attribute")
        case .map, .reject, .rejectattr, .select, .selectattr: nil
        }
    }
}

/// Tests that are supported, under jinja2's names.
enum TemplateTest: String, Sendable, CaseIterable {
    case boolean, callable, defined, divisibleby, even, `false`, float, `in`, integer, iterable, lower, mapping, none
    case number, odd, sequence, string, `true`, undefined, upper
    case equal = "eq"
    case notEqual = "ne"
    case less = "lt"
    case lessOrEqual = "le"
    case greater = "gt"
    case greaterOrEqual = "ge"

    /// - Parameter name: one of jinja2's names.
    init?(named name: String) {
        switch name {
        case "==", "equalto": self = .equal
        case "!=": self = .notEqual
        case "<", "lessthan": self = .less
        case "<=": self = .lessOrEqual
        case ">", "greaterthan": self = .greater
        case ">=": self = .greaterOrEqual
        default: self.init(rawValue: name)
        }
    }

    var argumentCount: Int {
        switch self {
        case .divisibleby, .in, .equal, .notEqual, .less, .lessOrEqual, .greater, .greaterOrEqual: 1
        default: 0
        }
    }

    /// The comparison that the test is, with its subject on the left.
    var comparison: TemplateComparison? {
        switch self {
        case .equal: .equal
        case .notEqual: .notEqual
        case .less: .less
        case .lessOrEqual: .lessOrEqual
        case .greater: .greater
        case .greaterOrEqual: .greaterOrEqual
        case .in: .in
        default: nil
        }
    }
}

/// Methods that may be called: those of Python's strings, mappings and lists that change nothing, and `loop.cycle`.
enum TemplateMethod: String, Sendable, CaseIterable {
    case capitalize, count, cycle, endswith, find, get, index, isalnum, isalpha, isdigit, islower, isspace, isupper,
        items
    case join, keys, lower, lstrip, partition, removeprefix, removesuffix, replace, rfind, rpartition, rsplit, rstrip
    case split, splitlines, startswith, strip, title, upper, values

    var signature: TemplateSignature {
        switch self {
        case .capitalize, .isalnum, .isalpha, .isdigit, .islower, .isspace, .isupper, .items, .keys, .lower, .title,
            .upper,
            .values:
            TemplateSignature(isPositionalOnly: true)
        case .count, .find, .index, .rfind: TemplateSignature("value", required: 1, isPositionalOnly: true)
        case .cycle: TemplateSignature(isPositionalOnly: true, isVariadic: true)
        case .endswith, .startswith: TemplateSignature("text", required: 1, isPositionalOnly: true)
        case .get: TemplateSignature("key", "default", required: 1, isPositionalOnly: true)
        case .join: TemplateSignature("items", required: 1, isPositionalOnly: true)
        case .lstrip, .rstrip, .strip: TemplateSignature("characters", isPositionalOnly: true)
        case .partition, .rpartition: TemplateSignature("separator", required: 1, isPositionalOnly: true)
        case .removeprefix, .removesuffix: TemplateSignature("text", required: 1, isPositionalOnly: true)
        case .replace: TemplateSignature("old", "new", "count", required: 2, isPositionalOnly: true)
        case .rsplit, .split: TemplateSignature("sep", "maxsplit")
        case .splitlines: TemplateSignature("keepends")
        }
    }
}

/// Functions that templates find in transformers' environment.
enum TemplateFunction: String, Sendable, CaseIterable {
    case dict, namespace, range
    case raiseException = "raise_exception"
    /// There, as templates ask whether it is, and an error where it is called: a prompt must not depend on the clock.
    case strftimeNow = "strftime_now"
}

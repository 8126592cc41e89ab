internal import Glibc

/// A number with Python's arithmetic; whole numbers beyond 64 bits, which Python has, are errors.
enum TemplateNumber {
    case integer(Int)
    case double(Double)

    /// - Returns: nil for what is no number; true and false are 1 and 0.
    init?(_ value: TemplateValue) {
        switch value {
        case .bool(let value): self = .integer(value ? 1 : 0)
        case .integer(let value): self = .integer(value)
        case .double(let value): self = .double(value)
        default: return nil
        }
    }

    var value: TemplateValue {
        switch self {
        case .integer(let value): .integer(value)
        case .double(let value): .double(value)
        }
    }

    var approximation: Double {
        switch self {
        case .integer(let value): Double(value)
        case .double(let value): value
        }
    }

    static func == (left: TemplateNumber, right: TemplateNumber) -> Bool {
        switch (left, right) {
        case (.integer(let left), .integer(let right)): left == right
        case (.double(let left), .double(let right)): left == right
        case (.integer(let whole), .double(let other)), (.double(let other), .integer(let whole)):
            Int(exactly: other) == whole
        }
    }

    static func < (left: TemplateNumber, right: TemplateNumber) -> Bool {
        switch (left, right) {
        case (.integer(let left), .integer(let right)): left < right
        case (.double(let left), .double(let right)): left < right
        case (.integer(let whole), .double(let other)): isLess(whole, than: other)
        case (.double(let other), .integer(let whole)): !other.isNaN && !(left == right) && !isLess(whole, than: other)
        }
    }

    /// Exactly, where a double of the whole number would be rounded.
    private static func isLess(_ whole: Int, than other: Double) -> Bool {
        guard abs(other) < 0x1p63 else { return other > 0 }
        let floor = other.rounded(.down)
        return whole < Int(floor) || whole == Int(floor) && floor < other
    }

    private static func whole(_ result: (partialValue: Int, overflow: Bool)) throws -> TemplateNumber {
        guard !result.overflow else { throw TemplateFault("a whole number needs more than 64 bits") }
        return .integer(result.partialValue)
    }

    func negated() throws -> TemplateNumber {
        switch self {
        case .integer(let value): try Self.whole((0 as Int).subtractingReportingOverflow(value))
        case .double(let value): .double(-value)
        }
    }

    func magnitude() throws -> TemplateNumber {
        switch self {
        case .integer(let value): value < 0 ? try negated() : self
        case .double(let value): .double(value.magnitude)
        }
    }

    static func apply(_ sign: TemplateOperator, _ left: TemplateNumber, _ right: TemplateNumber) throws
        -> TemplateNumber
    {
        if case .integer(let left) = left, case .integer(let right) = right {
            return try apply(sign, whole: left, right)
        }
        let (left, right) = (left.approximation, right.approximation)
        switch sign {
        case .add: return .double(left + right)
        case .subtract: return .double(left - right)
        case .multiply: return .double(left * right)
        case .divide:
            try refuseZero(right == 0)
            return .double(left / right)
        case .floorDivide:
            try refuseZero(right == 0)
            return .double(divided(left, right).quotient)
        case .remainder:
            try refuseZero(right == 0)
            return .double(divided(left, right).remainder)
        case .power:
            try refuseZero(left == 0 && right < 0)
            let power = pow(left, right)
            guard power.isFinite || !left.isFinite || !right.isFinite else {
                throw TemplateFault("a power is too large, or no real number")
            }
            return .double(power)
        }
    }

    private static func refuseZero(_ isZero: Bool) throws {
        if isZero { throw TemplateFault("a division by zero") }
    }

    private static func apply(_ sign: TemplateOperator, whole left: Int, _ right: Int) throws -> TemplateNumber {
        switch sign {
        case .add: return try whole(left.addingReportingOverflow(right))
        case .subtract: return try whole(left.subtractingReportingOverflow(right))
        case .multiply: return try whole(left.multipliedReportingOverflow(by: right))
        case .divide:
            try refuseZero(right == 0)
            let limit = 1 << 53
            // Beyond it Python rounds the quotient once, doubles twice.
            guard abs(left.magnitudeClamped) <= limit, abs(right.magnitudeClamped) <= limit else {
                throw TemplateFault("a division of whole numbers beyond 2^53 is not supported")
            }
            return .double(Double(left) / Double(right))
        case .floorDivide, .remainder:
            try refuseZero(right == 0)
            // The one quotient that does not fit.
            if right == -1 { return sign == .remainder ? .integer(0) : try TemplateNumber.integer(left).negated() }
            let remainder = left % right
            let isBelow = remainder != 0 && (remainder < 0) != (right < 0)
            if sign == .remainder { return .integer(isBelow ? remainder + right : remainder) }
            return .integer(isBelow ? left / right - 1 : left / right)
        case .power:
            guard right >= 0 else {
                try refuseZero(left == 0)
                return .double(pow(Double(left), Double(right)))
            }
            return try power(left, right)
        }
    }

    private static func power(_ base: Int, _ exponent: Int) throws -> TemplateNumber {
        if base == 0 || base == 1 { return .integer(exponent == 0 ? 1 : base) }
        if base == -1 { return .integer(exponent % 2 == 0 ? 1 : -1) }
        guard exponent < 64 else { throw TemplateFault("a whole number needs more than 64 bits") }
        var result = TemplateNumber.integer(1)
        for _ in 0..<exponent { result = try apply(.multiply, result, .integer(base)) }
        return result
    }

    /// As CPython's `float.__divmod__`.
    private static func divided(_ left: Double, _ right: Double) -> (quotient: Double, remainder: Double) {
        var remainder = fmod(left, right)
        var quotient = (left - remainder) / right
        if remainder != 0 {
            if (right < 0) != (remainder < 0) {
                remainder += right
                quotient -= 1
            }
        } else {
            remainder = right < 0 ? -0.0 : 0.0
        }
        guard quotient != 0 else { return ((left / right).sign == .minus ? -0.0 : 0.0, remainder) }
        let floor = quotient.rounded(.down)
        return (quotient - floor > 0.5 ? floor + 1 : floor, remainder)
    }
}

extension Int {
    /// The absolute value; of the least number, the largest.
    fileprivate var magnitudeClamped: Int { self == .min ? .max : Swift.abs(self) }
}

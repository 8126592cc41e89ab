/// What a template may use: far beyond any published one, and little enough that a hostile one ends with an error.
enum TemplateLimits {
    static let sourceByteCount = 1 << 20
    /// Of a rendered prompt, and of every text on the way to it.
    static let outputByteCount = 16 << 20
    /// Brackets and blocks within each other.
    static let nesting = 100
    /// Operators, filters or accesses of one row, as the terms of a sum.
    static let chainLength = 200
    /// Lists and mappings within each other.
    static let valueDepth = 128
    /// Expressions, blocks and macros under way at once. A level takes at most a few KiB of stack.
    static let evaluationDepth = 400
    /// Expressions, items and, at 16 bytes a step, texts; and so many more for each that the conversation holds.
    static let stepCount = 1_000_000
    static let stepsPerWeight = 32
    static let bytesPerStep = 16
    /// Of one list; a range of more is refused by jinja2's sandbox as well.
    static let rangeCount = 100_000
    static let listCount = 1_000_000
}

public import ArgumentParser
public import Base

// Options of numbers: `@Option(in: .threads, help: …) var threads: Int?`. `--help` ends with the range, and a number
// outside of it is wrong usage (status 64) before the command runs.
extension Option {
    /// A number that may be left out.
    public init<Number: RangedNumber>(
        name: NameSpecification = .long, in range: NumberRange<Number>,
        parsing: SingleValueParsingStrategy = .next, help: ArgumentHelp
    ) where Value == Number? {
        self.init(name: name, parsing: parsing, help: help.stating(range), transform: { try range.number(of: $0) })
    }
}

extension Option where Value: RangedNumber {
    /// A number with a default.
    public init(
        wrappedValue: Value, name: NameSpecification = .long, in range: NumberRange<Value>, help: ArgumentHelp
    ) {
        self.init(
            wrappedValue: wrappedValue, name: name, help: help.stating(range),
            transform: { try range.number(of: $0) })
    }

    /// A number that must be given.
    public init(name: NameSpecification = .long, in range: NumberRange<Value>, help: ArgumentHelp) {
        self.init(name: name, help: help.stating(range), transform: { try range.number(of: $0) })
    }
}

extension ArgumentHelp {
    /// The help with the range behind its text.
    fileprivate func stating(_ range: NumberRange<some RangedNumber>) -> ArgumentHelp {
        var help = self
        help.abstract += " \(range.description.capitalizedFirst)."
        return help
    }
}

extension String {
    fileprivate var capitalizedFirst: String { prefix(1).uppercased() + dropFirst() }
}

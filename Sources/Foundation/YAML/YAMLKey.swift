public import Base

/// A key of a configuration: what it takes, its default, what it means, and how it is read into a `Target`.
///
/// A list of keys is the one place that parses a section and explains it, so that the two cannot drift apart.
public struct YAMLKey<Target>: Sendable {
    public let name: String
    /// What the key takes, as `a whole number from 1 to 1024`.
    let values: String
    let meaning: String
    /// What a target holds under the key, for people; nil for nothing.
    let text: @Sendable (Target) -> String?
    let read: @Sendable (YAMLSection, inout Target) throws -> Void
    /// The keys below this one; none for a plain value.
    let children: @Sendable (Target, _ path: String) -> [YAMLKeyDescription]

    /// A key that is read by code of its own.
    public init(
        _ name: String, _ values: String, _ meaning: String,
        read: @escaping @Sendable (YAMLSection, inout Target) throws -> Void = { _, _ in },
        text: @escaping @Sendable (Target) -> String? = { _ in nil },
        children: @escaping @Sendable (Target, _ path: String) -> [YAMLKeyDescription] = { _, _ in [] }
    ) {
        self.name = name
        self.values = values
        self.meaning = meaning
        self.text = text
        self.read = read
        self.children = children
    }

    public static func number<Number: RangedNumber>(
        _ name: String, _ path: any WritableKeyPath<Target, Number> & Sendable, in range: NumberRange<Number>,
        _ meaning: String
    ) -> YAMLKey {
        YAMLKey(name, "\(Number.noun) \(range)", meaning) {
            if let value = try $0.number(name, in: range) { $1[keyPath: path] = value }
        } text: {
            NumberRange.text($0[keyPath: path])
        }
    }

    public static func number<Number: RangedNumber>(
        _ name: String, _ path: any WritableKeyPath<Target, Number?> & Sendable, in range: NumberRange<Number>,
        _ meaning: String
    ) -> YAMLKey {
        YAMLKey(name, "\(Number.noun) \(range)", meaning) {
            if let value = try $0.number(name, in: range) { $1[keyPath: path] = value }
        }
    }

    public static func flag(
        _ name: String, _ path: any WritableKeyPath<Target, Bool> & Sendable, _ meaning: String
    ) -> YAMLKey {
        YAMLKey(name, "true or false", meaning) {
            if let value = try $0.bool(name) { $1[keyPath: path] = value }
        } text: {
            "\($0[keyPath: path])"
        }
    }

    public static func flag(
        _ name: String, _ path: any WritableKeyPath<Target, Bool?> & Sendable, _ meaning: String
    ) -> YAMLKey {
        YAMLKey(name, "true or false", meaning) {
            if let value = try $0.bool(name) { $1[keyPath: path] = value }
        }
    }

    public static func choice<Choice: RawRepresentable<String> & CaseIterable & Sendable>(
        _ name: String, _ path: any WritableKeyPath<Target, Choice> & Sendable, _ meaning: String
    ) -> YAMLKey {
        YAMLKey(name, words(Choice.self), meaning) {
            if let value = try $0.choice(name, of: Choice.self) { $1[keyPath: path] = value }
        } text: {
            $0[keyPath: path].rawValue
        }
    }

    public static func choice<Choice: RawRepresentable<String> & CaseIterable & Sendable>(
        _ name: String, _ path: any WritableKeyPath<Target, Choice?> & Sendable, _ meaning: String
    ) -> YAMLKey {
        YAMLKey(name, words(Choice.self), meaning) {
            if let value = try $0.choice(name, of: Choice.self) { $1[keyPath: path] = value }
        }
    }

    public static func text(
        _ name: String, _ path: any WritableKeyPath<Target, String?> & Sendable, _ meaning: String
    ) -> YAMLKey {
        YAMLKey(name, "a text", meaning) {
            if let value = try $0.string(name) { $1[keyPath: path] = value }
        }
    }

    /// A mapping of keys of its own.
    public static func section<Inner>(
        _ name: String, _ path: any WritableKeyPath<Target, Inner> & Sendable, _ keys: [YAMLKey<Inner>],
        _ meaning: String
    ) -> YAMLKey {
        YAMLKey(name, "a mapping", meaning) {
            try $0.section(name, keys: keys.map(\.name))?.read(keys, into: &$1[keyPath: path])
        } children: {
            keys.descriptions(of: $0[keyPath: path], path: $1)
        }
    }

    /// A mapping that stands for nothing where it is left out.
    ///
    /// - Parameter defaults: what its own keys have where it is there.
    public static func section<Inner: Sendable>(
        _ name: String, _ path: any WritableKeyPath<Target, Inner?> & Sendable, defaults: Inner,
        _ keys: [YAMLKey<Inner>],
        _ meaning: String
    ) -> YAMLKey {
        YAMLKey(name, "a mapping", meaning) {
            guard let section = try $0.section(name, keys: keys.map(\.name)) else { return }
            var inner = defaults
            try section.read(keys, into: &inner)
            $1[keyPath: path] = inner
        } children: {
            keys.descriptions(of: $0[keyPath: path] ?? defaults, path: $1)
        }
    }

    private static func words<Choice: RawRepresentable<String> & CaseIterable & Sendable>(_: Choice.Type) -> String {
        Choice.allCases.map(\.rawValue).joined(separator: ", ")
    }
}

/// A key, explained.
public struct YAMLKeyDescription: Sendable {
    /// Dotted, from the root.
    public let path: String
    public let values: String
    /// Nil where there is none to be shown.
    public let standard: String?
    public let meaning: String
}

extension YAMLSection {
    /// Reads every key that is there; the others keep what `target` has.
    public func read<Target>(_ keys: [YAMLKey<Target>], into target: inout Target) throws {
        for key in keys { try key.read(self, &target) }
    }
}

extension Array {
    /// Every key with those below it, in order.
    ///
    /// - Parameter defaults: a target that nothing was read into.
    public func descriptions<Target>(of defaults: Target, path: String = "") -> [YAMLKeyDescription]
    where Element == YAMLKey<Target> {
        flatMap { key in
            let path = YAMLSection.join(path, key.name)
            return [
                YAMLKeyDescription(
                    path: path, values: key.values, standard: key.text(defaults), meaning: key.meaning)
            ] + key.children(defaults, path)
        }
    }
}

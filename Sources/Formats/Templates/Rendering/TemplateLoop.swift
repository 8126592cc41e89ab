/// A loop under way: what `loop` stands for in its body.
///
/// Items are taken when they are asked for, since a condition may depend on what the body has set; `last` and
/// `nextitem` take one ahead, `length` all of them, as in jinja2's `LoopContext`.
final class TemplateLoop {
    private let nextItem: () throws -> TemplateValue?
    /// Known at once for lists, not for what is filtered.
    private let knownCount: Int?
    private var ahead: ArraySlice<TemplateValue> = []
    /// From 0.
    private(set) var index = -1
    private var current: TemplateValue?
    private var before: TemplateValue?
    private var finalCount: Int?
    /// How many loops enclose this one: always none, as loops do not call themselves here.
    private static let depth = 0

    init(count: Int?, next: @escaping () throws -> TemplateValue?) {
        knownCount = count
        nextItem = next
    }

    /// Moves on to the next item.
    func advance() throws -> TemplateValue? {
        guard let item = try ahead.popFirst() ?? nextItem() else { return nil }
        index += 1
        before = current
        current = item
        return item
    }

    private func peek() throws -> TemplateValue? {
        if ahead.isEmpty, let item = try nextItem() { ahead.append(item) }
        return ahead.first
    }

    private func count() throws -> Int {
        if let count = knownCount ?? finalCount { return count }
        while let item = try nextItem() { ahead.append(item) }
        let count = index + 1 + ahead.count
        finalCount = count
        return count
    }

    /// An attribute of `loop`; nil for one that it does not have.
    func attribute(_ name: String) throws -> TemplateValue? {
        switch name {
        case "index": .integer(index + 1)
        case "index0": .integer(index)
        case "revindex": .integer(try count() - index)
        case "revindex0": .integer(try count() - index - 1)
        case "first": .bool(index == 0)
        case "last": .bool(try peek() == nil)
        case "length": .integer(try count())
        case "previtem": before ?? .undefined("there is no previous item")
        case "nextitem": try peek() ?? .undefined("there is no next item")
        case "depth": .integer(Self.depth + 1)
        case "depth0": .integer(Self.depth)
        case "cycle": .method("cycle")
        case "changed": throw TemplateFault("loop.changed is not supported")
        default: nil
        }
    }
}

/// Names with their values; what is not here is looked for outside.
final class TemplateScope {
    private let parent: TemplateScope?
    private var values: [String: TemplateValue] = [:]

    init(in parent: TemplateScope?) { self.parent = parent }

    func set(_ name: String, _ value: TemplateValue) { values[name] = value }

    func value(of name: String) -> TemplateValue? {
        var scope: TemplateScope? = self
        while let current = scope {
            if let value = current.values[name] { return value }
            scope = current.parent
        }
        return nil
    }

    /// Forgets all values: a macro holds the scope that holds it.
    func clear() { values = [:] }
}

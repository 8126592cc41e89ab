/// A task in words, and how it is put before a query: `Instruct: {task}\nQuery:{q}`.
public struct Instruction: Sendable, Equatable {
    /// `{task}` stands for the task, `{q}` at the end for the query.
    public let template: String
    public let task: String

    /// Models differ in a space behind `Query:`; this one is without, as Qwen3-Embedding's.
    public static let usualTemplate = "Instruct: {task}\nQuery:{q}"

    private static let taskMark = "{task}"
    private static let queryMark = "{q}"

    /// - Returns: nil for a template without `{task}`, or in which `{q}` does not stand at the end and there alone.
    public init?(template: String = usualTemplate, task: String) {
        guard template.hasSuffix(Self.queryMark), template.ranges(of: Self.queryMark).count == 1,
            template.ranges(of: Self.taskMark).count == 1
        else { return nil }
        self.template = template
        self.task = task
    }

    /// The template and the task of a prompt of the usual form.
    init?(prompt: String) {
        guard let template = Instruction.template(of: prompt) else { return nil }
        let ends = template.dropLast(Self.queryMark.count).split(
            separator: Self.taskMark, maxSplits: 1, omittingEmptySubsequences: false)
        self.init(template: template, task: String(prompt.dropFirst(ends[0].count).dropLast(ends[1].count)))
    }

    /// What is put before a query.
    public var prompt: String {
        let parts = template.dropLast(Self.queryMark.count).split(
            separator: Self.taskMark, maxSplits: 1, omittingEmptySubsequences: false)
        return parts[0] + task + parts[1]
    }

    /// The template of a prompt of this form, with its own spaces; nil for a prompt of another form.
    public static func template(of prompt: String) -> String? {
        let (start, end) = ("Instruct: ", "\nQuery:")
        guard prompt.hasPrefix(start), let query = prompt.ranges(of: end).last else { return nil }
        return start + taskMark + prompt[query.lowerBound...] + queryMark
    }
}

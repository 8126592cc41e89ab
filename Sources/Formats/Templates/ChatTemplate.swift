internal import Base
public import JSON

/// A chat template of a model: what turns a conversation into the text that the model is given.
///
/// ```swift
/// let template = try ChatTemplate("{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}", name: "tiny")
/// try template.render(messages: [["role": "user", "content": "Hello"]])  // "<user>Hello"
/// ```
///
/// Renders byte for byte what transformers 5.24 does with jinja2 3.1.6, for the templates that it takes; every other
/// one is refused. What jinja2 leaves to Python's version of Unicode (case, printable characters) follows Swift's.
public struct ChatTemplate: Sendable {
    /// The file that the template stands in, for errors.
    public let name: String
    /// The field that holds it; nil where it is the whole file.
    public let field: String?
    private let parsed: TemplateParser.Result

    /// Parses a template.
    ///
    /// - Parameters:
    ///   - source: at most 1 MiB.
    ///   - name: of the file, or whatever errors shall call the template.
    ///   - field: the field of the file that the template is.
    /// - Throws: `InputError` with status 78 and the line of what is wrong or not supported: a tag, filter, test,
    ///   method or function, wherever in the template it stands.
    public init(_ source: String, name: String, field: String? = nil) throws {
        self.name = name
        self.field = field
        do {
            parsed = try TemplateParser.parse(source)
        } catch let fault as TemplateFault {
            throw Self.error(fault, line: fault.line, name: name, field: field)
        }
    }

    /// Whether the template reads a name anywhere: a variable that it does not read changes nothing.
    public func reads(_ variable: String) -> Bool { parsed.readNames.contains(variable) }

    /// The prompt of a conversation.
    ///
    /// As transformers does, fields of a message that are null are left out, and what a message holds as
    /// `reasoning_content`, `thinking` or `reasoning` is found under the first of these names, and `thinking`, as well.
    ///
    /// - Parameters:
    ///   - messages: objects with a `role` and, as a rule, a `content`: a text, or a list of parts such as
    ///     `{"type": "text", "text": "…"}` and `{"type": "image"}`. Media are marked in the prompt, never read.
    ///   - addGenerationPrompt: whether the beginning of the model's answer is added.
    ///   - variables: what else the template may ask for: `bos_token` and other special tokens, `tools`, `documents`,
    ///     `add_vision_id`, `enable_thinking`, a date. `tools` and `documents` are null where they are not given.
    /// - Throws: `InputError` with status 78 for a fault that only shows with these values, as an operation on an
    ///   undefined one, for what the template itself refuses, and beyond the limits of time, depth and size.
    public func render(
        messages: JSONValue, addGenerationPrompt: Bool = false, variables: JSONObject = [:]
    ) throws -> String {
        do {
            let values = try Conversation.variables(
                messages: messages, addGenerationPrompt: addGenerationPrompt, variables: variables)
            let renderer = TemplateRenderer(parsed, variables: values)
            do {
                return try renderer.render()
            } catch var fault as TemplateFault {
                fault.line = fault.line ?? renderer.line
                throw fault
            }
        } catch let fault as TemplateFault {
            throw Self.error(fault, line: fault.line, name: name, field: field)
        }
    }

    private static func error(_ fault: TemplateFault, line: Int?, name: String, field: String?) -> InputError {
        // Within a JSON file the template's lines are not the file's.
        let isFile = field == nil
        let reason = isFile ? fault.reason : (line.map { "line \($0) of the template: " } ?? "") + fault.reason
        return InputError(
            reason, at: Place(path: name, line: isFile ? line : nil, field: field), advice: fault.advice,
            exitStatus: .badConfiguration)
    }
}

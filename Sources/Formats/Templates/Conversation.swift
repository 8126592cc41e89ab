internal import JSON

/// The values that a template is rendered with, as transformers prepares them.
enum Conversation {
    /// All names that the caller gives values to.
    ///
    /// - Throws: `TemplateFault` for messages that are none, and for variables whose names are taken.
    static func variables(
        messages: JSONValue, addGenerationPrompt: Bool, variables: JSONObject
    ) throws -> TemplateMapping {
        guard let messages = messages.array, !messages.isEmpty else {
            throw TemplateFault("a conversation is a list of at least one message")
        }
        var values = TemplateMapping()
        let prepared = try messages.enumerated().map { try TemplateValue(message($1, place: $0)) }
        try values.set(.string("messages"), .list(TemplateItems(prepared)))
        try values.set(.string("tools"), .none)
        try values.set(.string("documents"), .none)
        try values.set(.string("add_generation_prompt"), .bool(addGenerationPrompt))
        for (name, value) in variables {
            guard name != "messages", name != "add_generation_prompt" else {
                throw TemplateFault("\"\(name)\" is given with the conversation, not as a variable")
            }
            guard TemplateFunction(rawValue: name) == nil else {
                throw TemplateFault("a variable cannot be named as the function \"\(name)\"")
            }
            try values.set(.string(name), TemplateValue(value))
        }
        return values
    }

    private static let reasoningFields = ["reasoning_content", "thinking", "reasoning"]

    /// A message without its null fields, its reasoning under the names that templates read.
    private static func message(_ value: JSONValue, place: Int) throws -> JSONValue {
        guard let object = value.object else { throw TemplateFault("message \(place + 1) is no object") }
        guard object["role"]?.string != nil else {
            throw TemplateFault("message \(place + 1) has no \"role\" that is a text")
        }
        switch object["content"] {
        case nil, .null, .string: break
        case .array(let parts) where parts.allSatisfy({ $0.object != nil }): break
        default: throw TemplateFault("the \"content\" of message \(place + 1) is neither a text nor a list of objects")
        }
        var fields: [(String, JSONValue)] = []
        let reasoning = reasoningFields.lazy.compactMap { object[$0] }.first { !$0.isNull }
        if let reasoning { fields.append(("thinking", reasoning)) }
        fields += object.filter { !$0.value.isNull }.map { ($0.key, $0.value) }
        if let reasoning { fields.append(("reasoning_content", reasoning)) }
        return .object(JSONObject(fields))
    }
}

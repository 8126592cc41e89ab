import Base
import SystemPackage
import Templates
import Testing
import TestKit

/// Which of a folder's templates is taken, in the order of transformers 5.24.
@Suite struct FolderTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private func write(_ text: String, to name: String) throws { try folder.write(text, to: name) }

    /// What a folder's template prints, with the place that it stood in.
    private func found(
        _ reader: ChatTemplate.Reader, named name: String? = nil, hasTools: Bool = false
    ) throws -> [String]? {
        let found = try ChatTemplate.find(in: folder.path, for: reader, named: name, hasTools: hasTools)
        return try found.map {
            [try $0.template.render(messages: [["role": "user", "content": "x"]]), $0.place] + $0.passedOver
        }
    }

    @Test func anEmptyFolderHasNone() throws {
        try write("{\"chat_template\": null}", to: "tokenizer_config.json")
        #expect(try found(.tokenizer) == nil && found(.processor) == nil)
    }

    @Test func filesComeBeforeTheConfiguration() throws {
        try write(
            "{\"chat_template\": \"config\", \"model_max_length\": 1000000000000000019884624838656}",
            to: "tokenizer_config.json")
        #expect(try found(.tokenizer) == ["config", "tokenizer_config.json, chat_template"])
        // A processor does not look there.
        #expect(try found(.processor) == nil)
        try write("file", to: "chat_template.jinja")
        #expect(try found(.tokenizer) == ["file", "chat_template.jinja", "tokenizer_config.json"])
        #expect(try found(.processor) == ["file", "chat_template.jinja", "tokenizer_config.json"])
    }

    @Test func processorsPreferTheirOwnFiles() throws {
        try write("file\n", to: "chat_template.jinja")
        try write("{\"chat_template\": \"legacy\"}", to: "chat_template.json")
        #expect(try found(.processor) == ["legacy", "chat_template.json, chat_template", "chat_template.jinja"])
        #expect(try found(.tokenizer) == ["file", "chat_template.jinja", "chat_template.json"])
        try write("{\"chat_template\": \"processor\"}", to: "processor_config.json")
        #expect(
            try found(.processor)
                == ["processor", "processor_config.json, chat_template", "chat_template.json", "chat_template.jinja"])
    }

    @Test func namedTemplates() throws {
        try write(
            """
            {"chat_template": [{"name": "default", "template": "d"}, {"name": "tool_use", "template": "t"}]}
            """,
            to: "tokenizer_config.json")
        #expect(try found(.tokenizer)?.first == "d")
        #expect(try found(.tokenizer, hasTools: true) == ["t", "tokenizer_config.json, chat_template \"tool_use\""])
        #expect(try found(.tokenizer, named: "tool_use")?.first == "t")
        #expect(throws: InputError.self) { try found(.tokenizer, named: "rag") }
        try write("r", to: "additional_chat_templates/rag.jinja")
        #expect(try found(.tokenizer, named: "rag")?[1] == "additional_chat_templates/rag.jinja")
        // The files replace the configuration altogether.
        #expect(throws: InputError.self) { try found(.tokenizer) }
        try write("{\"chat_template\": \"legacy\"}", to: "chat_template.json")
        #expect(throws: InputError.self) { try found(.processor) }
    }

    @Test func badFilesAreRefused() throws {
        try write("{\"chat_template\": 1}", to: "tokenizer_config.json")
        #expect(throws: InputError.self) { try found(.tokenizer) }
        try write("{\"chat_template\": []}", to: "tokenizer_config.json")
        #expect(throws: InputError.self) { try found(.tokenizer) }
        try write("{\"chat_template\": \"{% nonsense %}\"}", to: "tokenizer_config.json")
        #expect(throws: InputError.self) { try found(.tokenizer) }
        try write(
            "{\"chat_template\": [{\"name\": \"a\", \"template\": \"\"}, {\"name\": \"a\", \"template\": \"\"}]}",
            to: "tokenizer_config.json")
        #expect(throws: InputError.self) { try found(.tokenizer, named: "a") }
    }
}

import JSON
import SystemPackage
import Templates
import Testing
import TestKit

/// Every template of `Golden/templates` with every conversation, byte for byte as transformers renders it.
@Suite struct PromptTests {
    private static let golden = Golden()
    static let names = (try? JSONValue.parse(file: golden("prompts.json")))?.object?.keys ?? []

    @Test func goldenFilesAreThere() { #expect(Self.names.count == 9) }

    @Test(arguments: names) func promptsAreThoseOfTheReference(name: String) throws {
        let conversations = try #require(JSONValue.parse(file: Self.golden("conversations.json")).object)
        let expected = try #require(JSONValue.parse(file: Self.golden("prompts.json"))[name]?.object)
        let path = Self.golden("templates").appending("\(name).jinja")
        let source = String(decoding: try Self.golden.bytes("templates/\(name).jinja"), as: UTF8.self)
        let template = try ChatTemplate(source, name: path.string)
        #expect(expected.count == conversations.count)
        for (title, conversation) in conversations {
            let results = try #require(expected[title]?.array)
            var variables: JSONObject = ["bos_token": "<s>", "eos_token": "</s>"]
            for (name, value) in conversation["variables"]?.object ?? [:] { variables[name] = value }
            for (generation, result) in zip([false, true], results) {
                let text = try? template.render(
                    messages: try #require(conversation["messages"]), addGenerationPrompt: generation,
                    variables: variables)
                #expect((text.map { JSONValue($0) } ?? .null) == result, "\(title), generation prompt \(generation)")
            }
        }
    }
}

/// Some hundred generated templates over all constructs, with what jinja2 makes of them.
@Suite struct ExpressionTests {
    @Test func expressionsAreThoseOfTheReference() throws {
        let golden = try JSONValue.parse(file: Golden()("expressions.json"))
        let variables = try #require(golden["variables"]?.object)
        let cases = try #require(golden["templates"]?.array)
        #expect(cases.count == 700)
        for entry in cases {
            let source = try #require(entry.array?[0].string)
            let expected = try #require(entry.array?[1])
            let text = try? ChatTemplate(source, name: "generated").render(
                messages: [["role": "user", "content": "x"]], variables: variables)
            #expect((text.map { JSONValue($0) } ?? .null) == expected, "\(source)")
        }
    }
}

internal import Base
internal import JSON

extension Tokenizer {
    /// `tokenizer.json` with a post-processor that also puts the `eos_token` behind each text; as it is where texts are
    /// ended already, or nothing names such a token.
    ///
    /// - Throws: `InputError` for a post-processor of a kind that ends no text and has no place for an end.
    public func configurationBytesWithEnd() throws -> [UInt8] {
        guard !endsTexts, let endOfText, let id = endOfTextID else { return configurationBytes }
        guard var file = try JSONValue.parse(configurationBytes, path: "tokenizer.json").object else {
            return configurationBytes
        }
        let end = TextEnd(token: String(decoding: endOfText, as: UTF8.self), id: id)
        file["post_processor"] = try end.added(to: file["post_processor"] ?? .null)
        return Array(JSONValue.object(file).pretty().utf8)
    }
}

/// A token behind each text, as `tokenizer.json` has it.
private struct TextEnd {
    let token: String
    let id: Int32

    private func piece(_ typeID: JSONValue) -> JSONValue {
        ["SpecialToken": ["id": .string(token), "type_id": typeID]]
    }

    private var special: JSONValue {
        ["id": .string(token), "ids": [JSONValue(Int(id))], "tokens": [.string(token)]]
    }

    /// For texts alone and for pairs of them.
    private var template: JSONValue {
        func text(_ name: String, _ typeID: JSONValue) -> JSONValue {
            ["Sequence": ["id": .string(name), "type_id": typeID]]
        }
        return [
            "type": "TemplateProcessing", "single": [text("A", 0), piece(0)],
            "pair": [text("A", 0), piece(0), text("B", 1), piece(1)],
            "special_tokens": .object(JSONObject([(token, special)])),
        ]
    }

    func added(to processor: JSONValue) throws -> JSONValue {
        guard var fields = processor.object else { return template }
        switch fields["type"]?.string {
        case "ByteLevel": return ["type": "Sequence", "processors": [processor, template]]
        case "Sequence":
            var processors = fields["processors"]?.array ?? []
            let last = processors.lastIndex { $0["type"]?.string == "TemplateProcessing" }
            if let last { processors[last] = try added(to: processors[last]) } else { processors.append(template) }
            fields["processors"] = .array(processors)
            return .object(fields)
        case "TemplateProcessing":
            for (field, typeID) in [("single", 0), ("pair", 1)] as [(String, JSONValue)] {
                if let pieces = fields[field]?.array { fields[field] = .array(pieces + [piece(typeID)]) }
            }
            var specials = fields["special_tokens"]?.object ?? JSONObject()
            specials[token] = special
            fields["special_tokens"] = .object(specials)
            return .object(fields)
        case let other:
            throw InputError(
                "an end of text cannot be put into a post-processor of type \(other ?? "nothing")",
                at: Place(path: "tokenizer.json", field: "post_processor"), exitStatus: .badConfiguration)
        }
    }
}

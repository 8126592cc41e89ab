internal import Base
internal import JSON

extension TokenizerFile {
    /// The ids that a post-processor puts before and after a text.
    static func specialTokens(_ part: Component) throws -> (prefix: [Int32], suffix: [Int32]) {
        switch try part.requireType([
            "TemplateProcessing", "BertProcessing", "RobertaProcessing", "ByteLevel", "Sequence",
        ]) {
        case "BertProcessing":
            try part.allow(["type", "sep", "cls"])
            return ([try part.tokenAndID("cls")], [try part.tokenAndID("sep")])
        case "RobertaProcessing":
            // The other two concern offsets.
            try part.allow(["type", "sep", "cls", "trim_offsets", "add_prefix_space"])
            try part.checkFlags(["trim_offsets", "add_prefix_space"])
            return ([try part.tokenAndID("cls")], [try part.tokenAndID("sep")])
        case "ByteLevel":
            // Concerns offsets only.
            try part.allow(["type", "add_prefix_space", "trim_offsets", "use_regex"])
            try part.checkFlags(["add_prefix_space", "trim_offsets", "use_regex"])
            return ([], [])
        case "Sequence":
            try part.allow(["type", "processors"])
            var prefix: [Int32] = []
            var suffix: [Int32] = []
            for processor in try part.components("processors") {
                let (before, after) = try specialTokens(processor)
                prefix = before + prefix
                suffix += after
            }
            return (prefix, suffix)
        default:
            try part.allow(["type", "single", "pair", "special_tokens"])
            return try template(part)
        }
    }

    /// Takes the template for one text apart into what comes before and after the text.
    private static func template(_ part: Component) throws -> (prefix: [Int32], suffix: [Int32]) {
        let tokens = try part.component("special_tokens")
        var prefix: [Int32] = []
        var suffix: [Int32] = []
        var isPastText = false
        for piece in try part.components("single") {
            if let sequence = try piece.optional("Sequence") {
                guard try sequence.string("id") == "A", !isPastText else {
                    throw sequence.error("the template for one text must contain it once, as \"A\"", "id")
                }
                isPastText = true
            } else {
                let name = try piece.component("SpecialToken").string("id")
                let ids = try tokens.component(name).ids("ids")
                if isPastText { suffix += ids } else { prefix += ids }
            }
        }
        guard isPastText else { throw part.error("the template for one text does not contain it", "single") }
        return (prefix, suffix)
    }
}

internal import Base
internal import Records

extension ModelCard {
    /// What a folder says about the prompt of queries.
    struct StatedPrompt {
        let text: String?
        let instruction: Instruction?
    }
}

extension ModelCard.Overrides {
    /// These with prompts in place of names and of the instruction, and the instruction that the prompt of queries was
    /// made of; nil where it was made of none.
    ///
    /// - Parameters:
    ///   - named: the prompts of `config_sentence_transformers.json`.
    ///   - stated: what the folder says about queries, where these say nothing.
    /// - Throws: `Failure` (78) for a name that there is not, and where a prompt is given twice.
    func withPrompts(
        _ named: [(name: String, text: String)], stated: ModelCard.StatedPrompt,
        settingName: (ModelCard.Setting) -> String
    ) throws -> (overrides: Self, instruction: Instruction?) {
        var overrides = self
        for role in Role.allCases {
            guard let name = side(role).promptName else { continue }
            guard side(role).prompt == nil else {
                throw Self.conflict(.prompt(role), .promptName(role), settingName)
            }
            guard let prompt = named.first(where: { $0.name.utf8.elementsEqual(name.utf8) }) else {
                let names = named.map { escaped($0.name.utf8) }.joined(separator: ", ")
                throw Failure(
                    .badConfiguration,
                    "\(settingName(.promptName(role))): the model has no prompt \(escaped(name.utf8))",
                    advice: named.isEmpty ? "It has no prompts with a name." : "It has \(names).")
            }
            if role == .query { overrides.query.prompt = prompt.text } else { overrides.document.prompt = prompt.text }
        }
        guard let task = instruction else {
            return (overrides, overrides.query.prompt == nil ? stated.instruction : nil)
        }
        guard overrides.query.prompt == nil else {
            let other = query.promptName == nil ? ModelCard.Setting.prompt(.query) : .promptName(.query)
            throw Self.conflict(other, .instruction, settingName)
        }
        let template =
            stated.instruction?.template ?? stated.text.flatMap(Instruction.template) ?? Instruction.usualTemplate
        guard let instruction = Instruction(template: template, task: task) else {
            // The folder's prompt has a mark of ours in it.
            throw Failure(
                .badConfiguration,
                "\(settingName(.instruction)): the model's prompt is not a template: \(escaped(template.utf8))",
                advice: "Give the whole prompt: \(settingName(.prompt(.query)))")
        }
        overrides.query.prompt = instruction.prompt
        return (overrides, instruction)
    }

    private static func conflict(
        _ one: ModelCard.Setting, _ other: ModelCard.Setting, _ settingName: (ModelCard.Setting) -> String
    ) -> Failure {
        Failure(.badConfiguration, "\(settingName(one)) and \(settingName(other)) say the same thing: give one of them")
    }
}

internal import Base
internal import Models
internal import Records
internal import SystemPackage

extension GoldenCheck {
    /// A golden file beside the model that is checked against it.
    struct Comparison {
        let golden: GoldenVectors
        let model: EmbeddingModel
        let file: FilePath

        func report(leastCosine: Double, note: String?) -> Report {
            Report(
                file: file, tool: golden.tool, textCount: golden.entries.count, leastCosine: leastCosine,
                threshold: threshold, note: note)
        }

        private var threshold: Double {
            GoldenCheck.threshold(made: golden.kind, loaded: model.isQuantized ? .uint8 : model.precision.storage)
        }

        private func error(_ field: String, _ reason: String) -> InputError {
            InputError(
                reason, at: Place(path: file.string, field: field),
                advice: "Copy the folder again, or give the adapter, the card and the tokenizer that it was written "
                    + "with. Where the change is meant, `tvt-model golden --force` writes the file anew; "
                    + "--no-golden-check goes on without it.")
        }

        /// Whether a setting comes from outside of the folder, which the file cannot know.
        private func isFromOutside(_ setting: ModelCard.Setting) -> Bool {
            model.sources[setting]?.isFromOutside ?? false
        }

        func checkDims() throws {
            guard golden.dims == model.card.dims else {
                throw error(
                    "dims", "the vectors have \(golden.dims) dims, and those of the model \(model.card.dims)")
            }
        }

        /// - Returns: why vectors cannot be compared, where the user wants others.
        func checkHead() throws -> String? {
            let pooling = model.card.pooling.rawValue
            if golden.pooling != pooling {
                guard isFromOutside(.pooling) else {
                    throw error(
                        "pooling", "the vectors were made with \(golden.pooling), and the model's files say \(pooling)")
                }
                return "golden vectors are not compared: they were made with the pooling \(golden.pooling), and "
                    + "\(pooling) is asked for"
            }
            // A cosine does not see the length, so that a scaling which the user wants is no hindrance.
            guard golden.normalize == model.card.normalize || isFromOutside(.normalize) else {
                throw error(
                    "normalize",
                    "the vectors were made with \(golden.normalize), and the model's files say \(model.card.normalize)")
            }
            return try checkAttention()
        }

        private func checkAttention() throws -> String? {
            guard golden.attention != model.card.attention else { return nil }
            func text(_ attention: AttentionDirection?) -> String { attention?.rawValue ?? "that of config.json" }
            let (made, now) = (text(golden.attention), text(model.card.attention))
            guard isFromOutside(.attention) else {
                throw error(
                    "attention", "the vectors were made with \(made), and the model's files say \(now)")
            }
            return "golden vectors are not compared: they were made with the attention \(made), and \(now) is asked for"
        }

        /// The texts, with token ids as the file has them.
        func checkedTexts() throws -> [ModelInput] {
            for role in Role.allCases where !isFromOutside(.prompt(role)) {
                let (made, now) = (golden.prompt(role), model.card.side(role).prompt)
                guard made.utf8.elementsEqual(now.utf8) else {
                    throw error(
                        "prompts.\(role.rawValue)",
                        "the vectors were made with the prompt \(escaped(made.utf8)), and the model's files say "
                            + escaped(now.utf8))
                }
            }
            // Like a prompt, an end of text that the user wants is no change of the folder.
            guard golden.endOfText == model.card.endOfText || isFromOutside(.endOfText) else {
                throw error(
                    "eos",
                    "the vectors were made with \(golden.endOfText.rawValue), and the model's files say "
                        + model.card.endOfText.rawValue)
            }
            return try golden.entries.enumerated().map { number, entry in
                let tokens = try GoldenCheck.tokenize(
                    entry.text, prompt: golden.prompt(entry.role), endOfText: golden.endOfText, model)
                let ids = tokens.tokens
                guard ids != entry.ids else { return tokens }
                let same = zip(ids, entry.ids).prefix { $0 == $1 }.count
                func id(_ ids: [Int32]) -> String { same < ids.count ? "\(ids[same])" : "none" }
                throw error(
                    "texts.\(number).ids",
                    "the tokenizer has changed: token \(same) of \(excerpt(entry.text)) is \(id(ids)), and was "
                        + id(entry.ids))
            }
        }

        /// - Throws: `InputError` for the text with the least cosine, where that is too low.
        func leastCosine(_ vectors: [[Float]]) throws -> Double {
            let cosines = zip(golden.entries, vectors).map { GoldenCheck.cosine($0.vector, $1) }
            // A cosine that is not a number is the worst of all.
            let worst = cosines.indices.min {
                (cosines[$0].isNaN ? -2 : cosines[$0]) < (cosines[$1].isNaN ? -2 : cosines[$1])
            }!
            guard cosines[worst] >= threshold else {
                let place = "\(golden.entries[worst].role) \(excerpt(golden.entries[worst].text))"
                let cosine = cosines[worst].isNaN ? "not a number" : decimal(cosines[worst], digits: 6)
                throw error(
                    "texts.\(worst).vector",
                    "the model has changed since \(golden.tool) wrote the file: the cosine of the \(place) with its "
                        + "golden vector is \(cosine), and at least \(threshold) is expected")
            }
            return cosines[worst]
        }
    }

    /// In double precision, so that it does not add an error of its own.
    static func cosine(_ a: [Float], _ b: [Float]) -> Double {
        var (product, ofA, ofB) = (0.0, 0.0, 0.0)
        for (x, y) in zip(a, b) {
            product += Double(x) * Double(y)
            ofA += Double(x) * Double(x)
            ofB += Double(y) * Double(y)
        }
        return product / (ofA.squareRoot() * ofB.squareRoot())
    }
}

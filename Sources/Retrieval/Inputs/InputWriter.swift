internal import Base
internal import JSON
internal import Models
internal import Records
internal import Templates

/// Writes the tokens of an input: prompt, text, and a placeholder for each image, video or sound.
struct InputWriter: Sendable {
    let form: InputForm
    let tokenizer: RoleTokenizer
    private let prompt: [UInt8]

    init(_ form: InputForm, _ tokenizer: RoleTokenizer) {
        self.form = form
        self.tokenizer = tokenizer
        prompt = Array(tokenizer.side.prompt.utf8)
    }

    /// - Parameters:
    ///   - text: valid UTF-8, without prompt.
    ///   - media: in the order in which they stand.
    ///   - limit: of tokens, placeholders not counted.
    /// - Returns: tokens, special ones included, with one placeholder for each item, or for each picture of a video that is
    ///   named so.
    /// - Throws: `InputError` where prompt and template alone have more tokens than the limit, and for what the template
    ///   refuses.
    func tokens(
        _ text: [UInt8], _ media: [PlannedMedia], limit: Int, at place: @autoclosure () -> Place
    ) throws -> (tokens: [Int32], wasTruncated: Bool) {
        guard let template = form.template else { return try plain(text, media, limit, at: place()) }
        return try chat(template, text, media, limit, at: place())
    }

    private func ids(_ text: [UInt8]) throws -> [Int32] {
        var ids: [Int32] = []
        try text.withUnsafeBytes { try tokenizer.tokenizer.encodeAlone($0, into: &ids) }
        return ids
    }

    /// - Precondition: the model takes media of this kind: they are planned.
    private func placeholder(_ kind: MediaKind) -> Int32 {
        let rules = form.media!.rules
        return switch kind {
        case .image: rules.image!
        case .video: rules.video!
        case .audio: rules.audio!
        }
    }

    private func crowded(_ count: Int, _ limit: Int, at place: Place) -> InputError {
        InputError(
            "prompt, template and special tokens have \(count) tokens, and \(limit) are allowed beside the media",
            at: place,
            advice: "Allow longer inputs of this role, or make pictures smaller.")
    }

    /// What the tokens are made of, for people.
    func text(_ text: [UInt8], _ media: [PlannedMedia], at place: @autoclosure () -> Place) throws -> String {
        let ownText = form.settings.promptPlace == .system ? text : prompt + text
        if let template = form.template {
            return String(decoding: try rendered(template, ownText, media, at: place()), as: UTF8.self)
        }
        let words = String(decoding: text, as: UTF8.self)
        let items = media.map { "[\($0.kind)]" }.joined(separator: " ")
        guard !items.isEmpty else { return tokenizer.side.prompt + words }
        return form.settings.mediaPlace == .last
            ? tokenizer.side.prompt + words + " " + items : tokenizer.side.prompt + items + " " + words
    }

    // MARK: - One part after another

    private func plain(
        _ text: [UInt8], _ media: [PlannedMedia], _ limit: Int, at place: @autoclosure () -> Place
    ) throws -> (tokens: [Int32], wasTruncated: Bool) {
        // Before each placeholder stands a text, of most an empty one.
        let named = media.flatMap { item in
            (form.media!.pictureTexts(item) ?? [""]).map { (text: Array($0.utf8), token: placeholder(item.kind)) }
        }
        // What stands before the first of them is one string for the tokenizer.
        func ofMedia(behind start: [UInt8]) throws -> [Int32] {
            try named.enumerated().flatMap { try ids(($0 == 0 ? start : []) + $1.text) + [$1.token] }
        }
        let tokenizer = tokenizer.tokenizer
        let isFirst = form.settings.mediaPlace != .last
        let mediaAlone = try isFirst ? [] : ofMedia(behind: [])
        func whole(_ before: [Int32], _ ofText: [Int32], _ after: [Int32]) -> [Int32] {
            let tokens = tokenizer.prefix + before + ofText + after + tokenizer.suffix
            guard let endID = self.tokenizer.endID, tokens.last != endID else { return tokens }
            return tokens + [endID]
        }
        let uncut =
            try isFirst
            ? whole(ofMedia(behind: prompt), ids(text), []) : whole(ofMedia(behind: prompt + text), [], [])
        let room = limit + named.count
        guard uncut.count > room else { return (uncut, false) }
        // The prompt stays, on whichever side the text is cut.
        let isWithPrompt = !isFirst && !tokenizer.truncatesLeft
        let before = try isFirst ? ofMedia(behind: prompt) : isWithPrompt ? [] : ids(prompt)
        let ofText = try ids(isWithPrompt ? prompt + text : text)
        let besideCount = whole(before, [], mediaAlone).count
        guard besideCount <= room else { throw crowded(besideCount - named.count, limit, at: place()) }
        let kept = tokenizer.truncatesLeft ? ofText.suffix(room - besideCount) : ofText.prefix(room - besideCount)
        return (whole(before, Array(kept), mediaAlone), true)
    }

    // MARK: - By a template

    private func chat(
        _ template: ChatTemplate, _ text: [UInt8], _ media: [PlannedMedia], _ limit: Int,
        at place: @autoclosure () -> Place
    ) throws -> (tokens: [Int32], wasTruncated: Bool) {
        let ownText = form.settings.promptPlace == .system ? text : prompt + text
        let bytes = try rendered(template, ownText, media, at: place())
        var tokens = try ids(bytes)
        if let endID = tokenizer.endID, tokens.last != endID { tokens.append(endID) }
        tokens = tokenizer.tokenizer.prefix + tokens + tokenizer.tokenizer.suffix
        let placeholderCount = media.reduce(0) { $0 + form.media!.placeholderCount($1) }
        guard tokens.count - placeholderCount > limit else { return (tokens, false) }
        return (try cut(bytes, template, media, limit, placeholderCount, at: place()), true)
    }

    /// The conversation's text, with the placeholders as the tokenizer reads them.
    private func rendered(
        _ template: ChatTemplate, _ text: [UInt8], _ media: [PlannedMedia], at place: @autoclosure () -> Place
    ) throws -> [UInt8] {
        let settings = form.settings
        var messages: [JSONValue] = []
        let system = settings.promptPlace == .system ? tokenizer.side.prompt : settings.system
        if let system, !system.isEmpty { messages.append(["role": "system", "content": .string(system)]) }
        let words = JSONValue.string(String(decoding: text, as: UTF8.self))
        if media.isEmpty {
            messages.append(["role": "user", "content": words])
        } else {
            let items = media.filter { !$0.isSoundOfVideo }.map {
                JSONValue.object(["type": .string($0.kind.rawValue)])
            }
            let texts: [JSONValue] = text.isEmpty ? [] : [["type": "text", "text": words]]
            messages.append([
                "role": "user", "content": .array(settings.mediaPlace == .last ? texts + items : items + texts),
            ])
        }
        let rendered = try template.render(
            messages: .array(messages), addGenerationPrompt: settings.generationPrompt ?? false,
            variables: form.variables)
        var bytes = Array((rendered + (settings.end ?? "")).utf8)
        for (index, item) in media.enumerated() {
            if let texts = form.media!.pictureTexts(item) {
                try namePictures(texts, item, in: &bytes, at: place())
            } else if item.isSoundOfVideo {
                try interleave(media[index - 1], item, in: &bytes, at: place())
            }
        }
        return bytes
    }

    /// Puts what names a video's pictures, one by one, in the place of its placeholder.
    ///
    /// Qwen3-VL's marks around the placeholder go with it, as transformers 4 has it, which the published models were
    /// trained with; 5 leaves them around the whole.
    private func namePictures(
        _ texts: [String], _ item: PlannedMedia, in bytes: inout [UInt8], at place: @autoclosure () -> Place
    ) throws {
        guard let pad = tokenizer.tokenizer.addedToken(placeholder(item.kind)) else {
            throw InputError(
                "the tokenizer has no name for the token that stands for videos", at: place(),
                exitStatus: .badConfiguration)
        }
        let (begin, end) = form.media!.pictureMarks
        let marked = texts.flatMap { Array($0.utf8) + begin + pad + end }
        for pattern in [begin + pad + end, pad] {
            guard let range = bytes.firstRange(of: pattern) else { continue }
            bytes.replaceSubrange(range, with: marked)
            return
        }
        throw InputError(
            "the chat template writes no placeholder for a video", at: place(), exitStatus: .badConfiguration)
    }

    /// The tokens of a conversation without those at the end of its text (or at its beginning, where the tokenizer takes
    /// them from there); what the template has around the text stays.
    ///
    /// What stays of the text is tokenised with what stands on its other side: a prompt and the word behind it may share a
    /// token.
    ///
    /// - Parameter bytes: the whole conversation.
    private func cut(
        _ bytes: [UInt8], _ template: ChatTemplate, _ media: [PlannedMedia], _ limit: Int, _ placeholderCount: Int,
        at place: @autoclosure () -> Place
    ) throws -> [Int32] {
        // A text that nothing else contains shows what comes before texts and behind them.
        let mark = Array("\u{F8FE}\u{F8FD}\u{F8FE}".utf8)
        let marked = try rendered(template, mark, media, at: place())
        let ownPrompt = form.settings.promptPlace == .system ? [] : prompt
        guard let range = marked.firstRange(of: mark) else {
            throw InputError("the chat template does not write the text", at: place(), exitStatus: .badConfiguration)
        }
        let before = Array(marked[..<range.lowerBound]) + ownPrompt
        let after = Array(marked[range.upperBound...])
        guard bytes.starts(with: before), bytes.suffix(after.count).elementsEqual(after) else {
            throw InputError(
                "the text is too long, and the chat template changes texts, so that it cannot be cut", at: place(),
                exitStatus: .badConfiguration)
        }
        let first = try tokenizer.tokenizer.prefix + ids(before)
        var end = tokenizer.tokenizer.suffix
        let afterIDs = try ids(after)
        if let endID = tokenizer.endID, afterIDs.last != endID { end = [endID] + end }
        let last = afterIDs + end
        let room = limit + placeholderCount
        guard first.count + last.count <= room else {
            throw crowded(first.count + last.count - placeholderCount, limit, at: place())
        }
        if tokenizer.tokenizer.truncatesLeft {
            let ending = try ids(Array(bytes[before.count...])) + end
            return first + ending.suffix(room - first.count)
        }
        let beginning = try tokenizer.tokenizer.prefix + ids(Array(bytes.dropLast(after.count)))
        return beginning.prefix(room - last.count) + last
    }
}

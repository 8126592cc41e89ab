public import Base
public import Models
public import Records

/// What the records of one role amount to as inputs of a model: the same for training and encoding.
///
/// Nothing is decoded and nothing is computed. Shared freely between threads.
public struct InputPlanner: Sendable {
    public let role: Role
    /// Prompt, limit and end of text.
    public let tokenizer: RoleTokenizer
    /// Whether the text alone is taken of records that have media as well; else they are errors.
    public let ignoresMedia: Bool
    /// How a user says that it is, for messages.
    private let mediaAdvice: String

    /// - Parameter mediaAdvice: what tells a user how to take the text alone.
    public init(_ tokenizer: RoleTokenizer, _ role: Role, ignoresMedia: Bool, mediaAdvice: String) {
        self.role = role
        self.tokenizer = tokenizer
        self.ignoresMedia = ignoresMedia
        self.mediaAdvice = mediaAdvice
    }

    /// The plan of one record.
    ///
    /// - Throws: `InputError` for a record without text, with media that would not be seen, or without a single token.
    public func plan(_ content: RecordContent, at place: @autoclosure () -> Place) throws -> InputPlan {
        guard let text = content.text else {
            throw InputError(
                "the record has no text, and the model reads nothing else", at: place(), offender: content.id)
        }
        guard !content.hasMedia || ignoresMedia else {
            throw InputError(
                "the record has media, and only its text would be read", at: place(), offender: content.id,
                advice: mediaAdvice)
        }
        return try plan(text, of: content.id, hasMedia: content.hasMedia, at: place())
    }

    /// The plan of a text that stands for a record.
    ///
    /// - Parameter text: valid UTF-8, without prompt.
    public func plan(
        _ text: [UInt8], of id: [UInt8], hasMedia: Bool = false, at place: @autoclosure () -> Place
    ) throws -> InputPlan {
        let (input, wasTruncated) = try tokenizer.input(of: text)
        guard !input.tokens.isEmpty else {
            throw InputError(
                "the text has no token, and the tokenizer adds none", at: place(), offender: id,
                advice: "Blank texts can be left out: --blank-texts skip, or blank_texts: skip in a config.")
        }
        return InputPlan(
            input: input, wasTruncated: wasTruncated, isBlank: text.withUnsafeBytes(BlankTexts.isBlank),
            ignoresMedia: hasMedia)
    }
}

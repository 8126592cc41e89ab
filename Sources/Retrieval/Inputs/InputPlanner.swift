public import Base
internal import Media
public import Models
public import Records

/// Hands out the bytes of an image, a video or a sound.
///
/// Called by several threads at once.
///
/// - Returns: whether there is such an item; then `body` was called.
public typealias MediaBytesReader =
    @Sendable (_ digest: SHA256Digest, _ body: (UnsafeRawBufferPointer) throws -> Void) throws -> Bool

/// What the records of one role amount to as inputs of a model: the same for training and encoding.
///
/// Nothing is computed, and nothing decoded but the heads of media whose records do not say how large they are. Shared
/// freely between threads.
public struct InputPlanner: Sendable {
    public let role: Role
    /// Prompt, limit and end of text.
    public let tokenizer: RoleTokenizer
    /// Whether the text alone is taken of records that have media as well; else they are errors, for a model of texts.
    public let ignoresMedia: Bool
    let form: InputForm
    let mediaBytes: MediaBytesReader
    /// How a user says that it is, for messages.
    let mediaAdvice: String
    let writer: InputWriter

    /// - Parameters:
    ///   - mediaBytes: what the records' references name.
    ///   - mediaAdvice: what tells a user how to take the text alone.
    public init(
        _ tokenizer: RoleTokenizer, _ role: Role, _ form: InputForm, ignoresMedia: Bool, mediaAdvice: String,
        mediaBytes: @escaping MediaBytesReader
    ) {
        self.role = role
        self.tokenizer = tokenizer
        self.form = form
        self.ignoresMedia = ignoresMedia
        self.mediaAdvice = mediaAdvice
        self.mediaBytes = mediaBytes
        writer = InputWriter(form, tokenizer)
    }

    /// Whether records' media are decoded and given to the model.
    public var readsMedia: Bool { form.media != nil && !ignoresMedia }

    /// Whether queries without media are given an image.
    public var givesStandIns: Bool { role == .query && form.settings.queryImage != nil }

    /// The plan of one record.
    ///
    /// - Throws: `InputError` for a record without anything that the model reads, with media that would not be seen, or
    ///   without a single token.
    public func plan(_ content: RecordContent, at place: @autoclosure () -> Place) throws -> InputPlan {
        guard content.hasMedia, readsMedia else {
            guard let text = content.text else {
                throw InputError(
                    "the record has no text, and the model reads nothing else", at: place(), offender: content.id,
                    advice: adviceOnMissingText(content))
            }
            guard !content.hasMedia || ignoresMedia else {
                throw InputError(
                    "the record has media, and only its text would be read", at: place(), offender: content.id,
                    advice: mediaAdvice)
            }
            return try plan(text, of: content.id, hasMedia: content.hasMedia, at: place())
        }
        let extents = try content.media.map { try extent(of: $0, at: place(), content.id) }
        do {
            return try plan(content, extents: extents, at: place())
        } catch let error as InputError where error.exitStatus == .badData {
            // What the record says of its media may be wrong: the bytes decide, where there are any.
            let measured = try? content.media.map { try measuredExtent(of: $0, at: place(), content.id) }
            guard let measured, measured != extents else { throw error }
            return try plan(content, extents: measured, at: place())
        }
    }

    /// The plan of a text that stands for a record.
    ///
    /// - Parameter text: valid UTF-8, without prompt.
    public func plan(
        _ text: [UInt8], of id: [UInt8], hasMedia: Bool = false, at place: @autoclosure () -> Place
    ) throws -> InputPlan {
        let isBlank = text.withUnsafeBytes(BlankTexts.isBlank)
        let standIn = try standIn(at: place(), id)
        let (input, wasTruncated) =
            form.template == nil && standIn.isEmpty
            ? try tokenizer.input(of: text) : try written(text, standIn, at: place(), id)
        guard !input.tokens.isEmpty else {
            throw InputError(
                "the text has no token, and the tokenizer adds none", at: place(), offender: id,
                advice: "Blank texts can be left out: --blank-texts skip, or blank_texts: skip in a config.")
        }
        return InputPlan(
            input: input, wasTruncated: wasTruncated, isBlank: isBlank, ignoresMedia: hasMedia, media: standIn,
            content: standIn.isEmpty ? nil : RecordContent(id: id, text: text))
    }

    /// What queries without media are given to look at, if anything.
    private func standIn(at place: @autoclosure () -> Place, _ id: [UInt8]) throws -> [PlannedMedia] {
        guard role == .query, let side = form.settings.queryImage else { return [] }
        guard let media = form.media else {
            throw InputError(
                "queries are to be given an image, and the model sees none", at: place(), offender: id,
                exitStatus: .badConfiguration)
        }
        return [try media.plan(.image, nil, .image(PixelSize(width: side, height: side)), at: place(), of: id)]
    }

    /// The plan of a record whose media are so large.
    package func plan(
        _ content: RecordContent, extents: [MediaExtent], at place: @autoclosure () -> Place
    ) throws -> InputPlan {
        let media = try zip(content.media, extents).flatMap { item, extent in
            do {
                return try form.media!.items(item.kind, item.reference.digest, extent, at: place(), of: content.id)
            } catch let error as InputError where error.advice == nil && !form.media!.hasTower(for: item.kind) {
                throw InputError(
                    error.reason, at: error.place, offender: error.offender, advice: adviceOnUnseen(content),
                    exitStatus: error.exitStatus)
            }
        }
        let (input, wasTruncated) = try written(content.text ?? [], media, at: place(), content.id)
        let byIdentity = Dictionary(media.map { ($0.planned.identity, $0) }) { first, _ in first }
        return InputPlan(
            input: input, wasTruncated: wasTruncated, isBlank: false, ignoresMedia: false,
            media: input.media.map { byIdentity[$0.identity]! }, content: content)
    }

    private func written(
        _ text: [UInt8], _ media: [PlannedMedia], at place: @autoclosure () -> Place, _ id: [UInt8]
    ) throws -> (input: ModelInput, wasTruncated: Bool) {
        guard tokenizer.unpooledCount == 0 else {
            throw InputError(
                "the model's vectors leave the tokens of the prompt out, which is not possible beside media or a chat "
                    + "template", at: place(), offender: id, exitStatus: .badConfiguration)
        }
        let planned = media.map(\.planned)
        do {
            let mediaCount = try form.media?.rules.tokenCount(planned, at: place()) ?? 0
            let room = form.positionCount - mediaCount
            guard room > 0 else {
                throw InputError(
                    "its media are \(mediaCount) tokens, and the model takes \(form.positionCount) in all", at: place(),
                    advice: Self.adviceOnSize(of: media))
            }
            let (tokens, wasTruncated) = try writer.tokens(
                text, media, limit: min(tokenizer.side.maxLength, room), at: place())
            guard let rules = form.media?.rules else { return (ModelInput(tokens: tokens), wasTruncated) }
            return (try rules.input(tokens, planned, at: place()), wasTruncated)
        } catch let error as InputError where error.offender == nil && !id.isEmpty {
            throw InputError(
                error.reason, at: error.place, offender: id, advice: error.advice, exitStatus: error.exitStatus)
        }
    }

    /// What a record says of an item, or what its bytes do where the record does not.
    private func extent(
        of item: RecordContent.Media, at place: @autoclosure () -> Place, _ id: [UInt8]
    ) throws -> MediaExtent {
        // A sound may go on behind the pictures, and the record says how long both take.
        let isTimed = item.kind == .video && item.reference.item?.sampleRate != nil && form.media?.timesFrames == true
        let rate = form.media?.soundRate(of: item.kind)
        if !isTimed, let described = item.reference.item,
            let extent = MediaExtent(described, as: item.kind, rate: rate)
        {
            return extent
        }
        return try measuredExtent(of: item, at: place(), id)
    }

    /// What the bytes of an item say.
    private func measuredExtent(
        of item: RecordContent.Media, at place: @autoclosure () -> Place, _ id: [UInt8]
    ) throws -> MediaExtent {
        guard let digest = item.reference.digest else {
            throw InputError(
                "the record names its \(item.kind) by a name, and the store does not hold it", at: place(),
                offender: id,
                advice:
                    "Convert the data again: `tvt-convert … --assets DIR` takes the files of a folder into the store.")
        }
        let rate = form.media?.soundRate(of: item.kind)
        var measured: MediaExtent?
        do {
            let isThere = try mediaBytes(digest) { bytes in
                measured = try MediaExtent(measuring: bytes, as: item.kind, rate: rate)
            }
            guard isThere else { throw MediaLoader.missing(item.kind, digest, at: place(), id) }
        } catch let error as MediaError {
            throw MediaLoader.broken(item.kind, error, at: place(), id)
        }
        return measured!
    }
}

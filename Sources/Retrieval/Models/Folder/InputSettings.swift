internal import Base
public import JSON

/// How text and media are put together for a model that sees or hears, and how large pictures are made: what the files of
/// such a model leave open. What is nil is not said.
///
/// One spelling serves `tvt.json` (the field `inputs`), training configs and command lines; see ``Key``.
public struct InputSettings: Sendable, Hashable {
    /// A size in pixels.
    public struct Size: Sendable, Hashable {
        public var width: Int
        public var height: Int

        public init(width: Int, height: Int) { (self.width, self.height) = (width, height) }
    }

    public enum PromptPlace: String, Sendable, CaseIterable {
        /// Before the text, in the same turn.
        case text
        /// It is the system's turn.
        case system
    }

    public enum MediaPlace: String, Sendable, CaseIterable {
        case first, last
    }

    /// Whether inputs are written by the folder's chat template, as turns of a conversation; else prompt, media and text
    /// follow one another.
    public var chat: Bool?
    /// The system's turn; nil leaves it to the template, which may have one of its own.
    public var system: String?
    /// Whether the beginning of an answer is put behind the input.
    public var generationPrompt: Bool?
    /// What stands behind everything that the template writes, as `<|endoftext|>`.
    public var end: String?
    public var promptPlace: PromptPlace?
    /// Where media stand: before the text or behind it.
    public var mediaPlace: MediaPlace?
    /// Images are brought to this size, whatever their proportions, before the processor sees them.
    public var imageSize: Size?
    /// Pixels of an image, at least and at most, instead of those in the processor's files.
    public var imagePixels: ClosedRange<Int>?
    /// So many frames of a video, evenly from the first to the last.
    public var frameCount: Int?
    /// So many frames a second.
    public var frameRate: Double?
    /// As ``imageSize``, for frames.
    public var frameSize: Size?
    /// As ``imagePixels``, for frames.
    public var framePixels: ClosedRange<Int>?
    /// Whether the sound of a video is heard, among its pictures; otherwise it is left out.
    public var videoAudio: Bool?
    /// Side, in pixels, of the black square that queries without media are given.
    public var queryImage: Int?

    public init() {}

    /// What can be said, in the order in which it is listed.
    public enum Key: String, Sendable, CaseIterable {
        case chat, system
        case generationPrompt = "generation_prompt"
        case end
        case promptPlace = "prompt_place"
        case mediaPlace = "media_place"
        case imageSize = "image_size"
        case imagePixels = "image_pixels"
        case frameCount = "frames"
        case frameRate = "frame_rate"
        case frameSize = "frame_size"
        case framePixels = "frame_pixels"
        case videoAudio = "video_audio"
        case queryImage = "query_image"

        /// The values that it takes, for people.
        public var values: String {
            switch self {
            case .chat, .generationPrompt, .videoAudio: "true or false"
            case .system, .end: "a text"
            case .promptPlace: PromptPlace.allCases.map(\.rawValue).joined(separator: " or ")
            case .mediaPlace: MediaPlace.allCases.map(\.rawValue).joined(separator: " or ")
            case .imageSize, .frameSize: "WIDTHxHEIGHT in pixels, each from 1 to 65536, as 784x784"
            case .imagePixels, .framePixels: "MIN-MAX, each from 1 to 1073741824, as 3136-614656"
            case .frameCount: "a whole number from 1 to 100000"
            case .frameRate: "frames a second, above 0 to 1000"
            case .queryImage: "pixels of a side, from 1 to 4096"
            }
        }

        public var explanation: String {
            switch self {
            case .chat: "Whether inputs are written by the model's chat template."
            case .system: "The system's turn. Default: the template's own, if it has one."
            case .generationPrompt: "Put the beginning of an answer behind each input. Default: false."
            case .end: "Put behind what the template writes, as <|endoftext|>. Default: nothing."
            case .promptPlace:
                "Where the prompt of a role goes: before the text, or into the system's turn. Default: text."
            case .mediaPlace: "Images, videos and sounds before the text, or behind it. Default: first."
            case .imageSize: "Bring images to this size first, whatever their proportions."
            case .imagePixels: "Pixels of an image, at least and at most. Default: those of the processor's file."
            case .frameCount:
                "Frames of a video, evenly from the first to the last. Default: as the processor takes them."
            case .frameRate: "Frames of a second of video."
            case .frameSize: "As image_size, for frames."
            case .framePixels: "As image_pixels, for frames."
            case .videoAudio: "Hear the sound of a video among its pictures. Default: false, it is left out."
            case .queryImage: "Queries without media are given a black square with sides of so many pixels."
            }
        }
    }

    /// A value that a key does not take.
    public struct BadValue: Error, Equatable {
        public let key: Key
        public let value: String
    }

    /// - Parameter text: as a user writes it.
    public mutating func set(_ key: Key, to text: String) throws(BadValue) {
        func found<Value>(_ value: Value?) throws(BadValue) -> Value {
            guard let value else { throw BadValue(key: key, value: text) }
            return value
        }
        switch key {
        case .chat: chat = try found(Bool(text))
        case .system: system = text
        case .end: end = text
        case .generationPrompt: generationPrompt = try found(Bool(text))
        case .promptPlace: promptPlace = try found(PromptPlace(rawValue: text))
        case .mediaPlace: mediaPlace = try found(MediaPlace(rawValue: text))
        case .imageSize: imageSize = try found(Self.size(text))
        case .imagePixels: imagePixels = try found(Self.pixels(text))
        case .frameCount: frameCount = try found(Int(text).flatMap { (1...100_000).contains($0) ? $0 : nil })
        case .frameRate: frameRate = try found(Double(text).flatMap { $0 > 0 && $0 <= 1000 ? $0 : nil })
        case .frameSize: frameSize = try found(Self.size(text))
        case .framePixels: framePixels = try found(Self.pixels(text))
        case .videoAudio: videoAudio = try found(Bool(text))
        case .queryImage: queryImage = try found(Int(text).flatMap { (1...4096).contains($0) ? $0 : nil })
        }
    }

    private static func numbers(_ text: String, _ separator: Character, in range: ClosedRange<Int>) -> (Int, Int)? {
        let parts = text.split(separator: separator, omittingEmptySubsequences: false).map { Int($0) }
        guard parts.count == 2, let one = parts[0], let other = parts[1], range.contains(one), range.contains(other)
        else { return nil }
        return (one, other)
    }

    private static func size(_ text: String) -> Size? {
        numbers(text, "x", in: 1...65_536).map { Size(width: $0, height: $1) }
    }

    private static func pixels(_ text: String) -> ClosedRange<Int>? {
        numbers(text, "-", in: 1...1 << 30).flatMap { $0 <= $1 ? $0...$1 : nil }
    }

    /// As ``set(_:to:)`` takes it; nil where nothing is said.
    public func text(of key: Key) -> String? {
        func text(_ size: Size?) -> String? { size.map { "\($0.width)x\($0.height)" } }
        func text(_ pixels: ClosedRange<Int>?) -> String? { pixels.map { "\($0.lowerBound)-\($0.upperBound)" } }
        return switch key {
        case .chat: chat.map { "\($0)" }
        case .system: system
        case .end: end
        case .generationPrompt: generationPrompt.map { "\($0)" }
        case .promptPlace: promptPlace?.rawValue
        case .mediaPlace: mediaPlace?.rawValue
        case .imageSize: text(imageSize)
        case .imagePixels: text(imagePixels)
        case .frameCount: frameCount.map { "\($0)" }
        case .frameRate: frameRate.map { "\($0)" }
        case .frameSize: text(frameSize)
        case .framePixels: text(framePixels)
        case .videoAudio: videoAudio.map { "\($0)" }
        case .queryImage: queryImage.map { "\($0)" }
        }
    }

    public var isEmpty: Bool { self == InputSettings() }

    /// These, and where they say nothing, the others.
    public func or(_ others: InputSettings) -> InputSettings {
        var merged = self
        for key in Key.allCases where text(of: key) == nil {
            guard let text = others.text(of: key) else { continue }
            // It was a value before.
            try? merged.set(key, to: text)
        }
        return merged
    }

    /// `chat=true, frames=24`; nil where nothing is said.
    public var summary: String? {
        let said = Key.allCases.compactMap { key in text(of: key).map { "\(key.rawValue)=\($0)" } }
        return said.isEmpty ? nil : said.joined(separator: ", ")
    }

    /// By the names of the keys.
    public var json: JSONObject {
        var object = JSONObject()
        for key in Key.allCases {
            switch key {
            case .chat: object[key.rawValue] = chat.map { .bool($0) }
            case .generationPrompt: object[key.rawValue] = generationPrompt.map { .bool($0) }
            case .videoAudio: object[key.rawValue] = videoAudio.map { .bool($0) }
            case .frameCount: object[key.rawValue] = frameCount.map { JSONValue($0) }
            case .frameRate: object[key.rawValue] = frameRate.map { JSONValue($0) }
            case .queryImage: object[key.rawValue] = queryImage.map { JSONValue($0) }
            default: object[key.rawValue] = text(of: key).map { .string($0) }
            }
        }
        return object
    }

    init(_ reader: ConfigurationReader) throws {
        for key in Key.allCases {
            guard let value = reader[key.rawValue] else { continue }
            let text =
                value.string ?? value.bool.map { "\($0)" } ?? value.integer.map { "\($0)" }
                ?? value.double.map { "\($0)" }
            do {
                try set(key, to: text ?? "")
            } catch {
                throw reader.error(key.rawValue, "\(key.values) is expected")
            }
        }
        try reader.refuseUnread()
    }
}

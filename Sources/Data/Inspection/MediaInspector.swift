internal import Base
public import Ingest
public import JSON
public import Media
public import Records

/// How closely items of media are looked at before they are stored.
public enum MediaCheck: String, Sendable, CaseIterable {
    /// Any bytes are taken; what can be found out about them is noted.
    case none
    /// What images begin with, and what libav finds out about sounds and videos without decoding them.
    case header
    /// All is decoded.
    case full
}

/// Finds out what items of media are, refuses what is broken or does not fit its field, and makes images smaller where
/// that was asked for.
public struct MediaInspector: MediaProbe {
    public var check = MediaCheck.header
    public var limits = MediaLimits()
    /// Images with more pixels are scaled down to that; nil for none. Needs a check.
    public var pixelLimit: Int?
    /// Images of other formats are encoded as this; nil leaves all as they are. Needs a check.
    public var imageFormat: ImageFormat?
    /// Of images that are encoded as JPEG, 1 to 100.
    public var jpegQuality = 90

    /// The largest file of an image.
    static let largestImageByteCount = 256 << 20

    public init() {}

    public var decodes: Bool { check == .full || encodes }
    private var encodes: Bool { check != .none && (pixelLimit != nil || imageFormat != nil) }

    public var options: JSONObject {
        var options: JSONObject = ["mediaCheck": .string(check.rawValue)]
        if limits.pixelCount != MediaLimits().pixelCount { options["mediaPixels"] = JSONValue(limits.pixelCount) }
        if let pixelLimit { options["maxPixels"] = JSONValue(pixelLimit) }
        if let imageFormat { options["imageFormat"] = .string(imageFormat.rawValue) }
        if encodes, imageFormat != .png { options["jpegQuality"] = JSONValue(jpegQuality) }
        return options
    }

    public func findings(
        in bytes: ItemBytes, _ header: MediaHeader, as kind: MediaKind
    ) throws -> MediaFindings {
        do {
            return switch kind {
            case .image: try image(bytes, header)
            case .video, .audio: try recording(bytes, header, as: kind)
            }
        } catch is RecordFault where check == .none {
            return MediaFindings()
        }
    }

    // MARK: - Images

    private func image(_ bytes: ItemBytes, _ header: MediaHeader) throws -> MediaFindings {
        guard check != .none else { return MediaFindings() }
        guard bytes.count <= Self.largestImageByteCount else {
            throw RecordFault(
                .tooLarge, "the image has \(bytes.count) bytes; the limit is \(Self.largestImageByteCount)")
        }
        switch header.format {
        case .jpeg, .png, .gif, .webp: break
        case nil:
            try Self.refuseUnread(bytes)
            try checkUnknownImage(bytes)
        case let format?: throw Self.misfit("its format is \(format.rawValue), which is no image", .image, format.kind)
        }
        let pixelCount = header.width.flatMap { width in header.height.map { width * $0 } }
        if let pixelCount, pixelCount > limits.pixelCount {
            throw Self.tooLarge("the image has \(header.width!) x \(header.height!) pixels", limits.pixelCount)
        }
        // Where the size does not stand where it should, something is wrong, or stands before it: decoding tells.
        let isOther = imageFormat.map { $0.rawValue != header.format?.rawValue } ?? false
        let isTooLarge = pixelLimit.map { pixelCount ?? .max > $0 } ?? false
        let isUnsized = header.format != nil && pixelCount == nil
        guard check == .full || isOther || isTooLarge || isUnsized else { return MediaFindings() }
        return try bytes.withMemory { bytes in
            try Self.checked(.image) {
                let image = try Bitmap(decoding: bytes, limits: limits, wholly: check == .full)
                var findings = MediaFindings()
                let isShrunk = pixelLimit.map { image.width * image.height > $0 } ?? false
                guard isOther || isShrunk else { return findings }
                let format = imageFormat ?? (header.format == .jpeg ? .jpeg : .png)
                let fitted = pixelLimit.map { image.fitted(toPixelCount: $0) } ?? image
                guard max(fitted.width, fitted.height) <= format.largestSide else {
                    throw RecordFault(
                        .tooLarge,
                        "it has \(fitted.width) x \(fitted.height) pixels, and a side of a \(format.rawValue) has at most "
                            + "\(format.largestSide)", advice: "Take --image-format png, or a smaller --max-pixels.")
                }
                findings.encoded = try fitted.encoded(as: format, quality: jpegQuality)
                return findings
            }
        }
    }

    /// Images of formats that only libav knows are images too.
    private func checkUnknownImage(_ bytes: ItemBytes) throws {
        let description = try Self.checked(.image, start: bytes.start()) {
            try bytes.withMediaBytes { try MediaDescription(measuring: .video, of: $0, limits: limits) }
        }
        guard description.isImage else {
            throw Self.misfit(
                "its container is \(description.container), which is no image", .image,
                description.pictures == nil ? .audio : .video)
        }
    }

    // MARK: - Sounds and videos

    private func recording(_ bytes: ItemBytes, _ header: MediaHeader, as kind: MediaKind) throws -> MediaFindings {
        switch header.format {
        case .jpeg, .png, .webp:
            throw Self.misfit("its format is \(header.format!.rawValue), which is an image", kind, .image)
        case .gif where kind == .audio: throw Self.misfit("its format is gif, which has no sound", kind, .image)
        case nil: try Self.refuseUnread(bytes)
        default: break
        }
        let subject = kind == .audio ? MediaDescription.Subject.audio : .video
        let description = try Self.checked(kind, start: header.format == nil ? bytes.start() : nil) {
            try bytes.withMediaBytes { try MediaDescription(measuring: subject, of: $0, limits: limits) }
        }
        if description.isImage { throw Self.misfit("it is a single image", kind, .image) }
        var findings = MediaFindings()
        switch kind {
        case .video:
            guard let pictures = description.pictures else {
                throw Self.misfit("there are no pictures in it", kind, .audio)
            }
            findings.width = pictures.width > 0 ? pictures.width : nil
            findings.height = pictures.height > 0 ? pictures.height : nil
            findings.frameCount = pictures.count
            if let count = pictures.count, count > limits.pictureCount {
                throw RecordFault(.tooLarge, "the video has \(count) pictures; the limit is \(limits.pictureCount)")
            }
        default:
            guard description.sound != nil else { throw Self.misfit("there is no sound in it", kind, .video) }
        }
        if let sound = description.sound {
            findings.sampleRate = sound.rate > 0 ? sound.rate : nil
            findings.channelCount = sound.channelCount > 0 ? sound.channelCount : nil
        }
        if let seconds = description.seconds, seconds.isFinite, seconds > 0 {
            if description.sound != nil, seconds > limits.soundSeconds {
                throw RecordFault(
                    .tooLarge, "it takes \(Int(min(seconds, 1e15))) seconds; the limit is \(Int(limits.soundSeconds))",
                    advice: "Cut it into parts.")
            }
            findings.duration = (seconds * 1000).rounded() / 1000
        }
        if check == .full {
            try Self.checked(kind) {
                try bytes.withMediaBytes { try MediaDescription.check($0, as: subject, limits: limits) }
            }
        }
        return findings
    }

    // MARK: - Faults

    static let looseAdvice = "--media-check none takes any bytes."

    private static func refuseUnread(_ bytes: ItemBytes) throws {
        let start = try bytes.start(UnreadBytes.prefixByteCount)
        if let known = UnreadBytes(start) { throw known.fault(begin: escaped(Array(start.prefix(16)))) }
    }

    /// - Parameters:
    ///   - kind: of the field.
    ///   - found: what the item is.
    private static func misfit(_ reason: String, _ kind: MediaKind, _ found: MediaKind) -> RecordFault {
        func plural(_ kind: MediaKind) -> String { kind == .audio ? "sounds" : "\(kind.rawValue)s" }
        return RecordFault(
            .wrongKind, reason,
            advice:
                "The field is of \(plural(kind)): move it to that of \(plural(found)); of a column, --\(found.rawValue) says "
                + "it in the place of --\(kind.rawValue). \(looseAdvice)")
    }

    private static func tooLarge(_ reason: String, _ limit: Int) -> RecordFault {
        RecordFault(
            .tooLarge, "\(reason); the limit is \(limit)",
            advice: "--media-pixels raises the limit; with --max-pixels as well, images are stored smaller.")
    }

    /// Calls `body`, whose error becomes the fault of the record, unless the machine is at fault.
    ///
    /// - Parameter start: the first bytes of an item whose format is not known by them.
    private static func checked<Result>(
        _ kind: MediaKind, start: [UInt8]? = nil, _ body: () throws -> Result
    ) throws -> Result {
        do {
            return try body()
        } catch let error as MediaError {
            switch error.reason {
            case .badData where start != nil:
                throw RecordFault(
                    .unknownFormat, "it is of no known format; it begins with \(escaped(start!))",
                    advice: looseAdvice)
            case .badData:
                throw RecordFault(.badData, "the \(kind.rawValue) is damaged or cut off: \(error.message)")
            case .missing: throw RecordFault(.badData, "the \(kind.rawValue) is empty: \(error.message)")
            case .unsupported:
                throw RecordFault(
                    .unknownFormat, "this kind of file is not read: \(error.message)", advice: looseAdvice)
            case .tooLarge:
                throw RecordFault(
                    .tooLarge, "the \(kind.rawValue) is too large: \(error.message)",
                    advice: "--media-pixels raises the limit of pixels.")
            case .tooSlow:
                throw RecordFault(.tooSlow, "\(error.message)", advice: "--media-seconds gives it more time.")
            case .noMemory, .notLoaded: throw error
            }
        }
    }
}

public import ArgumentParser
internal import Base
internal import CommandLineKit
internal import Inspection
internal import Media

/// Options about images, videos and sounds that go into the store.
struct MediaArguments: ParsableArguments {
    @Option(
        name: .customLong("media-check"),
        help: ArgumentHelp(
            "How closely images, videos and sounds are looked at: header reads what they begin with, full decodes all of "
                + "them, none takes any bytes (default: header; full for a check).", valueName: "level"))
    var check: MediaCheck?

    @Option(
        name: .customLong("media-pixels"), in: .pixels,
        help: ArgumentHelp("The most pixels of an image or a video's picture.", valueName: "n"))
    var mediaPixels = MediaLimits().pixelCount

    @Option(
        name: .customLong("media-seconds"), in: NumberRange(above: 0, through: 86_400),
        help: ArgumentHelp("How much processor time decoding one item may take.", valueName: "n"))
    var mediaSeconds = MediaLimits().seconds

    @Option(
        name: .customLong("max-pixels"), in: .pixels,
        help: ArgumentHelp(
            "Stand larger images upright, scale them down to so many pixels and encode them anew; otherwise items are stored "
                + "bit for bit.",
            valueName: "n"))
    var maxPixels: Int?

    @Option(
        name: .customLong("image-format"),
        help: ArgumentHelp("Encode images of other formats anew: jpeg or png.", valueName: "format"))
    var imageFormat: ImageFormat?

    @Option(
        name: .customLong("jpeg-quality"), in: NumberRange(1...100),
        help: ArgumentHelp("Of images that are encoded anew as JPEG.", valueName: "q"))
    var jpegQuality = 90

    func validate() throws {
        guard check != MediaCheck.none || (maxPixels == nil && imageFormat == nil) else {
            throw ValidationError("--media-check none takes bytes as they are: it does not go with new ones")
        }
    }

    /// The options that were given, for a command that is shown.
    var words: [String] {
        var words: [String] = []
        if let check { words += ["--media-check", check.rawValue] }
        let limits = MediaLimits()
        if mediaPixels != limits.pixelCount { words += ["--media-pixels", "\(mediaPixels)"] }
        if mediaSeconds != limits.seconds { words += ["--media-seconds", "\(mediaSeconds)"] }
        if let maxPixels { words += ["--max-pixels", "\(maxPixels)"] }
        if let imageFormat { words += ["--image-format", imageFormat.rawValue] }
        if jpegQuality != 90 { words += ["--jpeg-quality", "\(jpegQuality)"] }
        return words
    }

    /// - Parameter usualCheck: where none is asked for.
    func inspector(usualCheck: MediaCheck) -> MediaInspector {
        var inspector = MediaInspector()
        inspector.check = check ?? usualCheck
        inspector.limits.pixelCount = mediaPixels
        inspector.limits.seconds = mediaSeconds
        inspector.pixelLimit = maxPixels
        inspector.imageFormat = imageFormat
        inspector.jpegQuality = jpegQuality
        return inspector
    }
}

extension MediaCheck: ExpressibleByArgument {}
extension ImageFormat: ExpressibleByArgument {}

extension NumberRange where Number == Int {
    /// Of one image, or one picture of a video.
    fileprivate static var pixels: NumberRange { NumberRange(1...1_000_000_000_000) }
}

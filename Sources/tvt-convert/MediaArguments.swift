public import ArgumentParser
internal import Ingest
internal import Inspection
internal import Media
internal import SystemPackage

/// Options about images, videos and sounds that go into the store.
struct MediaArguments: ParsableArguments {
    @Option(
        name: .customLong("media-check"),
        help: ArgumentHelp(
            "How closely images, videos and sounds are looked at: header reads what they begin with, full decodes all of "
                + "them, none takes any bytes.", valueName: "level"))
    var check: MediaCheck = .header

    @Option(
        name: .long,
        help: ArgumentHelp(
            "Leave out all records whose images, videos or sounds are broken or missing, and list them here.",
            valueName: "file"))
    var quarantine: String?

    @Option(
        name: .customLong("media-pixels"),
        help: ArgumentHelp("The most pixels of an image or a video's picture.", valueName: "n"))
    var mediaPixels = MediaLimits().pixelCount

    @Option(
        name: .customLong("media-seconds"),
        help: ArgumentHelp("How long decoding one item may take.", valueName: "n"))
    var mediaSeconds = MediaLimits().seconds

    @Option(
        name: .customLong("max-pixels"),
        help: ArgumentHelp(
            "Scale larger images down to so many pixels and encode them anew; otherwise items are stored bit for bit.",
            valueName: "n"))
    var maxPixels: Int?

    @Option(
        name: .customLong("image-format"),
        help: ArgumentHelp("Encode images of other formats anew: jpeg or png.", valueName: "format"))
    var imageFormat: ImageFormat?

    @Option(name: .customLong("jpeg-quality"), help: ArgumentHelp("1 to 100.", valueName: "q"))
    var jpegQuality = 90

    func validate() throws {
        guard quarantine != "-" else { throw ValidationError("--quarantine is a file: stdout is for the result") }
        guard mediaPixels > 0, maxPixels ?? 1 > 0 else { throw ValidationError("an image has at least 1 pixel") }
        guard mediaSeconds > 0 else { throw ValidationError("--media-seconds is more than 0") }
        guard (1...100).contains(jpegQuality) else { throw ValidationError("--jpeg-quality is from 1 to 100") }
        guard check != .none || (maxPixels == nil && imageFormat == nil) else {
            throw ValidationError("--media-check none takes bytes as they are: it does not go with new ones")
        }
    }

    func apply(to options: inout IngestOptions) {
        var inspector = MediaInspector()
        inspector.check = check
        inspector.limits.pixelCount = mediaPixels
        inspector.limits.seconds = mediaSeconds
        inspector.pixelLimit = maxPixels
        inspector.imageFormat = imageFormat
        inspector.jpegQuality = jpegQuality
        options.probe = inspector
        options.quarantine = quarantine.map { FilePath($0) }
    }
}

extension MediaCheck: ExpressibleByArgument {}
extension ImageFormat: ExpressibleByArgument {}

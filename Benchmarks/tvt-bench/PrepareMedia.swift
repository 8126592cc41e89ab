internal import ArgumentParser
internal import Base
internal import CommandLineKit
internal import Inputs
internal import JSON
internal import Media
internal import SystemPackage

/// What `Benchmarks/inputs_peer.py` does of the peers, on the same files and threads.
///
/// Both print a JSON object once they are ready. Then for each line of standard input, two numbers, they prepare so many of
/// the files from such a one on, and print another. So whoever compares them lets them work in turn, and a machine that
/// others use as well is slower for both.
struct PrepareMedia: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "prepare-media", abstract: "Make what towers take of images, sounds or videos.")

    enum Kind: String, ExpressibleByArgument, CaseIterable { case images, sounds, videos }

    @OptionGroup var common: CommonOptions
    @Argument(help: "images: patches of Qwen2-VL; sounds: log-mels of Qwen2.5-Omni; videos: patches of their frames.")
    var kind: Kind
    @Argument(help: "A file with a path on each line.") var list: String
    @Flag(help: "Decode once, before the clock starts: images and sounds only.") var decoded = false
    @Option(help: "The most pixels of an image or a frame.") var maxPixels = 784 * 784
    @Option(help: "Frames of a video, an even number.") var frames = 24
    @Option(help: "Threads that prepare.") var threads = 2

    func validate() throws {
        guard threads > 0, maxPixels > 0, frames > 0, frames.isMultiple(of: 2) else {
            throw ValidationError("counts are at least 1, and frames are even")
        }
        guard !decoded || kind != .videos else { throw ValidationError("videos are not decoded before") }
    }

    func run() throws {
        let files = try Files.readAll(FilePath(list)).split(separator: 0x0A).map {
            try Files.readAll(FilePath(String(decoding: $0, as: UTF8.self)))
        }
        guard !files.isEmpty else { throw Failure(.missingInput, "\(list) names no files") }
        let prepare: (Range<Int>) throws -> Int =
            switch kind {
            case .images: try images(files)
            case .sounds: try sounds(files)
            case .videos: videos(files)
            }
        // What is loaded and made once is there before anything is measured.
        _ = try prepare(0..<min(files.count, 4))
        try write(["files": JSONValue(files.count)])
        while let line = readLine() {
            let numbers = line.split(separator: " ").compactMap { Int($0) }
            guard numbers.count == 2, numbers[0] >= 0, numbers[1] > 0, numbers[0] + numbers[1] <= files.count else {
                throw Failure(.usage, "not a first file and a count: \(line)")
            }
            var (values, wall) = (0, 0.0)
            let process = try processSeconds {
                wall = try wallSeconds { values = try prepare(numbers[0]..<numbers[0] + numbers[1]) }
            }
            try write([
                "values": JSONValue(values), "seconds": JSONValue(wall), "processSeconds": JSONValue(process),
                "peakMegabytes": JSONValue(peakMegabytes()),
            ])
        }
    }

    private func write(_ json: JSONValue) throws {
        var line: [UInt8] = []
        json.appendLine(to: &line)
        line.append(0x0A)
        try line.withUnsafeBytes { try writeToStandardOutput($0) }
    }

    private func images(_ files: [[UInt8]]) throws -> (Range<Int>) throws -> Int {
        var settings = QwenImageProcessing()
        settings.budget = PixelBudget(minimum: 56 * 56, maximum: Double(maxPixels))
        settings.resampling = PixelResampling(.bicubic, .torchBytes)
        let processing = settings
        let bitmaps = decoded ? try files.map { try $0.withUnsafeBytes { try Bitmap(decoding: $0) } } : []
        let decoded = decoded
        return {
            try sum($0) {
                { number in
                    let image =
                        decoded ? bitmaps[number] : try files[number].withUnsafeBytes { try Bitmap(decoding: $0) }
                    let plan = try processing.plan(PixelSize(width: image.width, height: image.height))
                    return plan.patches(of: image).rows.count
                }
            }
        }
    }

    private func sounds(_ files: [[UInt8]]) throws -> (Range<Int>) throws -> Int {
        let frontEnd = SoundFrontEnd.whisper(WhisperFrontEnd(melCount: 128, chunkSeconds: 300, keepsChunk: false))
        let sounds = decoded ? try files.map { try $0.withUnsafeBytes { try Sound(decoding: $0) } } : []
        let decoded = decoded
        return {
            try sum($0) {
                let transform = try LogMelTransform(frontEnd)
                return { number in
                    let sound =
                        decoded ? sounds[number] : try files[number].withUnsafeBytes { try Sound(decoding: $0) }
                    return try transform.features(of: sound, at: Place(path: "\(number)")).values.count
                }
            }
        }
    }

    private func videos(_ files: [[UInt8]]) -> (Range<Int>) throws -> Int {
        let (frames, maxPixels) = (frames, Double(maxPixels))
        return {
            try sum($0) { { try Self.valueCount(ofVideo: files[$0], frames: frames, maxPixels: maxPixels) } }
        }
    }

    /// Frames as qwen-vl-utils takes them.
    private static func valueCount(ofVideo bytes: [UInt8], frames: Int, maxPixels: Double) throws -> Int {
        try bytes.withUnsafeBytes { bytes in
            let description = try MediaDescription(measuring: .video, of: .memory(bytes))
            guard let pictures = description.pictures, let count = pictures.count else {
                throw Failure(.badData, "a file without pictures")
            }
            var processing = QwenVideoProcessing(.qwen2)
            processing.sampling = .qwen2Count(frames, framesPerPatch: 2)
            processing.loader = QwenFrameLoader(factor: 28, maximumPixels: maxPixels)
            let extent = VideoExtent(
                size: PixelSize(width: pictures.width, height: pictures.height), frameCount: count,
                frameRate: pictures.picturesPerSecond, duration: description.seconds)
            let plan = try processing.plan(extent)
            var rows = [Float](repeating: 0, count: plan.valueCount)
            var number = 0
            try Video.forEachPicture(plan.frameIndices, decoding: bytes) { picture in
                rows.withUnsafeMutableBufferPointer { plan.write(picture, number: number, into: $0) }
                number += 1
            }
            return rows.count
        }
    }

    /// The sum of what workers return for each number.
    private func sum(_ numbers: Range<Int>, _ makeWorker: @escaping @Sendable () throws -> (Int) throws -> Int) throws
        -> Int
    {
        var sum = 0
        let workers = try OrderedWorkers<Int, Int>(workers: threads, window: 2 * threads, makeTransform: makeWorker)
        for number in numbers { try workers.submit(number) { sum += $0 } }
        try workers.drain { sum += $0 }
        return sum
    }
}

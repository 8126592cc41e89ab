internal import Base
internal import JSON
internal import Models
internal import SystemPackage

// How processors of images and videos are read: as transformers has it, null is no value, and a field that is not there
// has the value of its class.
extension ConfigurationReader {
    /// - Throws: `InputError` for what is no object.
    convenience init(processor value: JSONValue, path: String, prefix: String = "") throws {
        guard value.object != nil else {
            throw InputError(
                "an object is expected", at: Place(path: path, field: prefix.isEmpty ? nil : String(prefix.dropLast())),
                exitStatus: .badConfiguration)
        }
        self.init(value, path: FilePath(path), prefix: prefix)
    }

    /// A whole number in a range; doubles that are whole count, as `2.0`. Nil where the field is not there.
    func wholeNumber(_ field: String, in range: ClosedRange<Int> = PictureRange.pixels) throws -> Int? {
        guard let value = self[field] else { return nil }
        guard let count = value.integer ?? value.double.flatMap({ Int(exactly: $0) }), range.contains(count) else {
            throw error(field, "a whole number from \(range.lowerBound) to \(range.upperBound) is expected")
        }
        return count
    }

    /// A finite number in a range, above 0; nil where the field is not there.
    func optionalPositiveNumber(_ field: String, to upper: Double) throws -> Double? {
        try self[field] == nil ? nil : positiveNumber(field, to: upper)
    }

    /// A number for each channel; one alone is that of all three. Nil where the field is not there.
    func channels(_ field: String, in range: ClosedRange<Double>) throws -> [Double]? {
        guard let value = self[field] else { return nil }
        let numbers = value.double.map { [$0, $0, $0] } ?? value.array?.compactMap(\.double) ?? []
        guard numbers.count == 3, value.array?.count ?? 3 == 3, numbers.allSatisfy(range.contains) else {
            throw error(
                field, "a number, or a list of three, from \(range.lowerBound) to \(range.upperBound) is expected")
        }
        return numbers
    }

    enum PictureRange {
        static let pixels = 1...Int(Int32.max)
        static let sides = 1...65_536
        static let patchSides = 1...1024
        static let smallCounts = 1...64
        static let frames = 1...1_000_000
        static let means = -1e6...1e6
        static let deviations = 1e-6...1e6
        static let largestRate = 1000.0
    }

    /// Fields that no pixel depends on, whatever the processor.
    static let harmlessPictureFields: Set<String> = [
        "_processor_class", "_valid_processor_keys", "auto_map", "default_to_square", "device", "disable_grouping",
        // Without it, images that are not in red, green and blue fail; here they are in any case.
        "do_convert_rgb", "feature_extractor_type", "image_processor_type", "image_seq_length", "input_data_format",
        "processor_class", "return_metadata", "return_tensors", "transformers_version", "video_processor_type",
    ]

    /// Fields of a processor of sound, which one file may have beside those of an image processor.
    static let processorFieldsOfSounds: Set<String> = [
        "chunk_length", "dither", "feature_size", "hop_length", "n_fft", "n_samples", "nb_max_frames",
        "num_samples_per_chunk", "padding_side", "padding_value", "return_attention_mask", "sampling_rate",
    ]

    /// What becomes of the values of a pixel.
    ///
    /// The arguments are the values of the class, for fields that are not there.
    func normalisation(
        mean: [Double], deviation: [Double], normalises: Bool = true
    ) throws -> PixelNormalisation {
        let rescales = try bool("do_rescale", default: true)
        let factor = try optionalPositiveNumber("rescale_factor", to: 1e6) ?? 1.0 / 255
        let normalises = try bool("do_normalize", default: normalises)
        let mean = try channels("image_mean", in: PictureRange.means) ?? mean
        let deviation = try channels("image_std", in: PictureRange.deviations) ?? deviation
        return PixelNormalisation(
            rescaleFactor: rescales ? factor : nil, mean: normalises ? mean : nil,
            deviation: normalises ? deviation : nil)
    }

    /// The filter, by its number in Pillow.
    func filter(default fallback: PixelResampling.Filter) throws -> PixelResampling.Filter {
        switch try wholeNumber("resample", in: 0...5) {
        case nil: return fallback
        case 2: return .bilinear
        case 3: return .bicubic
        case let number?:
            throw error("resample", "only 2 (bilinear) and 3 (bicubic) are supported, not \(number)")
        }
    }

    /// The pixels that there may be: `min_pixels` and `max_pixels`, else those of `size`, else those of the class.
    ///
    /// Within `size` they are called `shortest_edge` and `longest_edge`, or as outside.
    func budget(default fallback: PixelBudget) throws -> PixelBudget {
        var (minimum, maximum) = (fallback.minimum, fallback.maximum)
        if let size = try optionalSection("size") {
            for name in ["shortest_edge", "min_pixels"] {
                minimum = try size.wholeNumber(name).map(Double.init) ?? minimum
            }
            for name in ["longest_edge", "max_pixels"] {
                maximum = try size.wholeNumber(name).map(Double.init) ?? maximum
            }
            try size.refuseUnread(except: [])
        }
        minimum = try wholeNumber("min_pixels").map(Double.init) ?? minimum
        maximum = try wholeNumber("max_pixels").map(Double.init) ?? maximum
        guard minimum <= maximum else {
            throw error(
                "size", "pictures must have \(Int(minimum)) pixels at least, and may have \(Int(maximum)) at most")
        }
        return PixelBudget(minimum: minimum, maximum: maximum)
    }

    /// Refuses what no processor here does: to pad, to cut where that is not asked for, another order of the channels.
    func refuseOtherSteps(cuts: Bool = false) throws {
        try require("do_pad", false)
        try require("pad_size")
        try require("data_format", "channels_first")
        if !cuts { try require("do_center_crop", false) }
    }
}

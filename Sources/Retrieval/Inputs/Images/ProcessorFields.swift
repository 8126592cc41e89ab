internal import Base
internal import JSON

/// Reads the fields of a processor's configuration and remembers which, so that none is passed over unseen.
///
/// Its errors are `InputError`s that name file and field, with status 78. As transformers has it, null is no value.
final class ProcessorFields {
    private let object: JSONObject
    private let path: String
    /// What encloses the object, as `image_processor.`; empty at the root.
    private let prefix: String
    private var read: Set<String> = []

    /// - Throws: `InputError` for what is no object.
    init(_ value: JSONValue, path: String, prefix: String = "") throws {
        self.path = path
        self.prefix = prefix
        guard let object = value.object else {
            throw InputError(
                "an object is expected", at: Place(path: path, field: prefix.isEmpty ? nil : String(prefix.dropLast())),
                exitStatus: .badConfiguration)
        }
        self.object = object
    }

    /// A field's value; nil where there is none, or null.
    subscript(field: String) -> JSONValue? {
        read.insert(field)
        guard let value = object[field], !value.isNull else { return nil }
        return value
    }

    func error(_ field: String, _ reason: String, advice: String? = nil) -> InputError {
        InputError(
            reason, at: Place(path: path, field: prefix + field), advice: advice, exitStatus: .badConfiguration)
    }

    /// A whole number in a range; doubles that are whole count.
    func count(_ field: String, in range: ClosedRange<Int> = Ranges.pixels) throws -> Int? {
        guard let value = self[field] else { return nil }
        guard let count = value.integer ?? value.double.flatMap({ Int(exactly: $0) }), range.contains(count) else {
            throw error(field, "a whole number from \(range.lowerBound) to \(range.upperBound) is expected")
        }
        return count
    }

    /// A finite number in a range, above 0.
    func positiveNumber(_ field: String, to upper: Double) throws -> Double? {
        guard let value = self[field] else { return nil }
        guard let number = value.double, number > 0, number <= upper else {
            throw error(field, "a number above 0 and up to \(upper) is expected")
        }
        return number
    }

    func bool(_ field: String, default fallback: Bool) throws -> Bool {
        guard let value = self[field] else { return fallback }
        guard let bool = value.bool else { throw error(field, "true or false is expected") }
        return bool
    }

    func string(_ field: String) throws -> String? {
        guard let value = self[field] else { return nil }
        guard let string = value.string else { throw error(field, "a string is expected") }
        return string
    }

    /// A number for each channel; one alone is that of all three.
    func channels(_ field: String, in range: ClosedRange<Double>) throws -> [Double]? {
        guard let value = self[field] else { return nil }
        let numbers = value.double.map { [$0, $0, $0] } ?? value.array?.compactMap(\.double) ?? []
        guard numbers.count == 3, value.array?.count ?? 3 == 3, numbers.allSatisfy(range.contains) else {
            throw error(
                field, "a number, or a list of three, from \(range.lowerBound) to \(range.upperBound) is expected")
        }
        return numbers
    }

    /// The fields of an object within this one, which must all be read as well.
    func section(_ field: String) throws -> ProcessorFields? {
        guard let value = self[field] else { return nil }
        return try ProcessorFields(value, path: path, prefix: prefix + field + ".")
    }

    /// - Throws: `InputError` for a field that has a value, other than the only ones that are understood.
    func require(_ field: String, _ values: JSONValue...) throws {
        guard let value = self[field], !values.contains(value) else { return }
        var wanted: [UInt8] = []
        for (position, value) in values.enumerated() {
            if position > 0 { wanted += Array(" or ".utf8) }
            value.appendLine(to: &wanted)
        }
        throw error(
            field,
            values.isEmpty
                ? "this is not supported" : "only \(String(decoding: wanted, as: UTF8.self)) is supported")
    }

    /// - Throws: `InputError` that names a field nobody has read.
    func refuseUnread(except harmless: Set<String>) throws {
        for (field, _) in object where !read.contains(field) && !harmless.contains(field) {
            throw error(
                field, "this field is not understood, and may change the result",
                advice: "if it has no influence on pixels and frames, remove it from the file")
        }
    }

    enum Ranges {
        static let pixels = 1...Int(Int32.max)
        static let sides = 1...65_536
        static let patchSides = 1...1024
        static let smallCounts = 1...64
        static let frames = 1...1_000_000
        static let means = -1e6...1e6
        static let deviations = 1e-6...1e6
        static let largestRate = 1000.0
    }
}

extension ProcessorFields {
    /// Fields that no pixel depends on, whatever the processor.
    static let harmless: Set<String> = [
        "_processor_class", "_valid_processor_keys", "auto_map", "default_to_square", "device", "disable_grouping",
        // Without it, images that are not in red, green and blue fail; here they are in any case.
        "do_convert_rgb", "feature_extractor_type", "image_processor_type", "image_seq_length", "input_data_format",
        "processor_class", "return_metadata", "return_tensors", "transformers_version", "video_processor_type",
    ]

    /// Fields of a processor of sound, which one file may have beside those of an image processor.
    static let soundFields: Set<String> = [
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
        let factor = try positiveNumber("rescale_factor", to: 1e6) ?? 1.0 / 255
        let normalises = try bool("do_normalize", default: normalises)
        let mean = try channels("image_mean", in: Ranges.means) ?? mean
        let deviation = try channels("image_std", in: Ranges.deviations) ?? deviation
        return PixelNormalisation(
            rescaleFactor: rescales ? factor : nil, mean: normalises ? mean : nil,
            deviation: normalises ? deviation : nil)
    }

    /// The filter, by its number in Pillow.
    func filter(default fallback: PixelResampling.Filter) throws -> PixelResampling.Filter {
        switch try count("resample", in: 0...5) {
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
        if let size = try section("size") {
            for name in ["shortest_edge", "min_pixels"] { minimum = try size.count(name).map(Double.init) ?? minimum }
            for name in ["longest_edge", "max_pixels"] { maximum = try size.count(name).map(Double.init) ?? maximum }
            try size.refuseUnread(except: [])
        }
        minimum = try count("min_pixels").map(Double.init) ?? minimum
        maximum = try count("max_pixels").map(Double.init) ?? maximum
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

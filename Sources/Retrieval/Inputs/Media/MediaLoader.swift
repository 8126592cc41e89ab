internal import Base
internal import Media
internal import Models
internal import Records

/// Decodes the media of inputs; one for each thread.
///
/// Not Sendable: it holds the tensors of the sounds' front end.
final class MediaLoader {
    private var transform: LogMelTransform?

    /// The features of a sound as it was decoded.
    func features(
        of sound: Sound, _ frontEnd: SoundFrontEnd, at place: @autoclosure () -> Place, _ id: [UInt8]
    ) throws -> LogMel {
        let transform = try self.transform ?? LogMelTransform(frontEnd)
        self.transform = transform
        do {
            return try transform.features(of: sound, at: place())
        } catch let error as InputError {
            throw InputError(error.reason, at: error.place, offender: id, advice: error.advice)
        }
    }

    /// An image or a sound as it was decoded; videos are decoded frame by frame once it is known which, their sound at once
    /// where it is heard.
    enum Decoded {
        case image(Bitmap)
        case sound(Sound)
        case video(Sound?)
    }

    /// An input with its media, as large as they turn out to be: a plan that does not fit them is made again.
    ///
    /// - Throws: `InputError` for media that are missing or broken, with the record's id.
    func load(_ plan: InputPlan, _ planner: InputPlanner, at place: @autoclosure () -> Place) throws -> LoadedInput {
        let (plan, decoded) = try settled(plan, planner, at: place())
        let rows = try zip(plan.media, decoded).map { item, value in
            try self.rows(item, value, planner, at: place(), plan.content?.id ?? [])
        }
        return LoadedInput(plan.input, rows: rows)
    }

    /// The plan of media as large as they turn out to be, with what was decoded to find that out.
    ///
    /// - Throws: as ``load(_:_:at:)``.
    func settled(
        _ plan: InputPlan, _ planner: InputPlanner, at place: @autoclosure () -> Place
    ) throws -> (plan: InputPlan, decoded: [Decoded]) {
        guard let content = plan.content, !plan.media.isEmpty else { return (plan, []) }
        var (decoded, found): ([Decoded], [MediaExtent]) = ([], [])
        let own = plan.media.filter { !$0.isSoundOfVideo }
        for item in own {
            let (value, extent) = try decode(item, planner, at: place(), content.id)
            decoded.append(value)
            found.append(extent)
        }
        var plan = plan
        let isAsPlanned = zip(own, found).allSatisfy { $0.extent == $1 }
        let byKind = Dictionary(zip(own.map(\.kind), zip(decoded, found))) { first, _ in first }
        if !isAsPlanned {
            // In the order of the record's fields again.
            let kinds = content.media.map(\.kind)
            plan = try planner.plan(content, extents: kinds.map { byKind[$0]!.1 }, at: place())
        }
        let all = plan.media.map { item -> Decoded in
            guard item.isSoundOfVideo else { return byKind[item.kind]!.0 }
            guard case .video(let sound?) = byKind[.video]?.0 else { preconditionFailure("a video that is heard") }
            return .sound(sound)
        }
        return (plan, all)
    }

    private func decode(
        _ item: PlannedMedia, _ planner: InputPlanner, at place: @autoclosure () -> Place, _ id: [UInt8]
    ) throws -> (Decoded, MediaExtent) {
        guard let digest = item.digest else {
            guard case .image(let size) = item.extent else { preconditionFailure("stand-ins are images") }
            let black = Bitmap(
                width: size.width, height: size.height, channelCount: 3,
                pixels: [UInt8](repeating: 0, count: 3 * size.width * size.height))
            return (.image(black), item.extent)
        }
        var result: (Decoded, MediaExtent)?
        try withBytes(of: item, digest, planner, at: place(), id) { bytes in
            switch item.kind {
            case .image:
                let image = try Bitmap(decoding: bytes)
                result = (.image(image), .image(PixelSize(width: image.width, height: image.height)))
            case .audio:
                let sound = try Sound(decoding: bytes, rate: planner.form.media!.soundRate(of: .audio)!)
                result = (.sound(sound), .sound(sampleCount: sound.samples.count))
            case .video:
                // Records say milliseconds, and those of a sound that goes on: what is taken depends on the pictures alone.
                var found = try VideoExtent(measuring: bytes)
                let sound = try self.sound(of: bytes, planner)
                found.soundSampleCount = sound?.samples.count
                result = (.video(sound), .video(found))
            }
        }
        return result!
    }

    /// The sound of a video, where there is one and it is heard.
    private func sound(of bytes: UnsafeRawBufferPointer, _ planner: InputPlanner) throws(MediaError) -> Sound? {
        guard let rate = planner.form.media!.soundRate(of: .video),
            try MediaDescription(measuring: .audio, of: .memory(bytes)).sound != nil
        else { return nil }
        return try Sound(decoding: bytes, rate: rate)
    }

    private func rows(
        _ item: PlannedMedia, _ decoded: Decoded, _ planner: InputPlanner, at place: @autoclosure () -> Place,
        _ id: [UInt8]
    ) throws -> any MediaRows {
        switch (item.processing, decoded) {
        case (.image(let plan), .image(let image)):
            guard plan.givesBytes else {
                let patches = plan.patches(of: image)
                return NumberRows(values: patches.rows, rowWidth: patches.rowWidth)
            }
            return PictureRows(plan, [plan.picture(of: image)])
        case (.sound, .sound(let sound)):
            let frontEnd = planner.form.media!.sound!
            return SoundRows(try features(of: sound, frontEnd, at: place(), id), frontEnd)
        case (.video(let plan), .video):
            return try frames(plan, item, planner, at: place(), id)
        default: preconditionFailure("an item of its kind")
        }
    }

    private func frames(
        _ plan: VideoPlan, _ item: PlannedMedia, _ planner: InputPlanner, at place: @autoclosure () -> Place,
        _ id: [UInt8]
    ) throws -> any MediaRows {
        let isBytes = plan.frame.givesBytes
        let rowWidth = plan.frame.layout.rowWidth
        var pictures: [Bitmap] = []
        var values = isBytes ? [] : [Float](repeating: 0, count: plan.valueCount)
        try forEachFrame(plan.frameIndices.indices, of: plan, item, planner, at: place(), id) { picture, number in
            if isBytes {
                pictures.append(plan.frame.picture(of: picture))
            } else {
                values.withUnsafeMutableBufferPointer { plan.write(picture, number: number, into: $0) }
            }
        }
        return isBytes ? PictureRows(plan.frame, pictures) : NumberRows(values: values, rowWidth: rowWidth)
    }

    /// Decodes frames one by one.
    ///
    /// - Parameters:
    ///   - numbers: places in the plan's frames.
    ///   - body: is given each frame and its place.
    func forEachFrame(
        _ numbers: Range<Int>, of plan: VideoPlan, _ item: PlannedMedia, _ planner: InputPlanner,
        at place: @autoclosure () -> Place, _ id: [UInt8], _ body: (Bitmap, Int) -> Void
    ) throws {
        var (number, isWrong) = (numbers.lowerBound, false)
        try withBytes(of: item, item.digest!, planner, at: place(), id) { bytes in
            try Video.forEachPicture(Array(plan.frameIndices[numbers]), decoding: bytes) { picture in
                // A stream may change its size on the way.
                guard picture.width == plan.frame.source.width, picture.height == plan.frame.source.height else {
                    isWrong = true
                    return
                }
                body(picture, number)
                number += 1
            }
        }
        guard number == numbers.upperBound, !isWrong else {
            throw InputError(
                "the video's frames have different sizes", at: place(), offender: id,
                advice: "Convert it to frames of one size, with ffmpeg for example.")
        }
    }

    /// When each picture of a video is shown, in seconds from the first.
    ///
    /// - Throws: `InputError` as ``load(_:_:at:)``.
    func pictureTimes(
        of item: PlannedMedia, _ planner: InputPlanner, at place: @autoclosure () -> Place, _ id: [UInt8]
    ) throws -> [Double] {
        var times: [Double] = []
        try withBytes(of: item, item.digest!, planner, at: place(), id) { times = try Video.pictureTimes(of: $0) }
        return times
    }

    private func withBytes(
        of item: PlannedMedia, _ digest: SHA256Digest, _ planner: InputPlanner, at place: @autoclosure () -> Place,
        _ id: [UInt8], _ body: (UnsafeRawBufferPointer) throws -> Void
    ) throws {
        do {
            guard try planner.mediaBytes(digest, body) else {
                throw Self.missing(item.kind, digest, at: place(), id)
            }
        } catch let error as MediaError {
            throw Self.broken(item.kind, error, at: place(), id)
        }
    }

    static func missing(_ kind: MediaKind, _ digest: SHA256Digest, at place: Place, _ id: [UInt8]) -> InputError {
        var place = place
        place.field = kind.rawValue
        return InputError("the dataset does not hold the item \(digest)", at: place, offender: id)
    }

    /// - Returns: the error itself where the machine is at fault.
    static func broken(_ kind: MediaKind, _ error: MediaError, at place: Place, _ id: [UInt8]) -> any Error {
        guard error.reason != .notLoaded, error.reason != .noMemory else { return error }
        var place = place
        place.field = kind.rawValue
        let advice =
            error.reason == .tooLarge && kind == .image
            ? "tvt-convert --max-pixels N stores larger images scaled down to N pixels."
            : "tvt-convert … --media-check full --quarantine FILE decodes all media first, and leaves out such records."
        return InputError("its \(kind) cannot be used: \(error)", at: place, offender: id, advice: advice)
    }
}

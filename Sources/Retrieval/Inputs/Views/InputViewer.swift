public import Base
public import Media

/// Shows what a model is given of records of one role; one for each thread.
///
/// Media are decoded, so that they are as large as they turn out to be, and broken ones are errors. One item's pixels or
/// samples are in memory at a time, beside the other items of its record.
public final class InputViewer {
    private let planner: InputPlanner
    private let loader = MediaLoader()

    public init(_ planner: InputPlanner) { self.planner = planner }

    /// - Throws: `InputError` for a record that the model is not given, or whose media are missing or broken.
    public func view(_ content: RecordContent, at place: @autoclosure () -> Place) throws -> InputView {
        let plan = try loader.settled(planner.plan(content, at: place()), planner, at: place()).plan
        let preview = try planner.preview(plan, of: content, at: place())
        return InputView(
            preview: preview,
            items: try zip(plan.media, preview.media).map { item, summary in
                InputView.Item(
                    kind: item.kind, summary: summary, captions: try captions(item, at: place(), content.id))
            })
    }

    private func captions(
        _ item: PlannedMedia, at place: @autoclosure () -> Place, _ id: [UInt8]
    ) throws -> [String] {
        switch (item.processing, item.extent) {
        case (.image(let plan), _): return [plan.gridCaption]
        case (.video(let plan), .video(let extent)):
            guard extent.frameRate != nil else { return plan.captions(times: []) }
            return plan.captions(times: try loader.pictureTimes(of: item, planner, at: place(), id))
        case (.sound(let frameCount), .sound(let sampleCount)):
            return [planner.form.media!.sound!.caption(frameCount: frameCount, sampleCount: sampleCount)]
        default: return []
        }
    }

    /// How many pictures show an item: as many as it has captions.
    private func pictureCount(_ item: PlannedMedia) -> Int {
        guard case .video(let plan) = item.processing else { return 1 }
        return plan.frameIndices.count
    }

    /// Pixels of a picture at most; a larger one is shown smaller.
    public static let largestPixelCount = 4 << 20

    /// What the model is given of an item, as pictures.
    ///
    /// - Parameters:
    ///   - numbers: places among the item's captions.
    ///   - item: its place among the view's.
    ///   - withLines: whether there are lines where the tokens of images and frames meet.
    /// - Throws: as ``view(_:at:)``; `InputError` with status 66 where there is no such picture.
    public func pictures(
        _ numbers: Range<Int>, of item: Int, in content: RecordContent, withLines: Bool,
        at place: @autoclosure () -> Place
    ) throws -> [Bitmap] {
        let (plan, decoded) = try loader.settled(planner.plan(content, at: place()), planner, at: place())
        func missing(_ what: String) -> InputError {
            InputError("the record has no \(what)", at: place(), offender: content.id, exitStatus: .missingInput)
        }
        guard plan.media.indices.contains(item) else { throw missing("item \(item)") }
        let media = plan.media[item]
        let count = pictureCount(media)
        guard numbers.lowerBound >= 0, numbers.upperBound <= count else {
            throw missing("pictures \(numbers.lowerBound) to \(numbers.upperBound) of item \(item), which has \(count)")
        }
        func shown(_ plan: ImagePlan, _ image: Bitmap) -> Bitmap {
            let picture = withLines ? plan.picture(of: image, withLinesIn: Self.lineColour) : plan.picture(of: image)
            return picture.fitted(toPixelCount: Self.largestPixelCount)
        }
        switch (media.processing, decoded[item]) {
        case (.image(let plan), .image(let image)): return numbers.map { _ in shown(plan, image) }
        case (.video(let plan), .video):
            var frames: [Bitmap] = []
            try loader.forEachFrame(numbers, of: plan, media, planner, at: place(), content.id) { frame, _ in
                frames.append(shown(plan.frame, frame))
            }
            return frames
        case (.sound, .sound(let sound)):
            let frontEnd = planner.form.media!.sound!
            let features = try loader.features(of: sound, frontEnd, at: place(), content.id)
            let picture = features.picture(of: frontEnd).fitted(toPixelCount: Self.largestPixelCount)
            return numbers.map { _ in picture }
        default: preconditionFailure("an item of its kind")
        }
    }

    /// Red, green and blue of a colour that pictures seldom have.
    private static let lineColour: (UInt8, UInt8, UInt8) = (255, 0, 160)
}

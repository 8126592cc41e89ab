internal import Media
internal import Models

/// Pictures of the size that a tower takes, as bytes: a twelfth of what their patches would hold, or less.
struct PictureRows: MediaRows {
    /// Of one picture, which is not resized any more.
    private let plan: ImagePlan
    private let pictures: [Bitmap]
    private let stepCount: Int

    /// - Parameters:
    ///   - plan: by which the pictures were resized and cut.
    ///   - pictures: one image, or the frames of a video.
    init(_ plan: ImagePlan, _ pictures: [Bitmap]) {
        self.plan = plan.ofResized
        self.pictures = pictures
        stepCount = (pictures.count + plan.layout.framesPerPatch - 1) / plan.layout.framesPerPatch
    }

    private var rowsPerStep: Int { plan.grid.height * plan.grid.width }
    var rowCount: Int { stepCount * rowsPerStep }
    var rowWidth: Int { plan.layout.rowWidth }

    func write(to rows: UnsafeMutableBufferPointer<Float>) {
        precondition(rows.count == rowCount * rowWidth, "room for all rows")
        let framesPerPatch = plan.layout.framesPerPatch
        for (number, picture) in pictures.enumerated() {
            let (step, slot) = number.quotientAndRemainder(dividingBy: framesPerPatch)
            // The last picture fills up what is missing of its step.
            let end = number == pictures.count - 1 ? framesPerPatch : slot + 1
            plan.write(
                frame: picture, into: rows.baseAddress! + step * rowsPerStep * rowWidth, slots: slot..<end)
        }
    }
}

/// Rows that are held as they are: what resampling does not give as bytes.
struct NumberRows: MediaRows {
    let values: [Float]
    let rowWidth: Int

    var rowCount: Int { values.count / rowWidth }

    func write(to rows: UnsafeMutableBufferPointer<Float>) { _ = rows.update(fromContentsOf: values) }
}

/// The frames of a spectrogram.
struct SoundRows: MediaRows {
    private let mels: LogMel
    /// Whether frames lie one behind the other; else mels do.
    private let isFramesFirst: Bool
    let rowCount: Int
    let rowWidth: Int

    init(_ mels: LogMel, _ frontEnd: SoundFrontEnd) {
        self.mels = mels
        isFramesFirst = frontEnd.isFramesFirst
        (rowCount, rowWidth) = isFramesFirst ? (mels.shape[0], mels.shape[1]) : (mels.shape[1], mels.shape[0])
    }

    func write(to rows: UnsafeMutableBufferPointer<Float>) {
        guard !isFramesFirst else {
            _ = rows.update(fromContentsOf: mels.values)
            return
        }
        mels.values.withUnsafeBufferPointer { values in
            for mel in 0..<rowWidth {
                let source = values.baseAddress! + mel * rowCount
                for frame in 0..<rowCount { rows[frame * rowWidth + mel] = source[frame] }
            }
        }
    }
}

extension ImagePlan {
    /// Whether the pixels that the processor makes are bytes.
    var givesBytes: Bool {
        resampling.arithmetic != .torchFloats || (loaded?.size ?? source) == resized
    }

    /// What is left to do with a picture that was resized and cut.
    var ofResized: ImagePlan {
        ImagePlan(
            source: region.size, resized: region.size, layout: layout, tokenSide: tokenSide, resampling: resampling,
            normalisation: normalisation, alpha: .dropped)
    }
}

internal import Base

extension ImagePlan {
    /// `28 × 28 tokens, each of 28 × 28 pixels`
    var gridCaption: String {
        let (columns, rows) = (region.size.width / tokenSide, region.size.height / tokenSide)
        return "\(columns) × \(rows) tokens, each of \(tokenSide) × \(tokenSide) pixels"
    }
}

extension VideoPlan {
    /// `frame 48 at 2.0 s`, for each frame; with the step that it is a part of where a step has several.
    ///
    /// - Parameter times: when each picture of the video is shown, in seconds, as its file says; not the times that a model
    ///   is told, which counts on equal distances. Empty where the file says nothing.
    func captions(times: [Double]) -> [String] {
        frameIndices.enumerated().map { number, index in
            let seconds = times.indices.contains(index) ? " at \(decimal(times[index], digits: 1)) s" : ""
            let step =
                frame.layout.framesPerPatch > 1 ? "step \(number / frame.layout.framesPerPatch + 1), " : ""
            return "\(step)frame \(index)\(seconds)"
        }
    }
}

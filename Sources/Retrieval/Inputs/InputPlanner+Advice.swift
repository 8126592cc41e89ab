internal import Base
internal import Records

/// What users can do about records that a model cannot be given.
extension InputPlanner {
    /// - Parameter media: those of an input that is too long.
    static func adviceOnSize(of media: [PlannedMedia]) -> String {
        var sentences: [String] = []
        if media.contains(where: { $0.kind == .image }) {
            sentences.append("Make pictures smaller: inputs image_pixels.")
        }
        if media.contains(where: { $0.kind == .video }) {
            sentences.append("Take fewer frames of a video, or smaller ones: inputs frames, frame_pixels.")
        }
        if media.contains(where: { $0.kind == .audio && !$0.isSoundOfVideo }) {
            sentences.append("Cut long sounds into shorter ones, with ffmpeg for example, or leave such records out.")
        }
        return sentences.joined(separator: " ")
    }

    /// For a record of which only a text could be read.
    func adviceOnMissingText(_ content: RecordContent) -> String {
        let skipping = "--blank-texts skip, or blank_texts: skip in a config, leaves such records out."
        guard content.hasMedia else { return skipping }
        return form.media != nil
            ? "Without --ignore-media, or ignore_media: true, the model is given its media. " + skipping
            : "The model takes texts alone. " + skipping
    }

    /// For a record with media of a kind that the model has no part for.
    func adviceOnUnseen(_ content: RecordContent) -> String {
        let showing = "`tvt-model show` tells what it takes."
        guard content.text != nil else {
            return "tvt-encode --quarantine FILE leaves such records out; " + showing
        }
        return mediaAdvice + "; " + showing
    }
}

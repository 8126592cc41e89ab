internal import Base
internal import Models

extension InputWriter {
    /// Puts a video and its sound, chunk by chunk, in the place of the video's placeholder.
    ///
    /// - Precondition: the model is given sounds of videos.
    func interleave(
        _ video: PlannedMedia, _ sound: PlannedMedia, in bytes: inout [UInt8], at place: @autoclosure () -> Place
    ) throws {
        guard let rules = form.media?.rules, let videoSound = rules.videoSound,
            case .pieces(let seen) = video.planned.placeholders, case .pieces(let heard) = sound.planned.placeholders
        else { preconditionFailure("a video and its sound") }
        func name(_ token: Int32) throws -> [UInt8] {
            guard let name = tokenizer.tokenizer.addedToken(token) else {
                throw InputError(
                    "the tokenizer has no name for token \(token), which stands around videos and their sounds",
                    at: place(), exitStatus: .badConfiguration)
            }
            return name
        }
        let (pictures, samples) = (try name(rules.video!), try name(rules.audio!))
        let (begin, end) = (try name(videoSound.videoMarks.begin), try name(videoSound.videoMarks.end))
        guard let range = bytes.firstRange(of: begin + pictures + end) else {
            throw InputError(
                "the chat template writes no placeholder for a video between marks", at: place(),
                exitStatus: .badConfiguration)
        }
        var written = begin
        written += try name(videoSound.marks.begin)
        for chunk in 0..<max(seen.count, heard.count) {
            if chunk < seen.count { written += pictures }
            if chunk < heard.count { written += samples }
        }
        written += try name(videoSound.marks.end)
        written += end
        bytes.replaceSubrange(range, with: written)
    }
}

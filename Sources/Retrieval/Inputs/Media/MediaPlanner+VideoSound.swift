internal import Base
internal import Models
internal import Records

extension MediaPlanner {
    /// What becomes of an item: a video whose sound is heard is two, which take turns.
    ///
    /// - Throws: as ``plan(_:_:_:at:of:)``.
    func items(
        _ kind: MediaKind, _ digest: SHA256Digest?, _ extent: MediaExtent, at place: @autoclosure () -> Place,
        of id: [UInt8]
    ) throws -> [PlannedMedia] {
        let item = try plan(kind, digest, extent, at: place(), of: id)
        guard let videoSound, case .video(let video) = extent, let sampleCount = video.soundSampleCount,
            case .grid(let time, _, _) = item.planned.shape
        else { return [item] }
        let sound: PlannedMedia
        do {
            sound = try plan(.audio, digest, .sound(sampleCount: sampleCount), at: place(), of: id)
        } catch let error as InputError {
            throw InputError(
                "of its video: \(error.reason)", at: error.place, offender: error.offender,
                advice: error.advice ?? "inputs video_audio=false leaves the sounds of videos out.",
                exitStatus: error.exitStatus)
        }
        let features = try rules.featureCount(item.planned.shape, at: place())
        let heard = try rules.featureCount(sound.planned.shape, at: place())
        return [
            item.standing(
                .pieces(
                    videoSound.pieces(
                        stepCount: time, featuresPerStep: features / time,
                        secondsPerStep: item.planned.secondsPerStep ?? 1))),
            sound.standing(.pieces(videoSound.pieces(soundFeatureCount: heard)), isSoundOfVideo: true),
        ]
    }

    /// Placeholders of an item in the text that is tokenised.
    func placeholderCount(_ media: PlannedMedia) -> Int {
        if case .pieces(let pieces) = media.planned.placeholders { return pieces.count }
        return pictureTexts(media)?.count ?? 1
    }
}

extension PlannedMedia {
    fileprivate func standing(
        _ placeholders: MediaRules.Planned.Placeholders, isSoundOfVideo: Bool = false
    ) -> PlannedMedia {
        // The same bytes may be an item of their own beside it.
        let identity =
            isSoundOfVideo ? SHA256Digest.of(Array("sound of ".utf8) + planned.identity.bytes) : planned.identity
        return PlannedMedia(
            kind: kind, digest: digest, extent: extent, processing: processing,
            planned: MediaRules.Planned(
                planned.kind, planned.shape, identity: identity, secondsPerStep: planned.secondsPerStep,
                placeholders: placeholders, isSoundOfVideo: isSoundOfVideo),
            isCut: isCut)
    }
}

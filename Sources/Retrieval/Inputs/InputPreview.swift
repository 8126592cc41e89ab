public import Base
internal import Models

/// What a model is given of a record, in words.
public struct InputPreview: Sendable, Equatable {
    /// With prompt and template, before it is cut; placeholders as the template writes them, or `[image]`.
    public let text: String
    /// A line for each item, in the order of their tokens.
    public let media: [String]
    /// In all.
    public let tokenCount: Int
    /// Of the media.
    public let mediaTokenCount: Int
    public let wasTruncated: Bool
}

extension InputPlanner {
    /// What the model is given of a record, for people.
    ///
    /// - Throws: as ``plan(_:at:)-(RecordContent,_)``.
    public func preview(_ content: RecordContent, at place: @autoclosure () -> Place) throws -> InputPreview {
        let plan = try plan(content, at: place())
        let kinds = plan.media.map(\.kind)
        let text = try writer.text(content.text ?? [], plan.media, at: place())
        return InputPreview(
            text: text, media: zip(plan.media, plan.input.media).map { $0.summary(tokenCount: $1.tokenCount) },
            tokenCount: plan.input.tokens.count,
            mediaTokenCount: kinds.isEmpty ? 0 : plan.input.media.reduce(0) { $0 + $1.tokenCount },
            wasTruncated: plan.wasTruncated)
    }
}

extension PlannedMedia {
    /// `image 1240 × 1754, seen as 784 × 784: 56 × 56 patches, 784 tokens`
    func summary(tokenCount: Int) -> String {
        let tokens = "\(grouped(tokenCount)) tokens"
        switch (processing, extent) {
        case (.image(let plan), _):
            let own = digest == nil ? "black square" : "image \(plan.source)"
            return "\(own), seen as \(plan.region.size): \(plan.grid.width) × \(plan.grid.height) patches, \(tokens)"
        case (.video(let plan), .video(let extent)):
            let seconds = extent.duration.map { " in \(decimal($0, digits: 1)) s" } ?? ""
            return
                "video \(extent.size), \(plan.frameIndices.count) of \(extent.frameCount) frames\(seconds), each seen as "
                + "\(plan.frame.region.size): \(plan.grid.time) × \(plan.grid.width) × \(plan.grid.height) patches, \(tokens)"
        case (.sound(let frameCount), .sound(let sampleCount)):
            return "sound of \(grouped(sampleCount)) samples, \(grouped(frameCount)) frames: \(tokens)"
                + (isCut ? ", its end is not heard" : "")
        default: return "\(kind): \(tokens)"
        }
    }
}

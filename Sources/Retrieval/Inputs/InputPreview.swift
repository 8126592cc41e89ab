public import Base
internal import Models
internal import Records

/// What a model is given of a record, in words.
public struct InputPreview: Sendable, Equatable {
    /// With prompt and template, before it is cut; placeholders as the template writes them, or `[image]`.
    public let text: String
    /// The part of ``text`` that is cut off, as far as it can be told: to within a token, and nil where a template writes
    /// the record's text otherwise than it is.
    public let cut: Range<String.Index>?
    /// A line for each item, in the order of their tokens.
    public let media: [String]
    /// In all.
    public let tokenCount: Int
    /// Of the media.
    public let mediaTokenCount: Int
    public let wasTruncated: Bool
    /// The most tokens of prompt, template and text.
    public let textLimit: Int
    /// Whether the record has media that the model is not given.
    public let ignoresMedia: Bool
}

extension InputPlanner {
    /// What the model is given of a record, for people, as far as it is known without decoding media.
    ///
    /// - Throws: as ``plan(_:at:)-(RecordContent,_)``.
    public func preview(_ content: RecordContent, at place: @autoclosure () -> Place) throws -> InputPreview {
        try preview(plan(content, at: place()), of: content, at: place())
    }

    /// What a plan gives the model of a record.
    func preview(
        _ plan: InputPlan, of content: RecordContent, at place: @autoclosure () -> Place
    ) throws -> InputPreview {
        let text = try writer.text(content.text ?? [], plan.media, at: place())
        let mediaTokenCount = plan.input.media.reduce(0) { $0 + $1.tokenCount }
        return InputPreview(
            text: text, cut: plan.wasTruncated ? try cut(text, plan, content, at: place()) : nil,
            media: zip(plan.media, plan.input.media).map { $0.summary(tokenCount: $1.tokenCount) },
            tokenCount: plan.input.tokens.count, mediaTokenCount: mediaTokenCount, wasTruncated: plan.wasTruncated,
            textLimit: min(tokenizer.side.maxLength, form.positionCount - mediaTokenCount),
            ignoresMedia: plan.ignoresMedia)
    }

    /// Where a text that is too long is cut.
    private func cut(
        _ written: String, _ plan: InputPlan, _ content: RecordContent, at place: @autoclosure () -> Place
    ) throws -> Range<String.Index>? {
        let text = content.text ?? []
        // A text that nothing else contains shows what comes before texts and behind them.
        let mark = Array("\u{F8FE}\u{F8FD}\u{F8FE}".utf8)
        let marked = Array(try writer.text(mark, plan.media, at: place()).utf8)
        guard let range = marked.firstRange(of: mark) else { return nil }
        let (start, bytes) = (range.lowerBound, written.utf8)
        guard bytes.count == marked.count - mark.count + text.count,
            bytes.dropFirst(start).prefix(text.count).elementsEqual(text)
        else { return nil }
        let cutsStart = tokenizer.tokenizer.truncatesLeft
        let kept = try keptByteCount(of: text, plan, content, fromEnd: cutsStart, at: place())
        let cut =
            cutsStart ? start..<(start + text.count - kept) : (start + kept)..<(start + text.count)
        return bytes.index(
            bytes.startIndex, offsetBy: cut.lowerBound)..<bytes.index(
                bytes.startIndex, offsetBy: cut.upperBound)
    }

    /// The most bytes of a text, whole characters, that would not be cut.
    ///
    /// - Complexity: that of reading some dozen texts of the maximal length.
    private func keptByteCount(
        of text: [UInt8], _ plan: InputPlan, _ content: RecordContent, fromEnd: Bool,
        at place: @autoclosure () -> Place
    ) throws -> Int {
        func isEnd(_ count: Int) -> Bool {
            let next = fromEnd ? text.count - count : count
            return next == text.count || text[next] & 0xC0 != 0x80
        }
        func fits(_ count: Int) throws -> Bool {
            let part = Array(fromEnd ? text.suffix(count) : text.prefix(count))
            do {
                return try !self.plan(part, as: plan, content, at: place()).wasTruncated
            } catch is InputError {
                return false
            }
        }
        var most = 256
        while most < text.count, try fits((1...most).last(where: isEnd) ?? most) { most *= 2 }
        let counts = (1...min(most, text.count)).filter(isEnd)
        var (fitting, end) = (0, counts.count)
        while fitting < end {
            let middle = (fitting + end) / 2
            if try fits(counts[middle]) { fitting = middle + 1 } else { end = middle }
        }
        return fitting == 0 ? 0 : counts[fitting - 1]
    }

    /// The plan of a record that has another text.
    private func plan(
        _ text: [UInt8], as plan: InputPlan, _ content: RecordContent, at place: @autoclosure () -> Place
    ) throws -> InputPlan {
        guard content.hasMedia, readsMedia else { return try self.plan(text, of: content.id, at: place()) }
        let own = plan.media.filter { !$0.isSoundOfVideo }
        let extents = Dictionary(own.map { ($0.kind, $0.extent) }) { first, _ in first }
        return try self.plan(
            RecordContent(id: content.id, text: text, media: content.media),
            extents: content.media.map { extents[$0.kind]! }, at: place())
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
            return
                "sound\(isSoundOfVideo ? " of the video" : "") of \(grouped(sampleCount)) samples, \(grouped(frameCount)) frames: \(tokens)"
                + (isCut ? ", its end is not heard" : "")
        default: return "\(kind): \(tokens)"
        }
    }
}

public import Base

extension MediaRules {
    /// What a placeholder stands for.
    public enum Kind: String, Sendable, Hashable, CaseIterable {
        case image, video, audio
    }

    /// An image, a video or a sound of an input, before it has a place among tokens.
    public struct Planned: Sendable, Hashable {
        /// How the text of an input names it.
        public enum Placeholders: Sendable, Hashable {
            /// By one placeholder.
            case one
            /// A video by one placeholder for each of its pictures, with text between them; see ``VideoTimes``.
            case eachPicture
            /// By several placeholders, which stand for so many features each: a sound that is heard between the pictures
            /// of a video, and the video where the two take turns.
            case pieces([Int])
        }

        public let kind: Kind
        public let shape: MediaItem.Shape
        public let identity: SHA256Digest
        public let secondsPerStep: Double?
        public let placeholders: Placeholders
        /// Whether it is a sound that takes turns with the video before it; see ``VideoSound``.
        public let isSoundOfVideo: Bool

        public init(
            _ kind: Kind, _ shape: MediaItem.Shape, identity: SHA256Digest, secondsPerStep: Double? = nil,
            placeholders: Placeholders = .one, isSoundOfVideo: Bool = false
        ) {
            precondition(!isSoundOfVideo || kind == .audio, "a sound")
            self.isSoundOfVideo = isSoundOfVideo
            if case .frames = shape { precondition(kind == .audio, "frames of a sound") }
            if case .grid = shape { precondition(kind != .audio, "patches of a picture") }
            self.kind = kind
            self.shape = shape
            self.identity = identity
            self.secondsPerStep = secondsPerStep
            self.placeholders = placeholders
        }
    }

    /// The token that stands for a feature of this kind; nil where the model takes no such media.
    public func token(_ kind: Kind) -> Int32? {
        switch kind {
        case .image: image
        case .video: video
        case .audio: audio
        }
    }

    /// Features that a tower makes of an item: tokens that stand for it, without marks.
    ///
    /// - Throws: `InputError` for what the tower cannot take.
    public func featureCount(_ shape: MediaItem.Shape, at place: @autoclosure () -> Place) throws -> Int {
        // Grafts count by themselves, where their towers keep a row for the whole picture or hear whole pieces.
        let ownCount: ((MediaItem.Shape) -> Int)? = featureCount
        switch shape {
        case .grid(let time, let height, let width):
            guard time > 0, height > 0, width > 0, height % mergeSize == 0, width % mergeSize == 0,
                max(height, width) <= longestSide ?? .max
            else {
                throw InputError("the model takes no picture of \(height) × \(width) patches", at: place())
            }
            return ownCount?(shape) ?? time * (height / mergeSize) * (width / mergeSize)
        case .frames(let count):
            guard count > 0, let features = ownCount?(shape) ?? soundFeatureCount?(count), features > 0 else {
                throw InputError("the model hears nothing in a sound of \(count) frames", at: place())
            }
            return features
        }
    }

    /// Tokens that ``input(_:_:unpooledCount:at:)`` puts in the places of media, in all: what a limit of tokens leaves to
    /// the text is the rest, since media are never cut.
    public func tokenCount(_ media: [Planned], at place: @autoclosure () -> Place) throws -> Int {
        try media.reduce(0) { try $0 + blocks(of: $1, at: place()).joined().reduce(0, +) + markCount($1) }
    }

    private func markCount(_ item: Planned) -> Int {
        let marks = item.kind == .audio ? soundMarks : pictureMarks
        guard marks != nil else { return 0 }
        switch (item.placeholders, item.shape) {
        case (.pieces(let pieces), _): return 2 * pieces.count
        case (.eachPicture, .grid(let time, _, _)): return 2 * time
        case (_, .grid(let time, _, _)): return marksEachPicture ? 2 * time : 2
        case (_, .frames): return 2
        }
    }

    /// `[placeholder][block]`: how many features lie together in each block.
    private func blocks(of item: Planned, at place: @autoclosure () -> Place) throws -> [[Int]] {
        let count = try featureCount(item.shape, at: place())
        switch (item.placeholders, item.shape) {
        case (.pieces(let pieces), _):
            guard pieces.allSatisfy({ $0 > 0 }), pieces.reduce(0, +) == count else {
                throw InputError("\(pieces) features for an item of \(count)", at: place(), exitStatus: .bug)
            }
            return pieces.map { [$0] }
        case (.eachPicture, .grid(let time, _, _)):
            return Array(repeating: [count / time], count: time)
        case (_, .grid(let time, _, _)) where marksEachPicture:
            return [Array(repeating: count / time, count: time)]
        default:
            return [[count]]
        }
    }

    /// What a model is given of tokens and media: each placeholder becomes as many tokens as there are features, between
    /// marks where the model has them.
    ///
    /// Special tokens cut a text before it is tokenised, so that this is the same as writing them out in the text.
    ///
    /// - Parameters:
    ///   - tokens: of the whole input, special tokens included, with placeholders: one token each.
    ///   - media: those of each kind in the order of their placeholders; kinds need not be in order among each other.
    ///   - unpooledCount: of the tokens as given; see ``ModelInput/unpooledCount``.
    /// - Throws: `InputError` where there are more placeholders of a kind than media, or fewer: a text may contain what
    ///   looks like one.
    public func input(
        _ tokens: [Int32], _ media: [Planned], unpooledCount: Int = 0, at place: @autoclosure () -> Place
    ) throws -> ModelInput {
        var waiting: [Int32: [(item: Int, blocks: [Int])]] = [:]
        for (index, item) in media.enumerated() {
            guard let token = token(item.kind) else {
                throw InputError("the model takes no \(item.kind)", at: place())
            }
            waiting[token, default: []] += try blocks(of: item, at: place()).map { (index, $0) }
        }
        var next: [Int32: Int] = [:]
        var ranges = [[Range<Int>]](repeating: [], count: media.count)
        var expanded: [Int32] = []
        var unpooled = unpooledCount
        for (index, token) in tokens.enumerated() {
            if index == unpooledCount { unpooled = expanded.count }
            guard Kind.allCases.contains(where: { self.token($0) == token }) else {
                expanded.append(token)
                continue
            }
            let number = next[token, default: 0]
            next[token] = number + 1
            guard let found = waiting[token], number < found.count else {
                throw mismatch(token, waiting[token]?.count ?? 0, tokens, at: place())
            }
            let item = found[number].item
            let marks = media[item].kind == .audio ? soundMarks : pictureMarks
            for count in found[number].blocks {
                if let marks { expanded.append(marks.begin) }
                ranges[item].append(expanded.count..<(expanded.count + count))
                expanded += repeatElement(token, count: count)
                if let marks { expanded.append(marks.end) }
            }
        }
        if unpooledCount >= tokens.count { unpooled = expanded.count }
        for (token, found) in waiting.sorted(by: { $0.key < $1.key }) where next[token, default: 0] != found.count {
            throw mismatch(token, found.count, tokens, at: place())
        }
        let items = media.indices.map { index in
            let item = media[index]
            return MediaItem(
                item.kind == .audio ? .audio : .vision, item.shape, identity: item.identity, tokens: ranges[index],
                secondsPerStep: item.secondsPerStep, isSoundOfVideo: item.isSoundOfVideo)
        }.sorted { $0.tokens[0].lowerBound < $1.tokens[0].lowerBound }
        return ModelInput(
            tokens: expanded, unpooledCount: unpooled, media: items, positions: positions?(expanded.count, items))
    }

    private func mismatch(
        _ token: Int32, _ wanted: Int, _ tokens: [Int32], at place: @autoclosure () -> Place
    ) -> InputError {
        let kind = Kind.allCases.first { self.token($0) == token }!
        let found = tokens.count { $0 == token }
        return InputError(
            "\(found) placeholders of kind \(kind.rawValue) (token \(token)) for \(wanted) that belong there",
            at: place(),
            advice: "A text must not contain the placeholders of media itself.")
    }
}

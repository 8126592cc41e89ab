internal import Base
internal import Browsing
internal import Inputs
internal import Media
internal import ModelCommandLine
internal import Models
internal import Records
internal import Store
internal import Synchronization

/// What a model is given of a dataset's records, for the page.
///
/// Nothing of the model is kept but what plans need; no weight is read.
final class RecordPreviews: ModelView {
    let modelName: String
    private let queries: InputPlanner
    private let documents: InputPlanner
    /// What messages must not name, and what they name instead.
    private let folders: [(path: String, name: String)]
    private let place: Place
    private let cache = Mutex(PictureCache())

    /// Pictures that are made together: a video is decoded once for so many of its frames.
    private static let picturesAtOnce = 16

    /// - Parameter ignoresMedia: as where records are encoded.
    /// - Throws: as `InputForm`.
    init(_ model: EmbeddingModel, _ dataset: Dataset, ignoresMedia: Bool) throws {
        let form = try InputForm(model, settingName: \.flag)
        func planner(_ role: Role) -> InputPlanner {
            InputPlanner(
                model.texts(of: role), role, form, ignoresMedia: ignoresMedia,
                mediaAdvice: "--ignore-media shows what is made of the text alone",
                mediaBytes: { digest, body in try dataset.withMedia(digest) { try body($0) } != nil })
        }
        (queries, documents) = (planner(.query), planner(.document))
        modelName = model.folder.lastComponent?.string ?? "model"
        let paths = [model.processorFolder, model.folder] + (model.adapter.map { [$0] } ?? [])
        folders = paths.map { ($0.string, "the model's folder") }
        place = Place(path: dataset.reference)
    }

    private func planner(_ role: Role) -> InputPlanner { role == .query ? queries : documents }

    func preview(of line: [UInt8], _ role: Role) throws -> ModelPreview {
        try naming {
            let content = try self.content(of: line, role)
            let planner = planner(role)
            let view = try InputViewer(planner).view(content, at: place)
            return ModelPreview(
                parts: Self.parts(view.preview), tokenCount: view.preview.tokenCount,
                mediaTokenCount: view.preview.mediaTokenCount, notes: notes(view.preview, content, role),
                items: view.items.map { .init(kind: $0.kind, summary: $0.summary, captions: $0.captions) })
        }
    }

    private func content(of line: [UInt8], _ role: Role) throws -> RecordContent {
        try line.withUnsafeBytes { try RecordContentReader().content(of: $0, role, at: place) }
    }

    private static func parts(_ preview: InputPreview) -> [ModelPreview.Part] {
        guard let cut = preview.cut else { return [.init(preview.text)] }
        let parts: [ModelPreview.Part] = [
            .init(String(preview.text[..<cut.lowerBound])), .init(String(preview.text[cut]), isCut: true),
            .init(String(preview.text[cut.upperBound...])),
        ]
        return parts.filter { !$0.text.isEmpty }
    }

    private func notes(_ preview: InputPreview, _ content: RecordContent, _ role: Role) -> [String] {
        var notes: [String] = []
        if preview.wasTruncated {
            notes.append(
                "The text is cut: \(grouped(preview.textLimit)) tokens of a \(role) are read beside its media.")
        }
        if preview.ignoresMedia {
            let kinds = content.media.map(\.kind.rawValue).joined(separator: " and ")
            notes.append("The model is not given the record's \(kinds).")
        }
        if planner(role).givesStandIns, !content.hasMedia {
            notes.append("A query without media is given a picture to look at: inputs query_image.")
        }
        return notes
    }

    func picture(_ picture: ModelPicture, of line: [UInt8], _ role: Role) throws -> [UInt8] {
        let first = picture.number / Self.picturesAtOnce * Self.picturesAtOnce
        let key = PictureCache.Key(
            record: SHA256Digest.of(line), role: role, item: picture.item, first: first, hasLines: picture.hasLines)
        if let made = cache.withLock({ $0[key] }), made.indices.contains(picture.number - first) {
            return made[picture.number - first]
        }
        return try naming {
            let content = try self.content(of: line, role)
            let viewer = InputViewer(planner(role))
            let items = try viewer.view(content, at: place).items
            let count = items.indices.contains(picture.item) ? items[picture.item].captions.count : 0
            guard picture.number < count else {
                throw ModelViewError("the record has no such picture", isMissing: true)
            }
            let bitmaps = try viewer.pictures(
                first..<min(first + Self.picturesAtOnce, count), of: picture.item, in: content,
                withLines: picture.hasLines, at: place)
            let files = try bitmaps.map { try $0.encoded(as: .png) }
            cache.withLock { $0[key] = files }
            return files[picture.number - first]
        }
    }

    /// What goes wrong with a record, without paths of this machine.
    private func naming<Result>(_ body: () throws -> Result) throws -> Result {
        do {
            return try body()
        } catch let error as InputError {
            let advice = error.advice.map { " " + $0 } ?? ""
            let id = error.offender.map { "\(escaped($0.prefix(80))): " } ?? ""
            var message = id + error.reason + "." + advice
            for folder in folders { message = message.replacing(folder.path, with: folder.name) }
            throw ModelViewError(message, isMissing: error.exitStatus == .missingInput)
        } catch let error as MediaError {
            // The machine's fault, whose libraries the page need not know.
            log.warning("\(error)")
            throw ModelViewError("It cannot be decoded on this machine; the server's log says why.")
        }
    }
}

/// The pictures that were made last, as files.
private struct PictureCache {
    struct Key: Hashable {
        let record: SHA256Digest
        let role: Role
        let item: Int
        let first: Int
        let hasLines: Bool
    }

    private static let mostBytes = 64 << 20

    /// The newest last.
    private var groups: [(key: Key, files: [[UInt8]])] = []

    private static func size(_ files: [[UInt8]]) -> Int { files.reduce(0) { $0 + $1.count } }

    /// Setting one lets go of the oldest, so that all together have so many bytes at most.
    subscript(key: Key) -> [[UInt8]]? {
        get { groups.last { $0.key == key }?.files }
        set {
            groups.removeAll { $0.key == key }
            guard let newValue else { return }
            groups.append((key, newValue))
            var total = groups.reduce(0) { $0 + Self.size($1.files) }
            while total > Self.mostBytes, groups.count > 1 { total -= Self.size(groups.removeFirst().files) }
        }
    }
}

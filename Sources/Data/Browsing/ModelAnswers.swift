internal import Base
internal import HTTPTypes
internal import Hummingbird
internal import JSON
internal import NIOPosix
internal import Records
internal import Store

/// What a model is given, on HTTP: one request at a time, on a thread of its own, so that decoding a video holds up
/// neither the other pages nor much memory.
final class ModelAnswers: Sendable {
    private let view: any ModelView
    private let dataset: Dataset
    private let thread: NIOThreadPool

    init(_ view: any ModelView, _ dataset: Dataset) {
        self.view = view
        self.dataset = dataset
        thread = NIOThreadPool(numberOfThreads: 1)
        thread.start()
    }

    /// A record, by the words of an address.
    struct RecordName: Sendable {
        let role: Role
        let ordinal: Int

        init(kind: String, ordinal: String) throws {
            guard let kind = RecordList.Kind(rawValue: kind), let ordinal = Int(ordinal), ordinal >= 0 else {
                throw BrowseError(404, "a record is named by its kind, queries or documents, and by its ordinal")
            }
            (role, self.ordinal) = (kind == .queries ? .query : .document, ordinal)
        }
    }

    func preview(of name: RecordName, to request: Request) async throws -> Response {
        let json = try await answer(name) { view, line in try view.preview(of: line, name.role).json }
        return jsonResponse(json, to: request)
    }

    func picture(_ picture: ModelPicture, of name: RecordName, to request: Request) async throws -> Response {
        let bytes = try await answer(name) { view, line in try view.picture(picture, of: line, name.role) }
        return response(bytes, headers: [.contentType: "image/png", .cacheControl: "no-store"], to: request)
    }

    private func answer<Result: Sendable>(
        _ name: RecordName, _ body: @escaping @Sendable (any ModelView, [UInt8]) throws -> Result
    ) async throws -> Result {
        let (view, dataset) = (self.view, self.dataset)
        return try await thread.runIfActive {
            let count = name.role == .query ? dataset.queryCount : dataset.documentCount
            guard name.ordinal < count else {
                throw BrowseError(404, "there is no \(name.role) \(name.ordinal): the dataset has \(count)")
            }
            let line =
                try name.role == .query ? dataset.queryRecord(name.ordinal) : dataset.documentRecord(name.ordinal)
            do {
                return try body(view, line)
            } catch let error as ModelViewError {
                // The record's fault, or that of who asked; nothing for the log.
                throw BrowseError(error.isMissing ? 404 : 422, error.message)
            }
        }
    }
}

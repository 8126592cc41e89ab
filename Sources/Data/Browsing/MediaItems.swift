internal import Base
internal import HTTPTypes
internal import Hummingbird
internal import NIOPosix
internal import Records
internal import Store
internal import StoreFormat
internal import Synchronization

/// Items of media on HTTP: whole or a range, only what the dataset holds, only by digest.
///
/// Nothing is sent of an item before its checksum held: small ones are read as a whole, larger ones are gone over once
/// in the life of the process. Memory: 4 MiB for each request of a small item, 3 MiB for one of a larger.
final class MediaItems: Sendable {
    private let dataset: Dataset
    /// Larger items that were found whole.
    private let verified = Mutex<Set<SHA256Digest>>([])

    static let largestAtOnce = 4 << 20
    /// So many digests are remembered at most.
    private static let mostVerified = 10_000

    init(_ dataset: Dataset) { self.dataset = dataset }

    /// What is known of an item before its bytes are sent.
    private struct Item: Sendable {
        let digest: SHA256Digest
        let number: Int
        let byteCount: Int
        let format: MediaFormat?

        var entityTag: String { "\"\(digest.hex)\"" }
    }

    func respond(_ name: String, to request: Request) async throws -> Response {
        let item = try await readingStore { try self.item(named: name) }
        var headers = Self.headers(of: item)
        if let known = request.headers[.ifNoneMatch], Self.tags(in: known).contains(item.entityTag) {
            return Response(status: .notModified, headers: headers)
        }
        guard request.method == .get else {
            headers[.contentLength] = String(item.byteCount)
            return Response(status: .ok, headers: headers)
        }
        let range = ByteRange(
            request.headers[.range], ifRange: request.headers[.ifRange], entityTag: item.entityTag,
            byteCount: item.byteCount)
        switch range {
        case .whole:
            return Response(status: .ok, headers: headers, body: try await body(of: item, 0..<item.byteCount))
        case .part(let range):
            headers[.contentRange] = "bytes \(range.lowerBound)-\(range.upperBound - 1)/\(item.byteCount)"
            return Response(status: .partialContent, headers: headers, body: try await body(of: item, range))
        case .unsatisfiable:
            return Response(
                status: .rangeNotSatisfiable,
                headers: [.contentRange: "bytes */\(item.byteCount)", .acceptRanges: "bytes"])
        }
    }

    /// - Parameter name: 64 hexadecimal digits in lower case.
    private func item(named name: String) throws -> Item {
        guard name.utf8.count == 64, name.utf8.allSatisfy({ (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }),
            let digest = SHA256Digest(hex: name), let number = try dataset.mediaNumber(of: digest)
        else { throw BrowseError(404, "\(dataset.reference) holds no such item") }
        let start = try dataset.mediaReader(number).read(upTo: 4096)
        return Item(
            digest: digest, number: number, byteCount: try dataset.mediaByteCount(number),
            format: start.withUnsafeBytes { MediaHeader($0).format })
    }

    private static func headers(of item: Item) -> HTTPFields {
        var headers: HTTPFields = [
            .contentType: contentType(of: item.format), .acceptRanges: "bytes", .eTag: item.entityTag,
            // The digest names the bytes for ever.
            .cacheControl: "private, max-age=31536000, immutable",
        ]
        if item.format == nil {
            // HTML, SVG and whatever else a browser could run is for saving only.
            headers[.contentDisposition] = "attachment; filename=\"\(item.digest.hex.prefix(16)).bin\""
        }
        return headers
    }

    /// Of what the bytes begin like, never of what a record says about them.
    static func contentType(of format: MediaFormat?) -> String {
        switch format {
        case .jpeg: "image/jpeg"
        case .png: "image/png"
        case .gif: "image/gif"
        case .webp: "image/webp"
        case .mp4: "video/mp4"
        case .mov: "video/quicktime"
        case .webm: "video/webm"
        case .matroska: "video/x-matroska"
        case .wav: "audio/wav"
        case .mp3: "audio/mpeg"
        case .flac: "audio/flac"
        case .ogg: "audio/ogg"
        case nil: "application/octet-stream"
        }
    }

    private static func tags(in header: String) -> [String] {
        header.split(separator: ",").map { entry in
            let tag = entry.drop { $0 == " " }
            return String(tag.hasPrefix("W/") ? tag.dropFirst(2) : tag)
        }
    }

    private func body(of item: Item, _ range: Range<Int>) async throws -> ResponseBody {
        if item.byteCount <= Self.largestAtOnce {
            let bytes = try await readingStore {
                try self.dataset.withMedia(item.number) { ByteBuffer(bytes: $0[range]) }
            }
            return ResponseBody(byteBuffer: bytes)
        }
        let reader = try await readingStore {
            if !self.verified.withLock({ $0.contains(item.digest) }) {
                try self.dataset.forEachMediaPiece(of: item.number) { _ in try Interruption.check() }
                self.verified.withLock { if $0.count < Self.mostVerified { $0.insert(item.digest) } }
            }
            let reader = try self.dataset.mediaReader(item.number)
            try reader.skip(range.lowerBound)
            return reader
        }
        return ResponseBody(contentLength: range.count) { writer in
            var rest = range.count
            while rest > 0 {
                let most = min(rest, MediaReader.pieceBytes)
                let piece = try await readingStore { ByteBuffer(bytes: try reader.read(upTo: most)) }
                guard piece.readableBytes > 0 else { throw BrowseError(500, "the item ended early") }
                rest -= piece.readableBytes
                try await writer.write(piece)
            }
            try await writer.finish(nil)
        }
    }
}

/// Runs what reads the store on a thread that may wait for disks and servers, which those of tasks must not.
func readingStore<Result: Sendable>(_ body: @escaping @Sendable () throws -> Result) async throws -> Result {
    try await NIOThreadPool.singleton.runIfActive(body)
}

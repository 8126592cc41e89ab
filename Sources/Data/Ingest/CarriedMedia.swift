package import Archives
package import Base
package import Records
internal import StoreFormat
internal import Synchronization
package import SystemPackage

/// Items of media that come with their records (beside them in a tar, in a column of a table), on their way from the reader
/// to the workers that scan the records.
package final class CarriedMedia: MediaSource {
    private struct State {
        /// By digest as records write it, or by a name of ours; an item that comes several times is there as often.
        var items: [String: [(batch: Int, item: CarriedItem)]] = [:]
        var namedCount = 0
        /// Large items, which are read once more when they are written.
        var filed: [(batch: Int, item: CarriedItem)] = []
        var batchCount = 0
    }

    private let state = Mutex(State())
    /// Begins the names that we give; no record can have it by chance or on purpose. Its length is always the same, since what
    /// batches hold, and the bytes that are said to be parsed, depend on it.
    private let namePrefix = "carried:\(String(UInt64.random(in: 1 << 60 ... .max), radix: 16)):"
    /// Answers for all that no record brought.
    private let others: (any MediaSource)?
    /// Whether there is something that answers for names.
    package var answersNames: Bool { others != nil }
    /// The folder of `--assets`, where that is what answers.
    var assets: FilePath? { (others as? AssetFolder)?.root }
    /// So many batches may be under way at once.
    private let windowBatchCount: Int
    /// Bytes of items after which a batch ends.
    package let batchHeldByteCount: Int

    /// - Parameters:
    ///   - windowBatchCount: batches that may be under way at once.
    ///   - decodes: whether items are decoded on their way, and perhaps encoded as larger ones.
    package init(others: (any MediaSource)? = nil, windowBatchCount: Int = 1, decodes: Bool = false) {
        self.others = others
        self.windowBatchCount = windowBatchCount
        batchHeldByteCount = decodes ? 2 << 20 : 16 << 20
    }

    /// Begins a batch, and forgets what batches brought that are written by now.
    package func beginBatch() {
        state.withLock { state in
            state.batchCount += 1
            let first = state.batchCount - windowBatchCount
            state.filed.removeAll { $0.batch < first }
            // Only records that were left out have not taken theirs.
            state.items = state.items.compactMapValues { items in
                let left = items.filter { $0.batch >= first }
                return left.isEmpty ? nil : left
            }
        }
    }

    /// - Parameter digest: by which the record names the item; whether the bytes have it is seen when they are taken.
    package func add(_ item: CarriedItem, digest: SHA256Digest) {
        state.withLock { state in
            state.items[digest.description, default: []].append((state.batchCount, item))
            if item.heldByteCount == 0 { state.filed.append((state.batchCount, item)) }
        }
    }

    /// Takes an item that its record does not name.
    ///
    /// - Returns: the reference that the record gets for the way to the workers, who hash the item and put its digest there.
    package func add(_ item: CarriedItem) -> MediaReference {
        state.withLock { state in
            state.namedCount += 1
            let name = "\(namePrefix)\(state.namedCount)"
            state.items[name] = [(state.batchCount, item)]
            if item.heldByteCount == 0 { state.filed.append((state.batchCount, item)) }
            return MediaReference(name: name)
        }
    }

    package func content(of reference: MediaReference, as kind: MediaKind) throws -> MediaContent? {
        let digest = reference.digest
        if let key = digest?.description ?? reference.name, reference.name == nil || key.hasPrefix(namePrefix) {
            let taken: CarriedItem? = state.withLock { state in
                guard var items = state.items[key], !items.isEmpty else { return nil }
                let first = items.removeFirst()
                state.items[key] = items.isEmpty ? nil : items
                return first.item
            }
            if let taken { return taken.content }
        }
        return try others?.content(of: reference, as: kind)
    }
}

/// An item of media as it came with its record: in memory, or where it is large in a file without a name.
///
/// `@unchecked Sendable`: the file is written before others see it, and only read afterwards.
package struct CarriedItem: @unchecked Sendable {
    private let bytes: [UInt8]
    private let file: ScratchFile?
    /// What it was called where it came from.
    private let name: String?

    /// - Parameter read: fills a buffer with what comes next, and answers how much that is; 0 at the end.
    private init(name: String?, read: (UnsafeMutableRawBufferPointer) throws -> Int) throws {
        var bytes: [UInt8] = []
        var file: ScratchFile?
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 18, alignment: 64)
        defer { buffer.deallocate() }
        while true {
            let count = try read(buffer)
            if count == 0 { break }
            let piece = UnsafeRawBufferPointer(rebasing: buffer[..<count])
            if let file {
                try Interruption.check()
                try file.append(piece)
            } else {
                bytes.append(contentsOf: piece)
                guard bytes.count > MediaItem.largestInMemory else { continue }
                let scratch = try ScratchFile()
                try bytes.withUnsafeBytes { try scratch.append($0) }
                bytes = []
                file = scratch
            }
        }
        self.bytes = bytes
        self.name = name
        self.file = file
    }

    /// The bytes of the current member of an archive or a folder; nil where it has none.
    ///
    /// - Parameter name: what it was called where it came from.
    package init?(currentOf members: MemberReader, name: String? = nil) throws {
        self = try CarriedItem(name: name) { try members.read(into: $0) }
        if file == nil, bytes.isEmpty { return nil }
    }

    /// A file that lies beside what names it.
    package init(file path: FilePath, name: String?) throws {
        let stream = try InputFile(path)
        var position = 0
        self = try CarriedItem(name: name) { buffer in
            let piece = try stream.read(position..<min(stream.byteCount, position + buffer.count))
            buffer.copyBytes(from: piece)
            position += piece.count
            return piece.count
        }
    }

    /// - Parameter name: what it was called where it came from.
    package init(_ content: UnsafeRawBufferPointer, name: String? = nil) throws {
        guard content.count > MediaItem.largestInMemory else {
            bytes = Array(content)
            self.name = name
            file = nil
            return
        }
        var rest = content[...]
        self = try CarriedItem(name: name) { buffer in
            let piece = rest.prefix(buffer.count)
            buffer.copyBytes(from: piece)
            rest = rest.dropFirst(piece.count)
            return piece.count
        }
    }

    /// Bytes of memory.
    package var heldByteCount: Int { bytes.count }

    var content: MediaContent {
        file.map { .carriedFile($0.path, name: name) } ?? .carried(bytes, name: name)
    }
}

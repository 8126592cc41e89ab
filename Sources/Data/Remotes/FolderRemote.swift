internal import Base
internal import Glibc
internal import HTTP
internal import Store
internal import StoreFormat
internal import SystemPackage

/// Another store's folder: on another disk, or on a share.
struct FolderRemote: Remote {
    let address: String
    private let root: FilePath

    init(_ root: FilePath) {
        self.root = root
        address = root.string
    }

    var retryCount: Int { 0 }

    private func path(_ digest: SHA256Digest) -> FilePath {
        root.appending("blobs").appending("sha256").appending(digest.hex)
    }

    func size(of digest: SHA256Digest) throws -> Int? {
        Files.exists(path(digest)) ? try Files.size(path(digest)) : nil
    }

    func get(
        _ digest: SHA256Digest, _ range: Range<Int>, _ receive: (Int, UnsafeRawBufferPointer) throws -> Void
    ) throws { try Self.read(path(digest), range, receive) }

    private static func read(
        _ path: FilePath, _ range: Range<Int>, _ receive: (Int, UnsafeRawBufferPointer) throws -> Void
    ) throws {
        let file = try MappedFile(path)
        guard file.count >= range.upperBound else {
            throw Failure(.badData, "\(file.path) has \(file.count) bytes, fewer than it should")
        }
        // In pieces, so that progress shows and an interruption is heard.
        var position = range.lowerBound
        while position < range.upperBound {
            try Interruption.check()
            let end = min(position + 1 << 20, range.upperBound)
            try receive(position, UnsafeRawBufferPointer(rebasing: file.bytes[position..<end]))
            position = end
        }
    }

    func index() throws -> RemoteIndex? {
        guard Files.exists(root.appending("oci-layout")) else { return nil }
        let store = try Store(opening: root)
        return try RemoteIndex(store.indexBytes(), path: root.appending("index.json").string)
    }

    func hasNamed(_ name: String, _ version: SHA256Digest) throws -> Bool {
        try Store(opening: root).hasNamed(name, version)
    }

    func prepareForWriting() throws { try Store.create(at: root).removeStaleIntakes() }

    func put(_ blob: BlobDescriptor, from path: FilePath, sent: (Int) -> Void) throws {
        guard let intake = try Store(opening: root).intake(of: blob) else { return sent(blob.size) }
        try Self.read(path, intake.position..<blob.size) { offset, piece in
            try intake.receive(piece, at: offset)
            sent(intake.position)
        }
        guard try !intake.finish() else { return }
        // What an earlier push left may have been torn by a crash.
        try intake.restart()
        try Self.read(path, 0..<blob.size) { offset, piece in try intake.receive(piece, at: offset) }
        guard try intake.finish() else {
            try intake.restart()
            throw Failure(
                .badData, "\(path): damaged: its bytes do not match its name",
                advice: "Run `tvt-store verify --level full`.")
        }
    }

    func replaceIndex(_ index: ReferenceIndex, changed: [Reference], expecting expected: RemoteIndex?) throws -> Bool {
        try Store(opening: root).adopt(changed, operation: "push") { current in
            current == expected?.references ?? ReferenceIndex()
        }
    }
}

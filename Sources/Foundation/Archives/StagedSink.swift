internal import Base
internal import CArchive
internal import SystemPackage

/// Where libarchive's bytes go: a file that appears when complete, or stdout for "-". A class, because a C callback must
/// reach it; it outlives the handle.
final class StagedSink {
    private var file: StagedFile?
    /// What went wrong in the callback, of which libarchive learns no more than that something did.
    private(set) var failure: (any Error)?
    private(set) var byteCount = 0

    init(_ path: FilePath) throws { file = path == "-" ? nil : try StagedFile(for: path) }

    func write(_ bytes: UnsafeRawBufferPointer) throws {
        if file == nil { try writeToStandardOutput(bytes) } else { try file!.write(bytes) }
        byteCount += bytes.count
    }

    func commit(_ prepare: (FilePath) throws -> Void = { _ in }) throws {
        guard let file = file.take() else { return }
        try file.commit(prepare)
    }

    /// Opens a libarchive writer whose bytes come here.
    ///
    /// - Returns: libarchive's status.
    func open(_ handle: OpaquePointer) -> Int32 {
        archive_write_open(
            handle, Unmanaged.passUnretained(self).toOpaque(), nil,
            { _, context, bytes, count in
                let sink = Unmanaged<StagedSink>.fromOpaque(context!).takeUnretainedValue()
                do {
                    try sink.write(UnsafeRawBufferPointer(start: bytes, count: count))
                    return count
                } catch {
                    sink.failure = error
                    return -1
                }
            }, nil)
    }
}

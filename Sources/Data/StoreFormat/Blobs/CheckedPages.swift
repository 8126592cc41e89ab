internal import Base
internal import Glibc
internal import Synchronization
internal import SystemPackage

/// A part of a mapped file cut into pages of 4 KiB, each with an XXH3-64 that is checked when the page is first used.
///
/// The checksums stand in one little-endian array. Looking at a page twice costs one byte.
package final class CheckedPages: Sendable {
    static let pageBytes = 1 << 12

    /// Size of the checksum array for a region of `byteCount` bytes.
    static func checksumBytes(for byteCount: Int) -> Int { (byteCount + pageBytes - 1) / pageBytes * 8 }

    /// The checksum array of a region.
    package static func checksums(of region: UnsafeRawBufferPointer) -> [UInt8] {
        var checksums: [UInt8] = []
        var start = 0
        while start < region.count {
            let end = min(start + pageBytes, region.count)
            checksums.append(littleEndian: XXH3.hash64(region.slice(start..<end)))
            start = end
        }
        return checksums
    }

    // The mapping lives as long as `file`, which is held here, and is never written.
    nonisolated(unsafe) let bytes: UnsafeRawBufferPointer
    private nonisolated(unsafe) let checksums: UnsafeRawBufferPointer
    private let file: MappedFile
    private let path: FilePath
    private let region: Range<Int>
    private let checksumRegion: Range<Int>
    private let name: String
    // One atomic flag a page, zeroed lazily by the system; freed in deinit.
    private nonisolated(unsafe) let flags: UnsafeMutablePointer<Atomic<UInt8>>

    /// - Parameters:
    ///   - region: bytes of the file that are covered.
    ///   - checksumOffset: where the checksum array starts; the caller has checked that it lies within the file.
    ///   - name: what to call the region in errors.
    init(_ file: MappedFile, path: FilePath, region: Range<Int>, checksumOffset: Int, name: String) {
        self.file = file
        self.path = path
        self.name = name
        self.region = region
        checksumRegion = checksumOffset..<checksumOffset + Self.checksumBytes(for: region.count)
        bytes = file.bytes.slice(region)
        checksums = file.bytes.slice(checksumRegion)
        let pageCount = max(1, checksums.count / 8)
        guard let memory = calloc(pageCount, 1) else { Heap.exhausted("the list of checked pages") }
        flags = memory.bindMemory(to: Atomic<UInt8>.self, capacity: pageCount)
    }

    deinit { free(flags) }

    /// Checks the pages that hold the bytes.
    ///
    /// - Precondition: the range lies within the region.
    @inline(__always)
    func check(_ range: Range<Int>) throws {
        guard !range.isEmpty else { return }
        var page = range.lowerBound / Self.pageBytes
        let last = (range.upperBound - 1) / Self.pageBytes
        while page <= last {
            if flags[page].load(ordering: .relaxed) == 0 { try checkPage(page) }
            page += 1
        }
    }

    @inline(never)
    private func checkPage(_ page: Int) throws {
        let start = page * Self.pageBytes
        guard start < bytes.count else { return }
        let end = min(start + Self.pageBytes, bytes.count)
        let inFile = region.lowerBound + start..<region.lowerBound + end
        let checksumInFile = checksumRegion.lowerBound + page * 8..<checksumRegion.lowerBound + page * 8 + 8
        func isAsWritten() throws -> Bool {
            try file.ensure(inFile)
            try file.ensure(checksumInFile)
            return XXH3.hash64(bytes.slice(start..<end)) == checksums.integer(at: page * 8, as: UInt64.self)
        }
        var isGood = try isAsWritten()
        if !isGood, try file.fetchAgain(inFile), try file.fetchAgain(checksumInFile) { isGood = try isAsWritten() }
        guard isGood else { throw DamagedBlob(path, "checksum of page \(page) of the \(name) does not match") }
        flags[page].store(1, ordering: .relaxed)
    }
}

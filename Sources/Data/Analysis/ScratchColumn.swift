internal import Base
internal import Glibc

/// Values that are written one after the other and then read in any order: disk for each, and pages that the system may
/// write out at any time.
final class ScratchColumn<Element: BitwiseCopyable> {
    private(set) var count = 0
    private let file: ScratchFile
    private var pending: [Element] = []
    private var memory = UnsafeMutableRawBufferPointer(start: nil, count: 0)
    private var values = UnsafeMutableBufferPointer<Element>(start: nil, count: 0)
    private static var pendingCount: Int { 4096 }

    init() throws { file = try ScratchFile() }

    deinit { if let address = memory.baseAddress { munmap(address, memory.count) } }

    /// - Precondition: ``seal()`` was not called yet.
    func append(_ element: Element) throws {
        pending.append(element)
        count += 1
        if pending.count == Self.pendingCount { try flush() }
    }

    /// Ends the writing; then the values can be read.
    func seal() throws {
        try flush()
        pending = []
        memory = try file.map(byteCount: count * MemoryLayout<Element>.stride)
        values = memory.bindMemory(to: Element.self)
    }

    private func flush() throws {
        try pending.withUnsafeBytes { try file.append($0) }
        pending.removeAll(keepingCapacity: true)
    }

    subscript(position: Int) -> Element { values[position] }
}

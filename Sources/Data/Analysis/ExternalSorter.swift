internal import Base

/// Sorts any number of values in bounded memory: sorted runs in a scratch file, merged at the end.
///
/// Memory: `memoryBytes`, once while collecting and once more, shared by the runs, while merging.
/// Scratch space: the size of all values, where they exceed `memoryBytes`.
package struct ExternalSorter<Element: BitwiseCopyable & Comparable> {
    private var pending: [Element] = []
    private var runs: [Range<Int>] = []
    private var file: ScratchFile?
    private let runCount: Int
    package private(set) var count = 0

    package init(memoryBytes: Int = 32 << 20) { runCount = max(1024, memoryBytes / MemoryLayout<Element>.stride) }

    package mutating func append(_ element: Element) throws {
        // At once, since an array that grows by copying takes half as much again.
        if pending.isEmpty { pending.reserveCapacity(runCount) }
        pending.append(element)
        count += 1
        if pending.count >= runCount { try spill() }
    }

    private mutating func spill() throws {
        pending.sort()
        let file = try self.file ?? ScratchFile()
        self.file = file
        let start = file.byteCount
        try pending.withUnsafeBytes { try file.append($0) }
        runs.append(start..<file.byteCount)
        pending.removeAll(keepingCapacity: true)
    }

    /// Calls `body` with all values in ascending order.
    package mutating func forEachSorted(_ body: (Element) throws -> Void) throws {
        guard let file else {
            pending.sort()
            for element in pending { try body(element) }
            return
        }
        if !pending.isEmpty { try spill() }
        pending = []
        let windowCount = max(256, runCount / runs.count)
        var windows = runs.map { RunWindow<Element>(file: file, rest: $0, capacity: windowCount) }
        // A binary heap of (value, run), the smallest first.
        var heap: [(value: Element, run: Int)] = []
        func sift(down start: Int) {
            var position = start
            while true {
                let left = 2 * position + 1
                guard left < heap.count else { return }
                let right = left + 1
                let child = right < heap.count && heap[right].value < heap[left].value ? right : left
                guard heap[child].value < heap[position].value else { return }
                heap.swapAt(child, position)
                position = child
            }
        }
        for run in windows.indices {
            if let value = try windows[run].next() { heap.append((value, run)) }
        }
        for position in (0..<heap.count / 2).reversed() { sift(down: position) }
        while let least = heap.first {
            try body(least.value)
            if let value = try windows[least.run].next() {
                heap[0].value = value
            } else {
                heap[0] = heap[heap.count - 1]
                heap.removeLast()
            }
            sift(down: 0)
        }
    }
}

/// A sorted run, read a window at a time.
private struct RunWindow<Element: BitwiseCopyable> {
    let file: ScratchFile
    var rest: Range<Int>
    let capacity: Int
    var window: [Element] = []
    var position = 0

    mutating func next() throws -> Element? {
        if position == window.count {
            let byteCount = min(rest.count, capacity * MemoryLayout<Element>.stride)
            guard byteCount > 0 else { return nil }
            let offset = rest.lowerBound
            let count = byteCount / MemoryLayout<Element>.stride
            window = try [Element](unsafeUninitializedCapacity: count) { buffer, initialized in
                try file.read(at: offset, into: UnsafeMutableRawBufferPointer(buffer))
                initialized = count
            }
            rest = offset + byteCount..<rest.upperBound
            position = 0
        }
        position += 1
        return window[position - 1]
    }
}

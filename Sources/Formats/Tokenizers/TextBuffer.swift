internal import Glibc

/// Bytes of text that stages of the pipeline write, kept from text to text so that encoding does not allocate.
///
/// Up to ``Vocabulary/padding`` bytes past the end may be read, whatever they are.
struct TextBuffer: ~Copyable {
    private(set) var base: UnsafeMutablePointer<UInt8>
    private var capacity: Int
    private(set) var count = 0

    init(capacity: Int = 1024) {
        self.capacity = capacity
        base = .allocate(capacity: capacity + Vocabulary.padding)
        base.initialize(repeating: 0, count: capacity + Vocabulary.padding)
    }

    deinit { base.deallocate() }

    var bytes: UnsafeBufferPointer<UInt8> { UnsafeBufferPointer(start: base, count: count) }

    mutating func removeAll() { count = 0 }

    /// Makes room for `additional` bytes; at least doubles what there is, so that appending stays linear.
    @inline(__always)
    mutating func reserve(_ additional: Int) {
        if count + additional > capacity { grow(additional) }
    }

    private mutating func grow(_ additional: Int) {
        capacity = max(2 * capacity, count + additional)
        let new = UnsafeMutablePointer<UInt8>.allocate(capacity: capacity + Vocabulary.padding)
        new.initialize(repeating: 0, count: capacity + Vocabulary.padding)
        memcpy(new, base, count)
        base.deallocate()
        base = new
    }

    @inline(__always)
    mutating func append(_ byte: UInt8) {
        reserve(1)
        base[count] = byte
        count += 1
    }

    mutating func append(_ bytes: UnsafeBufferPointer<UInt8>) {
        guard let source = bytes.baseAddress, !bytes.isEmpty else { return }
        reserve(bytes.count)
        memcpy(base + count, source, bytes.count)
        count += bytes.count
    }

    mutating func append(_ bytes: UnsafeRawBufferPointer) { append(bytes.bindMemory(to: UInt8.self)) }

    mutating func append(_ bytes: [UInt8]) { bytes.withUnsafeBufferPointer { append($0) } }

    @inline(__always)
    mutating func append(scalar: UInt32) {
        reserve(4)
        writeScalar(scalar, base, &count)
    }

    /// Lets `body` write at the end of the text: it gets the first free byte, after which there is room for `limit`
    /// bytes, and returns how many it wrote.
    mutating func append(atMost limit: Int, _ body: (UnsafeMutablePointer<UInt8>) -> Int) {
        reserve(limit)
        count += body(base + count)
    }
}

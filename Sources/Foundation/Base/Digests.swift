internal import CNettle
internal import CXXHash
internal import Glibc
public import SystemPackage

/// Lower-case hexadecimal, two digits a byte.
public func hexadecimal(_ bytes: some Sequence<UInt8>) -> String {
    var digits: [UInt8] = []
    for byte in bytes {
        for nibble in [byte >> 4, byte & 15] { digits.append(nibble < 10 ? 48 + nibble : 87 + nibble) }
    }
    return String(unsafeUninitializedCapacity: digits.count) { target in
        target.initialize(fromContentsOf: digits)
    }
}

/// The name of a blob: SHA-256 of its bytes.
public struct SHA256Digest: Hashable, Comparable, Sendable {
    /// 32 bytes.
    public let bytes: [UInt8]

    /// - Precondition: 32 bytes.
    public init(bytes: [UInt8]) {
        precondition(bytes.count == 32, "a SHA-256 digest has 32 bytes")
        self.bytes = bytes
    }

    /// From 64 hexadecimal digits, with or without `sha256:` before them; nil for anything else.
    public init?(hex: String) {
        var digits = Substring(hex)
        if digits.hasPrefix("sha256:") { digits = digits.dropFirst(7) }
        guard digits.utf8.count == 64 else { return nil }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(32)
        var high: UInt8?
        for digit in digits.utf8 {
            let nibble: UInt8
            switch digit {
            case 48...57: nibble = digit - 48
            case 97...102: nibble = digit - 87
            default: return nil
            }
            if let first = high {
                bytes.append(first << 4 | nibble)
                high = nil
            } else {
                high = nibble
            }
        }
        self.bytes = bytes
    }

    public var hex: String { hexadecimal(bytes) }

    public static func < (left: Self, right: Self) -> Bool { left.bytes.lexicographicallyPrecedes(right.bytes) }

    public static func of(_ bytes: UnsafeRawBufferPointer) -> Self {
        var stream = SHA256Stream()
        stream.update(bytes)
        return stream.finalize()
    }

    public static func of(_ bytes: [UInt8]) -> Self { bytes.withUnsafeBytes { of($0) } }

    /// Streams the file through the hash; memory does not grow with its size.
    public static func ofFile(_ path: FilePath) throws -> Self {
        let file = try InputFile(path)
        var stream = SHA256Stream()
        try file.forEachBlock {
            try Interruption.check()
            stream.update($0)
        }
        return stream.finalize()
    }
}

extension SHA256Digest: CustomStringConvertible {
    public var description: String { "sha256:" + hex }
}

/// SHA-256 of bytes that arrive in pieces.
public struct SHA256Stream {
    private var hash = sha256_ctx()

    public init() { nettle_sha256_init(&hash) }

    public mutating func update(_ bytes: UnsafeRawBufferPointer) {
        nettle_sha256_update(&hash, bytes.count, bytes.baseAddress?.assumingMemoryBound(to: UInt8.self))
    }

    /// Of the bytes so far; more may come.
    public func finalize() -> SHA256Digest {
        var hash = hash
        return SHA256Digest(
            bytes: [UInt8](unsafeUninitializedCapacity: Int(SHA256_DIGEST_SIZE)) { digest, count in
                nettle_sha256_digest(&hash, digest.count, digest.baseAddress)
                count = digest.count
            })
    }
}

/// XXH3, 64 bits: for hash tables and checksums, never as a name that must resist an attacker.
public enum XXH3 {
    public static func hash64(_ bytes: UnsafeRawBufferPointer, seed: UInt64 = 0) -> UInt64 {
        tvt_xxh3_64(bytes.baseAddress, bytes.count, seed)
    }
}

/// XXH3, 128 bits, of a record's canonical bytes: tells equal content from different content.
public struct ContentHash: Hashable, Comparable, Sendable {
    public let high: UInt64
    public let low: UInt64

    public init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    public static func of(_ bytes: UnsafeRawBufferPointer) -> Self {
        let hash = tvt_xxh3_128(bytes.baseAddress, bytes.count)
        return ContentHash(high: hash.high64, low: hash.low64)
    }

    public static func of(_ bytes: [UInt8]) -> Self { bytes.withUnsafeBytes { of($0) } }

    public static func < (left: Self, right: Self) -> Bool { (left.high, left.low) < (right.high, right.low) }

    /// ``hex`` as bytes.
    public var hexDigits: [UInt8] {
        [UInt8](unsafeUninitializedCapacity: 32) { digits, count in
            for position in 0..<32 {
                let word = position < 16 ? high : low
                let digit = UInt8(truncatingIfNeeded: word >> UInt64(60 - 4 * (position & 15))) & 15
                digits[position] = digit < 10 ? 0x30 + digit : 0x57 + digit
            }
            count = 32
        }
    }

    /// 32 digits, most significant first.
    public var hex: String {
        var bytes: [UInt8] = []
        for word in [high, low] {
            for shift in stride(from: 56, through: 0, by: -8) { bytes.append(UInt8(truncatingIfNeeded: word >> shift)) }
        }
        return hexadecimal(bytes)
    }
}

/// XXH3, 128 bits, of bytes that arrive in pieces; equal to ``ContentHash/of(_:)-(UnsafeRawBufferPointer)`` of them all.
public struct ContentHashStream: ~Copyable {
    private let state: OpaquePointer

    public init() {
        guard let state = tvt_xxh3_new() else { Heap.exhausted("a hash") }
        self.state = state
        tvt_xxh3_128_reset(state)
    }

    deinit { tvt_xxh3_free(state) }

    public mutating func update(_ bytes: UnsafeRawBufferPointer) {
        tvt_xxh3_128_update(state, bytes.baseAddress, bytes.count)
    }

    public func digest() -> ContentHash {
        let hash = tvt_xxh3_128_digest(state)
        return ContentHash(high: hash.high64, low: hash.low64)
    }
}

/// XXH64 with seed 0: the checksum that zstd's frames carry.
public enum XXH64 {
    public static func hash(_ bytes: UnsafeRawBufferPointer) -> UInt64 { tvt_xxh64(bytes.baseAddress, bytes.count) }
}

/// XXH64 of bytes that arrive in pieces.
public struct XXH64Stream: ~Copyable {
    private let state: OpaquePointer

    public init() {
        guard let state = tvt_xxh64_new() else { Heap.exhausted("a hash") }
        self.state = state
        tvt_xxh64_reset(state)
    }

    deinit { tvt_xxh64_free(state) }

    public mutating func update(_ bytes: UnsafeRawBufferPointer) {
        tvt_xxh64_update(state, bytes.baseAddress, bytes.count)
    }

    public func digest() -> UInt64 { tvt_xxh64_digest(state) }
}

internal import Base
internal import Glibc

/// What the pipeline needs to know of a Unicode scalar, in 16 bits: flags below, canonical combining class above.
struct ScalarClass: OptionSet {
    let rawValue: UInt16

    /// Deleted by text cleaning: control, format and private-use characters, NUL, U+FFFD.
    static let removed = ScalarClass(rawValue: 1 << 0)
    /// Turned into U+0020 by text cleaning.
    static let space = ScalarClass(rawValue: 1 << 1)
    /// Separates words.
    static let whitespace = ScalarClass(rawValue: 1 << 2)
    /// A word of its own.
    static let punctuation = ScalarClass(rawValue: 1 << 3)
    /// A CJK ideograph, set apart by spaces.
    static let ideograph = ScalarClass(rawValue: 1 << 4)
    /// A mark that accent stripping deletes.
    static let nonspacing = ScalarClass(rawValue: 1 << 5)
    /// Has a canonical decomposition.
    static let decomposes = ScalarClass(rawValue: 1 << 6)
    /// Has a lowercase mapping.
    static let lowercases = ScalarClass(rawValue: 1 << 7)

    var combiningClass: UInt16 { rawValue >> 8 }
}

/// The class of every scalar and the replacements of those that have one, built once from the generated tables.
///
/// `@unchecked Sendable`: the memory behind the pointer is written in `init` only, and never freed.
final class ScalarClasses: @unchecked Sendable {
    static let shared = ScalarClasses()

    /// Indexed by scalar value, up to U+10FFFF. Pages of planes without any class are never touched.
    let table: UnsafePointer<UInt16>
    let decompositions = ScalarMapping(UnicodeMappings.decompositions)
    let lowercase = ScalarMapping(UnicodeMappings.lowercase)

    private init() {
        let table = zeroed(UInt16.self, 0x110000)
        func mark(_ ranges: [UInt32], _ flag: ScalarClass) {
            for index in stride(from: 0, to: ranges.count, by: 2) {
                for scalar in ranges[index]...ranges[index + 1] { table[Int(scalar)] |= flag.rawValue }
            }
        }
        mark(UnicodeRanges.removed, .removed)
        mark(UnicodeRanges.spaces, .space)
        mark(UnicodeRanges.whitespace, .whitespace)
        mark(UnicodeRanges.punctuation, .punctuation)
        mark(UnicodeRanges.ideographs, .ideograph)
        mark(UnicodeRanges.nonspacing, .nonspacing)
        mark([Hangul.first, Hangul.last], .decomposes)
        for scalar in decompositions.scalars { table[Int(scalar)] |= ScalarClass.decomposes.rawValue }
        for scalar in lowercase.scalars { table[Int(scalar)] |= ScalarClass.lowercases.rawValue }
        let classes = UnicodeRanges.combiningClasses
        for index in stride(from: 0, to: classes.count, by: 3) {
            for scalar in classes[index]...classes[index + 1] { table[Int(scalar)] |= UInt16(classes[index + 2]) << 8 }
        }
        self.table = UnsafePointer(table)
    }

    subscript(_ scalar: UInt32) -> ScalarClass { ScalarClass(rawValue: table[Int(scalar)]) }

    /// Whether a neighbouring `single_word` added token would be part of a longer word (`\w` of the reference).
    static func isWordCharacter(_ scalar: UInt32) -> Bool {
        let ranges = UnicodeRanges.wordCharacters
        var low = 0
        var high = ranges.count / 2
        while low < high {
            let middle = (low + high) / 2
            if ranges[2 * middle + 1] < scalar { low = middle + 1 } else { high = middle }
        }
        return low < ranges.count / 2 && ranges[2 * low] <= scalar
    }
}

/// Memory of zeroes that the system gives page by page, when it is first written or read.
func zeroed<Value: FixedWidthInteger>(_ type: Value.Type, _ count: Int) -> UnsafeMutablePointer<Value> {
    guard let memory = calloc(count, MemoryLayout<Value>.stride) else { Heap.exhausted("tables of Unicode scalars") }
    return memory.bindMemory(to: Value.self, capacity: count)
}

/// Replacements of single scalars by one to four others.
struct ScalarMapping: Sendable {
    /// Sorted.
    let scalars: [UInt32]
    /// Replacement `i` is `targets[offsets[i]..<offsets[i + 1]]`.
    private let offsets: [Int]
    private let targets: [UInt32]

    /// Reads `scalar, count, replacement…` rows.
    init(_ rows: [UInt32]) {
        var scalars: [UInt32] = []
        var offsets = [0]
        var targets: [UInt32] = []
        var row = 0
        while row < rows.count {
            let count = Int(rows[row + 1])
            scalars.append(rows[row])
            targets += rows[(row + 2)..<(row + 2 + count)]
            offsets.append(targets.count)
            row += 2 + count
        }
        self.scalars = scalars
        self.offsets = offsets
        self.targets = targets
    }

    func contains(_ scalar: UInt32) -> Bool {
        var low = 0
        var high = scalars.count
        while low < high {
            let middle = (low + high) / 2
            if scalars[middle] < scalar { low = middle + 1 } else { high = middle }
        }
        return low < scalars.count && scalars[low] == scalar
    }

    /// Calls `body` with each scalar of the replacement; `scalar` must have one.
    func forEach(_ scalar: UInt32, _ body: (UInt32) -> Void) {
        var low = 0
        var high = scalars.count - 1
        while low < high {
            let middle = (low + high) / 2
            if scalars[middle] < scalar { low = middle + 1 } else { high = middle }
        }
        for index in offsets[low]..<offsets[low + 1] { body(targets[index]) }
    }
}

/// Precomposed Hangul syllables, whose decomposition is arithmetic (Unicode standard, section 3.12).
enum Hangul {
    static let first: UInt32 = 0xAC00
    static let last: UInt32 = 0xD7A3

    static func decompose(_ syllable: UInt32, _ body: (UInt32) -> Void) {
        let index = syllable - first
        body(0x1100 + index / 588)
        body(0x1161 + index % 588 / 28)
        if index % 28 != 0 { body(0x11A7 + index % 28) }
    }

    /// The syllable of a leading consonant and a vowel, or of such a syllable and a trailing consonant.
    static func compose(_ first: UInt32, _ second: UInt32) -> UInt32? {
        if 0x1100...0x1112 ~= first && 0x1161...0x1175 ~= second {
            return Self.first + ((first - 0x1100) * 21 + (second - 0x1161)) * 28
        }
        if Self.first...last ~= first && (first - Self.first) % 28 == 0 && 0x11A8...0x11C2 ~= second {
            return first + (second - 0x11A7)
        }
        return nil
    }
}

/// Reads the scalar that starts at `position` and steps over it; the bytes must be valid UTF-8.
@inline(__always)
func nextScalar(_ bytes: UnsafePointer<UInt8>, _ position: inout Int) -> UInt32 {
    let lead = UInt32(bytes[position])
    if lead < 0x80 {
        position += 1
        return lead
    }
    let second = UInt32(bytes[position + 1]) & 0x3F
    if lead < 0xE0 {
        position += 2
        return (lead & 0x1F) << 6 | second
    }
    let third = UInt32(bytes[position + 2]) & 0x3F
    if lead < 0xF0 {
        position += 3
        return (lead & 0x0F) << 12 | second << 6 | third
    }
    let fourth = UInt32(bytes[position + 3]) & 0x3F
    position += 4
    return (lead & 0x07) << 18 | second << 12 | third << 6 | fourth
}

/// The scalar that ends right before `end`, and where it starts; the bytes must be valid UTF-8.
func previousScalar(_ bytes: UnsafePointer<UInt8>, before end: Int) -> (scalar: UInt32, start: Int) {
    var start = end - 1
    while bytes[start] & 0xC0 == 0x80 { start -= 1 }
    var position = start
    return (nextScalar(bytes, &position), start)
}

/// Writes the UTF-8 form of a scalar and steps over it.
@inline(__always)
func writeScalar(_ scalar: UInt32, _ bytes: UnsafeMutablePointer<UInt8>, _ position: inout Int) {
    func continuation(_ shift: UInt32) -> UInt8 { 0x80 | UInt8(truncatingIfNeeded: scalar >> shift) & 0x3F }
    if scalar < 0x80 {
        bytes[position] = UInt8(truncatingIfNeeded: scalar)
        position += 1
    } else if scalar < 0x800 {
        bytes[position] = 0xC0 | UInt8(truncatingIfNeeded: scalar >> 6)
        bytes[position + 1] = continuation(0)
        position += 2
    } else if scalar < 0x10000 {
        bytes[position] = 0xE0 | UInt8(truncatingIfNeeded: scalar >> 12)
        bytes[position + 1] = continuation(6)
        bytes[position + 2] = continuation(0)
        position += 3
    } else {
        bytes[position] = 0xF0 | UInt8(truncatingIfNeeded: scalar >> 18)
        bytes[position + 1] = continuation(12)
        bytes[position + 2] = continuation(6)
        bytes[position + 3] = continuation(0)
        position += 4
    }
}

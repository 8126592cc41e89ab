public import ArgumentParser
public import Base

/// A number of bytes on a command line: `65536`, `64KiB`, `64MiB`, `1GiB`, `2TiB`; `K`, `M`, `G` and `T` mean the same.
public struct ByteCount: RangedNumber {
    public let count: Int

    public static let noun = "a whole number of bytes, KiB, MiB, GiB or TiB,"
    public var isFinite: Bool { true }

    public init(_ count: Int) { self.count = count }

    public static func < (one: ByteCount, other: ByteCount) -> Bool { one.count < other.count }

    private static let units: [(name: String, shift: Int)] = [
        ("kib", 10), ("mib", 20), ("gib", 30), ("tib", 40), ("k", 10), ("m", 20), ("g", 30), ("t", 40), ("b", 0),
    ]

    /// Nil for what is no number of bytes, and for one beyond `Int`.
    public init?(_ text: String) {
        let text = text.lowercased()
        let unit = Self.units.first { text.hasSuffix($0.name) }
        let digits = text.dropLast(unit?.name.count ?? 0)
        guard !digits.isEmpty, digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let number = Int(digits) else {
            return nil
        }
        let (count, isTooLarge) = number.multipliedReportingOverflow(by: 1 << (unit?.shift ?? 0))
        guard !isTooLarge else { return nil }
        self.count = count
    }

    public var description: String {
        for (unit, shift) in [("TiB", 40), ("GiB", 30), ("MiB", 20), ("KiB", 10)]
        where count > 0 && count % (1 << shift) == 0 {
            return "\(count >> shift)\(unit)"
        }
        return "\(count)"
    }
}

/// How long a record may be that a tool reads.
public struct RecordLimitOption: ParsableArguments {
    @Option(
        name: .customLong("max-record-bytes"), in: NumberRange(ByteCount(1 << 10)...ByteCount(1 << 30)),
        help: ArgumentHelp(
            "The longest line, row or record in bytes, KiB, MiB or GiB; a longer one is a bad record.",
            valueName: "size"))
    public var maxRecordBytes = usual

    /// 64 MiB.
    public static let usual = ByteCount(64 << 20)

    public init() {}
}

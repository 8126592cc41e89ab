/// A column or a field of a structure.
public struct ColumnField: Sendable, Equatable {
    /// Valid UTF-8.
    public let name: String
    public let type: ColumnType
}

/// What a column holds, without regard to how: any width of offsets, any dictionary.
///
/// Source: Arrow's columnar format; `format` strings of its C data interface.
public indirect enum ColumnType: Sendable, Equatable {
    case null
    case boolean
    /// 8, 16, 32 or 64 bits.
    case integer(bits: Int, isSigned: Bool)
    /// 16, 32 or 64 bits.
    case float(bits: Int)
    /// UTF-8.
    case text
    case bytes
    /// So many in each row.
    case fixedBytes(count: Int)
    /// Two's complement of so many bits, to be divided by 10^scale.
    case decimal(bits: Int, scale: Int)
    /// Days since 1970-01-01.
    case date
    /// Since midnight.
    case time(TimeUnit, bits: Int)
    /// Since 1970-01-01T00:00:00; with a zone in UTC, without one by a clock on some wall.
    case timestamp(TimeUnit, hasZone: Bool)
    case duration(TimeUnit)
    case list(ColumnType)
    case fixedList(ColumnType, count: Int)
    /// A list of structures of `key` and `value`.
    case map(key: ColumnType, value: ColumnType)
    case structure([ColumnField])

    public enum TimeUnit: Int, Sendable {
        case seconds = 1
        case milliseconds = 1_000
        case microseconds = 1_000_000
        case nanoseconds = 1_000_000_000

        /// Digits behind the point.
        var decimals: Int {
            switch self {
            case .seconds: 0
            case .milliseconds: 3
            case .microseconds: 6
            case .nanoseconds: 9
            }
        }
    }
}

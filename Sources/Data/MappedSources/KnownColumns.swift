/// The columns of files in their order, which are found by name at once: tables may have 100,000 of them.
struct KnownColumns: RandomAccessCollection {
    private var columns: [ColumnSummary] = []
    private var positions: [String: Int] = [:]

    init(_ columns: [ColumnSummary] = []) {
        for column in columns { append(column) }
    }

    var startIndex: Int { 0 }
    var endIndex: Int { columns.count }

    subscript(position: Int) -> ColumnSummary {
        get { columns[position] }
        _modify { yield &columns[position] }
    }

    func position(of name: String) -> Int? { positions[name] }

    func named(_ name: String) -> ColumnSummary? { positions[name].map { columns[$0] } }

    func has(_ name: String) -> Bool { positions[name] != nil }

    /// - Returns: its position.
    @discardableResult
    mutating func append(_ column: ColumnSummary) -> Int {
        if positions[column.name] == nil { positions[column.name] = columns.count }
        columns.append(column)
        return columns.count - 1
    }

    var names: [String] { columns.map(\.name) }

    /// Names for a message: the first of them, and how many more there are.
    static func shortened(_ names: [String], _ separator: String = ", ") -> String {
        let limit = 50
        let first = names.prefix(limit).map { $0.isEmpty ? "\"\"" : $0 }.joined(separator: separator)
        return names.count > limit ? "\(first) and \(names.count - limit) more" : first
    }

    /// Which columns are left out, and how to keep them, for a message.
    static func notTaken(_ unused: [String], _ record: String) -> String {
        let nameless = unused.contains("") ? ", the one without a name as --keep =NAME" : ""
        return "columns that are not taken: \(shortened(unused)) (--keep takes them into \(record)\(nameless))"
    }

    /// What to know of columns whose texts look like lists.
    ///
    /// - Parameter used: the columns that mean something; nil for all.
    func listNote(used: Set<String>? = nil) -> String? {
        let names = filter { $0.looksLikeLists && used?.contains($0.name) ?? true }.map(\.name)
        guard !names.isEmpty else { return nil }
        return
            "\(Self.shortened(names)): texts that look like lists, as pandas writes them in CSV, and each is one text here. "
            + "JSON Lines and Parquet have lists"
    }

    /// Each name once, in the order in which they come first.
    static func unique(_ names: [String]) -> [String] {
        var seen: Set<String> = []
        return names.filter { seen.insert($0).inserted }
    }
}

/// Where columns of a name are, whatever its case.
struct ColumnNames {
    private var byName: [String: [Int]] = [:]

    init(_ columns: KnownColumns) {
        for (position, column) in columns.enumerated() {
            byName[column.name.lowercased(), default: []].append(position)
        }
    }

    /// - Parameter name: in lower case.
    func positions(of name: String) -> [Int] { byName[name] ?? [] }
}

/// Finds the columns that mean something by the keys of a row.
struct ColumnKeys: Sendable {
    enum Found {
        /// Its position among those that mean something.
        case column(Int)
        /// The first rows have it, and it means nothing.
        case unused
        case unknown
    }

    private let columns: [[UInt8]]
    private let unused: [[UInt8]]
    /// Positions in `columns`, then in `unused`, by the hashes of keys; empty where there are few.
    private var byHash: [Int: [Int]] = [:]
    /// So many are compared one after the other.
    private static let fewCount = 16

    init(_ columns: [String], unused: [String]) {
        self.columns = columns.map { Array($0.utf8) }
        self.unused = unused.map { Array($0.utf8) }
        guard columns.count + unused.count > Self.fewCount else { return }
        for (position, key) in (self.columns + self.unused).enumerated() {
            byHash[key.withUnsafeBytes { Self.hash($0) }, default: []].append(position)
        }
    }

    private static func hash(_ key: UnsafeRawBufferPointer) -> Int {
        var hasher = Hasher()
        hasher.combine(bytes: key)
        return hasher.finalize()
    }

    func find(_ key: UnsafeRawBufferPointer) -> Found {
        guard !byHash.isEmpty else {
            if let column = columns.firstIndex(where: { key.elementsEqual($0) }) { return .column(column) }
            return unused.contains { key.elementsEqual($0) } ? .unused : .unknown
        }
        for position in byHash[Self.hash(key)] ?? [] {
            if position < columns.count {
                if key.elementsEqual(columns[position]) { return .column(position) }
            } else if key.elementsEqual(unused[position - columns.count]) {
                return .unused
            }
        }
        return .unknown
    }
}

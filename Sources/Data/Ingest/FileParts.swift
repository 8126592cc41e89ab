internal import SystemPackage

/// Files that belong together by their names: `train-00000-of-00002.parquet`, `part-1-of-3.jsonl`, `shard-000000.tar`.
enum FileParts {
    /// A file whose name has a number.
    private struct Part {
        /// What stands before and behind the number.
        let before: String
        let behind: String
        let number: Int
        let digitCount: Int
        /// How many parts there are, where the name tells.
        let total: Int?
    }

    /// More parts than this are no set of files.
    private static let mostParts = 100_000
    private static let shownCount = 5

    /// What is missing between the files that are there, in words: the name of each file, or the first few of many.
    static func missing(among paths: [FilePath]) -> [String] {
        var order: [String] = []
        var sets: [String: [Part]] = [:]
        for path in paths {
            guard let part = part(path.string) else { continue }
            let key = "\(part.before)\0\(part.behind.lowercased())"
            if sets[key] == nil { order.append(key) }
            sets[key, default: []].append(part)
        }
        return order.flatMap { missing(of: sets[$0] ?? []) }
    }

    private static func part(_ path: String) -> Part? {
        let fileStart = path.lastIndex(of: "/").map { path.index(after: $0) } ?? path.startIndex
        let name = path[fileStart...]
        if let match = name.firstMatch(of: /([0-9]+)([-_.]of[-_.])([0-9]+)/.ignoresCase()),
            let number = Int(match.1), let total = Int(match.3), total > 0, total <= mostParts
        {
            return Part(
                before: String(path[..<match.range.lowerBound]),
                behind: String(match.2 + match.3 + name[match.range.upperBound...]), number: number,
                digitCount: match.1.count, total: total)
        }
        guard let match = name.firstMatch(of: /([0-9]+)\.[A-Za-z]/), let number = Int(match.1), number < mostParts
        else {
            return nil
        }
        let before = path[..<match.1.startIndex]
        // The second number of a version: v1.0.
        if before.last == ".", before.dropLast().last?.isNumber == true { return nil }
        return Part(
            before: String(before), behind: String(name[match.1.endIndex...]), number: number,
            digitCount: match.1.count, total: nil)
    }

    private static func missing(of parts: [Part]) -> [String] {
        guard let first = parts.first, let last = parts.map(\.number).max(), let least = parts.map(\.number).min()
        else {
            return []
        }
        let wanted: ClosedRange<Int>
        if let total = first.total {
            // Counted from 0, as the Hub does, unless the last number or a name without padding says otherwise.
            let isFromZero = least == 0 || (last < total && first.digitCount > String(total).count)
            wanted = isFromZero ? 0...total - 1 : 1...total
        } else {
            // One number may mean anything, and so may numbers such as years.
            let isPadded = first.digitCount >= 4 && least < 10
            guard parts.count > 1, isPadded || least <= 1 else { return [] }
            wanted = (least == 1 ? 1 : 0)...last
        }
        let there = Set(parts.map(\.number))
        let absent = wanted.filter { !there.contains($0) }
        // Among few files of many numbers, a number means something else.
        guard !absent.isEmpty, first.total != nil || absent.count <= 10 * parts.count else { return [] }
        let names = absent.prefix(shownCount).map { number in
            let digits = String(number)
            return first.before + String(repeating: "0", count: max(0, first.digitCount - digits.count)) + digits
                + first.behind
        }
        return absent.count > shownCount ? names + ["… and \(absent.count - shownCount) more of these parts"] : names
    }
}

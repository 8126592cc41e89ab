/// How many bytes of one must be put in, left out or changed to get the other: the Levenshtein distance.
///
/// - Complexity: O(n·m) time, O(m) memory.
public func editDistance(_ left: String, _ right: String) -> Int {
    let right = Array(right.utf8)
    var row = Array(0...right.count)
    for (i, byte) in left.utf8.enumerated() {
        var diagonal = row[0]
        row[0] = i + 1
        for (j, other) in right.enumerated() {
            let substituted = diagonal + (byte == other ? 0 : 1)
            diagonal = row[j + 1]
            row[j + 1] = min(substituted, row[j] + 1, row[j + 1] + 1)
        }
    }
    return row[right.count]
}

/// Names that a mistyped one may have meant: those at most a third of its length away and those that `isAlsoNear` says, nearest
/// first.
public func names(
    near name: String, among names: [String], atMost count: Int, isAlsoNear: (String) -> Bool = { _ in false }
) -> [String] {
    let limit = max(2, name.utf8.count / 3)
    return
        names
        .map { other in
            // The difference of the lengths is the least that it can be; most names need no closer look.
            let least = abs(name.utf8.count - other.utf8.count)
            return (name: other, distance: least > limit ? least : editDistance(name, other))
        }
        .filter { $0.distance <= limit || isAlsoNear($0.name) }
        .sorted { ($0.distance, $0.name) < ($1.distance, $1.name) }
        .prefix(count)
        .map(\.name)
}

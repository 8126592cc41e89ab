/// Texts as Python's `str` handles them: by Unicode scalars, never by grapheme clusters, and compared by bytes.
typealias PythonText = [Unicode.Scalar]

extension String {
    init(_ scalars: some Sequence<Unicode.Scalar>) {
        var view = UnicodeScalarView()
        view.append(contentsOf: scalars)
        self.init(view)
    }

    var scalars: PythonText { PythonText(unicodeScalars) }

    /// `String ==` would also join canonically equivalent texts.
    func hasSameBytes(as other: String) -> Bool { utf8.elementsEqual(other.utf8) }

    /// In the order of Python, by scalars, which is that of the bytes.
    func precedes(_ other: String) -> Bool { utf8.lexicographicallyPrecedes(other.utf8) }
}

extension Unicode.Scalar {
    /// Python's `str.isspace`, and `\s` of its regular expressions.
    var isPythonSpace: Bool {
        switch value {
        case 0x09...0x0D, 0x1C...0x20, 0x85, 0xA0, 0x1680, 0x2000...0x200A, 0x2028, 0x2029, 0x202F, 0x205F, 0x3000: true
        default: false
        }
    }

    fileprivate var isLineBreak: Bool {
        switch value {
        case 0x0A...0x0D, 0x1C...0x1E, 0x85, 0x2028, 0x2029: true
        default: false
        }
    }

    fileprivate var isTitle: Bool { properties.generalCategory == .titlecaseLetter }

    fileprivate var isPythonAlpha: Bool {
        switch properties.generalCategory {
        case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter: true
        default: false
        }
    }

    fileprivate var isPythonDigit: Bool { properties.numericType == .decimal || properties.numericType == .digit }
}

extension PythonText {
    var string: String { String(self) }

    // MARK: Ends

    /// - Parameter set: what is dropped; whitespace without one.
    func strippedAtStart(of set: Set<Unicode.Scalar>?) -> PythonText {
        Array(drop { scalar in set.map { $0.contains(scalar) } ?? scalar.isPythonSpace })
    }

    func strippedAtEnd(of set: Set<Unicode.Scalar>?) -> PythonText {
        var end = count
        while end > 0, set.map({ $0.contains(self[end - 1]) }) ?? self[end - 1].isPythonSpace { end -= 1 }
        return Array(self[..<end])
    }

    func stripped(of set: Set<Unicode.Scalar>?) -> PythonText { strippedAtStart(of: set).strippedAtEnd(of: set) }

    func ends(with other: PythonText) -> Bool {
        count >= other.count && self[(count - other.count)...].elementsEqual(other)
    }

    // MARK: Search

    /// The first place of `other` from `start` on.
    ///
    /// - Complexity: O(count + other.count), as a template may look for any text in any other (Knuth, Morris, Pratt).
    func firstIndex(of other: PythonText, from start: Int = 0) -> Int? {
        guard !other.isEmpty else { return start <= count ? start : nil }
        guard count - start >= other.count else { return nil }
        // How much of the beginning of `other` each of its prefixes ends with.
        var borders = [0]
        var length = 0
        for scalar in other.dropFirst() {
            while length > 0, other[length] != scalar { length = borders[length - 1] }
            if other[length] == scalar { length += 1 }
            borders.append(length)
        }
        length = 0
        for index in start..<count {
            while length > 0, other[length] != self[index] { length = borders[length - 1] }
            if other[length] == self[index] { length += 1 }
            if length == other.count { return index - length + 1 }
        }
        return nil
    }

    func lastIndex(of other: PythonText) -> Int? {
        PythonText(reversed()).firstIndex(of: other.reversed()).map { count - other.count - $0 }
    }

    func occurrenceCount(of other: PythonText) -> Int {
        guard !other.isEmpty else { return count + 1 }
        var total = 0
        var start = 0
        while let found = firstIndex(of: other, from: start) {
            total += 1
            start = found + other.count
        }
        return total
    }

    /// - Parameter limit: how many are replaced from the left; all if negative.
    func replacing(_ old: PythonText, with new: PythonText, limit: Int) -> PythonText {
        var result: PythonText = []
        var start = 0
        var replacedCount = 0
        func hasMore() -> Bool { limit < 0 || replacedCount < limit }
        if old.isEmpty {
            // An empty text stands before each scalar, and at the end.
            for scalar in self {
                if hasMore() {
                    result += new
                    replacedCount += 1
                }
                result.append(scalar)
            }
            return hasMore() ? result + new : result
        }
        while hasMore(), let found = firstIndex(of: old, from: start) {
            result += self[start..<found]
            result += new
            start = found + old.count
            replacedCount += 1
        }
        return result + self[start...]
    }

    // MARK: Parts

    /// `str.split`: at `separator`, or at runs of whitespace without one.
    ///
    /// - Parameter limit: the greatest number of cuts; none if negative.
    func split(at separator: PythonText?, limit: Int) -> [PythonText] {
        guard let separator else { return splitAtSpace(limit: limit) }
        var parts: [PythonText] = []
        var start = 0
        while limit < 0 || parts.count < limit, let found = firstIndex(of: separator, from: start) {
            parts.append(Array(self[start..<found]))
            start = found + separator.count
        }
        return parts + [Array(self[start...])]
    }

    /// `str.rsplit`: the same, with cuts counted from the right.
    func splitFromEnd(at separator: PythonText?, limit: Int) -> [PythonText] {
        PythonText(reversed()).split(at: separator?.reversed(), limit: limit).reversed().map { $0.reversed() }
    }

    private func splitAtSpace(limit: Int) -> [PythonText] {
        var parts: [PythonText] = []
        var rest = drop(while: \.isPythonSpace)
        while !rest.isEmpty {
            // The last part keeps its whitespace, at the end too.
            guard limit < 0 || parts.count < limit else { return parts + [PythonText(rest)] }
            parts.append(Array(rest.prefix { !$0.isPythonSpace }))
            rest = rest.dropFirst(parts.last!.count).drop(while: \.isPythonSpace)
        }
        return parts
    }

    func lines(keepingEnds: Bool = false) -> [PythonText] {
        var lines: [PythonText] = []
        var start = 0
        var index = 0
        while index < count {
            guard self[index].isLineBreak else {
                index += 1
                continue
            }
            let end = index
            index += self[index] == "\r" && index + 1 < count && self[index + 1] == "\n" ? 2 : 1
            lines.append(Array(self[start..<(keepingEnds ? index : end)]))
            start = index
        }
        return start < count ? lines + [Array(self[start...])] : lines
    }

    // MARK: Case

    var uppercased: PythonText { flatMap { PythonText($0.properties.uppercaseMapping.unicodeScalars) } }

    var lowercased: PythonText { indices.flatMap { lowercased(at: $0) } }

    /// A sigma that ends a word has a form of its own.
    private func lowercased(at index: Int) -> PythonText {
        guard self[index] == "\u{3A3}" else {
            return PythonText(self[index].properties.lowercaseMapping.unicodeScalars)
        }
        let before = self[..<index].last { !$0.properties.isCaseIgnorable }
        let after = self[(index + 1)...].first { !$0.properties.isCaseIgnorable }
        let isFinal = before?.properties.isCased == true && after?.properties.isCased != true
        return [isFinal ? "\u{3C2}" : "\u{3C3}"]
    }

    private func titlecased(at index: Int) -> PythonText {
        PythonText(self[index].properties.titlecaseMapping.unicodeScalars)
    }

    /// `str.title`: a cased scalar behind one that is not begins a word.
    var titlecased: PythonText {
        var result: PythonText = []
        var isWithin = false
        for index in indices {
            result += isWithin ? lowercased(at: index) : titlecased(at: index)
            isWithin = self[index].properties.isCased
        }
        return result
    }

    var capitalized: PythonText {
        isEmpty ? [] : titlecased(at: 0) + indices.dropFirst().flatMap { lowercased(at: $0) }
    }

    /// jinja2's filter `title`: words begin behind whitespace and one of `-({[<`.
    var titlecasedByWords: PythonText {
        let isBoundary = { (scalar: Unicode.Scalar) in
            scalar.isPythonSpace || ["-", "(", "{", "[", "<"].contains(scalar)
        }
        var result: PythonText = []
        var rest = self[...]
        while let first = rest.first {
            let isGap = isBoundary(first)
            let part = PythonText(rest.prefix { isBoundary($0) == isGap })
            result += PythonText([first]).uppercased + PythonText(part.dropFirst()).lowercased
            rest = rest.dropFirst(part.count)
        }
        return result
    }

    // MARK: Kinds

    var isAllDigits: Bool { !isEmpty && allSatisfy(\.isPythonDigit) }
    var isAllAlpha: Bool { !isEmpty && allSatisfy(\.isPythonAlpha) }
    var isAllSpace: Bool { !isEmpty && allSatisfy(\.isPythonSpace) }

    var isAllAlphanumeric: Bool {
        !isEmpty && allSatisfy { $0.isPythonAlpha || $0.isPythonDigit || $0.properties.numericType != nil }
    }

    var isUpper: Bool {
        contains(where: \.properties.isUppercase) && !contains { $0.properties.isLowercase || $0.isTitle }
    }
    var isLower: Bool {
        contains(where: \.properties.isLowercase) && !contains { $0.properties.isUppercase || $0.isTitle }
    }
}

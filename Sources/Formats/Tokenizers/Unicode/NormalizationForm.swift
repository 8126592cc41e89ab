/// The normal forms of the Unicode standard, with the tables of the reference library.
enum NormalizationForm: Sendable {
    case decomposed, composed, compatibilityDecomposed, compatibilityComposed

    private var isCompatible: Bool { self == .compatibilityDecomposed || self == .compatibilityComposed }
    private var isComposed: Bool { self == .composed || self == .compatibilityComposed }

    func apply(_ text: UnsafeBufferPointer<UInt8>, to output: inout TextBuffer) {
        guard let bytes = text.baseAddress else { return }
        let classes = ExpressionClasses.shared
        let changes = ExpressionClass.changesInNormalization
        var position = 0
        var pending: [(scalar: UInt32, combiningClass: UInt16)] = []
        while position < text.count {
            let start = position
            let scalar = nextScalar(bytes, &position)
            if !classes[scalar].contains(changes) {
                flush(&pending, to: &output)
                // What follows may still be composed with it.
                var next = position
                if position == text.count || bytes[position] < 0x80
                    || !classes[nextScalar(bytes, &next)].contains(changes)
                {
                    output.append(UnsafeBufferPointer(rebasing: text[start..<position]))
                    continue
                }
            }
            decompose(scalar, into: &pending)
        }
        flush(&pending, to: &output)
    }

    private func decompose(_ scalar: UInt32, into pending: inout [(scalar: UInt32, combiningClass: UInt16)]) {
        let classes = ScalarClasses.shared
        func put(_ scalar: UInt32) { pending.append((scalar, classes[scalar].combiningClass)) }
        if Hangul.first <= scalar && scalar <= Hangul.last {
            Hangul.decompose(scalar, put)
        } else if isCompatible && CanonicalComposition.compatibility.contains(scalar) {
            CanonicalComposition.compatibility.forEach(scalar, put)
        } else if classes[scalar].contains(.decomposes) {
            classes.decompositions.forEach(scalar, put)
        } else {
            put(scalar)
        }
    }

    /// Orders what is pending, composes it if this form does, and writes it.
    private func flush(_ pending: inout [(scalar: UInt32, combiningClass: UInt16)], to output: inout TextBuffer) {
        guard !pending.isEmpty else { return }
        defer { pending.removeAll(keepingCapacity: true) }
        Self.order(&pending)
        guard isComposed else {
            for (scalar, _) in pending { output.append(scalar: scalar) }
            return
        }
        var starter: Int?
        var lastClass: UInt16 = 0
        var kept = 0
        for index in pending.indices {
            let (scalar, combiningClass) = pending[index]
            // Blocked if something of the same or a higher class, or a starter, stands between.
            let isReachable = starter.map { kept == $0 + 1 || (lastClass < combiningClass && lastClass != 0) } ?? false
            if isReachable, let starter,
                let composite = CanonicalComposition.shared.compose(pending[starter].scalar, scalar)
            {
                pending[starter].scalar = composite
                continue
            }
            pending[kept] = (scalar, combiningClass)
            if combiningClass == 0 { starter = kept }
            lastClass = combiningClass
            kept += 1
        }
        for (scalar, _) in pending[..<kept] { output.append(scalar: scalar) }
    }

    /// Sorts runs of combining scalars by class, stably.
    private static func order(_ pending: inout [(scalar: UInt32, combiningClass: UInt16)]) {
        var start = 0
        while start < pending.count {
            guard pending[start].combiningClass != 0 else {
                start += 1
                continue
            }
            var end = start
            while end < pending.count && pending[end].combiningClass != 0 { end += 1 }
            if end - start > 1 {
                let sorted = pending[start..<end].enumerated()
                    .sorted { ($0.element.combiningClass, $0.offset) < ($1.element.combiningClass, $1.offset) }
                for (offset, item) in sorted.enumerated() { pending[start + offset] = item.element }
            }
            start = end
        }
    }
}

/// Pairs of scalars that canonical composition joins.
///
/// `@unchecked Sendable`: immutable after `init`.
final class CanonicalComposition: @unchecked Sendable {
    static let shared = CanonicalComposition()
    static let compatibility = ScalarMapping(UnicodeMappings.compatibilityDecompositions)

    private let composites: [UInt64: UInt32]
    let secondScalars: Set<UInt32>

    private init() {
        var composites: [UInt64: UInt32] = [:]
        var secondScalars: Set<UInt32> = []
        let triples = UnicodeMappings.compositions
        for index in stride(from: 0, to: triples.count, by: 3) {
            composites[UInt64(triples[index]) << 32 | UInt64(triples[index + 1])] = triples[index + 2]
            secondScalars.insert(triples[index + 1])
        }
        self.composites = composites
        self.secondScalars = secondScalars
    }

    func compose(_ first: UInt32, _ second: UInt32) -> UInt32? {
        if let syllable = Hangul.compose(first, second) { return syllable }
        return composites[UInt64(first) << 32 | UInt64(second)]
    }
}

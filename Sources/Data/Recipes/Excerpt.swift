internal import Base
internal import JSON
internal import Records

/// What a report shows of a record.
struct Excerpt {
    let id: String
    /// Title and text, cut.
    let text: String
    let media: [Media]

    struct Media {
        /// `image · jpeg · 640 × 480 · 34.1 kB`, or what the reference says.
        let description: String
        /// Where the dataset holds the item.
        let digest: SHA256Digest?
        let format: MediaFormat?
        let size: Int
    }

    private static let longestText = 280

    init(_ document: Document) {
        let parts = [document.title, document.text].compactMap { $0 }.filter { !$0.isEmpty }.map { Self.cut($0) }
        self.init(
            document.id, parts.joined(separator: ": "), [document.image, document.video, document.audio])
    }

    init(_ query: Query) {
        self.init(query.id, Self.cut(query.text ?? []), [query.image, query.video, query.audio])
    }

    private init(_ id: [UInt8], _ text: String, _ references: [MediaReference?]) {
        self.id = Self.cut(id)
        self.text = text
        media = zip(MediaKind.allCases, references).compactMap { kind, reference in
            guard let reference else { return nil }
            guard let item = reference.item else {
                return Media(
                    description: "\(kind.rawValue) elsewhere: \(Self.cut(reference.json))", digest: nil, format: nil,
                    size: 0)
            }
            var parts = [kind.rawValue]
            if let format = item.format { parts.append(format) }
            if let width = item.width, let height = item.height { parts.append("\(width) × \(height)") }
            parts.append(byteSize(item.size))
            return Media(
                description: parts.joined(separator: " · "), digest: item.digest, format: reference.format,
                size: item.size)
        }
    }

    /// Stored text was validated as UTF-8 when it came in.
    private static func cut(_ text: [UInt8]) -> String {
        let scalars = String(decoding: text, as: UTF8.self).unicodeScalars
        guard let end = scalars.index(scalars.startIndex, offsetBy: longestText, limitedBy: scalars.endIndex),
            end != scalars.endIndex
        else { return String(scalars) }
        return String(scalars[..<end]) + "…"
    }

    var json: JSONValue {
        var object: JSONObject = ["id": .string(id), "text": .string(text)]
        if !media.isEmpty { object["media"] = .array(media.map { .string($0.description) }) }
        return .object(object)
    }
}

/// A sample of fixed size that is the same whatever the order in which items come: those with the smallest keys.
struct KeyedSample<Element> {
    private(set) var count = 0
    private let capacity: Int
    private let seed: UInt64
    private var kept: [(key: UInt64, number: Int, element: Element)] = []

    init(_ capacity: Int, seed: UInt64) {
        self.capacity = capacity
        self.seed = seed
    }

    /// - Parameter number: names the item; each comes once.
    mutating func add(_ number: Int, _ element: @autoclosure () throws -> Element) rethrows {
        count += 1
        let key = SplitMix64.mix(seed, UInt64(number))
        if kept.count == capacity {
            guard let last = kept.last, (key, number) < (last.key, last.number) else { return }
            kept.removeLast()
        }
        let place = kept.firstIndex { (key, number) < ($0.key, $0.number) } ?? kept.count
        kept.insert((key, number, try element()), at: place)
    }

    /// In the order of their numbers.
    var elements: [Element] { kept.sorted { $0.number < $1.number }.map(\.element) }
}

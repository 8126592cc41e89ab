internal import JSON

/// Builds one record line field by field, in the order of its layout.
struct RecordLineWriter {
    private let layout: RecordLayout
    private var line: [UInt8] = []

    init(layout: RecordLayout, id: [UInt8]) {
        self.layout = layout
        line.append(0x7B)
        key(.id)
        JSONText.appendString(id, to: &line)
    }

    private mutating func key(_ role: FieldRole) {
        let name = layout.written.first { $0.role == role }!.name
        if line.count > 1 { line.append(0x2C) }
        JSONText.appendString("\(name)", to: &line)
        line.append(0x3A)
    }

    mutating func append(_ role: FieldRole, text: [UInt8]?) {
        guard let text else { return }
        key(role)
        JSONText.appendString(text, to: &line)
    }

    mutating func append(_ role: FieldRole, media: MediaReference?) {
        guard let media else { return }
        key(role)
        line.append(contentsOf: media.json)
    }

    mutating func finish(_ extras: [Extra], to output: inout [UInt8]) {
        for extra in extras.sorted(by: { $0.key.lexicographicallyPrecedes($1.key) }) {
            line.append(0x2C)
            JSONText.appendString(extra.key, to: &line)
            line.append(0x3A)
            line.append(contentsOf: extra.json)
        }
        line.append(0x7D)
        output.append(contentsOf: line)
    }
}

/// A piece of a template's source, with the line that it begins in.
struct TemplateToken: Equatable {
    enum Kind: Equatable {
        /// Text to be printed, whitespace control applied.
        case text(String)
        case blockBegin, blockEnd
        case variableBegin, variableEnd
        case name(String)
        case string(String)
        case integer(Int)
        case double(Double)
        /// An operator or a bracket, as it is written.
        case symbol(String)
        case end
    }

    let kind: Kind
    let line: Int

    /// For messages.
    var description: String {
        switch kind {
        case .text: "text"
        case .blockBegin: "the begin of a block"
        case .blockEnd: "the end of the block"
        case .variableBegin: "the begin of a print"
        case .variableEnd: "the end of the print"
        case .name(let name): "\"\(name)\""
        case .string: "a string"
        case .integer(let value): "\(value)"
        case .double(let value): "\(value)"
        case .symbol(let symbol): "\"\(symbol)\""
        case .end: "the end of the template"
        }
    }
}

/// What is wrong with a template or with what it was given; the caller adds the file.
struct TemplateFault: Error, Equatable {
    let reason: String
    /// Of the template's text, from 1; nil where only the renderer knows.
    var line: Int?
    var advice: String?

    init(_ reason: String, line: Int? = nil, advice: String? = nil) {
        self.reason = reason
        self.line = line
        self.advice = advice
    }
}

import Records
import Testing

@Suite("Blank texts")
struct BlankTextsTests {
    private func isBlank(_ text: String) -> Bool { Array(text.utf8).withUnsafeBytes(BlankTexts.isBlank) }

    @Test(
        "white space, control and zero-width characters are blank, alone and together",
        arguments: [
            "", " ", "\t\r\n", "\u{0}\u{1}\u{7F}", "\u{85}\u{A0}", "\u{200B}\u{200D}\u{2060}", "\u{FEFF}", "\u{3000}",
            "\u{2028}\u{2029}", "\u{AD}", "\u{FE0F}", "\u{3164}", "\u{115F}", "\u{E0001}", " \u{200B}\n\u{FEFF}\t",
        ])
    func blank(text: String) { #expect(isBlank(text)) }

    @Test(
        "anything that can be read is not",
        arguments: ["a", " a", "\u{200B}.", "0", "ä", "日本", "🙂", "\u{FFFD}", "\u{301}"])
    func readable(text: String) { #expect(!isBlank(text)) }

    @Test("a document is blank if title and text are: a title alone is read")
    func documents() {
        func isBlank(_ title: String?, _ text: String?) -> Bool {
            func bytes(_ text: String?) -> [UInt8]? { text.map { Array($0.utf8) } }
            return (bytes(title) ?? []).withUnsafeBytes { titleBytes in
                (bytes(text) ?? []).withUnsafeBytes { textBytes in
                    BlankTexts.isBlank(
                        title: title == nil ? nil : titleBytes, text: text == nil ? nil : textBytes)
                }
            }
        }
        #expect(isBlank(nil, nil) && isBlank("", nil) && isBlank(nil, " ") && isBlank("\u{200B}", ""))
        #expect(!isBlank("Title", "") && !isBlank("Title", nil) && !isBlank(nil, "text") && !isBlank(" ", "text"))
    }
}

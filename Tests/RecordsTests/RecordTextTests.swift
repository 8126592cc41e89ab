import Records
import Testing

/// A record as the text that models read.
struct RecordTextTests {
    @Test(
        arguments: [
            ("T", "x", "T x"), ("T", nil, "T"), ("T", "", "T"), (nil, "x", "x"), ("", "x", "x"), ("", nil, ""),
            (nil, nil, ""), (" T ", " x ", " T   x "),
        ] as [(String?, String?, String)])
    func documentsAreTitleAndText(title: String?, text: String?, expected: String) {
        var output = Array("before ".utf8)
        RecordText.append(title: title.map { Array($0.utf8) }, text: text.map { Array($0.utf8) }, to: &output)
        #expect(String(decoding: output, as: UTF8.self) == "before " + expected)
    }
}

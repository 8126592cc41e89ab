import Base
import Glibc
import Ingest
import JSON
import MappedSources
import Records
import Store
import StoreFormat
import SystemPackage
import TestKit
import Testing

/// Documents of tables, folders and PDFs.
@Suite struct CorpusTests {
    let place: MappedPlace

    init() throws { place = try MappedPlace() }

    private func ids(_ reference: String) throws -> [String] {
        let dataset = try place.store.dataset(reference)
        return try (0..<dataset.documentCount).map { String(decoding: try dataset.documentID($0), as: UTF8.self) }
    }

    private func convert(_ arguments: [String], as reference: String = "set") throws -> ToolResult {
        try place.run("tvt-convert", ["corpus"] + arguments + ["--dataset", reference])
    }

    @Test func documentsAreTakenFromMappedColumns() throws {
        try place.write(
            ["sku,name,price,year", "1,\"a, b\",2,1999", "2,c,3,2000", "3,\"a, b\",4,2001"], to: "shop.csv")
        let result = try convert(["shop.csv", "--id", "sku", "--text", "name", "--keep", "year"])
        #expect(
            result.status == 0 && result.errorText.contains("columns that are not taken: price"), "\(result.errorText)")
        #expect(try ids("set") == ["1", "2", "3"])
        let document = try place.document(place.store.dataset("set"), 0)
        #expect(document["document_text"]?.string == "a, b" && document["year"]?.string == "1999")
        #expect(document["price"] == nil)
        // Without ids equal texts are one document.
        #expect(try convert(["shop.csv", "--text", "name"], as: "made").status == 0)
        #expect(try ids("made").count == 2)
        #expect(try convert(["shop.csv", "--text", "name", "--make-ids", "row"], as: "rows").status == 0)
        #expect(try ids("rows") == ["row-2", "row-3", "row-4"])
    }

    @Test func pathsOfImagesInTablesAreTakenFromTheirFolder() throws {
        try place.folder.write(Self.png, to: "photos/a.png")
        try place.write(["sku,name,photo", "1,pixel,a.png"], to: "shop.csv")
        let result = try convert([
            "shop.csv", "--id", "sku", "--text", "name", "--image", "photo", "--assets", "photos",
        ])
        #expect(result.status == 0, "\(result.errorText)")
        #expect(try place.store.dataset("set").mediaCount == 1)
    }

    @Test func filesOfFoldersAreDocumentsInTheOrderOfTheirNames() throws {
        for name in ["b/2.png", "b/10.PNG", "a.png", ".hidden/c.png", "b/._2.png"] {
            try place.folder.write(Self.png, to: "images/\(name)")
        }
        try place.folder.write("a note", to: "images/notes.txt")
        try place.folder.write("x", to: "images/strange.xyz")
        let result = try convert(["images", "--json"])
        #expect(result.status == 0, "\(result.errorText)")
        #expect(result.errorText.contains("1 file is of no kind that is known and is left out: images/strange.xyz"))
        #expect(try ids("set") == ["a.png", "b/10.PNG", "b/2.png", "notes.txt"])
        let dataset = try place.store.dataset("set")
        #expect(dataset.mediaCount == 1)
        #expect(try place.document(dataset, 3)["document_text"]?.string == "a note")
        #expect(try convert(["--files", "images/**/*.png"], as: "some").status == 0)
        #expect(try ids("some") == ["a.png", "b/2.png"])
        #expect(try convert(["--files", "images/*.png"], as: "top").status == 0)
        #expect(try ids("top") == ["a.png"])
        let none = try convert(["--files", "images/*.jpg"], as: "none")
        #expect(none.status == 66 && none.errorText.contains("no file fits"))
    }

    @Test func brokenImagesAreQuarantined() throws {
        try place.folder.write(Self.png, to: "images/a.png")
        try place.folder.write("no image", to: "images/b.png")
        let stopped = try convert(["images"])
        #expect(stopped.status == 65 && stopped.errorText.contains("images/b.png"), "\(stopped.errorText)")
        let result = try convert(["images", "--quarantine", "broken.jsonl"])
        #expect(result.status == 0, "\(result.errorText)")
        #expect(try ids("set") == ["a.png"])
        #expect(try String(decoding: Files.readAll(place("broken.jsonl")), as: UTF8.self).contains("b.png"))
    }

    @Test func rowsAndFilesAreNotMixed() throws {
        try place.write(["id,text", "1,a"], to: "a.csv")
        try place.folder.write(Self.png, to: "b.png")
        let result = try convert(["a.csv", "b.png"])
        #expect(result.status == 64 && result.errorText.contains("holds rows"))
    }

    @Test func withoutOptionsColumnsAreShownAndNothingIsWritten() throws {
        try place.write(["url,headline,body", "u1,h,b"], to: "a.csv")
        let shown = try place.run("tvt-convert", ["corpus", "a.csv"])
        #expect(shown.status == 0)
        #expect(
            shown.outputText.contains("tvt-convert corpus a.csv --id url --text body --title headline --dataset a"),
            "\(shown.outputText)")
        #expect(try place.run("tvt-convert", ["corpus", "a.csv", "--yes", "--dataset", "a"]).status == 0)
        #expect(try ids("a") == ["u1"])
    }

    /// One name of another encoding does not stop a folder of photos.
    @Test func namesThatAreNotUTF8AreLeftOut() throws {
        try place.folder.write(Self.png, to: "photos/a.png")
        let copy = "cd '\(place.folder.path)/photos' && cp a.png \"$(printf 'bad\\377.png')\""
        #expect(try runShell(copy).status == 0)
        let result = try convert(["photos"])
        #expect(result.status == 0 && result.errorText.contains(#"bad\xff.png"#), "\(result.errorText)")
        #expect(try ids("set") == ["a.png"])
    }

    // MARK: PDFs

    private static let hasPoppler = access("/usr/bin/pdftoppm", X_OK) == 0

    @Test(.enabled(if: hasPoppler, "poppler-utils is not installed"), arguments: [1, 3])
    func pagesOfPDFsAreDocuments(workers: Int) throws {
        try place.folder.write(Self.pdf(["first page", "second page", "", "fourth page"]), to: "manuals/a.pdf")
        try place.folder.write(Self.png, to: "manuals/b.png")
        let result = try convert(
            ["manuals", "--resolution", "72", "--pdf-text", "document_text", "--workers", "\(workers)"])
        #expect(result.status == 0, "\(result.errorText)")
        #expect(try ids("set") == ["a.pdf#1", "a.pdf#2", "a.pdf#3", "a.pdf#4", "b.png"])
        let dataset = try place.store.dataset("set")
        let page = try place.document(dataset, 1)
        #expect(page["document_text"]?.string == "second page" && page["page"]?.integer == 2)
        #expect(page["document_image"]?["width"]?.integer == 200 && page["document_image"]?["height"]?.integer == 100)
        #expect(try place.document(dataset, 2)["document_text"] == nil)
        #expect(dataset.mediaCount == 5)
    }

    @Test(.enabled(if: hasPoppler, "poppler-utils is not installed"))
    func PDFsThatCannotBeReadAreNamed() throws {
        try place.folder.write("%PDF-1.4\nnothing", to: "a.pdf")
        let result = try convert(["a.pdf"])
        #expect(
            result.status == 65 && result.errorText.contains("a.pdf") && result.errorText.contains("cannot be read"))
        // A page of five square kilometres.
        try place.folder.write(Self.pdf(["vast"], size: 14_400_000), to: "b.pdf")
        let vast = try convert(["b.pdf"])
        #expect(
            vast.status == 65 && vast.errorText.contains("b.pdf#1") && vast.errorText.contains("pixels"),
            "\(vast.errorText)")
        let left = try convert(["b.pdf", "manual.pdf", "--quarantine", "broken.jsonl"])
        #expect(left.status == 66)
    }

    /// One among a thousand must not stop the others.
    @Test(.enabled(if: hasPoppler, "poppler-utils is not installed"))
    func brokenPDFsAreBadRecords() throws {
        try place.folder.write(Self.pdf(["first", "second"]), to: "manuals/a.pdf")
        try place.folder.write(Array(Self.pdf(["cut"]).prefix(60)), to: "manuals/b.pdf")
        try place.folder.write(Self.pdf(["third"]), to: "manuals/c.pdf")
        let stopped = try convert(["manuals"])
        #expect(stopped.status == 65 && stopped.errorText.contains("manuals/b.pdf"), "\(stopped.errorText)")
        let counted = try convert(["manuals", "--max-bad-records", "1", "--rejects", "rejects"])
        #expect(counted.status == 0, "\(counted.errorText)")
        #expect(try ids("set") == ["a.pdf#1", "a.pdf#2", "c.pdf#1"])
        let apart = try place.run(
            "tvt-convert", ["corpus", "manuals", "--dataset", "apart", "--quarantine", "broken.jsonl"])
        #expect(apart.status == 0, "\(apart.errorText)")
        #expect(try ids("apart") == ["a.pdf#1", "a.pdf#2", "c.pdf#1"])
        #expect(try Files.readText(place("broken.jsonl")).contains("cannot be read"))
    }

    @Test func brokenTextsAreBadRecords() throws {
        try place.write(["one"], to: "texts/a.txt")
        try place.folder.write([0xC3, 0x28, 0x0A, 0xFF], to: "texts/b.txt")
        try place.write(["two"], to: "texts/c.md")
        try place.folder.write([0xFE], to: "texts/d.txt")
        let stopped = try convert(["texts"])
        #expect(stopped.status == 65 && stopped.errorText.contains("texts/b.txt"), "\(stopped.errorText)")
        let limited = try convert(["texts", "--max-bad-records", "1", "--rejects", "rejects"])
        #expect(limited.status == 65 && limited.errorText.contains("texts/d.txt"), "\(limited.errorText)")
        let counted = try convert(["texts", "--max-bad-records", "2", "--rejects", "rejects"])
        #expect(counted.status == 0 && counted.outputText.contains("rejects"), "\(counted.errorText)")
        #expect(try ids("set") == ["a.txt", "c.md"])
        #expect(try Files.readText(place("rejects")) == "texts/b.txt\ntexts/d.txt\n")
        #expect(try Files.readText(place("rejects.reasons")).contains("texts/b.txt: it is not valid UTF-8"))
    }

    @Test func withoutPopplerThePackageIsNamed() throws {
        try place.folder.write(Self.pdf(["page"]), to: "a.pdf")
        let result = try TestKit.run(
            "tvt-convert", ["corpus", "a.pdf", "--dataset", "x"],
            environment: ["TVT_STORE": place.store.root.string, "PATH": "/nowhere"], workingFolder: place.folder.path)
        #expect(result.status == 78 && result.errorText.contains("poppler-utils"), "\(result.errorText)")
    }

    /// A folder without documents is not said to be for the command that was given.
    @Test func aFolderWithoutDocumentsIsCalledSo() throws {
        try Files.makeDirectory(place("none"))
        try place.write(["x"], to: "others/a.xyz")
        for name in ["none", "others"] {
            let refused = try convert([name])
            #expect(refused.status == 66 && refused.errorText.contains("there are no documents in \(name)"))
            #expect(!refused.errorText.contains("tvt-convert corpus"), "\(refused.errorText)")
        }
    }

    /// The page for people names every ending that makes a file a document.
    @Test func theEndingsAreThoseOfThePage() throws {
        let page = try Files.readText(sourceRoot.appending("docs/your-data.md"))
        let named = Set(page.matches(of: #/[`\s]\.([a-z0-9]+)(?=[`\s])/#).map { String($0.output.1) })
        let known = MediaKind.allCases.reduce(into: Set<String>()) { $0.formUnion($1.fileEndings) }
        #expect(known.isSubset(of: named), "\(known.subtracting(named).sorted())")
    }

    // MARK: Files

    /// One pixel.
    static let png: [UInt8] = [
        0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A, 0x00, 0x00, 0x00, 0x0D, 0x49, 0x48, 0x44, 0x52, 0x00, 0x00,
        0x00, 0x01, 0x00, 0x00, 0x00, 0x01, 0x08, 0x06, 0x00, 0x00, 0x00, 0x1F, 0x15, 0xC4, 0x89, 0x00, 0x00, 0x00,
        0x0D, 0x49, 0x44, 0x41, 0x54, 0x78, 0xDA, 0x63, 0xF8, 0xCF, 0xC0, 0xF0, 0x1F, 0x00, 0x05, 0x00, 0x01, 0xFF,
        0x56, 0xC7, 0x2F, 0x0D, 0x00, 0x00, 0x00, 0x00, 0x49, 0x45, 0x4E, 0x44, 0xAE, 0x42, 0x60, 0x82,
    ]

    /// A PDF with a line of text on each page.
    ///
    /// - Parameter size: of the pages, in points; nil for 200 × 100.
    static func pdf(_ pages: [String], size: Int? = nil) -> [UInt8] {
        var objects = ["<< /Type /Catalog /Pages 2 0 R >>"]
        let kids = pages.indices.map { "\(4 + 2 * $0) 0 R" }.joined(separator: " ")
        objects.append("<< /Type /Pages /Count \(pages.count) /Kids [\(kids)] >>")
        objects.append("<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>")
        let box = size.map { "[0 0 \($0) \($0)]" } ?? "[0 0 200 100]"
        for (number, text) in pages.enumerated() {
            objects.append(
                "<< /Type /Page /Parent 2 0 R /MediaBox \(box) /Contents \(5 + 2 * number) 0 R "
                    + "/Resources << /Font << /F1 3 0 R >> >> >>")
            let content = "BT /F1 18 Tf 20 50 Td (\(text)) Tj ET"
            objects.append("<< /Length \(content.utf8.count) >>\nstream\n\(content)\nendstream")
        }
        var file = "%PDF-1.4\n"
        var offsets: [Int] = []
        for (number, object) in objects.enumerated() {
            offsets.append(file.utf8.count)
            file += "\(number + 1) 0 obj\n\(object)\nendobj\n"
        }
        let start = file.utf8.count
        file += "xref\n0 \(objects.count + 1)\n0000000000 65535 f \n"
        for offset in offsets {
            let digits = "\(offset)"
            file += String(repeating: "0", count: 10 - digits.count) + digits + " 00000 n \n"
        }
        file += "trailer\n<< /Size \(objects.count + 1) /Root 1 0 R >>\nstartxref\n\(start)\n%%EOF\n"
        return Array(file.utf8)
    }
}

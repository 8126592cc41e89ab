import Base
import Rankings
import TestKit
import Testing

@Suite struct QrelsTests {
    private func table(_ qrels: Qrels) -> [String] {
        (0..<qrels.queryCount).flatMap { query in
            qrels.judgements(of: query).map {
                "\(escaped(qrels.queries[query])) \(escaped(qrels.documents[$0])) \(qrels.grades[$0])"
            }
        }
    }

    @Test(arguments: [
        "q1 0 d1 1\nq2 0 d1 -1\nq1 0 d2 3\n",
        "q1\t0\td1\t1\r\nq2  0 d1 -1\n\nq1 0 d2 3",
        "query-id\tcorpus-id\tscore\nq1\td1\t1\nq2\td1\t-1\nq1\td2\t3\n",
        "query-id\tcorpus-id\tscore\r\nq1\td1\t1.0\r\nq2\td1\t-1\r\nq1\td2\t3\r\n",
        "q1\td1\t1\nq2\td1\t-1\nq1\td2\t3\n",
        "query-id\tscore\tcorpus-id\nq1\t1\td1\nq2\t-1\td1\nq1\t3\td2\n",
        "corpus-id\tquery-id\tscore\nd1\tq1\t1\nd1\tq2\t-1\nd2\tq1\t3\n",
    ])
    func formats(text: String) throws {
        let folder = try TemporaryFolder()
        let qrels = try Qrels(reading: folder.write(text, to: "qrels"))
        #expect(table(qrels) == ["\"q1\" \"d1\" 1", "\"q1\" \"d2\" 3", "\"q2\" \"d1\" -1"])
    }

    /// Memory is not filled by what has no line feeds, packed or not; and what is no such file is named.
    @Test(arguments: ["", "gzip -1", "zstd -1 -q", "xz -0"]) func aFileWithoutLineFeedsIsRefused(packing: String) throws
    {
        let folder = try TemporaryFolder()
        try folder.write("q1 0 " + String(repeating: "x", count: 3 << 20), to: "qrels")
        if !packing.isEmpty {
            #expect(try runShell("cd \(folder.path) && \(packing) < qrels > p && mv p qrels").status == 0)
        }
        let error = #expect(throws: InputError.self) { try Qrels(reading: folder("qrels")) }
        #expect(error?.reason == "a line longer than 1048576 bytes" && error?.place.byteOffset == 0)
        try folder.write("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n", to: "qrels")
        let pointer = #expect(throws: InputError.self) { try Qrels(reading: folder("qrels")) }
        #expect(pointer?.reason.contains("Git LFS") == true)
    }

    @Test func beirIDsMayHoldSpaces() throws {
        let folder = try TemporaryFolder()
        let qrels = try Qrels(reading: folder.write("query-id\tcorpus-id\tscore\na b\tc d\t2\n", to: "qrels"))
        #expect(table(qrels) == ["\"a b\" \"c d\" 2"])
    }

    @Test func escapedIDs() throws {
        let folder = try TemporaryFolder()
        let file = try folder.write("a%20b 0 c%0Ad 2\n", to: "qrels")
        #expect(table(try Qrels(reading: file, escapedIDs: true)) == ["\"a b\" \"c\\nd\" 2"])
        #expect(table(try Qrels(reading: file)) == ["\"a%20b\" \"c%0Ad\" 2"])
        #expect(throws: InputError.self) { try Qrels(reading: folder.write("a% 0 c 2\n", to: "bad"), escapedIDs: true) }
    }

    @Test(arguments: [
        ("q 0 d\n", "qrels:1 (byte 0): 3 fields"),
        ("q 0 d 1 x\n", "5 fields"),
        ("q 0 d 1\nq 0 e one\n", "qrels:2 (byte 14), field \"grade\": a grade is a whole number: \"one\""),
        ("q 0 d 1.5\n", "whole number"), ("q 0 d 3000000000\n", "whole number"),
        ("query-id\tcorpus-id\tscore\nq\td\t\n", "qrels:2 (byte 29), field \"score\""),
        ("q\td\tx\n", "qrels:1 (byte 4), field \"score\""),
        ("query-id\tcorpus-id\tscore\nq\td\n", "2 fields"), ("query-id\tcorpus-id\tscore\n\td\t1\n", "an id is empty"),
        (
            "q 0 d 1\n\nr 0 d 1\nq 0 d 2\n",
            "qrels:4, field \"docid\": query \"q\" has this document with the grade 2 here and 1 in line 1: \"d\""
        ),
        ("q 0 d 1\nq 0 d 1\nq 0 d 0\n", "qrels:3, field \"docid\""),
        ("q 0 1 d\n", "are the two swapped? The order is qid, iteration, docid, grade"),
        ("query-id\tcorpus-id\tscore\nq\t1\td\n", "are the two swapped? The order is query-id, corpus-id, score"),
        ("q d 0 1\nq e 0 1\n", "qrels:1, field \"docid\": the second and third columns are swapped"),
        ("q d Q0 1\n", "the second and third columns are swapped"),
        ("q 5 0 1\nq 6 0 1\n", "the second and third columns are swapped"),
        ("qid\tpid\trel\nq\ta\t1\n", "is the line a header? Its names are query-id"),
        ("topic iteration docno rel\nq 0 d 1\n", "is the line a header? TREC's judgements have none"),
        ("query-id,corpus-id,score\nq,d,1\n", "separated by commas"),
        ("q Q0 d 1 0.5 t\n", "are these judgements?"), ("q d 1\n", "tabs between their columns"),
    ])
    func faults(text: String, message: String) throws {
        let folder = try TemporaryFolder()
        let file = try folder.write(text, to: "qrels")
        let error = #expect(throws: InputError.self) { try Qrels(reading: file) }
        #expect(error?.description.contains(message) == true, "\(String(describing: error))")
    }

    @Test func emptyFileHasNoQueries() throws {
        let folder = try TemporaryFolder()
        #expect(try Qrels(reading: folder.write("", to: "qrels")).queryCount == 0)
        #expect(throws: SystemError.self) { try Qrels(reading: folder("none")) }
    }

    /// A judgement that stands there again counts once.
    @Test func repeatedJudgements() throws {
        let folder = try TemporaryFolder()
        let text = "1 Q0 d1 1\n1 Q0 d2 0\n2 Q0 d1 3\n1 Q0 d1 1\n1 Q0 d1 1\n2 Q0 d1 3\n"
        let qrels = try Qrels(reading: folder.write(text, to: "qrels"))
        #expect(table(qrels) == ["\"1\" \"d1\" 1", "\"1\" \"d2\" 0", "\"2\" \"d1\" 3"])
    }

    /// BEIR's loader takes quotes off, so ids in quotes are those without.
    @Test func quotedFields() throws {
        let folder = try TemporaryFolder()
        let text = """
            "query-id"\t"corpus-id"\t"score"
            "q 1"\t"d""1"\t"2"
            q2\t"d2"\t1
            "q3\td"3\t0
            "q"4"\td4"\t1

            """
        let qrels = try Qrels(reading: folder.write(text, to: "qrels"))
        #expect(
            table(qrels) == [
                #""q 1" "d\"1" 2"#, #""q2" "d2" 1"#, #""\"q3" "d\"3" 0"#, #""\"q\"4\"" "d4\"" 1"#,
            ])
        // TREC's columns know no quotes.
        #expect(table(try Qrels(reading: folder.write("\"q\" 0 \"d\" 1\n", to: "trec"))) == [#""\"q\"" "\"d\"" 1"#])
        #expect(throws: InputError.self) { try Qrels(reading: folder.write("q\t\"\"\t1\n", to: "empty")) }
    }

    @Test func theDocumentZeroIsADocument() throws {
        let folder = try TemporaryFolder()
        for text in ["q 0 0 1\nr 0 0 1\n", "q Q0 0 1\n", "q a 0 1\nq b 1 1\n"] {
            #expect(try Qrels(reading: folder.write(text, to: "qrels")).judgementCount > 0)
        }
    }
}

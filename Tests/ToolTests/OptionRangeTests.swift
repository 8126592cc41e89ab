import Base
import Testing

/// Every option of a number has a range, which `--help` states and which is checked before anything is opened.
@Suite("Ranges of options")
struct OptionRangeTests {
    struct Numbers: Sendable, CustomStringConvertible {
        let command: [String]
        let arguments: [String]
        /// Name, a value that is too low, one that is too high.
        let options: [(name: String, low: String, high: String)]

        var description: String { command.joined(separator: " ") }
    }

    static let encoding = [
        ("--threads", "0", "100000"), ("--workers", "0", "1025"), ("--dims", "0", "65537"),
        ("--batch-tokens", "0", "16777217"),
        ("--query-max-length", "0", "1048577"), ("--document-max-length", "0", "9223372036854775808"),
    ]
    static let encode = ["road", "--model", "m", "--output", "v"]
    static let all = [
        Numbers(
            command: ["tvt-encode", "corpus"], arguments: encode,
            options: encoding + [("--part-size", "0", "16777217"), ("--processes", "0", "257")]
        ),
        Numbers(
            command: ["tvt-encode", "verify"], arguments: ["road", "--model", "m", "--reference", "r.npy"],
            options: encoding + [("--threshold", "-1.1", "nan"), ("--every", "0", "9999999999")]),
        Numbers(
            command: ["tvt-search"], arguments: ["--queries", "q", "--corpus", "d", "--output", "r"],
            options: [
                ("--depth", "0", "9223372036854775807"), ("--dims", "0", "65537"), ("--threads", "0", "100000"),
                ("--processes", "0", "257"),
            ]),
        Numbers(
            command: ["tvt-mine", "filter"], arguments: ["road", "--run", "r", "--as", "x"],
            options: [("--depth", "0", "9223372036854775807")]),
        Numbers(
            command: ["tvt-mine", "negatives"],
            arguments: ["road", "--run", "r", "--as", "x", "--count", "1", "--seed", "1"],
            options: [
                ("--depth", "0", "1000000001"), ("--count", "0", "9223372036854775807"),
                ("--seed", "-1", "18446744073709551616"), ("--skip-top", "-1", "1000000001"),
                ("--max-score", "-inf", "nan"), ("--min-score", "-1e31", "inf"), ("--absolute-margin", "-inf", "1e999"),
                ("--relative-margin", "nan", "inf"),
            ]),
        Numbers(
            command: ["tvt-eval"], arguments: ["--run", "r", "--qrels", "q"],
            options: [("--permutations", "0", "9223372036854775807"), ("--seed", "-1", "x")]),
        Numbers(command: ["tvt-model", "check"], arguments: ["m"], options: [("--threads", "0", "100000")]),
        Numbers(
            command: ["tvt-model", "import"], arguments: ["m"],
            options: [("--query-max-length", "0", "1048577"), ("--document-max-length", "0", "1048577")]),
        Numbers(
            command: ["tvt-train"], arguments: ["--config", "c.yaml", "--output", "o"],
            options: [("--threads", "0", "100000"), ("--workers", "0", "1025")]),
        Numbers(
            command: ["tvt-store", "pull"], arguments: ["where", "road"],
            options: [("--jobs", "0", "65"), ("--retries", "0", "101"), ("--timeout", "0", "9223372036854775807")]),
        Numbers(command: ["tvt-store", "diff"], arguments: ["a", "b"], options: [("--limit", "-1", "1000001")]),
        Numbers(
            command: ["tvt-store", "overlap"], arguments: ["a", "b"],
            options: [("--limit", "-1", "1000001"), ("--threshold", "0", "1.1"), ("--seed", "-1", "1e3")]),
        Numbers(
            command: ["tvt-store", "dedup"], arguments: ["a", "--as", "b"],
            options: [
                ("--threshold", "0", "nan"), ("--seed", "-1", "1e3"), ("--image-bits", "-1", "13"),
                ("--image-similarity", "0", "1.1"),
            ]),
        Numbers(
            command: ["tvt-store", "gc"], arguments: [],
            options: [
                ("--reflog-days", "-1", "inf"), ("--trash-days", "-1", "1000001"), ("--min-age-hours", "-1", "nan"),
            ]),
        Numbers(
            command: ["tvt-store", "export"], arguments: ["a", "--format", "v2", "--output", "o"],
            options: [("--workers", "0", "100000"), ("--shard-bytes", "0", "9223372036854775807")]),
        Numbers(
            command: ["tvt-store", "import"], arguments: ["f", "--dataset", "d"],
            options: [("--workers", "0", "100000"), ("--frame-bytes", "0", "67108865")]),
        Numbers(
            command: ["tvt-store", "compact"], arguments: ["a"],
            options: [("--shard-bytes", "0", "9223372036854775807"), ("--frame-bytes", "0", "67108865")]),
        Numbers(
            command: ["tvt-store", "browse"], arguments: ["a", "--model", "m"],
            options: [
                ("--port", "-1", "65536"), ("--query-max-length", "0", "1048577"),
                ("--document-max-length", "0", "1048577"),
            ]),
        Numbers(
            command: ["tvt-convert", "v2"], arguments: ["--corpus", "c", "--queries", "q", "--dataset", "d"],
            options: [
                ("--workers", "0", "100000"), ("--max-bad-records", "-1", "9223372036854775807"),
                ("--frame-bytes", "0", "67108865"), ("--media-pixels", "0", "9223372036854775807"),
                ("--media-seconds", "0", "inf"), ("--max-pixels", "0", "9223372036854775807"),
                ("--jpeg-quality", "0", "101"),
            ]),
        Numbers(
            command: ["tvt-convert", "msmarco"], arguments: ["s", "--dataset", "d", "--triples", "t"],
            options: [("--negatives-per-query", "0", "9223372036854775807")]),
        Numbers(command: ["tvt-convert", "check", "guess"], arguments: ["s"], options: [("--limit", "-1", "1000001")]),
    ]

    @Test("what is too low, too high or no number is 64, names the option and its range", arguments: all)
    func refusals(_ numbers: Numbers) throws {
        let world = try SmallWorld()
        let help = try world.succeed(numbers.command[0], numbers.command.dropFirst() + ["--help"]).outputText
        let words = help.split { " \n".contains($0) }.joined(separator: " ")
        for (name, low, high) in numbers.options {
            for value in [low, high, "many"] {
                let result = try world.run(
                    numbers.command[0], numbers.command.dropFirst() + numbers.arguments + ["\(name)=\(value)"])
                #expect(result.status == 64, "\(numbers) \(name) \(value): \(result.errorText)")
                #expect(result.errorText.contains("'\(name)"), "\(result.errorText)")
                let range =
                    try #require(result.errorText.split(separator: "number ").dropFirst().first)
                    .split(separator: ", not").first ?? ""
                #expect(range.hasPrefix("from ") || range.hasPrefix("above "), "\(result.errorText)")
                // The same words end the option's help.
                #expect(
                    words.contains(range.prefix(1).uppercased() + range.dropFirst() + "."),
                    "\(numbers) \(name): \(range)")
            }
        }
        #expect(try Files.list(world.temporary.path).isEmpty)
    }

    @Test(
        "a share of the records has a range as well",
        arguments: ["0/0", "1/1", "-1/2", "9000000000000000000/9223372036854775807", "0/1000001", "x"])
    func shards(shard: String) throws {
        let result = try SmallWorld().run(
            "tvt-encode", ["corpus"] + Self.encode + ["--shard=\(shard)"])
        #expect(result.status == 64 && result.errorText.contains("--shard is i/n"), "\(result.errorText)")
    }
}

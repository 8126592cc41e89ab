internal import ArgumentParser
internal import Base
internal import CommandLineKit
internal import JSON
internal import SystemPackage
internal import Tokenizers

struct Tokenize: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tokenize", abstract: "Load a tokenizer.json, and tokenize the lines of a file.")

    @OptionGroup var common: CommonOptions
    @Argument(help: "A tokenizer.json.") var tokenizer: String
    @Argument(help: "A file with a text on each line.") var texts: String
    @Option(help: "Threads that tokenize.") var threads = 2
    @Option(help: "Passes over all texts that are timed, after one that is not.") var passes = 5

    /// Ids of some texts one after the other, and how many each has.
    private struct Block {
        var ids: [Int32] = []
        var counts: [Int] = []
    }

    func run() throws {
        let file = FilePath(tokenizer)
        let loading = try median(of: 5) {
            try wallSeconds { _ = try Tokenizer(file: file) }
        }
        let tokenizer = try Tokenizer(file: file)
        let bytes = try Files.readAll(FilePath(texts))
        let lines = bytes.split(separator: 0x0A, omittingEmptySubsequences: false).filter { !$0.isEmpty }.map(
            Array.init)
        let blocks = stride(from: 0, to: lines.count, by: 256).map { Array(lines[$0..<min($0 + 256, lines.count)]) }
        var results = try Self.tokenized(blocks, tokenizer, threads)
        let seconds = try median(of: passes) {
            results = []
            return try wallSeconds { results = try Self.tokenized(blocks, tokenizer, threads) }
        }
        var digest = SHA256Stream()
        var tokenCount = 0
        for block in results {
            tokenCount += block.ids.count
            var start = 0
            for count in block.counts {
                (block.ids[start..<(start + count)] + [-1]).withUnsafeBytes { digest.update($0) }
                start += count
            }
        }
        let json: JSONValue = [
            "texts": JSONValue(lines.count), "bytes": JSONValue(lines.reduce(0) { $0 + $1.count }),
            "tokens": JSONValue(tokenCount), "loadMilliseconds": JSONValue(loading * 1e3),
            "seconds": JSONValue(seconds),
            "digest": .string(digest.finalize().hex), "peakMegabytes": JSONValue(peakMegabytes()),
        ]
        try writeToStandardOutput(json.pretty() + "\n")
    }

    private static func tokenized(
        _ blocks: [[[UInt8]]], _ tokenizer: Tokenizer, _ threads: Int
    ) throws -> [Block] {
        var results: [Block] = []
        let workers = try OrderedWorkers<[[UInt8]], Block>(workers: threads, window: 4 * threads) {
            { texts in
                var block = Block()
                for text in texts {
                    let encoding = try text.withUnsafeBytes {
                        try tokenizer.encode($0, maxLength: nil, into: &block.ids)
                    }
                    block.counts.append(encoding.count)
                }
                return block
            }
        }
        for block in blocks { try workers.submit(block) { results.append($0) } }
        try workers.drain { results.append($0) }
        return results
    }
}

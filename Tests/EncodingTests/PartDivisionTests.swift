import Base
import Encoding
import Records
import SystemPackage
import TestKit
import Testing
import Vectors

/// How processes divide the parts of a folder, and what becomes of records that are left out.
struct PartDivisionTests {
    /// Shares are even but for one part, those of any first parts and of what is left as well.
    @Test(arguments: [1, 2, 5])
    func sharesAreEven(processCount: Int) {
        var random = SplitMix64(seed: 7, 1)
        let costs = (0..<40).map { _ in 1 + Int(random.next(below: 100)) }
        let parts = costs.indices.map { (index: $0, ordinals: $0..<$0 + 1) }
        let division = PartDivision(parts, among: processCount) { costs[$0.lowerBound] }
        #expect(division.shares.count == processCount)
        #expect(division.shares.joined().map(\.index).sorted() == Array(costs.indices))
        for end in costs.indices {
            let loads = division.shares.map { share in share.reduce(0) { $0 + ($1.index <= end ? costs[$1.index] : 0) }
            }
            #expect(loads.max()! - loads.min()! <= 100)
        }
        #expect(
            division.shares.allSatisfy { share in zip(share, share.dropFirst()).allSatisfy { $0.index < $1.index } })
    }

    /// Two processes: the list and the folder of one, the counts as well.
    @Test func listsOfLeftOutRecordsAreMerged() throws {
        var data = try SampleData(documentCount: 90)
        for index in [3, 40, 41, 88] { data.documents[index].image = MediaReference(name: "a.png") }
        _ = try data.commit()
        func encode(_ name: String, _ more: [String]) throws -> String {
            let result = try run(
                "tvt-encode",
                [
                    "corpus", "sample", "--store", data.store.root.string, "--model", SampleData.modelFolder.string,
                    "--output", data.temporary(name).string, "--threads", "1", "--part-size", "16", "--quarantine",
                    data.temporary("\(name).jsonl").string,
                ] + SampleData.flags + more)
            #expect(result.status == 0, "\(result.errorText)")
            return result.errorText.replacing(name, with: "")
        }
        let messages = [try encode("one", []), try encode("two", ["--processes", "2"])]
        #expect(messages[0].contains("4 of 90 records are left out"))
        #expect(messages[1] == messages[0])
        #expect(try Files.readAll(data.temporary("two.jsonl")) == Files.readAll(data.temporary("one.jsonl")))
        let visible = { (name: String) in try Files.list(data.temporary(name)).filter { !$0.hasPrefix(".") } }
        #expect(try visible("two") == visible("one"))
        for name in try visible("one") {
            #expect(
                try Files.readAll(data.temporary("two").appending(name))
                    == Files.readAll(data.temporary("one").appending(name)), "\(name)")
        }
    }
}

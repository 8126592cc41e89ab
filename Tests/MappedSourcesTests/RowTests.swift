import Base
import Ingest
import JSON
import MappedSources
import Records
import Store
import StoreFormat
import SystemPackage
import TestKit
import Testing

/// Rows of any columns become queries, documents, links and judgements.
@Suite struct RowTests {
    let place: MappedPlace

    init() throws { place = try MappedPlace() }

    @Test func equalQueriesOfSeveralRowsAreOneWithAllLinks() throws {
        try place.write(
            ["q,p,n", "one,a,x", "two,b,y", "one,c,x", "one,a,a", "two,b,y"], to: "a.csv")
        let (dataset, report) = try place.take(
            [place("a.csv")], RowOptions(query: "q", positive: ["p"], negative: ["n"]))
        #expect(dataset.queryCount == 2 && dataset.documentCount == 5)
        #expect(try place.texts(dataset, dataset.positives) == ["one": ["a", "c"], "two": ["b"]])
        // What is a positive in one row is no negative by another.
        #expect(try place.texts(dataset, dataset.negatives) == ["one": ["x"], "two": ["y"]])
        #expect(report.sameQueryCount == 3)
        #expect(report.sourceCounts["negatives that are positives too, left out"] == 1)
        #expect(report.sourceCounts["links that came again, merged"] == 4)
    }

    @Test func filesOfOneSetShareQueriesAndDocuments() throws {
        try place.write(["q,p", "one,a"], to: "a.csv")
        try place.write([#"{"q":"one","p":["b","a"]}"#], to: "b.jsonl")
        let (dataset, _) = try place.take([place("a.csv"), place("b.jsonl")], RowOptions(query: "q", positive: ["p"]))
        #expect(try place.texts(dataset, dataset.positives) == ["one": ["a", "b"]])
    }

    @Test func wholeNumbersAreIds() throws {
        try place.write([#"{"id":7,"q":"one","pid":18446744073709551615,"p":"a"}"#], to: "a.jsonl")
        var options = RowOptions(query: "q", positive: ["p"])
        options.queryID = "id"
        options.positives.ids = ["pid"]
        let (dataset, _) = try place.take([place("a.jsonl")], options)
        #expect(String(decoding: try dataset.queryID(0), as: UTF8.self) == "7")
        #expect(String(decoding: try dataset.documentID(0), as: UTF8.self) == "18446744073709551615")
        try place.write([#"{"id":7.5,"q":"one","pid":1,"p":"a"}"#], to: "b.jsonl")
        #expect(place.message([place("b.jsonl")], options).contains("a number with a fraction where an id should be"))
    }

    @Test func oneIdIsOneQuery() throws {
        try place.write(["id,q,p", "1,one,a", "1,one,b", "2,two,c", "1,other,d"], to: "a.csv")
        var options = RowOptions(query: "q", positive: ["p"])
        options.queryID = "id"
        let message = place.message([place("a.csv")], options)
        #expect(message.contains("a.csv:5") && message.contains("the query \"1\" differs from the one at"))
        try place.take([place("a.csv")], options) {
            $0.badRecordLimit = 1
            $0.rejects = place("rejects")
        }
        #expect(try place.store.dataset("set").queryCount == 2)
        #expect(try String(decoding: Files.readAll(place("rejects")), as: UTF8.self).contains("other"))
    }

    @Test func idsOfRowsAreThoseOfTheirFirstLinesInEveryBatch() throws {
        let rows = (0..<40).map { "\"question\n\($0)\",answer \($0)" }
        try place.write(["q,p"] + rows, to: "a.csv")
        var options = RowOptions(query: "q", positive: ["p"])
        options.madeIDs = .row
        for batchByteCount in [50, 1 << 20] {
            let (dataset, _) = try place.take([place("a.csv")], options) { $0.batchByteCount = batchByteCount }
            let ids = try (0..<40).map { String(decoding: try dataset.queryID($0), as: UTF8.self) }
            #expect(ids == (0..<40).map { "row-\(2 + 2 * $0)" })
        }
    }

    @Test func idsAreMadeOfRows() throws {
        try place.write(["q,p,n", "one,a,x", "one,a,x"], to: "a.csv")
        var options = RowOptions(query: "q", positive: ["p"], negative: ["n"])
        options.madeIDs = .row
        let (dataset, _) = try place.take([place("a.csv")], options)
        let ids = try (0..<dataset.queryCount).map { String(decoding: try dataset.queryID($0), as: UTF8.self) }
        #expect(ids == ["row-2", "row-3"])
        let documents = try (0..<dataset.documentCount).map {
            String(decoding: try dataset.documentID($0), as: UTF8.self)
        }
        #expect(documents == ["row-2-p1", "row-2-n1", "row-3-p1", "row-3-n1"])
    }

    @Test func labelsTellPositivesFromNegatives() throws {
        try place.write(["q,d,label", "one,a,1", "one,b,0", "one,c,3", "two,a,0.5"], to: "a.csv")
        var options = RowOptions(query: "q", positive: ["d"])
        options.label = "label"
        var (dataset, report) = try place.take([place("a.csv")], options)
        #expect(try place.texts(dataset, dataset.positives) == ["one": ["a", "c"], "two": ["a"]])
        #expect(try place.texts(dataset, dataset.negatives) == ["one": ["b"]])
        options.labelThreshold = 1
        (dataset, report) = try place.take([place("a.csv")], options)
        #expect(try place.texts(dataset, dataset.positives) == ["one": ["c"]])
        #expect(report.sourceCounts["rows without a positive"] == 3)
    }

    @Test func judgementsKeepTheLabelsAsGrades() throws {
        try place.write(["q,d,label", "one,a,1", "one,b,0", "one,c,3", "one,c,2"], to: "a.csv")
        var options = RowOptions(query: "q", positive: ["d"])
        (options.label, options.judgements) = ("label", "dev")
        let (dataset, report) = try place.take([place("a.csv")], options)
        let judgements = try #require(dataset.judgements(split: "dev"))
        #expect(try place.texts(dataset, judgements) == ["one": ["a", "b", "c"]])
        #expect(try judgements.scores(of: 0).map(Array.init) == [1, 0, 3])
        #expect(report.positiveCount == 0)
        #expect(report.sourceCounts["judgements that came again, merged"] == 1)
        #expect(report.sourceCounts["of these with another grade, the highest kept"] == 1)
    }

    @Test func heldOutQueriesAreJudgedAndNotTrainedOn() throws {
        try place.write(["q,p,n"] + (0..<50).map { "question \($0),passage \($0),other \($0 % 7)" }, to: "a.csv")
        let options = RowOptions(query: "q", positive: ["p"], negative: ["n"])
        func heldOut(_ seed: UInt64, workers: Int = 2) throws -> (Dataset, Set<String>) {
            let (dataset, _) = try place.take([place("a.csv")], options, holdOut: HoldOut(queryCount: 10, seed: seed)) {
                $0.workers = workers
            }
            return (dataset, Set(try place.texts(dataset, dataset.judgements(split: "test")).keys))
        }
        let (dataset, chosen) = try heldOut(42)
        #expect(chosen.count == 10 && dataset.queryCount == 50 && dataset.documentCount == 57)
        let trained = Set(try place.texts(dataset, dataset.positives).keys)
        #expect(trained.count == 40 && trained.isDisjoint(with: chosen))
        #expect(trained == Set(try place.texts(dataset, dataset.negatives).keys))
        #expect(try heldOut(42, workers: 1).1 == chosen)
        #expect(try heldOut(43).1 != chosen)
        #expect(throws: Failure.self) {
            try place.take([place("a.csv")], options, holdOut: HoldOut(queryCount: 50))
        }
    }

    /// Under another id, a held-out question would be trained on, with its answer.
    @Test func equalQuestionsAreHeldOutTogether() throws {
        let rows = (0..<10).flatMap {
            ["a\($0),question \($0),passage \($0),x", "b\($0),question \($0),passage \($0),y"]
        }
        try place.write(["id,q,p,note"] + rows, to: "a.csv")
        var options = RowOptions(query: "q", positive: ["p"])
        (options.queryID, options.keep) = ("id", ["note"])
        let (dataset, report) = try place.take([place("a.csv")], options, holdOut: HoldOut(queryCount: 5))
        let judgements = try #require(dataset.judgements(split: "test"))
        let judged = Set(try place.texts(dataset, judgements).keys)
        let trained = Set(try place.texts(dataset, dataset.positives).keys)
        #expect(judged.count == 3 && trained.count == 7 && judged.isDisjoint(with: trained))
        let heldOutCount = try (0..<dataset.queryCount).count { try !Array(judgements.targets(of: $0)).isEmpty }
        #expect(heldOutCount == 6)
        #expect(
            report.sourceCounts["queries held out beyond --hold-out, since they ask what a held-out one asks"] == 1)
        // The tenth question goes with its other half, and nothing is left.
        #expect(throws: Failure.self) {
            try place.take([place("a.csv")], options, holdOut: HoldOut(queryCount: 19), as: "none")
        }
    }

    /// The index that pandas writes has no name.
    @Test func columnsWithoutANameAreKeptByANewOne() throws {
        try place.write([",question,passage,more", "0,q1,p1,x", "1,q2,p2,y"], to: "pandas.csv")
        var options = RowOptions(query: "question", positive: ["passage"])
        options.keep = ["*"]
        let (all, _) = try place.take([place("pandas.csv")], options)
        #expect(try place.query(all, 1)["more"]?.string == "y")
        options.keep = ["=index"]
        let (named, _) = try place.take([place("pandas.csv")], options, as: "named")
        #expect(try place.query(named, 1)["index"]?.string == "1")
        options.keep = [""]
        #expect(place.message([place("pandas.csv")], options).contains("--keep =other"))
        options.keep = ["more="]
        #expect(place.message([place("pandas.csv")], options).contains("a field of a record has a name"))
    }

    @Test(arguments: [
        ("yes", "not a number: \"yes\""), ("", "the passage has no label"), ("nan", "not a number: \"nan\""),
        ("NaN", "--max-bad-records"), ("inf", "the number is too large: \"inf\""), ("1e60", "too large: \"1e60\""),
    ])
    func labelsThatAreNoneAreNamed(value: String, message: String) throws {
        try place.write(["q,p,label", "q1,p1,1", "q2,p2,\(value)"], to: "a.csv")
        var options = RowOptions(query: "q", positive: ["p"])
        options.label = "label"
        let said = place.message([place("a.csv")], options)
        #expect(said.contains(message) && said.contains("a.csv:3") && said.contains("label"), "\(said)")
    }

    @Test func scoresStayWithTheirLinks() throws {
        try place.write(
            [#"{"q":"one","p":["a",null,"b"],"s":[0.5,9,0.25],"n":["x"],"t":["1.5"]}"#], to: "a.jsonl")
        var options = RowOptions(query: "q", positive: ["p"], negative: ["n"])
        (options.positives.scores, options.negatives.scores) = (["s"], ["t"])
        let (dataset, report) = try place.take([place("a.jsonl")], options)
        #expect(try dataset.positives?.scores(of: 0).map(Array.init) == [0.5, 0.25])
        #expect(try dataset.negatives?.scores(of: 0).map(Array.init) == [1.5])
        #expect(report.sourceCounts["empty passages, left out"] == 1)
        try place.write([#"{"q":"one","p":["a","b"],"s":[0.5],"n":["x"],"t":[1]}"#], to: "b.jsonl")
        #expect(place.message([place("b.jsonl")], options).contains("1 values for 2 passages"))
        try place.write([#"{"q":"one","p":["a"],"s":["high"],"n":["x"],"t":[1]}"#], to: "c.jsonl")
        #expect(place.message([place("c.jsonl")], options).contains("not a number: \"high\""))
    }

    @Test func rowsReferToDocumentsOfFilesOfTheirOwn() throws {
        try place.write(["pid\tpassage", "1\ta", "2\tb", "3\tc"], to: "docs.tsv")
        try place.write(["q\tp\tn", "one\t1\t3", "one\t2\t3"], to: "triples.tsv")
        var options = RowOptions()
        options.query = ["q"]
        (options.positives.ids, options.negatives.ids) = (["p"], ["n"])
        #expect(place.message([place("triples.tsv")], options).contains("refers to documents of --corpus"))
        options.corpus = [place("docs.tsv").string]
        let (dataset, report) = try place.take([place("triples.tsv")], options)
        #expect(try place.texts(dataset, dataset.positives) == ["one": ["a", "b"]])
        #expect(try place.texts(dataset, dataset.negatives) == ["one": ["c"]])
        #expect(dataset.documentCount == 3 && report.inputs.count == 2)
        try place.write(["q\tp\tn", "one\t1\t7"], to: "triples.tsv")
        #expect(place.message([place("triples.tsv")], options).contains("there is no document \"7\""))
    }

    @Test func columnsThatOnlyLaterRowsHaveAreTakenByPatternsAndCountedOtherwise() throws {
        // So many that no look at the first ones goes as far.
        try place.write(
            (0..<3000).map { #"{"q":"question \#($0)","p":"a","neg_1":"x"}"# } + [
                #"{"q":"two","p":"b","neg_1":"x","neg_2":"y","note":"n"}"#
            ], to: "a.jsonl")
        let (dataset, report) = try place.take(
            [place("a.jsonl")], RowOptions(query: "q", positive: ["p"], negative: ["neg_*"]))
        #expect(try place.texts(dataset, dataset.negatives)["two"] == ["x", "y"])
        #expect(report.sourceCounts["values of columns that the first rows do not have, left out"] == 1)
    }

    @Test func keptColumnsStayWithTheQueryUnderTheirOrAnotherName() throws {
        try place.write(["q,p,lang,text", "one,a,en,x", "one,b,de,x"], to: "a.csv")
        var options = RowOptions(query: "q", positive: ["p"])
        options.keep = ["lang", "text=note"]
        let (dataset, report) = try place.take([place("a.csv")], options)
        let query = try place.query(dataset, 0)
        #expect(query["lang"]?.string == "en" && query["note"]?.string == "x")
        #expect(report.sourceCounts["queries whose kept fields differ from row to row, the first row's kept"] == 1)
        options.keep = ["text"]
        #expect(place.message([place("a.csv")], options).contains("--keep text=other"))
    }

    @Test func whatIsNoColumnIsSaidWithThoseThatThereAre() throws {
        try place.write(["question,passage", "one,a"], to: "a.csv")
        let message = place.message([place("a.csv")], RowOptions(query: "questoin", positive: ["passage"]))
        #expect(message.contains("--query questoin: there is no such column"))
        #expect(message.contains("Did you mean question?") && message.contains("question, passage"))
        #expect(
            place.message([place("a.csv")], RowOptions(query: "question", positive: ["passage"], negative: ["neg_*"]))
                .contains("--negative neg_*"))
        #expect(
            place.message([place("a.csv")], RowOptions(query: "question", positive: ["question"])).contains(
                "named twice"))
    }

    @Test func filesThatLackAColumnAreNamed() throws {
        try place.write(["q,p", "one,a"], to: "a.csv")
        try place.write(["q,r", "one,a"], to: "b.csv")
        #expect(
            place.message([place("a.csv"), place("b.csv")], RowOptions(query: "q", positive: ["p"]))
                .contains("b.csv has no column \"p\", and others have"))
    }

    @Test func faultsNameFileLineAndColumn() throws {
        try place.write([#"{"q":"one","p":"a"}"#, #"{"q":"two","p":5}"#], to: "a.jsonl")
        let options = RowOptions(query: "q", positive: ["p"])
        let message = place.message([place("a.jsonl")], options)
        #expect(message.contains("a.jsonl:2") && message.contains("\"p\"") && message.contains("a number where a text"))
        try place.write(["q,p", "one,a", ",b"], to: "b.csv")
        #expect(place.message([place("b.csv")], options).contains("the query is empty"))
        try place.write([#"{"q":"one","p":"a","p":"b"}"#], to: "c.jsonl")
        #expect(place.message([place("c.jsonl")], options).contains("given twice"))
    }

    @Test func textsAreRefusedThatAreNoRows() throws {
        try place.folder.write([0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A, 0, 0, 0, 13], to: "a.png")
        #expect(place.message([place("a.png")], RowOptions(query: "q", positive: ["p"])).contains("tvt-convert corpus"))
        try place.folder.write("", to: "b.csv")
        #expect(place.message([place("b.csv")], RowOptions(query: "q", positive: ["p"])).contains("there are no rows"))
        #expect(place.message([place("gone.csv")], RowOptions(query: "q", positive: ["p"])).contains("does not exist"))
    }
}

import Base
import JSON
import MappedSources
import Store
import StoreFormat
import SystemPackage
import TestKit
import Testing

/// What columns mean is guessed by what people call them, and shown as the command that says so.
@Suite struct GuessTests {
    /// The shapes of training data that sentence-transformers, Tevatron, BGE and MS MARCO use.
    @Test(arguments: [
        ("triplets", "--query anchor --positive positive --negative negative"),
        ("many-negatives", "--query query --positive positive --negative 'negative_*'"),
        ("pair-score", "--query sentence1 --positive sentence2 --label score"),
        ("pair-class", "--query query --positive passage --label label"),
        ("query-answer", "--query query --positive answer"),
        ("listwise", "--query query --positive docs --label labels"),
        ("structure-of-lists", "--query query --positive passages --label passages.is_selected"),
        (
            "list-of-structures",
            "--query query --query-id query_id --positive positive_passages --negative negative_passages"
        ),
        (
            "scores",
            "--query query --positive pos --positive-score pos_scores --negative neg --negative-score neg_scores"
        ),
        ("images", "--query question --positive photo"),
    ])
    func shapesOfTrainingDataAreKnown(name: String, arguments: String) throws {
        let place = try MappedPlace.withGoldenTables()
        let file = place("formats/shapes/\(name).parquet")
        let plan = try RowPlan([file], RowOptions())
        #expect(plan.command(dataset: "set") == "tvt-convert rows \(file) \(arguments) --dataset set")
        #expect(plan.isComplete)
        let (dataset, _) = try place.take([file], plan.options)
        #expect(dataset.queryCount > 0 && dataset.documentCount > 0)
    }

    @Test func structuresGiveIdsAndTitles() throws {
        let place = try MappedPlace.withGoldenTables()
        let plan = try RowPlan([place("formats/shapes/list-of-structures.parquet")], RowOptions())
        let (dataset, _) = try place.take([place("formats/shapes/list-of-structures.parquet")], plan.options)
        #expect(String(decoding: try dataset.documentID(0), as: UTF8.self) == "P0")
        #expect(try place.document(dataset, 0)["title"]?.string == "t0")
        #expect(try place.document(dataset, 1)["title"] == nil)
        #expect(try place.texts(dataset, dataset.negatives)["a0"] == ["n0.0", "n0.1"])
    }

    @Test func structuresOfListsAreReadInStep() throws {
        let place = try MappedPlace.withGoldenTables()
        let file = place("formats/shapes/structure-of-lists.parquet")
        let (dataset, _) = try place.take([file], try RowPlan([file], RowOptions()).options)
        #expect(try place.texts(dataset, dataset.positives)["a2"] == ["d2.1"])
        #expect(try place.texts(dataset, dataset.negatives)["a2"] == ["d2.0"])
    }

    @Test func imagesAreTakenFromBytesAndFromStructures() throws {
        let place = try MappedPlace.withGoldenTables()
        for name in ["images", "image-bytes"] {
            let file = place("formats/shapes/\(name).parquet")
            let (dataset, report) = try place.take([file], try RowPlan([file], RowOptions()).options)
            #expect(dataset.documentCount == 3 && dataset.mediaCount == 3)
            #expect(report.mediaItemCount == 3)
            // The id is the image's digest: equal images are one document.
            let digest = try #require(try place.document(dataset, 0)["document_image"]?["digest"]?.string)
            #expect(digest.hasSuffix(String(decoding: try dataset.documentID(0), as: UTF8.self)))
        }
    }

    @Test func twoColumnsOfTextsAreAQueryAndItsAnswer() throws {
        let place = try MappedPlace()
        try place.write(["Frage,Antwort,Nr", "was,das,1", "wer,der,2"], to: "a.csv")
        let plan = try RowPlan([place("a.csv")], RowOptions())
        #expect(plan.options.query == ["Frage"] && plan.options.positives.texts == ["Antwort"])
        #expect(plan.reasons.contains { $0.contains("the first of two columns of texts") })
    }

    @Test func documentsAreToldFromPairs() throws {
        let place = try MappedPlace.withGoldenTables()
        let plan = try RowPlan([place("formats/shapes/documents.parquet")], RowOptions())
        let text = plan.text(dataset: nil)
        #expect(!plan.isComplete && text.contains("tvt-convert corpus") && text.contains("--id url --text body"))
    }

    // MARK: The tool

    @Test func withoutOptionsColumnsAndCommandAreShownAndNothingIsWritten() throws {
        let place = try MappedPlace()
        try place.write(["question,passage,category", "\"what, then\",this,x", "who,that,y"], to: "my pairs.csv")
        let shown = try place.run("tvt-convert", ["rows", "my pairs.csv"])
        #expect(shown.status == 0 && shown.errors.isEmpty, "\(shown.errorText)")
        #expect(shown.outputText.contains("question  text") && shown.outputText.contains("\"what, then\""))
        let command = "tvt-convert rows 'my pairs.csv' --query question --positive passage --dataset my-pairs"
        #expect(shown.outputText.contains(command), "\(shown.outputText)")
        #expect(try place.run("tvt-store", ["ls", "--json"]).outputText.contains("my-pairs") == false)
        let json = try JSONValue.parse(
            place.run("tvt-convert", ["rows", "my pairs.csv", "--json"]).output, path: "shown")
        #expect(json["command"]?.string == command)
        #expect(json["columns"]?.array?.count == 3 && json["guess"]?["query"]?.string == "question")

        // What it prints is what it does, and so does --yes.
        let path = builtProducts.string
        let ran = try runShell(
            "cd '\(place.folder.path)' && TVT_STORE='\(place.store.root)' PATH='\(path)':$PATH \(command)")
        #expect(ran.status == 0, "\(ran.errorText)")
        #expect(ran.errorText.contains("columns that are not taken: category"))
        let guessed = try place.run("tvt-convert", ["rows", "my pairs.csv", "--yes", "--dataset", "again", "--quiet"])
        #expect(guessed.status == 0, "\(guessed.errorText)")
        #expect(
            try place.store.dataset("again").manifest.logicalDigest
                == place.store.dataset("my-pairs").manifest.logicalDigest)
    }

    @Test func whatPeopleTryFirstPointsAtRows() throws {
        let place = try MappedPlace()
        try place.write(["question,passage", "what,this"], to: "pairs.csv")
        for word in ["csv", "tsv", "json", "parquet", "arrow"] {
            let shown = try place.run("tvt-convert", [word, "pairs.csv"])
            #expect(shown.status == 0 && shown.outputText.contains("tvt-convert rows pairs.csv --query"), "\(word)")
        }
        for arguments in [["pairs.csv"], ["pairs.csv", "--dataset", "x"], ["cvs", "pairs.csv", "--dataset", "x"]] {
            let result = try place.run("tvt-convert", arguments)
            #expect(result.status == 64 && result.errorText.contains("tvt-convert rows"), "\(result.errorText)")
        }
        let checked = try place.run("tvt-convert", ["check", "pairs.csv"])
        #expect(checked.status == 64 && checked.errorText.contains("question, passage"), "\(checked.errorText)")
        #expect(checked.errorText.contains("tvt-convert rows"))
        try place.write([#"{"query_id":"1","query":"one","positive_document_ids":[]}"#], to: "queries.jsonl")
        try place.write([#"{"docid":"1","text":"one"}"#], to: "corpus.jsonl")
        let v2 = try place.run(
            "tvt-convert", ["v2", "--queries", "queries.jsonl", "--corpus", "corpus.jsonl", "--dataset", "x"])
        #expect(v2.status == 65 && v2.errorText.contains("\"query\"") && v2.errorText.contains("tvt-convert rows"))
    }

    @Test func rowsAreCheckedAsTheyWouldBeConverted() throws {
        let place = try MappedPlace()
        try place.write(["question,passage", "what,this", ",that"], to: "pairs.csv")
        let result = try place.run("tvt-convert", ["check", "rows", "pairs.csv"])
        #expect(result.status == 65 && result.outputText.contains("the query is empty"), "\(result.outputText)")
    }

    @Test func optionsAreKeptInTheManifest() throws {
        let place = try MappedPlace()
        try place.write(["question,passage", "what,this", "who,that"], to: "pairs.csv")
        let result = try place.run(
            "tvt-convert",
            [
                "rows", "pairs.csv", "--query", "question", "--positive", "passage", "--hold-out", "1", "--dataset",
                "x",
                "--json",
            ])
        #expect(result.status == 0, "\(result.errorText)")
        let log = try place.run("tvt-store", ["log", "x"]).outputText
        for part in ["question", "passage", "holdOut", "pairs.csv"] { #expect(log.contains(part), "\(log)") }
    }
}
